"""The heads of all series in MongoDB: read, remembered, and replaced by compare-and-set."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import Int64, ObjectId, Timestamp
from pymongo import ASCENDING, ReturnDocument, UpdateMany
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError

from monotron.model.series import SeriesKey
from monotron.store.mongo.client import Deadline, Document
from monotron.store.mongo.heads import AMONG_OTHERS_SECONDS, Head, HeadCache
from monotron.store.mongo.ledger import (
    Session,
    Sessions,
    collection,
    only_duplicates,
    operation_time,
    where,
)

RESENT = 1
"""How often moves are sent again together, before each is settled: a new primary may take all."""


@dataclass(slots=True)
class HeadUpdate:
    """To put the head *new* in the place of the head *seen*."""

    series: SeriesKey
    seen: Head
    new: Head
    in_doubt: bool = field(default=False, init=False)
    """Whether an attempt was made of which nobody knows what became of it."""


class HeadCollection:
    """The collection `series`, and what this process remembers of it."""

    def __init__(
        self,
        database: "Database[Document]",
        sessions: Sessions,
        applied: Callable[[SeriesKey, Head], None],
    ) -> None:
        """*applied* is told of every head that this process knows to have written."""
        self._sessions = sessions
        self._applied = applied
        self._series = collection(database, "series", sessions.read_concern("majority"))
        # A read that cannot be rolled back and is not stale, of one document on the primary.
        self._current = collection(database, "series", sessions.read_concern("linearizable"))
        self._series.create_index([("account", ASCENDING), ("key", ASCENDING)], unique=True)
        self._remembered = HeadCache()
        self._among_others_until = 0.0

    def known_or_read(self, keys: Iterable[SeriesKey], work: Deadline) -> dict[SeriesKey, Head]:
        """The heads as this process remembers them, or else as they are read.

        Committed, if perhaps not the newest: a compare-and-set will tell. While another server
        takes part, what is remembered would be too old half of the time, so all are read.
        """
        remembered = {series: self._remembered.get(series) for series in keys}
        pause = max((head.pause for head in remembered.values() if head), default=0.0)
        if pause:
            time.sleep(pause)  # somebody who lost to us must read first: let them
            work.slept += pause
        among_others = time.monotonic() < self._among_others_until
        known = {
            series: head
            for series, head in remembered.items()
            if head and not head.pause and not among_others
        }
        unsure = {series: head for series, head in remembered.items() if series not in known}
        return known | self._read_anew(unsure, work) if unsure else known

    def _read_anew(
        self, remembered: Mapping[SeriesKey, Head | None], work: Deadline
    ) -> dict[SeriesKey, Head]:
        """The heads as they are read; those that are still as remembered, as that."""
        times = [ours.time for ours in remembered.values() if ours and ours.time]
        heads = self.read(list(remembered), work, max(times, default=None))
        for series, ours in remembered.items():
            if ours is None:
                continue
            if ours.stamp == heads[series].stamp:
                ours.seen_at(heads[series].time)
                ours.pause = 0.0  # they had their time
                heads[series] = ours
            elif self._remembered.forget(series, ours):
                self._meet_others()
        return heads

    def _meet_others(self) -> None:
        self._among_others_until = time.monotonic() + AMONG_OTHERS_SECONDS

    def _is_of_others(self, series: SeriesKey, head: Head) -> bool:
        ours = self._remembered.get(series)
        return ours is None or ours.stamp != head.stamp

    def read(
        self, keys: Sequence[SeriesKey], work: Deadline, after: Timestamp | None = None
    ) -> dict[SeriesKey, Head]:
        """The heads, committed, and no older than *after*."""
        condition = {"$or": [where(series) for series in keys]} if len(keys) > 1 else where(keys[0])

        def call() -> dict[SeriesKey, Head]:
            with self._sessions.start(after) as session:
                documents = list(self._series.find(condition, session=session))
                seen_at = operation_time(session)
            found = {SeriesKey(int(row["account"]), row["key"]): row for row in documents}
            return {series: _head(found.get(series), seen_at) for series in keys}

        return work.persist(call)

    def read_current(self, keys: Sequence[SeriesKey], work: Deadline) -> dict[SeriesKey, Head]:
        """The heads, each as it was at some moment since this call began.

        Linearizable reads are of one document. Its answer comes with a time at which nothing
        was missing that had been acknowledged before, so reads after that time are not stale.
        """
        first, *others = keys
        head = self.current(first, work)
        return {first: head} | (self.read(others, work, head.time) if others else {})

    def current(self, series: SeriesKey, work: Deadline) -> Head:
        """The head as it was at some moment since this call began."""
        return self._head(
            lambda session: self._current.find_one(where(series), session=session), work
        )

    def page(
        self, account: int, prefix: str, after: str, limit: int, work: Deadline
    ) -> list[Document]:
        """Heads of living series whose key begins with *prefix* and is beyond *after*, by key."""
        condition = {
            "account": account,
            "key": {"$gt": after, "$gte": prefix},
            "batch.0": {"$exists": True},
        }
        rows = work.persist(
            lambda: list(self._series.find(condition).sort("key", ASCENDING).limit(limit))
        )
        # In order of key, those with the prefix stand together, the first of them first.
        return [row for row in rows if row["key"].startswith(prefix)]

    def read_in_turn(self, series: SeriesKey, work: Deadline) -> Head:
        """The current head, for who lost a step: with a mark on it, so that nobody starves.

        A server that goes on and on from memory is always faster than one that must read first.
        It meets the mark with its next step, and waits a moment after it.
        """
        return self._head(
            lambda session: self._series.find_one_and_update(
                where(series),
                {"$set": {"awaited": work.id}},
                return_document=ReturnDocument.AFTER,
                session=session,
            ),
            work,
        )

    def _head(self, read: Callable[[Session], Document | None], work: Deadline) -> Head:
        def call() -> Head:
            with self._sessions.start() as session:
                document = read(session)
                return _head(document, operation_time(session))

        return work.persist(call)

    def born(self, series: SeriesKey, now: int, work: Deadline) -> Head:
        """The head of a series that had none: dead, at height 0, unless another was faster.

        So a delete with restart would have left it: the first value keeps its generation.
        """
        new = Head(generation=ObjectId(), stamp=ObjectId(), created_at=now)
        head = self.replace(HeadUpdate(series, Head(), new), work) or new
        work.applied = "no"  # nothing that can be seen
        return head

    def replace(self, move: HeadUpdate, work: Deadline) -> Head | None:
        """Make the move, once. None: it was made; else the head of who got there first."""
        return None if self.replace_all([move], work) else self.settle(move, work)

    def replace_all(self, moves: Sequence[HeadUpdate], work: Deadline) -> bool:
        """Make all the moves; false: of some it is not known, so settle each."""
        work.check()
        work.applied = "unknown"
        for _ in range(1 + RESENT):
            try:
                applied = self._compare_and_set(moves, work)
            except PyMongoError as error:
                for move in moves:
                    move.in_doubt = True
                work.failed(error)
            else:
                work.applied = "no"
                return applied
        return False

    def read_after(self, moves: Sequence[HeadUpdate], work: Deadline) -> dict[SeriesKey, Head]:
        """The heads after these moves. Those with their stamps were made, and are remembered."""
        work.applied = "unknown"
        heads = self.read_current([move.series for move in moves], work)
        for move in moves:
            head = heads[move.series]
            if head.stamp == move.new.stamp:
                self._remember(move, head.time)
            elif head.stamp != move.seen.stamp and self._is_of_others(move.series, head):
                self._meet_others()
        return heads

    def settle(self, move: HeadUpdate, work: Deadline) -> Head | None:
        """What became of a move: looked for by its stamp, made after all, or lost.

        While the head is still the one seen, the move is sent again, and cannot apply twice: its
        filter fits that state only. None: it was made; else the head of who got there first. The
        move may have been made and gone beyond: look for it in the ledger then.
        """
        work.applied = "unknown"
        while True:
            head = self.current(move.series, work)
            if head.stamp == move.new.stamp:
                self._remember(move, head.time)
                break
            if head.stamp != move.seen.stamp:
                if self._is_of_others(move.series, head):
                    self._meet_others()
                return head
            if head.awaited not in (None, work.id):
                self._meet_others()
                # A step from what must be read first takes several times as long as ours.
                move.new.pause = min(0.25, max(0.02, 4 * (work.elapsed() - work.slept)))
            try:
                if self._compare_and_set([move], work, heed_marks=False):
                    break
            except PyMongoError as error:
                move.in_doubt = True
                work.failed(error)
        work.applied = "no"
        return None

    def _compare_and_set(
        self, moves: Sequence[HeadUpdate], work: Deadline, *, heed_marks: bool = True
    ) -> bool:
        # Many, of which the filter fits one at most: the driver gives these no transaction number,
        # so no node keeps one beside each update. Sent again, they apply or match nothing.
        updates = [
            UpdateMany(
                _seen(move, work if heed_marks else None),
                {"$set": _state(move.new)},
                upsert=move.seen.stamp is None,
            )
            for move in moves
        ]
        with work.attempt(), self._sessions.start() as session:
            try:
                result = self._series.bulk_write(updates, ordered=False, session=session)
            except BulkWriteError as error:
                if not only_duplicates(error):
                    raise
                return False  # somebody else made the series first
            if result.matched_count + result.upserted_count != len(moves):
                return False
            for move in moves:
                self._remember(move, operation_time(session))
        return True

    def _remember(self, move: HeadUpdate, time: Timestamp | None) -> None:
        move.new.seen_at(time)
        self._applied(move.series, move.new)
        self._remembered.put(move.series, move.new)


def _seen(move: HeadUpdate, work: Deadline | None) -> Document:
    """What fits the head seen, and no other; with *work*, only while nobody else awaits it."""
    seen = move.seen
    if seen.stamp is None:
        return {**where(move.series), "stamp": None}  # fits none: so it is made
    condition: dict[str, Any] = {
        # All four: a token may come round again, and so may a value after a restart.
        **where(move.series),
        "generation": seen.generation,
        "value": Int64(seen.value),
        "token": seen.token,
        "stamp": seen.stamp,
    }
    if work is not None:
        condition["awaited"] = {"$in": [None, work.id]}
    return condition


def _state(head: Head) -> Document:
    return {
        "generation": head.generation,
        "value": Int64(head.value),
        "token": head.token,
        "batch": list(head.batch),
        "stamp": head.stamp,
        "created_at": Int64(head.created_at),
        # For most batches one stands for all, so that the head stays small.
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
