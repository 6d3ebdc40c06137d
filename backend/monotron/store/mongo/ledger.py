"""The ledger of all series in MongoDB, and the sealing of heads into it."""

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
from monotron.store.mongo.client import Deadline, Document
from monotron.store.mongo.heads import EndedGeneration, Head, Sealable

log = logging.getLogger("monotron.store")

_DUPLICATE_KEY = 11000

YOUNG_MS = 100
"""What another server wrote so short a time ago is probably not sealed yet. Only a guess: if it is
wrong, sealing takes one call more."""

Session = ClientSession | None
Index: TypeAlias = list[tuple[str, int]]

_OF_GENERATION: Index = [("account", ASCENDING), ("key", ASCENDING), ("generation", ASCENDING)]
_BY_VALUE: Index = [*_OF_GENERATION, ("value", ASCENDING)]
_BY_TOKEN: Index = [*_OF_GENERATION, ("token", ASCENDING), ("value", DESCENDING)]


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
    """The collection `entries`: what each generation of each series gave, once it was sealed."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, now: Callable[[], int]
    ) -> None:
        """*now*: the time of day in milliseconds."""
        self._sessions = sessions
        self._now = now
        self._entries = collection(database, "entries", sessions.read_concern("majority"))
        self._entries.create_index(_BY_VALUE, unique=True)
        self._entries.create_index(_BY_TOKEN)

    def seal(self, series: SeriesKey, head: Head, work: Deadline) -> None:
        """Return when the head's batch stands in the ledger for good."""
        for contradiction in self.seal_all([(series, head)], work).values():
            raise contradiction

    def seal_all(self, heads: Sequence[Sealable], work: Deadline) -> dict[SeriesKey, MonotronError]:
        """Return when the batches of these heads stand in the ledger for good.

        Except those of the series that are returned: the ledger says something else there.
        """
        for _, head in heads:
            if head.sealing is not None:
                head.sealing.wait(work.remaining())  # and with it those that it carries
        unsealed = [each for each in heads if each[1].is_active and not each[1].all_sealed()]
        # Most that others wrote were sealed by them, unless that was a moment ago.
        long_ago = self._now() - YOUNG_MS
        young: list[Sealable] = []
        older: list[Sealable] = []
        for series, head in unsealed:
            is_young = head.sealing is None and head.created_at > long_ago
            (young if is_young else older).append((series, head))
        missing, wrong = self._compare(older, work)
        if young or missing:
            not_there = [*young, *missing]
            stood = work.persist(lambda: self._insert(not_there, lambda head: head.first))
            missing, more = self._compare(stood, work)
            wrong |= more | {series: _contradiction(series, head) for series, head in missing}
        for series, head in unsealed:
            if series not in wrong:
                head.sealed, head.carried = True, ()
        return wrong

    def _compare(
        self, heads: Sequence[Sealable], work: Deadline
    ) -> tuple[list[Sealable], dict[SeriesKey, MonotronError]]:
        """The heads of whose batches something is missing, and the series that are contradicted."""
        tokens: dict[tuple[SeriesKey, int], str | None] = {}
        for row in self._rows_of_batches(heads, work) if heads else ():
            series = SeriesKey(int(row["account"]), row["key"])
            tokens[series, int(row["value"])] = row["token"]
        missing = []
        wrong: dict[SeriesKey, MonotronError] = {}
        for series, head in heads:
            batch = [((series, value), token) for value, token in enumerate(head.batch, head.first)]
            if any(tokens.get(place, token) != token for place, token in batch):
                wrong[series] = _contradiction(series, head)
            elif any(place not in tokens for place, _ in batch):
                missing.append((series, head))
        return missing, wrong

    def _rows_of_batches(self, heads: Sequence[Sealable], work: Deadline) -> list[Document]:
        conditions = [
            {
                **where(series),
                "generation": head.generation,
                "value": {"$gte": Int64(head.first), "$lte": Int64(head.value)},
            }
            for series, head in heads
        ]
        return self._find(_any(conditions), [head for _, head in heads], work, index=_BY_VALUE)

    def _insert(self, heads: Sequence[Sealable], first: Callable[[Head], int]) -> list[Sealable]:
        """Insert the rows of these heads from the value *first* on.

        Returned are the heads of which a row stood already. It was left alone.
        """
        rows = [(each, row) for each in heads for row in _rows(*each, first(each[1]))]
        stood: dict[Sealable, None] = {}
        with self._sessions.start() as session:
            try:
                self._entries.insert_many([row for _, row in rows], ordered=False, session=session)
            except BulkWriteError as error:
                if not only_duplicates(error):
                    raise
                places = (each["index"] for each in error.details["writeErrors"])
                stood = dict.fromkeys(rows[place][0] for place in places)
            for _, head in heads:
                head.seen_at(operation_time(session))
        return list(stood)

    def seal_fresh(self, heads: Sequence[Sealable], work: Deadline) -> None:
        """Seal what is fresh in the background. What fails is left to the next step."""
        try:
            with work.attempt():
                stood = set(self._insert(heads, lambda head: head.first_fresh))
        except PyMongoError as error:
            log.info("sealing in the background failed (%s)", type(error).__name__)
            return
        for each in heads:
            each[1].sealed = each not in stood  # what stood already is compared by the next step

    def sweep(self, ended: EndedGeneration, work: Deadline) -> None:
        """Remove the rows of a generation that has ended."""
        series, generation = ended
        with work.attempt():
            self._entries.delete_many({**where(series), "generation": generation})

    def last_given(
        self, heads: Mapping[SeriesKey, Head], requests: Iterable[AllocationRequest], work: Deadline
    ) -> dict[SeriesKey, dict[str, int]]:
        """The value that each token with `Reuse.ANY` was last given: head's batch, then ledger.

        Not to find a token is a statement too, so the look-up may not be older than the heads:
        on a fresh primary it waits until what came before them is committed there. What came
        before was sealed; the batch itself need not be, so this may go on while it is.
        """
        asked: dict[SeriesKey, set[str]] = {}
        for series, token, reuse, *_ in requests:
            if reuse is Reuse.ANY and heads[series].is_active:
                asked.setdefault(series, set()).add(token)
        known = self._last_rows(
            # A batch that begins with 1 is all that there ever was in its generation.
            {series: tokens for series, tokens in asked.items() if heads[series].first > 1},
            heads,
            work,
        )
        for series in asked:
            batch = enumerate(heads[series].batch, heads[series].first)
            known.setdefault(series, {}).update(
                (token, value) for value, token in batch if token is not None
            )
        return known

    def _last_rows(
        self,
        asked: Mapping[SeriesKey, Collection[str]],
        heads: Mapping[SeriesKey, Head],
        work: Deadline,
    ) -> dict[SeriesKey, dict[str, int]]:
        known: dict[SeriesKey, dict[str, int]] = {}
        if not asked:
            return known
        most = 4 * sum(map(len, asked.values())) + 64
        conditions = [
            {
                **where(series),
                "generation": heads[series].generation,
                "token": {"$in": list(tokens)},
            }
            for series, tokens in asked.items()
        ]
        rows = self._find(
            _any(conditions),
            [heads[series] for series in asked],
            work,
            limit=most,
            index=_BY_TOKEN,
        )
        for row in rows:
            values = known.setdefault(SeriesKey(int(row["account"]), row["key"]), {})
            values[row["token"]] = max(int(row["value"]), values.get(row["token"], 0))
        if len(rows) == most:  # of tokens with many values, these need not be the last
            for series, tokens in asked.items():
                for token in tokens:
                    last = self.last_row(series, heads[series], token, work)
                    if last is not None:
                        known.setdefault(series, {})[token] = int(last["value"])
        return known

    def last_row(
        self, series: SeriesKey, head: Head, token: str | None, work: Deadline
    ) -> Document | None:
        rows = self.rows(series, head, {"token": token}, work, limit=1, newest=True)
        return rows[0] if rows else None

    def rows(
        self,
        series: SeriesKey,
        head: Head,
        condition: Mapping[str, Any],
        work: Deadline,
        *,
        limit: int = 0,
        newest: bool = False,
    ) -> list[Document]:
        """Rows of the head's generation, committed, and no older than what is known of the head."""
        condition = {**where(series), "generation": head.generation, **condition}
        return self._find(condition, [head], work, limit=limit, newest=newest)

    def _find(
        self,
        condition: Mapping[str, Any],
        heads: Sequence[Head],
        work: Deadline,
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

        return work.persist(call)

    def were_sealed(self, heads: Sequence[Sealable], work: Deadline) -> set[SeriesKey]:
        """The series of those heads that had their time: each is sealed before it is replaced.

        The time of each must be that of what stands in its place now.
        """
        conditions = [
            {**where(series), "generation": head.generation, "value": Int64(head.first_fresh)}
            for series, head in heads
        ]
        rows = self._find(_any(conditions), [head for _, head in heads], work, index=_BY_VALUE)
        stamps = {SeriesKey(int(row["account"]), row["key"]): row["stamp"] for row in rows}
        return {series for series, head in heads if stamps.get(series) == head.stamp}


def _rows(series: SeriesKey, head: Head, first: int) -> list[Document]:
    """The rows of the head's batch with values from *first* on."""
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
    """Whether nothing was wrong but that some of it stood already."""
    details = error.details or {}
    codes = {each.get("code") for each in details.get("writeErrors", ())}
    return codes == {_DUPLICATE_KEY} and not details.get("writeConcernErrors")


def where(series: SeriesKey) -> Document:
    """What all documents of a series have."""
    return {"account": series.account, "key": series.key}


def _any(conditions: Sequence[Document]) -> Document:
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}


def operation_time(session: Session) -> Timestamp | None:
    """The cluster time of what the session did last."""
    return None if session is None else session.operation_time


def _contradiction(series: SeriesKey, head: Head) -> InternalError:
    log.critical("the ledger of series %r contradicts its head at value %d", series.key, head.value)
    return InternalError(
        f"The ledger of the series {series.key!r} contradicts its head, so nothing was given. "
        "This must not happen: please report it, and look at both before going on."
    )
