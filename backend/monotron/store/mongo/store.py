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

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from bson import Int64, ObjectId, Timestamp
from pymongo import ASCENDING, DESCENDING, ReadPreference, ReturnDocument, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from monotron.errors import (
    InternalError,
    InvalidRequest,
    MonotronError,
    StoreUnavailable,
    ValueWouldFall,
)
from monotron.model import Entry, Given, LedgerEntry, Reuse, SeriesKey
from monotron.store.base import Advance, Clock, Store, count
from monotron.store.mongo.connection import Document, Patience, connect
from monotron.store.mongo.heads import EndedLife, Head, Heads, Sealable, Sealer

log = logging.getLogger("monotron.store")

PATIENCE_SECONDS = 15.0
"""How long one call may take, elections and all, before its caller hears of it."""

ATTEMPT_SECONDS = 5.0
"""How long one command may take before what became of it is looked up."""

_DUPLICATE_KEY = 11000

Session = ClientSession | None


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
        self._replicated = replicated
        self._patience = patience
        self._attempt = attempt
        committed = ReadConcern("majority" if replicated else "local")
        self._series = _collection(database, "series", committed)
        self._entries = _collection(database, "entries", committed)
        # A read that cannot be rolled back and is not stale, of one document on the primary.
        self._current = _collection(
            database, "series", ReadConcern("linearizable" if replicated else "local")
        )
        self._heads = Heads()
        life = [("account", ASCENDING), ("key", ASCENDING), ("life", ASCENDING)]
        self._series.create_index(life[:2], unique=True)
        self._entries.create_index([*life, ("value", ASCENDING)], unique=True)
        self._entries.create_index([*life, ("token", ASCENDING), ("value", DESCENDING)])
        self._sealer = Sealer(self._seal_many, self._sweep)

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> "MongoStore":
        """Connect to the URL's database, refusing one that could lose a value."""
        database, replicated = connect(url)
        return cls(database, clock=clock, replicated=replicated)

    def lane(self, series: SeriesKey) -> Hashable:
        return series

    def advance(self, requests: Sequence[Advance]) -> list[Given | MonotronError]:
        series = requests[0].series
        work = self._work()
        head = self._remembered(series) or self._read(series, work)
        is_current = False  # seen since this call began
        while True:
            self._seal(series, head, work)
            known = self._last_given(series, head, requests, work)
            answers, tokens = count(head.value, head.token, known, requests)
            if tokens:
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
        row = self._last_row(series, head, token, work)
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
            self._seal(series, head, work)
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
            self._seal(series, head, work)
            end = Head(life=ObjectId(), value=height, stamp=ObjectId(), given_at=self._now())
            if self._replace(series, head, end, work):
                if head.life is not None:
                    self._sealer.sweep_later(series, head.life)
                return
            head = self._read_in_turn(series, work)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        where = {
            "account": account,
            "key": {"$gt": after, "$gte": prefix},
            "batch.0": {"$exists": True},
        }
        rows = self._work().persist(
            lambda: list(self._series.find(where).sort("key", ASCENDING).limit(limit))
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
            rows = self._rows(series, head, values, work, limit=limit - len(page), newest=True)
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
        where = _series(series)
        return self._head(lambda session: self._series.find_one(where, session=session), work)

    def _read_in_turn(self, series: SeriesKey, work: Patience) -> Head:
        """The current head, for who lost a step: with a mark on it, so that nobody starves.

        A server that goes on and on from memory is always faster than one that must read first.
        It sees the mark with its next step, and waits a moment.
        """
        where = _series(series)
        return self._head(
            lambda session: self._series.find_one_and_update(
                where,
                {"$set": {"awaited": work.id}},
                return_document=ReturnDocument.AFTER,
                session=session,
            ),
            work,
        )

    def _read_current(self, series: SeriesKey, work: Patience) -> Head:
        """The head as it was at some moment since this call began."""
        where = _series(series)
        return self._head(lambda session: self._current.find_one(where, session=session), work)

    def _head(self, read: Callable[[Session], Document | None], work: Patience) -> Head:
        def call() -> Head:
            with self._session() as session:
                document = read(session)
                return _head(document, _operation_time(session))

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
            if new.batch and self._was_sealed(series, new, head, work):
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
        with work.attempt(), self._session() as session:
            if seen.stamp is None:
                try:
                    self._series.insert_one({**_series(series), **state}, session=session)
                except DuplicateKeyError:
                    return False
            else:
                # All four: a token may come round again, and so may a value after a restart.
                replaced = self._series.find_one_and_update(
                    {
                        **_series(series),
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
            self._remember(series, new, _operation_time(session))
        return True

    def _was_sealed(self, series: SeriesKey, new: Head, now: Head, work: Patience) -> bool:
        """Whether *new* had its time: before it was replaced by another, it was sealed."""
        new.seen_at(now.time)
        rows = self._rows(series, new, {"value": Int64(new.first)}, work)
        return any(row["stamp"] == new.stamp for row in rows)

    def _remember(self, series: SeriesKey, head: Head, time: Timestamp | None) -> None:
        head.seen_at(time)
        if head.batch:
            self._sealer.seal_soon(series, head)
        self._heads.put(series, head)

    # The ledger: sealed, searched, swept

    def _seal(self, series: SeriesKey, head: Head, work: Patience) -> None:
        """Return when the head's batch stands in the ledger for good."""
        if head.sealing is not None:
            head.sealing.wait(work.remaining())
        if head.sealed or not head.alive:
            return
        # Read from the store, it was most likely sealed long ago by whoever wrote it.
        if not self._stands(series, head, work):
            work.persist(lambda: self._insert_rows([(series, head)]))
            if not self._stands(series, head, work):
                raise _contradiction(series, head)
        head.sealed = True

    def _stands(self, series: SeriesKey, head: Head, work: Patience) -> bool:
        values = {"value": {"$gte": Int64(head.first), "$lte": Int64(head.value)}}
        tokens = {int(row["value"]): row["token"] for row in self._rows(series, head, values, work)}
        for value, token in enumerate(head.batch, head.first):
            if value in tokens and tokens[value] != token:
                raise _contradiction(series, head)
        return len(tokens) == len(head.batch)

    def _insert_rows(self, heads: Sequence[Sealable]) -> bool:
        """Insert the rows of these batches; false if some stood already, and were left alone."""
        rows = [
            {
                **_series(series),
                "life": head.life,
                "value": Int64(value),
                "token": token,
                "given_at": Int64(head.given_at),
                "stamp": head.stamp,
            }
            for series, head in heads
            for value, token in enumerate(head.batch, head.first)
        ]
        all_new = True
        with self._session() as session:
            try:
                self._entries.insert_many(rows, ordered=False, session=session)
            except BulkWriteError as error:
                details = error.details or {}
                codes = {each.get("code") for each in details.get("writeErrors", ())}
                if details.get("writeConcernErrors") or codes != {_DUPLICATE_KEY}:
                    raise
                all_new = False
            for _, head in heads:
                head.seen_at(_operation_time(session))
        return all_new

    def _seal_many(self, heads: Sequence[Sealable]) -> None:
        """Seal in the background. What fails is left to the next step, which seals for itself."""
        work = self._work()
        try:
            with work.attempt():
                all_new = self._insert_rows(heads)
        except PyMongoError as error:
            log.info("sealing in the background failed (%s)", type(error).__name__)
            return
        for _, head in heads:
            head.sealed = all_new  # what stood already is compared by the next step

    def _sweep(self, ended: EndedLife) -> None:
        series, life = ended
        with self._work().attempt():
            self._entries.delete_many({**_series(series), "life": life})

    def _last_given(
        self, series: SeriesKey, head: Head, requests: Iterable[Advance], work: Patience
    ) -> Mapping[str, int]:
        """The value that each token with `Reuse.ANY` was last given; the head must be sealed.

        Not to find a token is a statement too, so the look-up may not be older than the head: on
        a fresh primary it waits until what came before the head is committed there.
        """
        tokens = {request.token for request in requests if request.reuse is Reuse.ANY}
        if not tokens or not head.alive:
            return {}
        most = 4 * len(tokens) + 64
        rows = self._rows(series, head, {"token": {"$in": list(tokens)}}, work, limit=most)
        known: dict[str, int] = {}
        for row in rows:
            known[row["token"]] = max(int(row["value"]), known.get(row["token"], 0))
        if len(rows) == most:  # of tokens with many values, these need not be the last
            for token in tokens:
                last = self._last_row(series, head, token, work)
                if last is not None:
                    known[token] = int(last["value"])
        return known

    def _last_row(
        self, series: SeriesKey, head: Head, token: str, work: Patience
    ) -> Document | None:
        rows = self._rows(series, head, {"token": token}, work, limit=1, newest=True)
        return rows[0] if rows else None

    def _rows(
        self,
        series: SeriesKey,
        head: Head,
        where: Mapping[str, Any],
        work: Patience,
        *,
        limit: int = 0,
        newest: bool = False,
    ) -> list[Document]:
        """Rows of the head's life, committed, and no older than what is known of the head."""

        def call() -> list[Document]:
            with self._session(head.time) as session:
                cursor = self._entries.find(
                    {**_series(series), "life": head.life, **where}, limit=limit, session=session
                )
                if newest:
                    cursor = cursor.sort("value", DESCENDING)
                rows = list(cursor)
                head.seen_at(_operation_time(session))
            return rows

        return work.persist(call)

    def _session(self, after: Timestamp | None = None) -> AbstractContextManager[Session]:
        """A session whose committed reads are no older than *after*."""
        if not self._replicated:
            return nullcontext(None)
        session = self._client.start_session(causal_consistency=True)
        if after is not None:
            session.advance_operation_time(after)
        return session


def _collection(
    database: "Database[Document]", name: str, read_concern: ReadConcern
) -> "Collection[Document]":
    return database.get_collection(
        name,
        read_concern=read_concern,
        write_concern=WriteConcern(w="majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )


def _series(series: SeriesKey) -> Document:
    return {"account": series.account, "key": series.key}


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


def _operation_time(session: Session) -> Timestamp | None:
    return None if session is None else session.operation_time


def _contradiction(series: SeriesKey, head: Head) -> InternalError:
    log.critical("the ledger of series %r contradicts its head at value %d", series.key, head.value)
    return InternalError(
        f"The ledger of the series {series.key!r} contradicts its head, so nothing was given. "
        "This must not happen: please report it, and look at both before going on."
    )
