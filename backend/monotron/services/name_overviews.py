"""The versions of a name and what the next ones would be, read in one call of a thread."""

from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import NamedTuple

from semver import Version

from monotron.errors import MonotronError, VersionNotFound
from monotron.model.semver import Line, Release, VersionName
from monotron.model.versions.batch import Results
from monotron.model.versions.requests import Assign, GetNewest, VersionRequest, VersionResult
from monotron.services.executor import StoreExecutor
from monotron.services.paging import has_releases, releases_before
from monotron.store import Store

NextRequests = Callable[[Release | None], Sequence[VersionRequest]]
"""The dry runs for a name with this newest final version."""


class NameOverview(NamedTuple):
    """A page of the versions of a name, and its next versions."""

    releases: list[Release]
    """In descending order."""
    next_before: str | None
    """The value of *before* for the next page."""
    newest: VersionResult | None
    """The newest final version, or None if there is none."""
    next_results: Results
    """What each of the next requests would get now."""


class NameOverviewService:
    """Reads overviews. With one call for each part, a page waits for threads most of its time.

    A read makes up to four calls of the store. Each has the store's own time limit, and the first
    one that fails ends the read. A page that stops waiting earlier is answered: only the thread
    continues until the calls end.
    """

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._releases = store.releases
        self._renamed = store.renamed
        self._executor = executor

    async def read(
        self,
        account: int,
        name: str,
        before: Version | None,
        limit: int,
        *,
        line: Line | None = None,
        label: str | None = None,
        next_requests: NextRequests,
    ) -> NameOverview:
        """An overview with at most *limit* releases.

        With *label*, only those with this label; with an empty one, only final versions. Raises
        VersionNotFound if the name has no versions.
        """
        self._renamed.check(account, name)
        of = VersionName(account, name)

        def read() -> NameOverview:
            releases, next_before = releases_before(
                self._releases, of, before, limit, line=line, label=label
            )
            # Usually they are on the page, so that one batch answers everything.
            expected = next(filter(_counts_as_newest, releases), None)
            requests = next_requests(expected)
            newest, results = self._decide(of, requests)
            actual = next_requests(newest.release if isinstance(newest, VersionResult) else None)
            if actual != requests:
                newest, results = self._decide(of, actual)
            if isinstance(newest, VersionResult):
                return NameOverview(releases, next_before, newest, results)
            has_versions = releases or has_releases(self._releases, of)
            if not isinstance(newest, VersionNotFound) or not has_versions:
                raise newest
            return NameOverview(releases, next_before, None, results)

        return await self._executor.run(read)

    def _decide(
        self, of: VersionName, requests: Sequence[VersionRequest]
    ) -> tuple[VersionResult | MonotronError, Results]:
        """Each request has a token of its own, and its error is its result."""
        assigned = [Assign(of, token_hex(20), each) for each in requests]
        newest, *results = self._releases.decide([GetNewest(of), *assigned])
        return newest, results


def _counts_as_newest(release: Release) -> bool:
    """Whether it is a final version that was not withdrawn."""
    return release.label is None and release.withdrawn is None
