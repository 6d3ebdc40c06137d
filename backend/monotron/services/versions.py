"""The operations on versions: assign, adopt, look up. Errors of the store are raised unchanged."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain
from weakref import WeakValueDictionary

from semver import Version

from monotron.errors import MonotronError, VersionNotFound
from monotron.model import conventional_commits
from monotron.model.commit_rules import CommitRules
from monotron.model.conventional_commits import CommitDecision
from monotron.model.name_patterns import NamePatterns
from monotron.model.semver import (
    MAX_NAME_LENGTH,
    Final,
    Line,
    VersionName,
    sort_key_range,
)
from monotron.model.versions.batch import Results
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
from monotron.services.paging import page_of, range_before, visible_rows
from monotron.store import Store

MAX_BATCH_SIZE = 64
"""The number of requests that are decided together. On SQLite, they are decided on the event loop
or, for a list of names, while builds wait, which takes about 0.1 ms for each."""

MAX_PARSER_THREADS = 2


class VersionService:
    """Looks up and assigns versions."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._releases = store.releases
        self._renamed = store.renamed
        self._executor = executor
        self._messages = MessageParser(conventional_commits.decide)
        self._max_batch_size = min(store.max_batch_size, MAX_BATCH_SIZE)
        self._requests: Batcher[Request, VersionResult] = Batcher(
            store.releases.begin_decide,
            executor.batch_thread("decide"),
            max_batch_size=self._max_batch_size,
            operation="decide",
            observer=executor.observer,
            after=store.after_commit,
        )

    @property
    def waiting(self) -> int:
        """The number of requests that wait for the store."""
        return self._requests.waiting

    @property
    def is_busy(self) -> bool:
        """Whether the store decides about requests, or is about to."""
        return self._requests.is_busy

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
            commits = await self._messages.parse(text, parameters.commit_rules, caller)
        return await self._requests.add(
            Assign(self._name(account, name), token, parameters, commits)
        )

    async def adopt(
        self, account: int, name: str, version: Final, assigned_by: str
    ) -> VersionResult:
        """Record an existing version, so that the next one continues from it."""
        return await self._requests.add(Adopt(self._name(account, name), version, assigned_by))

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
        of = self._name(account, name)
        return await self._alone(Withdraw(of, version, reason, ignore_commits, by))

    async def reverse_withdrawal(
        self, account: int, name: str, version: Version, by: str
    ) -> VersionResult:
        """Reverse a withdrawal."""
        return await self._alone(Reverse(self._name(account, name), version, by))

    async def latest(self, account: int, name: str, line: Line | None = None) -> VersionResult:
        """The highest final version of a name or line.

        If it has no record, it is inferred from the series.
        """
        return await self._requests.add(GetNewest(self._name(account, name), line))

    async def of_token(
        self, account: int, name: str, token: str, label: str | None
    ) -> VersionResult:
        """The version of a token with this label.

        Without *label*, the final version, or else the highest pre-release.
        """
        return await self._requests.add(GetOfToken(self._name(account, name), token, label))

    async def of_abbreviation(
        self, account: int, name: str, start: str, limit: int
    ) -> list[VersionResult]:
        """The versions of at most *limit* tokens that start with *start*, in order of the tokens.

        For each token, what `of_token` returns. *start* is a text of ASCII, and not empty.
        """
        token_range = (start, start[:-1] + chr(ord(start[-1]) + 1))
        of = self._name(account, name)
        tokens = await self._executor.run(self._releases.tokens, of, token_range, limit)
        return await asyncio.gather(
            *(self.of_token(account, name, token, None) for token in tokens)
        )

    async def at(self, account: int, name: str, version: Version) -> VersionResult:
        """The release of this version."""
        return await self._requests.add(GetRelease(self._name(account, name), version))

    async def page(
        self,
        account: int,
        name: str,
        before: Version | None,
        limit: int,
        *,
        line: Line | None = None,
        label: str | None = None,
    ) -> tuple[list[VersionResult], str | None]:
        """Releases in descending order, and the value of *before* for the next page.

        With *label*, only those with this label; with an empty one, only final versions. Raises
        VersionNotFound if the name has no versions.
        """
        of = self._name(account, name)
        keys = range_before(before, line)
        rows = await self._executor.run(self._releases.page, of, keys, label, limit + 1)
        if not rows and not await self._executor.run(
            self._releases.page, of, sort_key_range(), None, 1
        ):
            await self.latest(account, name)  # perhaps the name has no versions
        page = rows[:limit]
        next_before = page[-1].version_text if len(rows) > limit else None
        results = await asyncio.gather(
            *(self._requests.add(GetRelease(of, each.version)) for each in page)
        )
        return results, next_before

    async def names(
        self, account: int, names: NamePatterns, prefix: str, after: str, limit: int
    ) -> tuple[list[VersionResult], str | None]:
        """The newest versions of names in order, and the value of *after* for the next page.

        The newest final version of each name or, without one, its highest pre-release. Names
        whose versions were all withdrawn are omitted, so a page can have fewer rows than *limit*.
        """

        def is_visible(name: str) -> bool:
            return len(name) <= MAX_NAME_LENGTH and names.allows(name)

        read = visible_rows(
            partial(self._releases.names, account, prefix), after, lambda name: name, is_visible
        )

        def newest() -> tuple[Results, str | None]:
            page, next_after = page_of(read, limit, lambda name: name)
            requests = [GetNewest(VersionName(account, name), or_pre_release=True) for name in page]
            size = self._max_batch_size
            batches = (requests[start : start + size] for start in range(0, len(requests), size))
            return list(chain.from_iterable(map(self._releases.decide, batches))), next_after

        results, next_after = await self._executor.run(newest)
        found = []
        for result in results:
            if isinstance(result, VersionResult):
                found.append(result)
            elif not isinstance(result, VersionNotFound):
                raise result
        return found, next_after

    def _name(self, account: int, name: str) -> VersionName:
        """The name of a request. Raises `NameRenamed`."""
        self._renamed.check(account, name)
        return VersionName(account, name)

    async def _alone(self, request: Request) -> VersionResult:
        """The result of a request that must not share a call with others."""
        (result,) = await self._executor.run(self._releases.decide, [request])
        if isinstance(result, MonotronError):
            raise result
        return result


class MessageParser:
    """Parses at most two texts at a time, and one of each caller. The others wait."""

    def __init__(self, parse: Callable[[str, CommitRules], CommitDecision | None]) -> None:
        self._parse = parse
        self._threads = ThreadGroup(MAX_PARSER_THREADS, "messages")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def parse(self, text: bytes, rules: CommitRules, caller: str) -> CommitDecision | None:
        """What the commit messages request. None without messages."""
        if not text:
            return None
        lock = self._locks.setdefault(caller, asyncio.Lock())
        async with lock:
            decoded = text.decode("utf-8", errors="replace")
            return await self._threads.run(partial(self._parse, decoded, rules))
