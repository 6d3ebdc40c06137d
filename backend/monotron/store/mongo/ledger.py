"""The ledger of all series in MongoDB, and the sealing of heads into it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bson import Int64, Timestamp
from pymongo import ASCENDING, DESCENDING, ReadPreference, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from monotron.errors import InternalError
from monotron.model import Reuse, SeriesKey
from monotron.store.base import Advance
from monotron.store.mongo.connection import Document, Patience
from monotron.store.mongo.heads import EndedLife, Head, Sealable

log = logging.getLogger("monotron.store")

_DUPLICATE_KEY = 11000

Session = ClientSession | None


class Sessions:
    """Sessions of a client; none (`None`) where the server is not replicated."""

    def __init__(self, database: "Database[Document]", *, replicated: bool) -> None:
        self._client = database.client
        self._replicated = replicated

    def start(self, after: Timestamp | None = None) -> AbstractContextManager[Session]:
        """A session whose committed reads are no older than *after*."""
        if not self._replicated:
            return nullcontext(None)
        session = self._client.start_session(causal_consistency=True)
        if after is not None:
            session.advance_operation_time(after)
        return session

    def read_concern(self, level: str) -> ReadConcern:
        """*level*, where the server knows it."""
        return ReadConcern(level if self._replicated else "local")


class Ledger:
    """The collection `entries`: what each life of each series gave, once it was sealed."""

    def __init__(self, database: "Database[Document]", sessions: Sessions) -> None:
        self._sessions = sessions
        self._entries = collection(database, "entries", sessions.read_concern("majority"))
        life = [("account", ASCENDING), ("key", ASCENDING), ("life", ASCENDING)]
        self._entries.create_index([*life, ("value", ASCENDING)], unique=True)
        self._entries.create_index([*life, ("token", ASCENDING), ("value", DESCENDING)])

    def seal(self, series: SeriesKey, head: Head, work: Patience) -> None:
        """Return when the head's batch stands in the ledger for good."""
        if head.sealing is not None:
            head.sealing.wait(work.remaining())
        if head.sealed or not head.alive:
            return
        # Read from the store, it was most likely sealed long ago by whoever wrote it.
        if not self._stands(series, head, work):
            work.persist(lambda: self.insert([(series, head)]))
            if not self._stands(series, head, work):
                raise _contradiction(series, head)
        head.sealed = True

    def _stands(self, series: SeriesKey, head: Head, work: Patience) -> bool:
        values = {"value": {"$gte": Int64(head.first), "$lte": Int64(head.value)}}
        tokens = {int(row["value"]): row["token"] for row in self.rows(series, head, values, work)}
        for value, token in enumerate(head.batch, head.first):
            if value in tokens and tokens[value] != token:
                raise _contradiction(series, head)
        return len(tokens) == len(head.batch)

    def insert(self, heads: Sequence[Sealable]) -> bool:
        """Insert the rows of these batches; false if some stood already, and were left alone."""
        rows = [
            {
                **where(series),
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
        with self._sessions.start() as session:
            try:
                self._entries.insert_many(rows, ordered=False, session=session)
            except BulkWriteError as error:
                details = error.details or {}
                codes = {each.get("code") for each in details.get("writeErrors", ())}
                if details.get("writeConcernErrors") or codes != {_DUPLICATE_KEY}:
                    raise
                all_new = False
            for _, head in heads:
                head.seen_at(operation_time(session))
        return all_new

    def seal_many(self, heads: Sequence[Sealable], work: Patience) -> None:
        """Seal in the background. What fails is left to the next step, which seals for itself."""
        try:
            with work.attempt():
                all_new = self.insert(heads)
        except PyMongoError as error:
            log.info("sealing in the background failed (%s)", type(error).__name__)
            return
        for _, head in heads:
            head.sealed = all_new  # what stood already is compared by the next step

    def sweep(self, ended: EndedLife, work: Patience) -> None:
        """Remove the rows of a life that has ended."""
        series, life = ended
        with work.attempt():
            self._entries.delete_many({**where(series), "life": life})

    def last_given(
        self, series: SeriesKey, head: Head, requests: Iterable[Advance], work: Patience
    ) -> Mapping[str, int]:
        """The value that each token with `Reuse.ANY` was last given: head's batch, then ledger.

        Not to find a token is a statement too, so the look-up may not be older than the head: on
        a fresh primary it waits until what came before the head is committed there. What came
        before was sealed; the batch itself need not be, so this may go on while it is.
        """
        tokens = {request.token for request in requests if request.reuse is Reuse.ANY}
        if not tokens or not head.alive:
            return {}
        most = 4 * len(tokens) + 64
        rows = self.rows(series, head, {"token": {"$in": list(tokens)}}, work, limit=most)
        known: dict[str, int] = {}
        for row in rows:
            known[row["token"]] = max(int(row["value"]), known.get(row["token"], 0))
        if len(rows) == most:  # of tokens with many values, these need not be the last
            for token in tokens:
                last = self.last_row(series, head, token, work)
                if last is not None:
                    known[token] = int(last["value"])
        return known | {
            token: value for value, token in enumerate(head.batch, head.first) if token is not None
        }

    def last_row(
        self, series: SeriesKey, head: Head, token: str, work: Patience
    ) -> Document | None:
        rows = self.rows(series, head, {"token": token}, work, limit=1, newest=True)
        return rows[0] if rows else None

    def rows(
        self,
        series: SeriesKey,
        head: Head,
        condition: Mapping[str, Any],
        work: Patience,
        *,
        limit: int = 0,
        newest: bool = False,
    ) -> list[Document]:
        """Rows of the head's life, committed, and no older than what is known of the head."""

        def call() -> list[Document]:
            with self._sessions.start(head.time) as session:
                cursor = self._entries.find(
                    {**where(series), "life": head.life, **condition}, limit=limit, session=session
                )
                if newest:
                    cursor = cursor.sort("value", DESCENDING)
                rows = list(cursor)
                head.seen_at(operation_time(session))
            return rows

        return work.persist(call)

    def was_sealed(
        self, series: SeriesKey, new: Head, now: Timestamp | None, work: Patience
    ) -> bool:
        """Whether *new* had its time: before it was replaced by another, it was sealed."""
        new.seen_at(now)
        rows = self.rows(series, new, {"value": Int64(new.first)}, work)
        return any(row["stamp"] == new.stamp for row in rows)


def collection(
    database: "Database[Document]", name: str, read_concern: ReadConcern
) -> "Collection[Document]":
    return database.get_collection(
        name,
        read_concern=read_concern,
        write_concern=WriteConcern(w="majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )


def where(series: SeriesKey) -> Document:
    """What all documents of a series have."""
    return {"account": series.account, "key": series.key}


def operation_time(session: Session) -> Timestamp | None:
    """The cluster time of what the session did last."""
    return None if session is None else session.operation_time


def _contradiction(series: SeriesKey, head: Head) -> InternalError:
    log.critical("the ledger of series %r contradicts its head at value %d", series.key, head.value)
    return InternalError(
        f"The ledger of the series {series.key!r} contradicts its head, so nothing was given. "
        "This must not happen: please report it, and look at both before going on."
    )
