"""Stores broken on purpose, each in a way in which such stores have been broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from faults.simulated.profile import Emphasis, Profile
from faults.simulated.simulation import MONGO, SQLITE, Report, Sabotage, Simulation
from faults.simulated.world import World
from monotron.errors import MonotronError, StoreUnavailable
from monotron.model.allocation import AllocationRequest, allocate
from monotron.model.series import INT64_MAX, Allocation, Entry, Reuse, SeriesKey
from monotron.store.mongo import series as mongo_series
from monotron.store.mongo import store as mongo_store
from monotron.store.mongo.heads import Head, Sealable
from monotron.store.mongo.series import HeadUpdate
from monotron.store.sqlite import store as sqlite

ELECTIONS, DOUBT, LIVES = Emphasis.ELECTIONS, Emphasis.DOUBT, Emphasis.LIVES
ENDS, MEMORY, REPEATS = Emphasis.ENDS, Emphasis.MEMORY, Emphasis.REPEATS

WORLDS = 20
"""How many worlds a seed has at most to catch a broken store in."""


@dataclass(frozen=True)
class Broken:
    """A store, how it is broken, and of what it takes more than enough to show that."""

    kind: str
    emphasis: Emphasis
    sabotage: Sabotage
    by_checker: bool = True
    """Whether what callers were told is enough to catch it, without the engine's own rows."""

    def caught(self, seed: int, *, by_checker: bool = False) -> bool:
        """Whether one of a seed's worlds shows that it is broken."""
        return any(
            report.by_checker if by_checker else report.wrong
            for report in harsh_worlds(self.kind, seed, self.emphasis, self.sabotage)
        )


def harsh_worlds(
    kind: str, seed: int, emphasis: Emphasis, sabotage: Sabotage | None = None
) -> Iterator[Report]:
    """The reports of a seed's worlds, one after the other."""
    for world in range(seed * WORLDS, (seed + 1) * WORLDS):
        number = world * len(Emphasis) + emphasis
        yield Simulation(number, kind, profile=Profile.harsh(number), sabotage=sabotage).run()


def current_token_only(store: Any, _: World) -> None:
    """Only the current token is known again, also where any was asked for."""
    advance = store.allocate

    def only_current(requests: Sequence[AllocationRequest]) -> Any:
        return advance([request._replace(reuse=Reuse.CURRENT) for request in requests])

    store.allocate = only_current


def window(store: Any, _: World) -> None:
    """Only the tokens of the last 64 values are known again."""
    last_given = store._ledger.last_given

    def of_the_window(heads: Mapping[SeriesKey, Head], *args: Any) -> Any:
        return {
            series: {
                token: value for token, value in known.items() if value > heads[series].value - 64
            }
            for series, known in last_given(heads, *args).items()
        }

    store._ledger.last_given = of_the_window


def stale_reads(store: Any, _: World) -> None:
    """What is shown is committed, and may be of yesterday."""
    store._heads.read_current = store._heads.read


def local_reads(store: Any, _: World) -> None:
    """What is shown need not be committed."""
    heads = store._heads
    heads._current.level = heads._series.level = store._ledger._entries.level = "local"


def repeats_from_memory(store: Any, _: World) -> None:
    """A repeat is answered from what the server remembers."""
    store._confirm = lambda steps, work: None


def seal_skipped(store: Any, _: World) -> None:
    """A head is replaced before its batch stands in the ledger."""

    def seal(heads: Sequence[Sealable], work: Any) -> dict[SeriesKey, MonotronError]:
        for _, head in heads:
            head.sealed = True
        return {}

    store._ledger.seal_all = store._ledger.seal_fresh = seal


def doubt_taken_for_failure(store: Any, _: World) -> None:
    """After an error, nobody looks whether the step was made: it is made again."""
    heads = store._heads

    def settle(move: HeadUpdate, work: Any) -> Head:
        head: Head = heads.read_in_turn(move.series, work)
        return head

    def made(move: HeadUpdate, head: Head | None, work: Any) -> bool:
        return head is None

    def start_over(step: Any, head: Head, work: Any) -> None:
        # Not even the head's own token is known again: the step counts as not made.
        while True:
            step.answers, given = allocate(head.value, None, {}, step.requests)
            store._ledger.seal(step.series, head, work)
            new = store._successor(
                head, [each.token for each in given], ["x"] * len(given), head.value + len(given)
            )
            if heads.replace_all([HeadUpdate(step.series, head, new)], work):
                return
            head = heads.read_in_turn(step.series, work)

    heads.settle, store._made, store._start_over = settle, made, start_over


def stamp_not_looked_for(store: Any, _: World) -> None:
    """A step that was overtaken is not looked for in the ledger."""
    store._ledger.were_sealed = lambda *_: set()


def seen_by_token_and_value(move: HeadUpdate, work: Any) -> Any:
    """A compare-and-set that a head of another generation may fit."""
    condition = _seen(move, work)
    if move.seen.stamp is not None:
        del condition["generation"], condition["stamp"]
    return condition


def overwriting(move: HeadUpdate, work: Any) -> Any:
    """No compare, only set: a series that is there by now is begun anew."""
    condition = _seen(move, work)
    return (
        {name: condition[name] for name in ("account", "key")}
        if move.seen.stamp is None
        else condition
    )


def lost_update(move: HeadUpdate, work: Any) -> Any:
    """Read, then write."""
    return {"account": move.series.account, "key": move.series.key}


_seen = mongo_series._seen


def count_without_bound(
    height: int,
    current: str | None,
    known: Mapping[str, int],
    requests: Sequence[AllocationRequest],
) -> Any:
    """`$add` beyond the last value makes a floating-point number."""
    answers: list[Allocation | MonotronError] = []
    given = []
    last_given = {**known, **({} if current is None else {current: height})}
    for request in requests:
        series, token, reuse, _ = request
        if token == current or (reuse is Reuse.ANY and token in last_given):
            answers.append(Allocation(Entry(*series, token, last_given[token]), reused=True))
            continue
        height = height + 1 if height < INT64_MAX else float(height)  # type: ignore[assignment]
        current = token
        last_given[token] = height
        given.append(request)
        answers.append(Allocation(Entry(*series, token, height), reused=False))
    return answers, given


def reply_before_commit(store: Any, world: World) -> None:
    """The answer is given before the commit has returned, and whatever it says."""

    def started(requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        transaction = store._file.begin_at_once()
        if transaction is None:
            return partial(store.allocate, requests)
        with transaction.rolled_back_on_error():
            answers = store._allocate(transaction, requests)

        def commit() -> None:
            with suppress(MonotronError):
                transaction.commit()

        def finish() -> Any:
            assert world.current is not None
            world.spawn(commit, world.current.group)
            return answers

        return finish

    store.begin_allocate = started


def failed_commit_is_no(store: Any, _: World) -> None:
    """An error of a commit is taken to mean that it was not done."""
    begin_allocate = store.begin_allocate

    def started(requests: Sequence[AllocationRequest]) -> Callable[[], Any]:
        finish = begin_allocate(requests)

        def finished() -> Any:
            try:
                return finish()
            except StoreUnavailable as error:
                error.applied = "no"
                raise

        return finished

    store.begin_allocate = started


def height_not_kept(store: Any, _: World) -> None:
    """A deleted series begins with 1 again."""
    delete = store.delete
    store.delete = lambda series, restart: delete(series, restart=True)


def current_value_for_old_token(store: Any, _: World) -> None:
    """A repeat is answered with where the series stands now."""
    advance = store.allocate

    def advanced(requests: Sequence[AllocationRequest]) -> Any:
        answers = advance(requests)
        entries = store.peek([request.series for request in requests])
        return [
            answer._replace(entry=answer.entry._replace(value=entry.value))
            if isinstance(answer, Allocation) and answer.reused and entry
            else answer
            for answer, entry in zip(answers, entries, strict=True)
        ]

    store.allocate = advanced
    store.begin_allocate = lambda requests: lambda: advanced(requests)


def look_up_not_after_head(store: Any, _: World) -> None:
    """The look-up of tokens may be older than the head."""
    start = store._ledger._sessions.start
    store._ledger._sessions.start = lambda after=None: start()


BROKEN: dict[str, Broken] = {
    "only the current token is known": Broken(MONGO, MEMORY, Sabotage(current_token_only)),
    "only a window of tokens is known": Broken(MONGO, MEMORY, Sabotage(window)),
    "reads may be stale": Broken(MONGO, MEMORY, Sabotage(stale_reads)),
    "reads need not be committed": Broken(MONGO, ELECTIONS, Sabotage(local_reads)),
    "repeats are answered from memory": Broken(MONGO, REPEATS, Sabotage(repeats_from_memory)),
    "acknowledged before a majority has it": Broken(
        MONGO, ELECTIONS, Sabotage(acknowledge_at_once=True)
    ),
    "sealing is skipped": Broken(MONGO, MEMORY, Sabotage(seal_skipped)),
    "an unknown result is treated as a failure": Broken(
        MONGO, DOUBT, Sabotage(doubt_taken_for_failure)
    ),
    "the write id is not checked": Broken(MONGO, DOUBT, Sabotage(stamp_not_looked_for)),
    "the generation is not compared": Broken(
        MONGO,
        LIVES,
        Sabotage(patches=[(mongo_series, "_seen", seen_by_token_and_value)]),
        by_checker=False,
    ),
    "a new series overwrites another": Broken(
        MONGO, ENDS, Sabotage(patches=[(mongo_series, "_seen", overwriting)])
    ),
    "read, then write": Broken(
        MONGO, REPEATS, Sabotage(patches=[(mongo_series, "_seen", lost_update)])
    ),
    "a sum becomes a float": Broken(
        MONGO, ENDS, Sabotage(patches=[(mongo_store, "allocate", count_without_bound)])
    ),
    "a sum becomes a float, in SQLite": Broken(
        SQLITE,
        ENDS,
        Sabotage(patches=[(sqlite, "allocate", count_without_bound)]),
        by_checker=False,
    ),
    "the look-up may be older than the head": Broken(
        MONGO, MEMORY, Sabotage(look_up_not_after_head)
    ),
    "answered before the commit": Broken(SQLITE, DOUBT, Sabotage(reply_before_commit)),
    "a failed commit is reported as not applied": Broken(
        SQLITE, DOUBT, Sabotage(failed_commit_is_no)
    ),
    "the high-water mark is not kept": Broken(
        SQLITE, LIVES, Sabotage(height_not_kept), by_checker=False
    ),
    "a repeat has the current value": Broken(SQLITE, MEMORY, Sabotage(current_value_for_old_token)),
}
