"""The newest assignments of an account: versions, and values of other series."""

from collections.abc import Sequence

from monotron.model.component_keys import name_of_key
from monotron.model.name_patterns import NamePatterns
from monotron.model.semver import Release
from monotron.model.series import LedgerEntry
from monotron.services.executor import StoreExecutor
from monotron.store import Store

Assignment = Release | LedgerEntry


class RecentService:
    """Lists assignments by time."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._store = store
        self._executor = executor

    async def newest(self, account: int, names: NamePatterns, limit: int) -> list[Assignment]:
        """The *limit* newest assignments that belong to *names*, newest first.

        A version is one assignment: the values of its component series are omitted.
        """

        def is_visible(key: str) -> bool:
            return name_of_key(key) == key and names.allows_key(key)

        def read() -> list[Assignment]:
            releases = self._store.releases.recent(account, limit, names.allows)
            # Most series are component series. Those before the oldest release are not read.
            oldest = (releases[-1].created_at or 0) if len(releases) == limit else -1
            entries = self._store.recent(account, limit, is_visible, newer_than=oldest)
            return merged(releases, entries)[:limit]

        return await self._executor.run(read)


def merged(releases: Sequence[Release], entries: Sequence[LedgerEntry]) -> list[Assignment]:
    """Both lists, newest first, in one. Of one moment, versions are first."""
    both: list[Assignment] = [*releases, *entries]
    return sorted(both, key=lambda each: each.created_at or 0, reverse=True)
