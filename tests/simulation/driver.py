"""The part of PyMongo that the series use, on a simulated replica set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar

from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, ConnectionFailure
from pymongo.read_concern import ReadConcern

from simulation.admin import Admin
from simulation.documents import Document, in_order
from simulation.failures import INVALID_OPTIONS, duplicate_key, server_error
from simulation.network import Command, Network, Reply
from simulation.server_transactions import OUTSIDE, Transaction
from simulation.sessions import ClientSession, SessionPool

Result = TypeVar("Result")

LOCK_SECONDS = 0.01
"""How long a write outside transactions waits before it tries again to lock a document."""


class UpdateOne(NamedTuple):
    """`pymongo.UpdateOne`, with public fields."""

    filter: Document
    update: Document


class Client:
    """The client of one server process."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._pool = SessionPool(network)
        self.admin = Admin(network)

    @property
    def with_transactions(self) -> set[int]:
        """The sessions that this client used for transactions."""
        return self._pool.with_transactions

    def start_session(self, *, causal_consistency: bool | None = None) -> ClientSession:
        return ClientSession(self._network, self._pool, causal_consistency=causal_consistency)

    def close(self) -> None:
        pass


class Database:
    """The connection of one server to a database."""

    def __init__(self, network: Network) -> None:
        self.client = Client(network)
        self._network = network

    def get_collection(
        self, name: str, *, read_concern: ReadConcern | None = None, **_: object
    ) -> Collection:
        level = (read_concern.level if read_concern else None) or "local"
        return Collection(self._network, name, level)


class Collection:
    def __init__(self, network: Network, name: str, level: str) -> None:
        self._network = network
        self._table = network.replica.table(name)
        self._name = name
        self.level = level

    def create_index(self, *_: object, **__: object) -> None:
        pass  # the unique ones are part of the replica set

    def find(
        self,
        condition: Document,
        projection: object = None,
        *,
        limit: int = 0,
        session: ClientSession | None = None,
    ) -> Cursor:
        return Cursor(self, condition, limit, session)

    def find_one(
        self,
        condition: Document,
        projection: object = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        skip: int = 0,
        session: ClientSession | None = None,
    ) -> Document | None:
        rows = list(self.find(condition, limit=skip + 1, session=session).sort(sort))
        return rows[skip] if len(rows) > skip else None

    def aggregate(
        self, pipeline: Sequence[Document], *, session: ClientSession | None = None
    ) -> Iterator[Document]:
        """Group the documents that match by a field: the first one of each group in an order."""
        match, sort, group = pipeline
        field, result = group["$group"]["_id"], dict(group["$group"])
        del result["_id"]
        ((name, first),) = result.items()
        assert first == {"$first": "$$ROOT"}, "not simulated"
        groups: dict[Any, Document] = {}
        for row in self.read(match["$match"], list(sort["$sort"].items()), 0, session):
            groups.setdefault(row[field.removeprefix("$")], row)
        return iter([{"_id": value, name: row} for value, row in groups.items()])

    def read(
        self,
        condition: Document,
        order: Sequence[tuple[str, int]],
        limit: int,
        session: ClientSession | None,
    ) -> list[Document]:
        """Read the documents that match the filter."""

        def find(transaction: Transaction) -> list[Document]:
            found = (document for _, document in transaction.find(self._table, condition))
            return in_order(found, order, limit)

        if session is not None and session.in_transaction:
            return self._statement("find", session, find)
        after = session.after if session else 0
        if after and self.level == "linearizable":
            raise server_error(INVALID_OPTIONS)

        def apply() -> Reply | float:
            view = self._view(after)
            if isinstance(view, float):
                return view
            documents = find(Transaction(OUTSIDE, view, 0.0))
            return Reply(documents, view if self.level == "linearizable" else None, view)

        return self._send(f"find {self._name} {self.level}", apply, session)

    def _view(self, after: int) -> int | float:
        """Return the index of the last write that a read sees, or the seconds until it can."""
        replica, network = self._network.replica, self._network
        if self.level != "majority":
            return replica.top
        if after > replica.committed():
            return replica.commit_in(after) + network.faults.slow
        return max(after, network.stale_index())

    def find_one_and_update(
        self,
        condition: Document,
        change: Document,
        *,
        return_document: bool = ReturnDocument.BEFORE,
        session: ClientSession | None = None,
    ) -> Document | None:
        is_after = return_document == ReturnDocument.AFTER

        def update(transaction: Transaction) -> Document | None:
            updated = transaction.update(self._table, condition, change["$set"])
            return updated[is_after] if updated else None

        return self._write("find_one_and_update", update, session)

    def update_one(
        self, condition: Document, change: Document, *, session: ClientSession | None = None
    ) -> SimpleNamespace:
        def update(transaction: Transaction) -> SimpleNamespace:
            updated = transaction.update(self._table, condition, change["$set"])
            return SimpleNamespace(matched_count=int(updated is not None))

        return self._write("update_one", update, session)

    def bulk_write(
        self,
        updates: Sequence[UpdateOne],
        *,
        ordered: bool = True,
        session: ClientSession | None = None,
    ) -> SimpleNamespace:
        def update_all(transaction: Transaction) -> SimpleNamespace:
            done = [
                transaction.update(self._table, each.filter, each.update["$set"])
                for each in updates
            ]
            return SimpleNamespace(matched_count=sum(each is not None for each in done))

        return self._write(f"bulk_write of {len(updates)}", update_all, session)

    def insert_many(
        self,
        documents: Sequence[Document],
        *,
        ordered: bool = True,
        session: ClientSession | None = None,
    ) -> None:
        def insert(transaction: Transaction) -> None:
            transaction.insert(self._table, documents)

        self._write(f"insert_many of {len(documents)}", insert, session)

    def insert_one(self, document: Document, *, session: ClientSession | None = None) -> None:
        def insert(transaction: Transaction) -> None:
            try:
                transaction.insert(self._table, [document])
            except BulkWriteError:
                raise duplicate_key() from None

        self._write("insert_one", insert, session)

    def delete_many(
        self, condition: Document, *, session: ClientSession | None = None
    ) -> SimpleNamespace:
        def delete(transaction: Transaction) -> SimpleNamespace:
            return SimpleNamespace(deleted_count=transaction.delete(self._table, condition))

        return self._write("delete_many", delete, session)

    def _write(
        self, name: str, run: Callable[[Transaction], Result], session: ClientSession | None
    ) -> Result:
        if session is not None and session.in_transaction:
            return self._statement(name, session, run)

        def apply() -> Reply | float:
            done = self._network.transactions.run_alone(run)
            return LOCK_SECONDS if done is None else Reply(done[0], done[1], done[1])

        return self._send(f"{name} {self._name}", apply, session, writes=True)

    def _statement(
        self, name: str, session: ClientSession, run: Callable[[Transaction], Result]
    ) -> Result:
        result: Result = session.statement(f"{name} {self._name}", run)
        return result

    def _send(
        self,
        name: str,
        apply: Callable[[], Reply | float],
        session: ClientSession | None,
        *,
        writes: bool = False,
    ) -> Any:
        try:
            return self._network.call(Command(name, apply, session, writes=writes))
        except ConnectionFailure as error:
            if session is not None:
                session.failed(error)
            raise


class Cursor:
    """A cursor whose documents are read when it is iterated."""

    def __init__(
        self, collection: Collection, condition: Document, limit: int, session: ClientSession | None
    ) -> None:
        self._collection = collection
        self._condition = condition
        self._limit = limit
        self._session = session
        self._order: list[tuple[str, int]] = []

    def sort(self, field: str | Sequence[tuple[str, int]], direction: int = 1) -> Cursor:
        self._order = [(field, direction)] if isinstance(field, str) else list(field)
        return self

    def limit(self, limit: int) -> Cursor:
        self._limit = limit
        return self

    def hint(self, _: object) -> Cursor:
        return self

    def __iter__(self) -> Iterator[Document]:
        rows = self._collection.read(self._condition, self._order, self._limit, self._session)
        return iter(rows)
