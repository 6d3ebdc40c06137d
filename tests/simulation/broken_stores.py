"""Deliberately broken stores. Each has a defect that real stores have had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from monotron.store.mongo.heads import Head, Sealable
from monotron.store.mongo.ledger import Ledger

from monotron.errors import MonotronError, StoreUnavailable
from monotron.model.allocation import AllocationRequest, allocate
from monotron.model.series import INT64_MAX, Allocation, Entry, Reuse, SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.series import HeadCollection, HeadUpdate
from monotron.store.sqlite.store import SqliteStore
from simulation.profile import Emphasis, Profile
from simulation.scenario import MONGO, SQLITE, Report, Simulation, Stores

ELECTIONS, DOUBT, LIVES = Emphasis.ELECTIONS, Emphasis.DOUBT, Emphasis.LIVES
ENDS, MEMORY, REPEATS = Emphasis.ENDS, Emphasis.MEMORY, Emphasis.REPEATS

WORLDS = 20
"""The worlds of a seed. At least one of them must detect a broken store."""


@dataclass(frozen=True)
class Broken:
    """A broken store, and the emphasis of the worlds that detect it."""

    kind: str
    emphasis: Emphasis
    stores: Stores
    by_checker: bool = True
    """Whether the responses to callers suffice to detect it, without the rows of the engine."""

    def caught(self, seed: int, *, by_checker: bool = False) -> bool:
        """Return whether one of a seed's worlds detects the defect."""
        return any(
            report.by_checker if by_checker else report.wrong
            for report in harsh_worlds(self.kind, seed, self.emphasis, self.stores)
        )


def harsh_worlds(
    kind: str, seed: int, emphasis: Emphasis, stores: Stores | None = None
) -> Iterator[Report]:
    """Yield the reports of a seed's worlds."""
    for world in range(seed * WORLDS, (seed + 1) * WORLDS):
        number = world * len(Emphasis) + emphasis
        yield Simulation(number, kind, profile=Profile.harsh(number), stores=stores).run()


class CurrentTokenOnly(MongoStore):
    """Only the current token is known, also if any earlier token may be reused."""

    def allocate(self, requests: Sequence[AllocationRequest]) -> Any:
        return super().allocate([each._replace(reuse=Reuse.CURRENT) for each in requests])


class WindowLedger(Ledger):
    def last_values(self, heads: Mapping[SeriesKey, Head], *args: Any) -> Any:
        return {
            series: {
                token: value for token, value in known.items() if value > heads[series].value - 64
            }
            for series, known in super().last_values(heads, *args).items()
        }


class WindowOfTokens(MongoStore):
    """Only the tokens of the last 64 values are known."""

    ledger_type = WindowLedger


class StaleHeads(HeadCollection):
    def read_current(self, *args: Any) -> Any:
        return self.read(*args)


class StaleReads(MongoStore):
    """Reads are committed, and may be outdated."""

    heads_type = StaleHeads


class LocalHeads(HeadCollection):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._current.level = self._series.level = "local"  # type: ignore[attr-defined]


class LocalLedger(Ledger):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._entries.level = "local"  # type: ignore[attr-defined]


class LocalReads(MongoStore):
    """Reads need not be committed."""

    heads_type = LocalHeads
    ledger_type = LocalLedger


class RepeatsFromMemory(MongoStore):
    """A repeated request is answered from the server's cache."""

    def _confirm(self, *_: object) -> None:
        pass


class UnsealedLedger(Ledger):
    def seal_all(self, heads: Sequence[Sealable], *_: object) -> Any:
        for _series, head in heads:
            head.sealed = True
        return {}

    seal_fresh = seal_all


class SealSkipped(MongoStore):
    """A head is replaced before its batch is in the ledger."""

    ledger_type = UnsealedLedger


class DoubtlessHeads(HeadCollection):
    def resolve(self, update: HeadUpdate, deadline: Any) -> Head:
        return self.read_and_mark(update.series, deadline)


class DoubtTakenForFailure(MongoStore):
    """After an error, the update counts as not applied, and is made again."""

    heads_type = DoubtlessHeads

    def _was_applied(self, update: HeadUpdate, head: Head | None, deadline: Any) -> bool:
        return head is None

    def _retry_from(self, group: Any, head: Head, deadline: Any) -> None:
        # Not even the current token is known: the update counts as not applied.
        while True:
            group.results, new = allocate(head.value, None, {}, group.requests)
            self._ledger.seal(group.series, head, deadline)
            tokens, by = [each.token for each in new], ["x"] * len(new)
            successor = head.successor(tokens, by, head.value + len(new), self._runtime)
            if self._heads.replace_all([HeadUpdate(group.series, head, successor)], deadline):
                return
            head = self._heads.read_and_mark(group.series, deadline)


class ForgetfulLedger(Ledger):
    def were_sealed(self, *_: object) -> set[SeriesKey]:
        return set()


class StampNotLookedFor(MongoStore):
    """An update whose head was replaced since is not looked up in the ledger."""

    ledger_type = ForgetfulLedger


class HeadsByTokenAndValue(HeadCollection):
    def _filter(self, update: HeadUpdate, deadline: Any) -> Any:
        condition = super()._filter(update, deadline)
        if update.seen.stamp is not None:
            del condition["generation"], condition["stamp"]
        return condition


class GenerationNotCompared(MongoStore):
    """The compare-and-set may match a head of another generation."""

    heads_type = HeadsByTokenAndValue


class OverwrittenHeads(HeadCollection):
    def _filter(self, update: HeadUpdate, deadline: Any) -> Any:
        condition = super()._filter(update, deadline)
        if update.seen.stamp is not None:
            return condition
        return {name: condition[name] for name in ("account", "key")}


class NewSeriesOverwrites(MongoStore):
    """A new series is set without a comparison, although another server created it since."""

    heads_type = OverwrittenHeads


class UncomparedHeads(HeadCollection):
    def _filter(self, update: HeadUpdate, _: Any) -> Any:
        return {"account": update.series.account, "key": update.series.key}


class ReadThenWrite(MongoStore):
    """The head is read, then written without a comparison."""

    heads_type = UncomparedHeads


def allocate_without_bound(
    value: float,
    current: str | None,
    known: Mapping[str, int],
    requests: Sequence[AllocationRequest],
) -> Any:
    """`$add` beyond the last value returns a floating-point number."""
    answers: list[Allocation | MonotronError] = []
    new = []
    last: dict[str, Any] = {**known, **({} if current is None else {current: value})}
    for request in requests:
        series, token, reuse, _ = request
        if token == current or (reuse is Reuse.ANY and token in last):
            answers.append(Allocation(Entry(*series, token, last[token]), reused=True))
            continue
        value = value + 1 if value < INT64_MAX else float(value)
        current = token
        last[token] = value
        new.append(request)
        answers.append(Allocation(Entry(*series, token, last[token]), reused=False))
    return answers, new


class FloatingSum(MongoStore):
    """The value becomes a floating-point number."""

    rule = staticmethod(allocate_without_bound)


class FloatingSumInSqlite(SqliteStore):
    """The value becomes a floating-point number."""

    rule = staticmethod(allocate_without_bound)


class ReplyBeforeCommit(SqliteStore):
    """The response is sent before the commit has returned, and whatever its result is."""

    def begin_allocate(self, requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        transaction = self._file.begin_at_once()
        if transaction is None:
            return partial(self.allocate, requests)
        with transaction.rolled_back_on_error():
            answers = self._allocate(transaction, requests)

        def commit() -> None:
            with suppress(MonotronError):
                transaction.commit()

        def finish() -> Any:
            self._runtime.spawn(commit, "commit")
            return answers

        return finish


class FailedCommitIsNo(SqliteStore):
    """A failed commit counts as not applied."""

    def begin_allocate(self, requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        finish = super().begin_allocate(requests)

        def finished() -> Any:
            try:
                return finish()
            except StoreUnavailable as error:
                error.applied = "no"
                raise

        return finished


class HighWaterMarkNotKept(SqliteStore):
    """A deleted series starts again with 1."""

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        super().delete(series, restart=True)


class CurrentValueForOldToken(SqliteStore):
    """A repeated request gets the current value of the series."""

    def allocate(self, requests: Sequence[AllocationRequest]) -> Any:
        answers = super().allocate(requests)
        entries = self.peek([request.series for request in requests])
        return [
            answer._replace(entry=answer.entry._replace(value=entry.value))
            if isinstance(answer, Allocation) and answer.reused and entry
            else answer
            for answer, entry in zip(answers, entries, strict=True)
        ]

    def begin_allocate(self, requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        return partial(self.allocate, requests)


class UnorderedLedger(Ledger):
    def _find(self, condition: Any, heads: Sequence[Head], *args: Any, **options: Any) -> Any:
        times = [head.time for head in heads]
        for head in heads:
            head.time = None
        rows = super()._find(condition, heads, *args, **options)
        for head, time in zip(heads, times, strict=True):
            head.seen_at(time)
        return rows


class LookupNotAfterHead(MongoStore):
    """The lookup of tokens may be older than the head."""

    ledger_type = UnorderedLedger


def _mongo(store: type[MongoStore], emphasis: Emphasis, *, by_checker: bool = True) -> Broken:
    return Broken(MONGO, emphasis, Stores(mongo=store), by_checker)


def _sqlite(store: type[SqliteStore], emphasis: Emphasis, *, by_checker: bool = True) -> Broken:
    return Broken(SQLITE, emphasis, Stores(sqlite=store), by_checker)


BROKEN: dict[str, Broken] = {
    "only the current token is known": _mongo(CurrentTokenOnly, MEMORY),
    "only a window of tokens is known": _mongo(WindowOfTokens, MEMORY),
    "reads may be stale": _mongo(StaleReads, MEMORY),
    "reads need not be committed": _mongo(LocalReads, ELECTIONS),
    "repeats are answered from memory": _mongo(RepeatsFromMemory, REPEATS),
    "acknowledged before a majority has it": Broken(
        MONGO, ELECTIONS, Stores(acknowledge_at_once=True)
    ),
    "sealing is skipped": _mongo(SealSkipped, MEMORY),
    "an unknown result is treated as a failure": _mongo(DoubtTakenForFailure, DOUBT),
    "the write id is not checked": _mongo(StampNotLookedFor, DOUBT),
    "the generation is not compared": _mongo(GenerationNotCompared, LIVES, by_checker=False),
    "a new series overwrites another": _mongo(NewSeriesOverwrites, ENDS),
    "read, then write": _mongo(ReadThenWrite, REPEATS),
    "a sum becomes a float": _mongo(FloatingSum, ENDS),
    "a sum becomes a float, in SQLite": _sqlite(FloatingSumInSqlite, ENDS, by_checker=False),
    "the look-up may be older than the head": _mongo(LookupNotAfterHead, MEMORY),
    "answered before the commit": _sqlite(ReplyBeforeCommit, DOUBT),
    "a failed commit is reported as not applied": _sqlite(FailedCommitIsNo, DOUBT),
    "the high-water mark is not kept": _sqlite(HighWaterMarkNotKept, LIVES, by_checker=False),
    "a repeat has the current value": _sqlite(CurrentValueForOldToken, MEMORY),
}
