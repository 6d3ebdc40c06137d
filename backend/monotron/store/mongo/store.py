"""The protocol of series in MongoDB.

Each batch of a series is one write to one document with majority write concern, so it works on a
replica set and on a sharded cluster alike. docs/how-it-works.md explains every part. Terms:

- The *head* of a series is its document in `series`. It holds the tokens of the last batch, and is
  replaced only by a compare-and-set on all fields that distinguish it from any other head.
- To *seal* a head is to write its batch to the ledger, `entries`. A head is sealed before it is
  replaced.
- A *stamp* identifies one attempt to replace a head, so that an attempt can be found again after
  its response was lost.

User text is always a value, never a field name or part of an expression.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

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
    in_doubt,
)
from monotron.model.allocation import AllocationRequest, allocate, would_decrease
from monotron.model.series import Allocation, Entry, LedgerEntry, SeriesKey
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.audit import AuditSlice
from monotron.store.fast_forward import FastForwarded
from monotron.store.interface import Store
from monotron.store.mongo.attributes import MongoAttributes
from monotron.store.mongo.audit import MongoAudit
from monotron.store.mongo.auth_records import MongoAuthRecords, MongoTokenUses
from monotron.store.mongo.client import (
    PYMONGO,
    START_SECONDS,
    Deadline,
    Deadlines,
    Document,
    Driver,
    connect,
    unusable,
    without_secrets,
)
from monotron.store.mongo.fast_forward import MongoFastForward
from monotron.store.mongo.format import check_format
from monotron.store.mongo.heads import MAX_REMEMBERED, Head
from monotron.store.mongo.ledger import Ledger, Sessions, collection
from monotron.store.mongo.releases import MongoReleases
from monotron.store.mongo.scan import CollectionScan
from monotron.store.mongo.sealer import Sealer
from monotron.store.mongo.series import HeadCollection, HeadUpdate

CALL_SECONDS = 15.0
"""The time limit of one call, including elections."""

ATTEMPT_SECONDS = 5.0
"""The time limit of one command. After it, the store checks whether the command was applied."""


class MongoStore(Store):
    """A store in one database. It creates its collections and their indexes."""

    shareable = True
    supports_backup = False
    max_concurrency = 16
    max_batch_size = 256

    ledger_type: ClassVar[type[Ledger]] = Ledger
    heads_type: ClassVar[type[HeadCollection]] = HeadCollection
    sealer_type: ClassVar[type[Sealer]] = Sealer
    rule: ClassVar[Callable[..., Any]] = staticmethod(allocate)
    """The rule that numbers a batch. Tests replace these four parts in subclasses."""

    def __init__(
        self,
        database: "Database[Document]",
        *,
        runtime: Runtime = PRODUCTION,
        driver: Driver = PYMONGO,
        replicated: bool = True,
        call_seconds: float = CALL_SECONDS,
        attempt_seconds: float = ATTEMPT_SECONDS,
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        """*replicated*: false for a server without a replica set, which has no cluster time."""
        self._client = database.client
        self._runtime = runtime
        self._deadlines = deadlines = Deadlines(
            runtime, driver, seconds=call_seconds, attempt_seconds=attempt_seconds
        )
        sessions = Sessions(database, replicated=replicated)
        majority = sessions.read_concern("majority")
        swept = [collection(database, name, majority) for name in ("entries", "attributes")]
        self._ledger = self.ledger_type(database, sessions, runtime)
        self._sealer = self.sealer_type(self._ledger, swept, deadlines, runtime)
        self._heads = self.heads_type(
            database, sessions, self._sealer, runtime, driver, max_remembered
        )
        self.releases = MongoReleases(database, sessions, deadlines, runtime)
        self.auth_records = MongoAuthRecords(database, sessions, deadlines)
        self.token_uses = MongoTokenUses(database, sessions, deadlines)
        self.attributes: MongoAttributes = MongoAttributes(
            database, sessions, self._heads, deadlines, runtime
        )
        self._slices = CollectionScan(database, sessions, deadlines)

    @classmethod
    def open(cls, url: str, *, runtime: Runtime) -> "MongoStore":
        """Connect to the URL's database. Raises `StartupError` if it cannot be used safely."""
        database, replicated = connect(url)
        try:
            with pymongo.timeout(START_SECONDS):
                check_format(database)
                return cls(database, runtime=runtime, replicated=replicated)
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
        """Look up and update all series of the batch together.

        Updates that are lost against another server are retried together once, then each alone.
        If one series fails, the others still get their results.
        """
        deadline = self._deadlines.start()
        indexes: dict[SeriesKey, list[int]] = {}
        for index, request in enumerate(requests):
            indexes.setdefault(request.series, []).append(index)
        heads = self._heads.cached_or_read(indexes, deadline)
        steps = [
            _Step(series, heads[series], [requests[index] for index in indexes[series]])
            for series in indexes
        ]
        self._advance(steps, deadline)
        answers: list[Allocation | MonotronError | None] = [None] * len(requests)
        for step in steps:
            for index, answer in zip(indexes[step.series], step.answers, strict=True):
                answers[index] = answer
        return cast(list[Allocation | MonotronError], answers)

    def _advance(
        self, steps: Sequence["_Step"], deadline: Deadline, *, again: bool = False
    ) -> None:
        heads = {step.series: step.head for step in steps}
        requests = [request for step in steps for request in step.requests]
        known = self._ledger.last_values(heads, requests, deadline)
        self._prepare(steps, known, deadline)
        self._apply(steps, deadline, again=again)

    def _prepare(
        self,
        steps: Sequence["_Step"],
        known: Mapping[SeriesKey, Mapping[str, int]],
        deadline: Deadline,
    ) -> None:
        """Number the requests of each series, and seal the heads that must be sealed first."""
        updating: list[tuple[_Step, list[AllocationRequest], tuple[Head, ...] | None]] = []
        for step in steps:
            head = step.head
            tokens = known.get(step.series, {})
            step.answers, given = self.rule(head.value, head.token, tokens, step.requests)
            if given:
                # Called once: the sealer runs concurrently, so a second result could differ.
                updating.append((step, given, head.unsealed()))
        self._seal([step for step, _, carried in updating if carried is None], deadline)
        for step, given, carried in updating:
            if not step.failed:
                head = step.head
                value = head.value + len(given)
                new = head.successor(*_tokens(given), value, self._runtime, carried or ())
                step.update = HeadUpdate(step.series, head, new)

    def _seal(self, steps: Sequence["_Step"], deadline: Deadline) -> None:
        try:
            wrong = self._ledger.seal_all([(step.series, step.head) for step in steps], deadline)
        except MonotronError as error:
            wrong = dict.fromkeys((step.series for step in steps), error)
        for step in steps:
            if step.series in wrong:
                step.fail(wrong[step.series])

    def _apply(self, steps: Sequence["_Step"], deadline: Deadline, *, again: bool) -> None:
        """Apply all updates, and confirm the results of series that only have repeats."""
        updates = {step.series: step.update for step in steps if step.update is not None}
        updating = [step for step in steps if step.series in updates]
        repeating = [step for step in steps if step.update is None and not step.failed]
        try:
            done = not updates or self._heads.replace_all(list(updates.values()), deadline)
        except MonotronError as error:
            done = True
            for step in updating:
                step.fail(error)
        if not done:
            self._resolve_all(updating, updates, deadline, again=again)
        if repeating:
            self._confirm(repeating, deadline)

    def _resolve_all(
        self,
        steps: Sequence["_Step"],
        updates: Mapping[SeriesKey, HeadUpdate],
        deadline: Deadline,
        *,
        again: bool,
    ) -> None:
        """Resolve each update. Usually most were applied, and one read finds them."""
        replaced: list[_Step] = []
        try:
            if len(steps) > 1:
                heads = self._heads.read_after(list(updates.values()), deadline)
                stamps = {series: head.stamp for series, head in heads.items()}
                steps = [s for s in steps if stamps[s.series] != updates[s.series].new.stamp]
                if not again:
                    replaced = [
                        s for s in steps if stamps[s.series] != updates[s.series].seen.stamp
                    ]
                if replaced:
                    self._retry_lost(replaced, updates, heads, deadline)
        except MonotronError as error:
            for step in steps:
                step.fail(error)
            return
        for step in steps:
            if step not in replaced:
                with step.failing_alone():
                    self._resolve(step, updates[step.series], deadline)

    def _retry_lost(
        self,
        steps: Sequence["_Step"],
        updates: Mapping[SeriesKey, HeadUpdate],
        heads: Mapping[SeriesKey, Head],
        deadline: Deadline,
    ) -> None:
        """Resolve updates whose heads were replaced. Retry those that were lost."""
        undecided = list(steps)
        try:
            for step in steps:
                updates[step.series].new.seen_at(heads[step.series].time)
            with in_doubt():
                done = self._ledger.were_sealed(
                    [(s.series, updates[s.series].new) for s in steps], deadline
                )
            undecided = [step for step in steps if step.series not in done]
            for step in undecided:
                step.head, step.update = heads[step.series], None
            self._advance(undecided, deadline, again=True)
        except MonotronError as error:
            for step in undecided:
                step.fail(error)

    def _confirm(self, steps: Sequence["_Step"], deadline: Deadline) -> None:
        """Confirm results that only repeat: such a result is a read and must not be stale."""
        try:
            current = self._heads.read_current([step.series for step in steps], deadline)
        except MonotronError as error:
            for step in steps:
                step.fail(error)
            return
        for step in steps:
            head = current[step.series]
            if head.stamp != step.head.stamp:
                with step.failing_alone():
                    self._retry_from(step, head, deadline)

    def _resolve(self, step: "_Step", update: HeadUpdate, deadline: Deadline) -> None:
        if not self._was_applied(update, self._heads.resolve(update, deadline), deadline):
            self._retry_from(step, self._heads.read_and_mark(step.series, deadline), deadline)

    def _retry_from(self, step: "_Step", head: Head, deadline: Deadline) -> None:
        """Repeat the requests of one series from its current head until an update is applied."""
        while True:
            known = self._ledger.last_values({step.series: head}, step.requests, deadline)
            step.answers, given = self.rule(
                head.value, head.token, known.get(step.series, {}), step.requests
            )
            if not given:
                return
            self._ledger.seal(step.series, head, deadline)
            new = head.successor(*_tokens(given), head.value + len(given), self._runtime)
            if self._replace(step.series, head, new, deadline):
                return
            head = self._heads.read_and_mark(step.series, deadline)

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        heads = self._heads.read_current(list(dict.fromkeys(keys)), self._deadlines.start())
        entries = {
            series: Entry(*series, head.token, head.value) if head.is_active else None
            for series, head in heads.items()
        }
        return [entries[series] for series in keys]

    def high_water_marks(self, keys: Sequence[SeriesKey]) -> list[int]:
        heads = self._heads.read_current(list(dict.fromkeys(keys)), self._deadlines.start())
        return [heads[series].value for series in keys]

    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        deadline = self._deadlines.start()
        head = self._heads.current(series, deadline)
        if not head.is_active:
            return None
        for value, given in reversed(list(enumerate(head.batch, head.first))):
            if given == token:
                return Entry(*series, token, value)
        row = self._ledger.last_row(series, head, token, deadline)
        return Entry(*series, token, int(row["value"])) if row else None

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        deadline = self._deadlines.start()
        head = self._heads.current(series, deadline)
        while True:
            if value < head.value:
                raise would_decrease(series, head.value, value)
            if value == head.value and head.is_active:
                return Allocation(Entry(*series, head.token, value), reused=True)
            self._ledger.seal(series, head, deadline)
            new = head.successor([None], [assigned_by], value, self._runtime)
            if self._replace(series, head, new, deadline):
                return Allocation(Entry(*series, None, value), reused=False)
            head = self._heads.read_and_mark(series, deadline)

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        deadline = self._deadlines.start()
        head = first = self._heads.current(series, deadline)
        while True:
            height = 0 if restart else head.value
            # A deleted series may have attributes: done only if its generation has just begun.
            over = head.generation is None or head.generation != first.generation
            if over and not head.is_active and height == head.value:
                return
            self._ledger.seal(series, head, deadline)
            new_id = self._runtime.new_id
            end = Head(
                generation=ObjectId(new_id()),
                value=height,
                stamp=ObjectId(new_id()),
                created_at=self._runtime.now_ms(),
            )
            if self._replace(series, head, end, deadline):
                if head.generation is not None:
                    self._sealer.sweep_later(series, head.generation)
                return
            head = self._heads.read_and_mark(series, deadline)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        rows = self._heads.page(account, prefix, after, limit, self._deadlines.start())
        return [Entry(account, row["key"], row["token"], int(row["value"])) for row in rows]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        deadline = self._deadlines.start()
        head = self._heads.read([series], deadline)[series]
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
                series, head, values, deadline, limit=limit - len(page), newest=True
            )
            for row in rows:
                entry = Entry(*series, row["token"], int(row["value"]))
                page.append(LedgerEntry(entry, int(row["created_at"]), row.get("assigned_by")))
        return page

    def ping(self) -> None:
        self._deadlines.start(1.5).persist(
            lambda: self._client.admin.command("ping", read_preference=ReadPreference.PRIMARY)
        )

    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        return MongoAudit(self._slices).run()

    def fast_forward(self, amount: int, assigned_by: str) -> FastForwarded:
        if not amount:
            return FastForwarded(0, ())
        products, keys = self._slices.products()
        return MongoFastForward(
            self._heads, self._ledger, self._deadlines, self._runtime, amount, assigned_by
        ).run(keys, products)

    def backup(self, target: Path) -> None:
        raise InvalidRequest(
            "This server stores its data in MongoDB, which has its own backup tools. Use "
            "mongodump --oplog, or a snapshot of its volumes."
        )

    def close(self) -> None:
        self._sealer.close()
        self._client.close()

    def _replace(self, series: SeriesKey, seen: Head, new: Head, deadline: Deadline) -> bool:
        """Replace *seen* with *new*, once. Return false if another update was faster."""
        update = HeadUpdate(series, seen, new)
        return self._was_applied(update, self._heads.replace(update, deadline), deadline)

    def _was_applied(self, update: HeadUpdate, head: Head | None, deadline: Deadline) -> bool:
        """Return whether an update was applied, where *head* is its successor, or None."""
        if head is None:
            return True
        new = update.new
        new.seen_at(head.time)
        with in_doubt():
            if new.batch and self._ledger.were_sealed([(update.series, new)], deadline):
                return True
            if not new.batch and head.generation == new.generation:
                return True  # the delete was applied, and the new generation has a head already
            if not new.batch and update.in_doubt and head.generation != update.seen.generation:
                raise StoreUnavailable(
                    "The series was deleted while MongoDB did not respond, by this request or by "
                    "another one. Read the series, and repeat the request if necessary."
                )
        return False


def _tokens(given: Sequence[AllocationRequest]) -> tuple[list[str], list[str]]:
    """Return the tokens with a new value, and the credential of each."""
    return [request.token for request in given], [request.assigned_by for request in given]


@dataclass(slots=True, eq=False)
class _Step:
    """The requests of one series in a batch, and their results."""

    series: SeriesKey
    head: Head
    requests: Sequence[AllocationRequest]
    answers: Sequence[Allocation | MonotronError] = ()
    update: HeadUpdate | None = None
    failed: bool = False

    @contextmanager
    def failing_alone(self) -> Iterator[None]:
        """Make a `MonotronError` the result of the requests of this series only."""
        try:
            yield
        except MonotronError as error:
            self.fail(error)

    def fail(self, error: MonotronError) -> None:
        self.answers = [error] * len(self.requests)
        self.failed = True
