"""A MongoDB store on mongomock, for its logic only: nothing is atomic, and nothing is aborted."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple, Self

import mongomock
from pymongo.errors import BulkWriteError

from monotron.store.mongo import MongoStore
from monotron.store.mongo.client import Driver


class Update(NamedTuple):
    """`pymongo.UpdateOne`, with public fields."""

    filter: dict[str, Any]
    update: dict[str, Any]


class Session:
    """A session whose transactions have no effect."""

    operation_time = None
    thread: ClassVar[Any] = threading.local()
    """`current` is the session with an open transaction. Every call of the thread belongs to it."""

    def __init__(self, **_: object) -> None:
        self.in_transaction = False

    def start_transaction(self, **_: object) -> None:
        assert current_session() is None
        Session.thread.current = self
        self.in_transaction = True

    def commit_transaction(self) -> None:
        assert self.in_transaction
        Session.thread.current = None
        self.in_transaction = False

    abort_transaction = commit_transaction

    def end_session(self) -> None:
        assert not self.in_transaction

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_session()


def current_session() -> Session | None:
    """The session with an open transaction of this thread."""
    found: Session | None = getattr(Session.thread, "current", None)
    return found


class Collection:
    """A collection whose methods accept a session. Others are those of mongomock."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)

        def without_session(*args: Any, session: Session | None = None, **kwargs: Any) -> Any:
            assert current_session() in (None, session)
            return method(*args, **kwargs)

        return without_session

    def bulk_write(
        self, updates: Sequence[Update], *, session: Session, **_: object
    ) -> SimpleNamespace:
        assert session is current_session()
        results = [self._collection.update_one(*update) for update in updates]
        return SimpleNamespace(matched_count=sum(result.matched_count for result in results))

    def insert_many(self, documents: Any, session: Session) -> None:
        assert session is current_session()
        try:
            self._collection.insert_many(documents)
        except mongomock.BulkWriteError as error:
            raise BulkWriteError(error.details) from error


class Database:
    """A database of one server that is the only member of a replica set."""

    def __init__(self) -> None:
        self._database = mongomock.MongoClient()["monotron"]
        hello = {"me": "mock", "hosts": ["mock"]}
        self.client = SimpleNamespace(
            admin=SimpleNamespace(command=lambda *_, **__: hello),
            start_session=Session,
            close=lambda: None,
        )

    def get_collection(self, name: str, **_: object) -> Collection:
        return Collection(self._database[name])


def mongomock_store() -> MongoStore:
    database: Any = Database()
    timeout: Any = nullcontext
    update_one: Any = Update
    return MongoStore(database, driver=Driver(timeout, update_one))
