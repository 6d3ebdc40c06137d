"""The ledger of all series in MongoDB. Heads are sealed into it."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

from bson import Int64, Timestamp
from pymongo import ASCENDING, DESCENDING, ReadPreference, WriteConcern
from pymongo import collection as driver
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from monotron.errors import InternalError, MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Reuse, SeriesKey
from monotron.runtime import Runtime
from monotron.store.mongo.client import Deadline, Document
from monotron.store.mongo.heads import Head, Sealable

log = logging.getLogger("monotron.store")

_DUPLICATE_KEY = 11000

RECENT_MS = 100
"""A head that another server wrote within this time is probably not sealed yet. If this guess is
wrong, sealing takes one more call."""

Session = ClientSession | None
Index: TypeAlias = list[tuple[str, int]]

_OF_GENERATION: Index = [("account", ASCENDING), ("key", ASCENDING), ("generation", ASCENDING)]
_BY_VALUE: Index = [*_OF_GENERATION, ("value", ASCENDING)]
_BY_TOKEN: Index = [*_OF_GENERATION, ("token", ASCENDING), ("value", DESCENDING)]


class Sessions:
    """Starts sessions of a client. A session is None if the server is not replicated."""

    def __init__(self, database: "Database[Document]", *, replicated: bool) -> None:
        self._client = database.client
        self._replicated = replicated

    def start(self, after: Timestamp | None = None) -> AbstractContextManager[Session]:
        """Start a session whose committed reads are not older than *after*."""
        if not self._replicated:
            return nullcontext(None)
        session = self._client.start_session(causal_consistency=True)
        if after is not None:
            session.advance_operation_time(after)
        return session

    def read_concern(self, level: str) -> ReadConcern:
        """Return the read concern *level*, or `local` if the server is not replicated."""
        return ReadConcern(level if self._replicated else "local")


class Ledger:
    """The collection `entries`: the sealed entries of each generation of each series."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, runtime: Runtime
    ) -> None:
        self._sessions = sessions
        self._now = runtime.now_ms
        self._entries = collection(database, "entries", sessions.read_concern("majority"))
        self._entries.create_index(_BY_VALUE, unique=True)
        self._entries.create_index(_BY_TOKEN)

    def seal(self, series: SeriesKey, head: Head, deadline: Deadline) -> None:
        """Return when the head's batch is committed in the ledger."""
        for contradiction in self.seal_all([(series, head)], deadline).values():
            raise contradiction

    def seal_all(
        self, heads: Sequence[Sealable], deadline: Deadline
    ) -> dict[SeriesKey, MonotronError]:
        """Return when the batches of these heads are committed in the ledger.

        The result has an error for each series whose ledger contradicts its head.
        """
        for _, head in heads:
            if head.sealing is not None:
                head.sealing.wait(deadline.remaining())  # also seals the heads that it carries
        unsealed = [
            (series, head) for series, head in heads if head.is_active and not head.all_sealed()
        ]
        # Other servers have sealed nearly all of their heads, except the most recent ones.
        recent_since = self._now() - RECENT_MS
        recent: list[Sealable] = []
        older: list[Sealable] = []
        for series, head in unsealed:
            is_recent = head.sealing is None and head.created_at > recent_since
            (recent if is_recent else older).append((series, head))
        missing, wrong = self._compare(older, deadline)
        if recent or missing:
            unwritten = [*recent, *missing]
            existing = deadline.persist(lambda: self._insert(unwritten, lambda head: head.first))
            missing, more = self._compare(existing, deadline)
            wrong |= more | {series: _contradiction(series, head) for series, head in missing}
        for series, head in unsealed:
            if series not in wrong:
                head.sealed, head.carried = True, ()
        return wrong

    def _compare(
        self, heads: Sequence[Sealable], deadline: Deadline
    ) -> tuple[list[Sealable], dict[SeriesKey, MonotronError]]:
        """Return the heads with missing rows, and the errors of series with contradicting rows."""
        tokens: dict[tuple[SeriesKey, int], str | None] = {}
        for row in self._rows_of_batches(heads, deadline) if heads else ():
            series = SeriesKey(int(row["account"]), row["key"])
            tokens[series, int(row["value"])] = row["token"]
        missing = []
        wrong: dict[SeriesKey, MonotronError] = {}
        for series, head in heads:
            batch = [((series, value), token) for value, token in enumerate(head.batch, head.first)]
            if any(tokens.get(position, token) != token for position, token in batch):
                wrong[series] = _contradiction(series, head)
            elif any(position not in tokens for position, _ in batch):
                missing.append((series, head))
        return missing, wrong

    def _rows_of_batches(self, heads: Sequence[Sealable], deadline: Deadline) -> list[Document]:
        conditions = [
            {
                **where(series),
                "generation": head.generation,
                "value": {"$gte": Int64(head.first), "$lte": Int64(head.value)},
            }
            for series, head in heads
        ]
        return self._find(_any(conditions), [head for _, head in heads], deadline, index=_BY_VALUE)

    def _insert(self, heads: Sequence[Sealable], first: Callable[[Head], int]) -> list[Sealable]:
        """Insert the rows of these heads, starting at the value *first*.

        Existing rows are unchanged. Return the heads that had any.
        """
        rows = [(item, row) for item in heads for row in _rows(*item, first(item[1]))]
        existing: dict[Sealable, None] = {}
        with self._sessions.start() as session:
            try:
                self._entries.insert_many([row for _, row in rows], ordered=False, session=session)
            except BulkWriteError as error:
                if not only_duplicates(error):
                    raise
                positions = (item["index"] for item in error.details["writeErrors"])
                existing = dict.fromkeys(rows[position][0] for position in positions)
            for _, head in heads:
                head.seen_at(operation_time(session))
        return list(existing)

    def seal_fresh(self, heads: Sequence[Sealable], deadline: Deadline) -> None:
        """Seal the fresh tokens once. If that fails, the next batch of the series seals them."""
        try:
            with deadline.attempt():
                existing = set(self._insert(heads, lambda head: head.first_fresh))
        except PyMongoError as error:
            log.info(
                "background ledger write failed (%s); will be retried with the next request",
                type(error).__name__,
            )
            return
        for series, head in heads:
            head.sealed = (series, head) not in existing  # the next batch compares existing rows

    def last_values(
        self,
        heads: Mapping[SeriesKey, Head],
        requests: Iterable[AllocationRequest],
        deadline: Deadline,
    ) -> dict[SeriesKey, dict[str, int]]:
        """Return the last value of each token with `Reuse.ANY`, from the batch and the ledger.

        The absence of a token affects the result, so the read must not be older than the heads. On
        a new primary, it waits until everything before them is committed there. Earlier batches are
        sealed. The batch itself may be sealed concurrently.
        """
        requested: dict[SeriesKey, set[str]] = {}
        for series, token, reuse, *_ in requests:
            if reuse is Reuse.ANY and heads[series].is_active:
                requested.setdefault(series, set()).add(token)
        known = self._last_values_of_rows(
            # A batch that starts with 1 contains all entries of its generation.
            {series: tokens for series, tokens in requested.items() if heads[series].first > 1},
            heads,
            deadline,
        )
        for series in requested:
            batch = enumerate(heads[series].batch, heads[series].first)
            known.setdefault(series, {}).update(
                (token, value) for value, token in batch if token is not None
            )
        return known

    def _last_values_of_rows(
        self,
        requested: Mapping[SeriesKey, Collection[str]],
        heads: Mapping[SeriesKey, Head],
        deadline: Deadline,
    ) -> dict[SeriesKey, dict[str, int]]:
        known: dict[SeriesKey, dict[str, int]] = {}
        if not requested:
            return known
        max_rows = 4 * sum(map(len, requested.values())) + 64
        conditions = [
            {
                **where(series),
                "generation": heads[series].generation,
                "token": {"$in": list(tokens)},
            }
            for series, tokens in requested.items()
        ]
        rows = self._find(
            _any(conditions),
            [heads[series] for series in requested],
            deadline,
            limit=max_rows,
            index=_BY_TOKEN,
        )
        for row in rows:
            values = known.setdefault(SeriesKey(int(row["account"]), row["key"]), {})
            values[row["token"]] = max(int(row["value"]), values.get(row["token"], 0))
        if len(rows) == max_rows:  # if a token has many values, these may not include the last one
            for series, tokens in requested.items():
                for token in tokens:
                    last = self.last_row(series, heads[series], token, deadline)
                    if last is not None:
                        known.setdefault(series, {})[token] = int(last["value"])
        return known

    def last_row(
        self, series: SeriesKey, head: Head, token: str | None, deadline: Deadline
    ) -> Document | None:
        """Return the row with the highest value of the token in the head's generation, or None."""
        rows = self.rows(series, head, {"token": token}, deadline, limit=1, newest=True)
        return rows[0] if rows else None

    def rows(
        self,
        series: SeriesKey,
        head: Head,
        condition: Mapping[str, Any],
        deadline: Deadline,
        *,
        limit: int = 0,
        newest: bool = False,
    ) -> list[Document]:
        """Return committed rows of the head's generation, not older than the known head."""
        condition = {**where(series), "generation": head.generation, **condition}
        return self._find(condition, [head], deadline, limit=limit, newest=newest)

    def _find(
        self,
        condition: Mapping[str, Any],
        heads: Sequence[Head],
        deadline: Deadline,
        *,
        limit: int = 0,
        newest: bool = False,
        index: Index | None = None,
    ) -> list[Document]:
        after = max((head.time for head in heads if head.time is not None), default=None)

        def call() -> list[Document]:
            with self._sessions.start(after) as session:
                cursor = self._entries.find(condition, limit=limit, session=session)
                if newest:
                    cursor = cursor.sort("value", DESCENDING)
                if index is not None:
                    cursor = cursor.hint(index)
                rows = list(cursor)
                for head in heads:
                    head.seen_at(operation_time(session))
            return rows

        return deadline.persist(call)

    def were_sealed(self, heads: Sequence[Sealable], deadline: Deadline) -> set[SeriesKey]:
        """Return the series of those heads that were applied and replaced since.

        A head is sealed before it is replaced, so its stamp is in the ledger. The time of each
        head must be that of its current successor.
        """
        conditions = [
            {**where(series), "generation": head.generation, "value": Int64(head.first_fresh)}
            for series, head in heads
        ]
        rows = self._find(_any(conditions), [head for _, head in heads], deadline, index=_BY_VALUE)
        stamps = {SeriesKey(int(row["account"]), row["key"]): row["stamp"] for row in rows}
        return {series for series, head in heads if stamps.get(series) == head.stamp}


def _rows(series: SeriesKey, head: Head, first: int) -> list[Document]:
    """Return the rows of the head's batch with values of at least *first*."""
    return [
        {
            **where(series),
            "generation": head.generation,
            "value": Int64(value),
            "token": head.batch[value - head.first],
            "created_at": Int64(head.created_at),
            "stamp": head.stamp,
            "assigned_by": head.assigned_by[value - head.first],
        }
        for value in range(first, head.value + 1)
    ]


def collection(
    database: "Database[Document]", name: str, read_concern: ReadConcern
) -> "driver.Collection[Document]":
    return database.get_collection(
        name,
        read_concern=read_concern,
        write_concern=WriteConcern(w="majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )


def only_duplicates(error: BulkWriteError) -> bool:
    """Return whether all errors are duplicate keys."""
    details = error.details or {}
    codes = {item.get("code") for item in details.get("writeErrors", ())}
    return codes == {_DUPLICATE_KEY} and not details.get("writeConcernErrors")


def where(series: SeriesKey) -> Document:
    """Return the fields that identify a series in all collections."""
    return {"account": series.account, "key": series.key}


def _any(conditions: Sequence[Document]) -> Document:
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}


def operation_time(session: Session) -> Timestamp | None:
    """Return the cluster time of the session's last operation."""
    return None if session is None else session.operation_time


def _contradiction(series: SeriesKey, head: Head) -> InternalError:
    log.critical("the ledger of series %r contradicts its head at value %d", series.key, head.value)
    return InternalError(
        f"The ledger of {series.key!r} contradicts its head. Nothing was assigned, because a "
        "value could be assigned twice. This is a bug: report it, and run `monotron audit`."
    )
