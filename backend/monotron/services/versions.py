"""The operations on versions: assign, adopt, look up. Errors of the store are raised unchanged."""

import asyncio
from collections.abc import Callable
from functools import partial
from weakref import WeakValueDictionary

from semver import Version

from monotron.errors import MonotronError, VersionNotFound
from monotron.model.conventional_commits import BumpDecision, decide
from monotron.model.semver import Final, Release, VersionName, sort_key, sort_key_range
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    Reverse,
    VersionRequest,
    VersionResult,
    Withdraw,
)
from monotron.services.batcher import Batcher
from monotron.services.executor import StoreExecutor, ThreadGroup
from monotron.store import Store

MAX_PARSER_THREADS = 2


class VersionService:
    """Looks up and assigns versions."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._releases = store.releases
        self._executor = executor
        self._messages = MessageParser()
        self._requests: Batcher[Request, VersionResult] = Batcher(
            store.releases.begin_decide,
            executor.submit_batch,
            max_batch_size=store.max_batch_size,
            after=store.after_commit,
        )

    async def next(
        self,
        account: int,
        name: str,
        token: str,
        parameters: VersionRequest,
        text: bytes = b"",
        caller: str = "",
    ) -> VersionResult:
        """Return the version of the token. A token without a version is assigned the next one.

        *text* contains commit messages. It is read only for `bump=auto`. Texts of one *caller* are
        read one after the other.
        """
        commits = None
        if parameters.bump == "auto":
            commits = await self._messages.parse(text, caller)
        return await self._requests.add(
            Assign(VersionName(account, name), token, parameters, commits)
        )

    async def adopt(
        self, account: int, name: str, version: Final, assigned_by: str
    ) -> VersionResult:
        """Record an existing version, so that the next one continues from it."""
        return await self._requests.add(Adopt(VersionName(account, name), version, assigned_by))

    async def withdraw(
        self,
        account: int,
        name: str,
        version: Version,
        reason: str,
        *,
        ignore_commits: bool,
        by: str,
    ) -> VersionResult:
        """Withdraw a version: it is never assigned again, and does not count any more."""
        of = VersionName(account, name)
        return await self._alone(Withdraw(of, version, reason, ignore_commits, by))

    async def reverse_withdrawal(
        self, account: int, name: str, version: Version, by: str
    ) -> VersionResult:
        """Reverse a withdrawal."""
        return await self._alone(Reverse(VersionName(account, name), version, by))

    async def latest(self, account: int, name: str) -> VersionResult:
        """The highest final version. If it has no record, it is inferred from the series."""
        return await self._requests.add(GetNewest(VersionName(account, name)))

    async def of_token(
        self, account: int, name: str, token: str, label: str | None
    ) -> VersionResult:
        """The version of a token with this label.

        Without *label*, the final version, or else the highest pre-release.
        """
        return await self._requests.add(GetOfToken(VersionName(account, name), token, label))

    async def at(self, account: int, name: str, version: Version) -> VersionResult:
        """The release of this version."""
        return await self._requests.add(GetRelease(VersionName(account, name), version))

    async def page(
        self, account: int, name: str, before: Version | None, limit: int
    ) -> tuple[list[VersionResult], str | None]:
        """Releases in descending order, and the value of *before* for the next page."""
        of = VersionName(account, name)
        below = sort_key_range()[1] if before is None else sort_key(before)
        releases = await self._executor.run(self._releases.page, of, below, limit + 1)
        try:
            newest = (await self._requests.add(GetNewest(of))).release
        except VersionNotFound:
            if not releases:
                raise VersionNotFound(f"{name!r} has no versions yet.") from None
            newest = None
        results = [
            VersionResult(release, latest=_is_same(release, newest), reused=True)
            for release in releases[:limit]
        ]
        has_more = len(releases) > limit
        return results, results[-1].release.version_text if has_more else None

    async def _alone(self, request: Request) -> VersionResult:
        """The result of a request that must not share a call with others."""
        (result,) = await self._executor.run(self._releases.decide, [request])
        if isinstance(result, MonotronError):
            raise result
        return result


def _is_same(release: Release, newest: Release | None) -> bool:
    return newest is not None and release.sort_key == newest.sort_key


class MessageParser:
    """Parses at most two texts at a time, and one of each caller. The others wait."""

    def __init__(self, parse: Callable[[str], BumpDecision | None] = decide) -> None:
        self._parse = parse
        self._threads = ThreadGroup(MAX_PARSER_THREADS, "messages")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def parse(self, text: bytes, caller: str) -> BumpDecision | None:
        """The bump that the commit messages require. None if there are no messages."""
        if not text:
            return None
        lock = self._locks.setdefault(caller, asyncio.Lock())
        async with lock:
            decoded = text.decode("utf-8", errors="replace")
            return await self._threads.run(partial(self._parse, decoded))
