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
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import pymongo
from bson import Int64, ObjectId, Timestamp
from pymongo import ASCENDING, ReadPreference, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from monotron.errors import InvalidRequest, MonotronError, StoreUnavailable, ValueWouldFall
from monotron.model import Entry, Given, LedgerEntry, SeriesKey
from monotron.store.base import Advance, Clock, Store, count
from monotron.store.mongo.connection import (
    START_SECONDS,
    Document,
    Patience,
    connect,
    unusable,
)
from monotron.store.mongo.heads import Head, Heads, Sealer
from monotron.store.mongo.ledger import (
    Ledger,
    Session,
    Sessions,
    collection,
    operation_time,
    where,
)

PATIENCE_SECONDS = 15.0
"""How long one call may take, elections and all, before its caller hears of it."""

ATTEMPT_SECONDS = 5.0
"""How long one command may take before what became of it is looked up."""


class MongoStore(Store):
    """A store on a database, of which it makes the collections `series` and `entries`."""

    calls_at_once = 32
    largest_batch = 256

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
        self._sessions = Sessions(database, replicated=replicated)
        self._series = collection(database, "series", self._sessions.read_concern("majority"))
        # A read that cannot be rolled back and is not stale, of one document on the primary.
        self._current = collection(database, "series", self._sessions.read_concern("linearizable"))
        self._series.create_index([("account", ASCENDING), ("key", ASCENDING)], unique=True)
        self._ledger = Ledger(database, self._sessions)
        self._heads = Heads()
        self._sealer = Sealer(
            lambda heads: self._ledger.seal_many(heads, self._work()),
            lambda ended: self._ledger.sweep(ended, self._work()),
        )

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> "MongoStore":
        """Connect to the URL's database, refusing one that could lose a value."""
        database, replicated = connect(url)
        try:
            with pymongo.timeout(START_SECONDS):
                return cls(database, clock=clock, replicated=replicated)
        except PyMongoError as error:
            database.client.close()
            raise unusable(url, error) from error

    def lane(self, series: SeriesKey) -> Hashable:
        return series

    def advance(self, requests: Sequence[Advance]) -> list[Given | MonotronError]:
        series = requests[0].series
        work = self._work()
        head = self._remembered(series) or self._read(series, work)
        is_current = False  # seen since this call began
        while True:
            known = self._ledger.last_given(series, head, requests, work)
            answers, tokens = count(head.value, head.token, known, requests)
            if tokens:
                self._ledger.seal(series, head, work)
                new = self._successor(head, tokens, head.value + len(tokens))
                if self._replace(series, head, new, work):
                    return answers
                head, is_current = self._read_in_turn(series, work), True
                continue
            # Only repeats: then the answer is a read, and may not be older than this call.
            if is_current:
                return answers
            current = self._read_current(series, work)
            if current.stamp == head.stamp:
                return answers
            head, is_current = current, True

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        head = self._read_current(keys[0], self._work())
        entry = Entry(*keys[0], head.token, head.value) if head.alive else None
        return [entry] * len(keys)

    def entry(self, series: SeriesKey, token: str) -> Entry | None:
        work = self._work()
        head = self._read_current(series, work)
        if not head.alive:
            return None
        for value, given in reversed(list(enumerate(head.batch, head.first))):
            if given == token:
                return Entry(*series, token, value)
        row = self._ledger.last_row(series, head, token, work)
        return Entry(*series, token, int(row["value"])) if row else None

    def raise_to(self, series: SeriesKey, value: int) -> Given:
        work = self._work()
        head = self._read_current(series, work)
        while True:
            if value < head.value:
                raise ValueWouldFall(
                    f"The series {series.key!r} has given {head.value} already, "
                    f"so it cannot be raised to {value}. Raise it to {head.value} or more."
                )
            if value == head.value and head.alive:
                return Given(Entry(*series, head.token, value), reused=True)
            self._ledger.seal(series, head, work)
            if self._replace(series, head, self._successor(head, [None], value), work):
                return Given(Entry(*series, None, value), reused=False)
            head = self._read_in_turn(series, work)

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        work = self._work()
        head = self._read_current(series, work)
        while True:
            height = 0 if restart else head.value
            if not head.alive and height == head.value:
                return
            self._ledger.seal(series, head, work)
            end = Head(life=ObjectId(), value=height, stamp=ObjectId(), given_at=self._now())
            if self._replace(series, head, end, work):
                if head.life is not None:
                    self._sealer.sweep_later(series, head.life)
                return
            head = self._read_in_turn(series, work)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        condition = {
            "account": account,
            "key": {"$gt": after, "$gte": prefix},
            "batch.0": {"$exists": True},
        }
        rows = self._work().persist(
            lambda: list(self._series.find(condition).sort("key", ASCENDING).limit(limit))
        )
        # In order of key, those with the prefix stand together, the first of them first.
        return [
            Entry(account, row["key"], row["token"], int(row["value"]))
            for row in rows
            if row["key"].startswith(prefix)
        ]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        work = self._work()
        head = self._read(series, work)
        if not head.alive:
            return None
        below = head.value + 1 if before is None else before
        page = [
            LedgerEntry(Entry(*series, token, value), head.given_at)
            for value, token in reversed(list(enumerate(head.batch, head.first)))
            if value < below
        ][:limit]
        if len(page) < limit:
            values = {"value": {"$lt": Int64(min(below, head.first))}}
            rows = self._ledger.rows(
                series, head, values, work, limit=limit - len(page), newest=True
            )
            for row in rows:
                entry = Entry(*series, row["token"], int(row["value"]))
                page.append(LedgerEntry(entry, int(row["given_at"])))
        return page

    def ping(self) -> None:
        Patience(1.5, 1.5).persist(
            lambda: self._client.admin.command("ping", read_preference=ReadPreference.PRIMARY)
        )

    def backup(self, target: Path) -> None:
        raise InvalidRequest(
            "This server keeps its series in MongoDB, which has its own tools for a copy: "
            "mongodump --oplog, or a snapshot of its volumes."
        )

    def close(self) -> None:
        self._sealer.close()
        self._client.close()

    # The head: known, read, replaced

    def _work(self) -> Patience:
        return Patience(self._patience, self._attempt)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _remembered(self, series: SeriesKey) -> Head | None:
        head = self._heads.get(series)
        if head is not None and head.pause:
            time.sleep(head.pause)  # somebody who lost to us must read first: let them
            return None
        return head

    def _read(self, series: SeriesKey, work: Patience) -> Head:
        """The head: committed, if perhaps not the newest. A compare-and-set will tell."""
        return self._head(
            lambda session: self._series.find_one(where(series), session=session), work
        )

    def _read_in_turn(self, series: SeriesKey, work: Patience) -> Head:
        """The current head, for who lost a step: with a mark on it, so that nobody starves.

        A server that goes on and on from memory is always faster than one that must read first.
        It sees the mark with its next step, and waits a moment.
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

    def _read_current(self, series: SeriesKey, work: Patience) -> Head:
        """The head as it was at some moment since this call began."""
        return self._head(
            lambda session: self._current.find_one(where(series), session=session), work
        )

    def _head(self, read: Callable[[Session], Document | None], work: Patience) -> Head:
        def call() -> Head:
            with self._sessions.start() as session:
                document = read(session)
                return _head(document, operation_time(session))

        return work.persist(call)

    def _successor(self, head: Head, tokens: Sequence[str | None], value: int) -> Head:
        return Head(
            life=head.life or ObjectId(),
            value=value,
            token=tokens[-1],
            batch=tuple(tokens),
            stamp=ObjectId(),
            given_at=self._now(),
        )

    def _replace(self, series: SeriesKey, seen: Head, new: Head, work: Patience) -> bool:
        """Put *new* in the place of *seen*, once. False: another got there first.

        An attempt whose outcome is in doubt is looked for by its stamp; while the head is still
        the one seen it is sent again, and cannot apply twice: its filter fits that state only.
        """
        in_doubt = False
        while True:
            work.applied = "unknown"
            try:
                if self._compare_and_set(series, seen, new, work):
                    return True
            except PyMongoError as error:
                in_doubt = True
                work.failed(error)
            head = self._read_current(series, work)
            if head.stamp == new.stamp:
                self._remember(series, new, head.time)
                return True
            if head.stamp == seen.stamp:
                continue
            if new.batch and self._ledger.was_sealed(series, new, head.time, work):
                return True
            if not new.batch and head.life == new.life:
                return True  # it ended the old life, and the new one goes on already
            if not new.batch and in_doubt and head.life != seen.life:
                raise StoreUnavailable(
                    "The series was deleted while MongoDB did not answer, by this request or by "
                    "another. Look at the series, and send the same request again if need be.",
                    applied="unknown",
                )
            work.applied = "no"
            return False

    def _compare_and_set(self, series: SeriesKey, seen: Head, new: Head, work: Patience) -> bool:
        state = {
            "life": new.life,
            "value": Int64(new.value),
            "token": new.token,
            "batch": list(new.batch),
            "stamp": new.stamp,
            "given_at": Int64(new.given_at),
            "awaited": None,
        }
        with work.attempt(), self._sessions.start() as session:
            if seen.stamp is None:
                try:
                    self._series.insert_one({**where(series), **state}, session=session)
                except DuplicateKeyError:
                    return False
            else:
                # All four: a token may come round again, and so may a value after a restart.
                replaced = self._series.find_one_and_update(
                    {
                        **where(series),
                        "life": seen.life,
                        "value": Int64(seen.value),
                        "token": seen.token,
                        "stamp": seen.stamp,
                    },
                    {"$set": state},
                    projection={"awaited": True},
                    session=session,
                )
                if replaced is None:
                    return False
                if replaced.get("awaited") not in (None, work.id):
                    # A step from what must be read first takes several times as long as ours.
                    new.pause = min(0.25, max(0.02, 4 * work.elapsed()))
            self._remember(series, new, operation_time(session))
        return True

    def _remember(self, series: SeriesKey, head: Head, time: Timestamp | None) -> None:
        head.seen_at(time)
        if head.batch:
            self._sealer.seal_soon(series, head)
        self._heads.put(series, head)


def _head(document: Document | None, time: Timestamp | None) -> Head:
    if document is None:
        return Head(time=time)
    return Head(
        life=document["life"],
        value=int(document["value"]),
        token=document["token"],
        batch=tuple(document["batch"]),
        stamp=document["stamp"],
        given_at=int(document["given_at"]),
        time=time,
    )
