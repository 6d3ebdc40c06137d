"""The heads of all series in MongoDB. They are read, cached, and replaced by compare-and-set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import Int64, ObjectId, Timestamp
from pymongo import ASCENDING, ReturnDocument
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError

from monotron.errors import in_doubt
from monotron.model.series import SeriesKey
from monotron.runtime import Runtime
from monotron.store.mongo.client import PYMONGO, Deadline, Document, Driver
from monotron.store.mongo.heads import MAX_REMEMBERED, Head, HeadCache
from monotron.store.mongo.ledger import (
    Session,
    Sessions,
    collection,
    only_duplicates,
    operation_time,
    where,
)
from monotron.store.mongo.sealer import Sealer

MAX_RESENDS = 1
"""How often updates are resent together before each is resolved alone: a new primary may accept
all of them."""

CONTENTION_WINDOW_SECONDS = 10.0
"""How long heads are read again before each batch, after another server has updated one."""


@dataclass(slots=True)
class HeadUpdate:
    """Replaces the head *seen* with the head *new*."""

    series: SeriesKey
    seen: Head
    new: Head
    in_doubt: bool = field(default=False, init=False)
    """Whether an attempt ended with an error, so that it may have been applied."""


class HeadCollection:
    """The collection `series`, and the cache of the heads that this process wrote."""

    def __init__(
        self,
        database: "Database[Document]",
        sessions: Sessions,
        sealer: Sealer,
        runtime: Runtime,
        driver: Driver = PYMONGO,
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self._sessions = sessions
        self._sealer = sealer
        self._runtime = runtime
        self._driver = driver
        self._series = collection(database, "series", sessions.read_concern("majority"))
        # Linearizable: of one document on the primary, neither stale nor rolled back later.
        self._current = collection(database, "series", sessions.read_concern("linearizable"))
        self._series.create_index([("account", ASCENDING), ("key", ASCENDING)], unique=True)
        self._remembered = HeadCache(max_remembered)
        self._contention_until = 0.0

    def cached_or_read(
        self, keys: Iterable[SeriesKey], deadline: Deadline
    ) -> dict[SeriesKey, Head]:
        """Return the heads from the cache, or else from the database.

        They are committed and may be outdated, which the compare-and-set detects. While another
        server updates the same series, cached heads are often outdated, so all are read.
        """
        remembered = {series: self._remembered.get(series) for series in keys}
        pause = max((head.pause for head in remembered.values() if head), default=0.0)
        if pause:
            self._runtime.sleep(pause)  # a server that lost must read first
            deadline.slept += pause
        is_contended = self._runtime.monotonic() < self._contention_until
        known = {
            series: head
            for series, head in remembered.items()
            if head and not head.pause and not is_contended
        }
        unsure = {series: head for series, head in remembered.items() if series not in known}
        return known | self._refresh(unsure, deadline) if unsure else known

    def _refresh(
        self, remembered: Mapping[SeriesKey, Head | None], deadline: Deadline
    ) -> dict[SeriesKey, Head]:
        """Read the heads. Return the cached object of each head that has not changed."""
        times = [cached.time for cached in remembered.values() if cached and cached.time]
        heads = self.read(list(remembered), deadline, max(times, default=None))
        for series, cached in remembered.items():
            if cached is None:
                continue
            if cached.stamp == heads[series].stamp:
                cached.seen_at(heads[series].time)
                cached.pause = 0.0  # the other server had its turn
                heads[series] = cached
            elif self._remembered.forget(series, cached):
                self._note_contention()
        return heads

    def _note_contention(self) -> None:
        self._contention_until = self._runtime.monotonic() + CONTENTION_WINDOW_SECONDS

    def _written_elsewhere(self, series: SeriesKey, head: Head) -> bool:
        cached = self._remembered.get(series)
        return cached is None or cached.stamp != head.stamp

    def read(
        self, keys: Sequence[SeriesKey], deadline: Deadline, after: Timestamp | None = None
    ) -> dict[SeriesKey, Head]:
        """Read the heads: committed, and not older than *after*."""
        condition = {"$or": [where(series) for series in keys]} if len(keys) > 1 else where(keys[0])

        def call() -> dict[SeriesKey, Head]:
            with self._sessions.start(after) as session:
                documents = list(self._series.find(condition, session=session))
                seen_at = operation_time(session)
            by_series = {SeriesKey(int(row["account"]), row["key"]): row for row in documents}
            return {series: _head(by_series.get(series), seen_at) for series in keys}

        return deadline.persist(call)

    def read_current(self, keys: Sequence[SeriesKey], deadline: Deadline) -> dict[SeriesKey, Head]:
        """Read the heads. Each is the state at some moment since this call began.

        A linearizable read returns one document, and a time by which everything acknowledged
        before is included. So committed reads after that time are not stale.
        """
        first, *others = keys
        head = self.current(first, deadline)
        return {first: head} | (self.read(others, deadline, head.time) if others else {})

    def current(self, series: SeriesKey, deadline: Deadline) -> Head:
        """Read the head: the state at some moment since this call began."""
        return self._head(
            lambda session: self._current.find_one(where(series), session=session), deadline
        )

    def page(
        self, account: int, prefix: str, after: str, limit: int, deadline: Deadline
    ) -> list[Document]:
        """Return heads of series whose key starts with *prefix* and sorts after *after*."""
        condition = {
            "account": account,
            "key": {"$gt": after, "$gte": prefix},
            "batch.0": {"$exists": True},
        }
        rows = deadline.persist(
            lambda: list(self._series.find(condition).sort("key", ASCENDING).limit(limit))
        )
        # Keys with the prefix are adjacent in the order of keys.
        return [row for row in rows if row["key"].startswith(prefix)]

    def read_and_mark(self, series: SeriesKey, deadline: Deadline) -> Head:
        """Read the current head after a lost update, and mark it to prevent starvation.

        A server that works from its cache is always faster than one that must read first. It
        finds the mark with its next update, and then waits a moment.
        """
        return self._head(
            lambda session: self._series.find_one_and_update(
                where(series),
                {"$set": {"awaited": deadline.id}},
                return_document=ReturnDocument.AFTER,
                session=session,
            ),
            deadline,
        )

    def _head(self, read: Callable[[Session], Document | None], deadline: Deadline) -> Head:
        def call() -> Head:
            with self._sessions.start() as session:
                document = read(session)
                return _head(document, operation_time(session))

        return deadline.persist(call)

    def create(self, series: SeriesKey, now: int, deadline: Deadline) -> Head:
        """Create the head of a series without values, unless another call was faster.

        The result equals the head after a delete with restart. The first value keeps its
        generation.
        """
        new_id = self._runtime.new_id
        new = Head(generation=ObjectId(new_id()), stamp=ObjectId(new_id()), created_at=now)
        return self.replace(HeadUpdate(series, Head(), new), deadline) or new

    def replace(self, update: HeadUpdate, deadline: Deadline) -> Head | None:
        """Apply the update once. Return None, or the other head if another update was faster."""
        return None if self.replace_all([update], deadline) else self.resolve(update, deadline)

    def replace_all(self, updates: Sequence[HeadUpdate], deadline: Deadline) -> bool:
        """Apply all updates. Return false if some may not be applied, so each must be resolved.

        Raises errors with `applied` unknown if an attempt may have been applied.
        """
        deadline.check()
        with in_doubt():
            for _ in range(1 + MAX_RESENDS):
                try:
                    return self._compare_and_set(updates, deadline)
                except PyMongoError as error:
                    for update in updates:
                        update.in_doubt = True
                    deadline.failed(error)
        return False

    def read_after(
        self, updates: Sequence[HeadUpdate], deadline: Deadline
    ) -> dict[SeriesKey, Head]:
        """Read the heads after these updates, and cache those that were applied.

        Raises errors with `applied` unknown.
        """
        with in_doubt():
            heads = self.read_current([update.series for update in updates], deadline)
        for update in updates:
            head = heads[update.series]
            if head.stamp == update.new.stamp:
                self._remember(update, head.time)
            elif head.stamp != update.seen.stamp and self._written_elsewhere(update.series, head):
                self._note_contention()
        return heads

    def resolve(self, update: HeadUpdate, deadline: Deadline) -> Head | None:
        """Determine whether an update was applied, and resend it while the head is unchanged.

        A resent update cannot apply twice, because its filter matches only the head seen. Return
        None if it was applied. Otherwise return the current head: the update was lost, or it was
        applied and replaced since, and then its stamp is in the ledger.
        Raises errors with `applied` unknown.
        """
        with in_doubt():
            return self._resolve(update, deadline)

    def _resolve(self, update: HeadUpdate, deadline: Deadline) -> Head | None:
        while True:
            head = self.current(update.series, deadline)
            if head.stamp == update.new.stamp:
                self._remember(update, head.time)
                return None
            if head.stamp != update.seen.stamp:
                if self._written_elsewhere(update.series, head):
                    self._note_contention()
                return head
            if head.awaited not in (None, deadline.id):
                self._note_contention()
                # An update that must read first takes several times as long as this one.
                update.new.pause = min(0.25, max(0.02, 4 * (deadline.elapsed() - deadline.slept)))
            try:
                if self._compare_and_set([update], deadline, heed_marks=False):
                    return None
            except PyMongoError as error:
                update.in_doubt = True
                deadline.failed(error)

    def _compare_and_set(
        self, updates: Sequence[HeadUpdate], deadline: Deadline, *, heed_marks: bool = True
    ) -> bool:
        # `UpdateMany`, although the filter matches at most one document: the driver sends it
        # without a transaction number, so no node stores a transaction record. Resending is safe,
        # because the update then matches nothing.
        commands = [
            self._driver.update_many(
                self._filter(update, deadline if heed_marks else None),
                {"$set": _state(update.new)},
                upsert=update.seen.stamp is None,
            )
            for update in updates
        ]
        with deadline.attempt(), self._sessions.start() as session:
            try:
                result = self._series.bulk_write(commands, ordered=False, session=session)
            except BulkWriteError as error:
                if not only_duplicates(error):
                    raise
                return False  # another server created the series first
            if result.matched_count + result.upserted_count != len(updates):
                return False
            for update in updates:
                self._remember(update, operation_time(session))
        return True

    def _filter(self, update: HeadUpdate, deadline: Deadline | None) -> Document:
        """Match only the head seen; with *deadline*, only if no other server waits for its turn."""
        seen = update.seen
        if seen.stamp is None:
            return {**where(update.series), "stamp": None}  # matches nothing, so the upsert inserts
        condition: dict[str, Any] = {
            # All four: a token may be current again, and so may a value after a restart.
            **where(update.series),
            "generation": seen.generation,
            "value": Int64(seen.value),
            "token": seen.token,
            "stamp": seen.stamp,
        }
        if deadline is not None:
            condition["awaited"] = {"$in": [None, deadline.id]}
        return condition

    def _remember(self, update: HeadUpdate, time: Timestamp | None) -> None:
        update.new.seen_at(time)
        for head in update.new.carried:
            head.carried = ()
        if update.new.batch:
            self._sealer.seal_soon(update.series, update.new)
        self._remembered.put(update.series, update.new)


def _state(head: Head) -> Document:
    return {
        "generation": head.generation,
        "value": Int64(head.value),
        "token": head.token,
        "batch": list(head.batch),
        "stamp": head.stamp,
        "created_at": Int64(head.created_at),
        # Most batches have one credential, which is stored once to keep the head small.
        "assigned_by": head.assigned_by[0]
        if len(set(head.assigned_by)) == 1
        else list(head.assigned_by),
        "awaited": None,
    }


def _head(document: Document | None, time: Timestamp | None) -> Head:
    if document is None:
        return Head(time=time)
    assigned_by = document.get("assigned_by")
    return Head(
        generation=document["generation"],
        value=int(document["value"]),
        token=document["token"],
        batch=tuple(document["batch"]),
        stamp=document["stamp"],
        created_at=int(document["created_at"]),
        assigned_by=tuple(assigned_by)
        if isinstance(assigned_by, list)
        else (assigned_by,) * len(document["batch"]),
        awaited=document.get("awaited"),
        time=time,
    )
