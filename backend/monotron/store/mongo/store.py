"""The protocol of series in MongoDB.

Every step is one write on one document with majority write concern, so it holds on a replica
set and on a sharded cluster alike. Why each part is there is told in docs/how-it-works.md; the
words used here:

- the *head* of a series is its document in `series`; it holds the tokens of its last step, its
  *batch*, and is replaced only by a compare-and-set on all that tells it from any other;
- to *seal* is to see to it that the batch stands in the ledger, `entries`, before the head that
  holds it may be replaced;
- a *stamp* names one attempt to replace a head, so that one whose answer was lost can be found.

User text is only ever a value, never the name of a field nor part of an expression.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pymongo
from bson import Int64, ObjectId
from pymongo import ReadPreference
from pymongo.database import Database
from pymongo.errors import PyMongoError

from monotron.errors import (
    InvalidRequest,
    MonotronError,
    StartupError,
    StoreUnavailable,
)
from monotron.model.allocation import AllocationRequest, allocate, would_decrease
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesKey
from monotron.store.audit import AuditSlice
from monotron.store.fast_forward import FastForwarded
from monotron.store.interface import Clock, Store
from monotron.store.mongo.attributes import MongoAttributes
from monotron.store.mongo.audit import MongoAudit
from monotron.store.mongo.auth_records import MongoAuthRecords, MongoTokenUses
from monotron.store.mongo.client import (
    START_SECONDS,
    Deadline,
    Document,
    connect,
    unusable,
    without_secrets,
)
from monotron.store.mongo.fast_forward import MongoFastForward
from monotron.store.mongo.format import check_format
from monotron.store.mongo.heads import EndedGeneration, Head, Sealer
from monotron.store.mongo.ledger import Ledger, Sessions
from monotron.store.mongo.releases import MongoReleases
from monotron.store.mongo.scan import CollectionScan
from monotron.store.mongo.series import HeadCollection, HeadUpdate

PATIENCE_SECONDS = 15.0
"""How long one call may take, elections and all, before its caller hears of it."""

ATTEMPT_SECONDS = 5.0
"""How long one command may take before what became of it is looked up."""


class MongoStore(Store):
    """A store on a database, in which it makes its collections and their indexes."""

    shareable = True
    supports_backup = False
    max_concurrency = 16
    max_batch_size = 256

    def __init__(
        self,
        database: "Database[Document]",
        *,
        clock: Clock = time.time,
        replicated: bool = True,
        patience: float = PATIENCE_SECONDS,
        attempt: float = ATTEMPT_SECONDS,
    ) -> None:
        """*replicated*: false for a server without a replica set, which has no cluster time."""
        self._client = database.client
        self._clock = clock
        self._patience = patience
        self._attempt = attempt
        sessions = Sessions(database, replicated=replicated)
        self._heads = HeadCollection(database, sessions, self._applied)
        self._ledger = Ledger(database, sessions, self._now)
        self.releases = MongoReleases(database, sessions, self._work)
        self.auth_records = MongoAuthRecords(database, sessions, self._work)
        self.token_uses = MongoTokenUses(database, sessions, self._work)
        self.attributes: MongoAttributes = MongoAttributes(
            database, sessions, self._heads, self._work, self._now
        )
        self._slices = CollectionScan(database, sessions, self._work)
        self._sealer = Sealer(
            lambda heads: self._ledger.seal_fresh(heads, self._work()), self._sweep
        )

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> "MongoStore":
        """Connect to the URL's database, refusing one that could lose a value."""
        database, replicated = connect(url)
        try:
            with pymongo.timeout(START_SECONDS):
                check_format(database)
                return cls(database, clock=clock, replicated=replicated)
        except PyMongoError as error:
            database.client.close()
            raise unusable(url, error) from error
        except StartupError:
            database.client.close()
            raise

    @classmethod
    def describe(cls, url: str) -> str:
        return without_secrets(url)

    def allocate(self, requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        """One look-up and one update for all series of the batch, and once more for those that lost
        against another server. Then each on its own, if need be.

        Where one series fails, or was advanced by somebody else, the others have their answers.
        """
        work = self._work()
        indexes: dict[SeriesKey, list[int]] = {}
        for index, request in enumerate(requests):
            indexes.setdefault(request.series, []).append(index)
        heads = self._heads.known_or_read(indexes, work)
        steps = [
            _Step(series, heads[series], [requests[index] for index in indexes[series]])
            for series in indexes
        ]
        self._advance(steps, work)
        answers: list[Allocation | MonotronError | None] = [None] * len(requests)
        for step in steps:
            for index, answer in zip(indexes[step.series], step.answers, strict=True):
                answers[index] = answer
        return cast(list[Allocation | MonotronError], answers)

    def _advance(self, steps: Sequence["_Step"], work: Deadline, *, again: bool = False) -> None:
        heads = {step.series: step.head for step in steps}
        requests = [request for step in steps for request in step.requests]
        known = self._ledger.last_given(heads, requests, work)
        self._prepare(steps, known, work)
        self._take(steps, work, again=again)

    def _prepare(
        self,
        steps: Sequence["_Step"],
        known: Mapping[SeriesKey, Mapping[str, int]],
        work: Deadline,
    ) -> None:
        """Number the requests of each series, and see to it that its head may be replaced."""
        moving: list[tuple[_Step, list[AllocationRequest], tuple[Head, ...] | None]] = []
        for step in steps:
            head = step.head
            tokens = known.get(step.series, {})
            step.answers, given = allocate(head.value, head.token, tokens, step.requests)
            if given:
                # Asked once: the sealer goes on, and might say something else the next time.
                moving.append((step, given, head.unsealed()))
        self._seal([step for step, _, carried in moving if carried is None], work)
        for step, given, carried in moving:
            if not step.failed:
                head = step.head
                value = head.value + len(given)
                new = self._successor(head, *_tokens(given), value, carried or ())
                step.move = HeadUpdate(step.series, head, new)

    def _seal(self, steps: Sequence["_Step"], work: Deadline) -> None:
        try:
            wrong = self._ledger.seal_all([(step.series, step.head) for step in steps], work)
        except MonotronError as error:
            wrong = dict.fromkeys((step.series for step in steps), error)
        for step in steps:
            if step.series in wrong:
                step.fail(wrong[step.series])

    def _take(self, steps: Sequence["_Step"], work: Deadline, *, again: bool) -> None:
        """Make the moves of all, and confirm the answers of those that only repeat."""
        moves = {step.series: step.move for step in steps if step.move is not None}
        moving = [step for step in steps if step.series in moves]
        repeating = [step for step in steps if step.move is None and not step.failed]
        try:
            done = not moves or self._heads.replace_all(list(moves.values()), work)
        except MonotronError as error:
            done = True
            for step in moving:
                step.fail(error)
        if not done:
            self._settle_all(moving, moves, work, again=again)
        if repeating:
            self._confirm(repeating, work)

    def _settle_all(
        self,
        steps: Sequence["_Step"],
        moves: Mapping[SeriesKey, HeadUpdate],
        work: Deadline,
        *,
        again: bool,
    ) -> None:
        """What became of each: most moves were made, as a rule, and are found with one read."""
        replaced: list[_Step] = []
        try:
            if len(steps) > 1:
                heads = self._heads.read_after(list(moves.values()), work)
                stamps = {series: head.stamp for series, head in heads.items()}
                steps = [s for s in steps if stamps[s.series] != moves[s.series].new.stamp]
                if not again:
                    replaced = [s for s in steps if stamps[s.series] != moves[s.series].seen.stamp]
                if replaced:
                    self._go_on(replaced, moves, heads, work)
        except MonotronError as error:
            for step in steps:
                step.fail(error)
            return
        for step in steps:
            if step not in replaced:
                with step.answered_if_wrong():
                    self._settle(step, moves[step.series], work)

    def _go_on(
        self,
        steps: Sequence["_Step"],
        moves: Mapping[SeriesKey, HeadUpdate],
        heads: Mapping[SeriesKey, Head],
        work: Deadline,
    ) -> None:
        """What became of steps whose place others have taken: those that lost are made again."""
        undecided = list(steps)
        try:
            for step in steps:
                moves[step.series].new.seen_at(heads[step.series].time)
            done = self._ledger.were_sealed([(s.series, moves[s.series].new) for s in steps], work)
            work.applied = "no"
            undecided = [step for step in steps if step.series not in done]
            for step in undecided:
                step.head, step.move = heads[step.series], None
            self._advance(undecided, work, again=True)
        except MonotronError as error:
            for step in undecided:
                step.fail(error)

    def _confirm(self, steps: Sequence["_Step"], work: Deadline) -> None:
        """Only repeats: then the answer is a read, and may not be older than this call."""
        work.applied = "no"
        try:
            current = self._heads.read_current([step.series for step in steps], work)
        except MonotronError as error:
            for step in steps:
                step.fail(error)
            return
        for step in steps:
            head = current[step.series]
            if head.stamp != step.head.stamp:
                with step.answered_if_wrong():
                    self._start_over(step, head, work)

    def _settle(self, step: "_Step", move: HeadUpdate, work: Deadline) -> None:
        if not self._made(move, self._heads.settle(move, work), work):
            self._start_over(step, self._heads.read_in_turn(step.series, work), work)

    def _start_over(self, step: "_Step", head: Head, work: Deadline) -> None:
        """The requests of one series, from its current head, against whoever else advances it."""
        while True:
            known = self._ledger.last_given({step.series: head}, step.requests, work)
            step.answers, given = allocate(
                head.value, head.token, known.get(step.series, {}), step.requests
            )
            if not given:
                return
            self._ledger.seal(step.series, head, work)
            new = self._successor(head, *_tokens(given), head.value + len(given))
            if self._replace(step.series, head, new, work):
                return
            head = self._heads.read_in_turn(step.series, work)

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        heads = self._heads.read_current(list(dict.fromkeys(keys)), self._work())
        entries = {
            series: Entry(*series, head.token, head.value) if head.is_active else None
            for series, head in heads.items()
        }
        return [entries[series] for series in keys]

    def high_water_marks(self, keys: Sequence[SeriesKey]) -> list[int]:
        heads = self._heads.read_current(list(dict.fromkeys(keys)), self._work())
        return [heads[series].value for series in keys]

    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        work = self._work()
        head = self._heads.current(series, work)
        if not head.is_active:
            return None
        for value, given in reversed(list(enumerate(head.batch, head.first))):
            if given == token:
                return Entry(*series, token, value)
        row = self._ledger.last_row(series, head, token, work)
        return Entry(*series, token, int(row["value"])) if row else None

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        work = self._work()
        head = self._heads.current(series, work)
        while True:
            if value < head.value:
                raise would_decrease(series, head.value, value)
            if value == head.value and head.is_active:
                return Allocation(Entry(*series, head.token, value), reused=True)
            self._ledger.seal(series, head, work)
            if self._replace(
                series, head, self._successor(head, [None], [assigned_by], value), work
            ):
                return Allocation(Entry(*series, None, value), reused=False)
            head = self._heads.read_in_turn(series, work)

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        work = self._work()
        head = first = self._heads.current(series, work)
        while True:
            height = 0 if restart else head.value
            # A dead one may have attributes: done only if its generation has just begun.
            over = head.generation is None or head.generation != first.generation
            if over and not head.is_active and height == head.value:
                return
            self._ledger.seal(series, head, work)
            end = Head(
                generation=ObjectId(), value=height, stamp=ObjectId(), created_at=self._now()
            )
            if self._replace(series, head, end, work):
                if head.generation is not None:
                    self._sealer.sweep_later(series, head.generation)
                return
            head = self._heads.read_in_turn(series, work)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        rows = self._heads.page(account, prefix, after, limit, self._work())
        return [Entry(account, row["key"], row["token"], int(row["value"])) for row in rows]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        work = self._work()
        head = self._heads.read([series], work)[series]
        if not head.is_active:
            return None
        below = head.value + 1 if before is None else before
        batch = zip(range(head.first, head.value + 1), head.batch, head.assigned_by, strict=True)
        page = [
            LedgerEntry(Entry(*series, token, value), head.created_at, assigned_by)
            for value, token, assigned_by in reversed(list(batch))
            if value < below
        ][:limit]
        if len(page) < limit:
            values = {"value": {"$lt": Int64(min(below, head.first))}}
            rows = self._ledger.rows(
                series, head, values, work, limit=limit - len(page), newest=True
            )
            for row in rows:
                entry = Entry(*series, row["token"], int(row["value"]))
                page.append(LedgerEntry(entry, int(row["created_at"]), row.get("assigned_by")))
        return page

    def ping(self) -> None:
        Deadline(1.5, 1.5).persist(
            lambda: self._client.admin.command("ping", read_preference=ReadPreference.PRIMARY)
        )

    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        return MongoAudit(self._slices).run()

    def fast_forward(self, amount: int, assigned_by: str) -> FastForwarded:
        if not amount:
            return FastForwarded(0, ())
        products, keys = self._slices.products()
        return MongoFastForward(
            self._heads,
            self._ledger,
            self._work,
            lambda head, value: self._successor(head, [None], [assigned_by], value),
            amount,
        ).run(keys, products)

    def backup(self, target: Path) -> None:
        raise InvalidRequest(
            "This server keeps its series in MongoDB, which has its own tools for a copy: "
            "mongodump --oplog, or a snapshot of its volumes."
        )

    def close(self) -> None:
        self._sealer.close()
        self._client.close()

    # The head: known, read, replaced

    def _work(self) -> Deadline:
        return Deadline(self._patience, self._attempt)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _successor(
        self,
        head: Head,
        tokens: Sequence[str | None],
        assigned_by: Sequence[str],
        value: int,
        carried: tuple[Head, ...] = (),
    ) -> Head:
        """The head after *head*, with *tokens* and what is *carried* over in its batch.

        *by* says of each token by which credential it was given its value.
        """
        first = len(head.batch) - sum(each.fresh for each in carried)
        return Head(
            generation=head.generation or ObjectId(),
            value=value,
            token=tokens[-1],
            batch=(*head.batch[first:], *tokens),
            stamp=ObjectId(),
            created_at=self._now(),
            assigned_by=(*head.assigned_by[first:], *assigned_by),
            fresh=len(tokens),
            carried=carried,
        )

    def _replace(self, series: SeriesKey, seen: Head, new: Head, work: Deadline) -> bool:
        """Put *new* in the place of *seen*, once. False: another got there first."""
        move = HeadUpdate(series, seen, new)
        return self._made(move, self._heads.replace(move, work), work)

    def _made(self, move: HeadUpdate, head: Head | None, work: Deadline) -> bool:
        """Whether a move was made, of which only *head*, the one there now, is left to tell."""
        if head is None:
            return True
        new = move.new
        new.seen_at(head.time)
        if new.batch and self._ledger.were_sealed([(move.series, new)], work):
            return True
        if not new.batch and head.generation == new.generation:
            return True  # it ended the old generation, and the new one goes on already
        if not new.batch and move.in_doubt and head.generation != move.seen.generation:
            raise StoreUnavailable(
                "The series was deleted while MongoDB did not answer, by this request or by "
                "another. Look at the series, and send the same request again if need be.",
                applied="unknown",
            )
        work.applied = "no"
        return False

    def _sweep(self, ended: EndedGeneration) -> None:
        self._ledger.sweep(ended, self._work())
        self.attributes.sweep(ended, self._work())

    def _applied(self, series: SeriesKey, head: Head) -> None:
        for each in head.carried:
            each.carried = ()
        if head.batch:
            self._sealer.seal_soon(series, head)


def _tokens(given: Sequence[AllocationRequest]) -> tuple[list[str], list[str]]:
    """The tokens newly given a value, and by which credential each."""
    return [request.token for request in given], [request.assigned_by for request in given]


@dataclass(slots=True, eq=False)
class _Step:
    """The requests of one series in a batch, and what becomes of them."""

    series: SeriesKey
    head: Head
    requests: Sequence[AllocationRequest]
    answers: Sequence[Allocation | MonotronError] = ()
    move: HeadUpdate | None = None
    failed: bool = False

    @contextmanager
    def answered_if_wrong(self) -> Iterator[None]:
        """An error of ours is the answer to the requests of this series only."""
        try:
            yield
        except MonotronError as error:
            self.fail(error)

    def fail(self, error: MonotronError) -> None:
        self.answers = [error] * len(self.requests)
        self.failed = True
