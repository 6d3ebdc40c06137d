"""The protocol of series in MongoDB.

Each batch of a series is one write to one document with majority write concern, so it works on a
replica set and on a sharded cluster alike. docs/how-it-works.md explains every part. Terms:

- The *head* of a series is its document in `series`. It holds the tokens of the last batch, and is
  replaced only by a compare-and-set on all fields that distinguish it from any other head.
- To *seal* a head is to write its batch to the ledger, `entries`. A head is sealed before it is
  replaced.
- A *stamp* identifies one attempt to replace a head. After a lost response, it shows whether the
  attempt was applied.

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
    """The counting rule. Tests replace these four attributes in subclasses."""

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
        """*replicated* is false for a server without a replica set, which has no cluster time."""
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
        self._scan = CollectionScan(database, sessions, deadlines)

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
        groups = [
            _RequestGroup(series, heads[series], [requests[index] for index in indexes[series]])
            for series in indexes
        ]
        self._allocate(groups, deadline)
        results: list[Allocation | MonotronError | None] = [None] * len(requests)
        for group in groups:
            for index, result in zip(indexes[group.series], group.results, strict=True):
                results[index] = result
        return cast(list[Allocation | MonotronError], results)

    def _allocate(
        self, groups: Sequence["_RequestGroup"], deadline: Deadline, *, is_retry: bool = False
    ) -> None:
        heads = {group.series: group.head for group in groups}
        requests = [request for group in groups for request in group.requests]
        known = self._ledger.last_values(heads, requests, deadline)
        self._prepare(groups, known, deadline)
        self._apply(groups, deadline, is_retry=is_retry)

    def _prepare(
        self,
        groups: Sequence["_RequestGroup"],
        known: Mapping[SeriesKey, Mapping[str, int]],
        deadline: Deadline,
    ) -> None:
        """Decide the requests of each series, and seal the heads that must be sealed first."""
        updating: list[tuple[_RequestGroup, list[AllocationRequest], tuple[Head, ...] | None]] = []
        for group in groups:
            head = group.head
            tokens = known.get(group.series, {})
            group.results, accepted = self.rule(head.value, head.token, tokens, group.requests)
            if accepted:
                # Called once: the sealer runs concurrently, so a second result could differ.
                updating.append((group, accepted, head.unsealed()))
        self._seal([group for group, _, carried in updating if carried is None], deadline)
        for group, accepted, carried in updating:
            if not group.failed:
                head = group.head
                value = head.value + len(accepted)
                new = head.successor(*_tokens(accepted), value, self._runtime, carried or ())
                group.update = HeadUpdate(group.series, head, new)

    def _seal(self, groups: Sequence["_RequestGroup"], deadline: Deadline) -> None:
        try:
            wrong = self._ledger.seal_all(
                [(group.series, group.head) for group in groups], deadline
            )
        except MonotronError as error:
            wrong = dict.fromkeys((group.series for group in groups), error)
        for group in groups:
            if group.series in wrong:
                group.fail(wrong[group.series])

    def _apply(
        self, groups: Sequence["_RequestGroup"], deadline: Deadline, *, is_retry: bool
    ) -> None:
        """Apply all updates, and confirm the results of series that only have repeats."""
        updates = {group.series: group.update for group in groups if group.update is not None}
        updating = [group for group in groups if group.series in updates]
        repeating = [group for group in groups if group.update is None and not group.failed]
        try:
            done = not updates or self._heads.replace_all(list(updates.values()), deadline)
        except MonotronError as error:
            done = True
            for group in updating:
                group.fail(error)
        if not done:
            self._resolve_all(updating, updates, deadline, is_retry=is_retry)
        if repeating:
            self._confirm(repeating, deadline)

    def _resolve_all(
        self,
        groups: Sequence["_RequestGroup"],
        updates: Mapping[SeriesKey, HeadUpdate],
        deadline: Deadline,
        *,
        is_retry: bool,
    ) -> None:
        """Resolve each update. Usually most were applied, and one read finds them."""
        replaced: list[_RequestGroup] = []
        try:
            if len(groups) > 1:
                heads = self._heads.read_after(list(updates.values()), deadline)
                stamps = {series: head.stamp for series, head in heads.items()}
                groups = [
                    group
                    for group in groups
                    if stamps[group.series] != updates[group.series].new.stamp
                ]
                if not is_retry:
                    replaced = [
                        group
                        for group in groups
                        if stamps[group.series] != updates[group.series].seen.stamp
                    ]
                if replaced:
                    self._retry_lost(replaced, updates, heads, deadline)
        except MonotronError as error:
            for group in groups:
                group.fail(error)
            return
        for group in groups:
            if group not in replaced:
                with group.failing_alone():
                    self._resolve(group, updates[group.series], deadline)

    def _retry_lost(
        self,
        groups: Sequence["_RequestGroup"],
        updates: Mapping[SeriesKey, HeadUpdate],
        heads: Mapping[SeriesKey, Head],
        deadline: Deadline,
    ) -> None:
        """Resolve updates whose heads were replaced. Retry those that were lost."""
        undecided = list(groups)
        try:
            for group in groups:
                updates[group.series].new.seen_at(heads[group.series].time)
            with in_doubt():
                done = self._ledger.were_sealed(
                    [(group.series, updates[group.series].new) for group in groups], deadline
                )
            undecided = [group for group in groups if group.series not in done]
            for group in undecided:
                group.head, group.update = heads[group.series], None
            self._allocate(undecided, deadline, is_retry=True)
        except MonotronError as error:
            for group in undecided:
                group.fail(error)

    def _confirm(self, groups: Sequence["_RequestGroup"], deadline: Deadline) -> None:
        """Confirm results that only repeat: such a result is a read and must not be stale."""
        try:
            current = self._heads.read_current([group.series for group in groups], deadline)
        except MonotronError as error:
            for group in groups:
                group.fail(error)
            return
        for group in groups:
            head = current[group.series]
            if head.stamp != group.head.stamp:
                with group.failing_alone():
                    self._retry_from(group, head, deadline)

    def _resolve(self, group: "_RequestGroup", update: HeadUpdate, deadline: Deadline) -> None:
        if not self._was_applied(update, self._heads.resolve(update, deadline), deadline):
            self._retry_from(group, self._heads.read_and_mark(group.series, deadline), deadline)

    def _retry_from(self, group: "_RequestGroup", head: Head, deadline: Deadline) -> None:
        """Repeat the requests of one series from its current head until an update is applied."""
        while True:
            known = self._ledger.last_values({group.series: head}, group.requests, deadline)
            group.results, accepted = self.rule(
                head.value, head.token, known.get(group.series, {}), group.requests
            )
            if not accepted:
                return
            self._ledger.seal(group.series, head, deadline)
            new = head.successor(*_tokens(accepted), head.value + len(accepted), self._runtime)
            if self._replace(group.series, head, new, deadline):
                return
            head = self._heads.read_and_mark(group.series, deadline)

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
        for value, batch_token in reversed(list(enumerate(head.batch, head.first))):
            if batch_token == token:
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
            high_water_mark = 0 if restart else head.value
            # A deleted series can have attributes, so a delete is complete only if a new
            # generation has begun.
            is_deleted = head.generation is None or head.generation != first.generation
            if is_deleted and not head.is_active and high_water_mark == head.value:
                return
            self._ledger.seal(series, head, deadline)
            new_id = self._runtime.new_id
            deleted = Head(
                generation=ObjectId(new_id()),
                value=high_water_mark,
                stamp=ObjectId(new_id()),
                created_at=self._runtime.now_ms(),
            )
            if self._replace(series, head, deleted, deadline):
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
        return MongoAudit(self._scan).run()

    def fast_forward(self, amount: int, assigned_by: str) -> FastForwarded:
        if not amount:
            return FastForwarded(0, ())
        lines, keys = self._scan.lines_and_series()
        return MongoFastForward(
            self._heads, self._ledger, self._deadlines, self._runtime, amount, assigned_by
        ).run(keys, lines)

    def backup(self, target: Path) -> None:
        raise InvalidRequest(
            "MongoDB stores cannot be backed up by Monotron. Use mongodump --oplog, or a "
            "snapshot of the volumes."
        )

    def close(self) -> None:
        self._sealer.close()
        self._client.close()

    def _replace(self, series: SeriesKey, seen: Head, new: Head, deadline: Deadline) -> bool:
        """Replace *seen* with *new*, once. Return false if another update was faster."""
        update = HeadUpdate(series, seen, new)
        return self._was_applied(update, self._heads.replace(update, deadline), deadline)

    def _was_applied(self, update: HeadUpdate, head: Head | None, deadline: Deadline) -> bool:
        """Return whether an update was applied.

        *head* is the head that replaced the seen one, or None if that is the head of the update.
        """
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
                    "The series was deleted while MongoDB did not respond. This request or another "
                    "one deleted it. Read the series, and repeat the request if necessary."
                )
        return False


def _tokens(accepted: Sequence[AllocationRequest]) -> tuple[list[str], list[str]]:
    """Return the tokens of the requests, and the credential of each."""
    return [request.token for request in accepted], [request.assigned_by for request in accepted]


@dataclass(slots=True, eq=False)
class _RequestGroup:
    """The requests of one series in a batch, and their results."""

    series: SeriesKey
    head: Head
    requests: Sequence[AllocationRequest]
    results: Sequence[Allocation | MonotronError] = ()
    update: HeadUpdate | None = None
    failed: bool = False

    @contextmanager
    def failing_alone(self) -> Iterator[None]:
        """If the block raises a `MonotronError`, make it the result of this series only."""
        try:
            yield
        except MonotronError as error:
            self.fail(error)

    def fail(self, error: MonotronError) -> None:
        """Make the error the result of all requests of this series."""
        self.results = [error] * len(self.requests)
        self.failed = True
