"""Reads outside transactions that include every acknowledged write, and cannot be rolled back.

A linearizable read proves that the primary was still the primary after the read began. It returns
one document, selected by a unique key, and requires a session without causal consistency. Its
operation time is a moment by which everything acknowledged before is included, so majority reads
after that time are not stale either.

- On a sharded cluster an operation time belongs to one shard, so each document is read
  linearizably.
- If the primary is the only electable member of its replica set, no other member can have
  acknowledged a write, so majority reads suffice. This is checked after each read: a member that is
  added later is known to the primary before it can be elected.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bson import Timestamp
from pymongo import ReadPreference, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from monotron.store.mongo.client import Document
from monotron.store.mongo.deadline import Deadline, StartDeadline

Result = TypeVar("Result")


def collection(
    database: "Database[Document]", name: str, level: str = "majority"
) -> "Collection[Document]":
    """Return a collection with write concern majority and journal.

    Inside a transaction, the concerns of the transaction apply.
    """
    return database.get_collection(
        name,
        read_concern=ReadConcern(level),
        write_concern=WriteConcern(w="majority", j=True),
        read_preference=ReadPreference.PRIMARY,
    )


class Reads:
    """Sessions for reads, and current reads of documents."""

    def __init__(self, database: "Database[Document]", start_deadline: StartDeadline) -> None:
        self.start_deadline = start_deadline
        self._database = database
        self._client = database.client
        hello = self._client.admin.command("hello")
        self.is_sharded = hello.get("msg") == "isdbgrid"
        self._is_only_member = _is_only_member(hello)

    def after(
        self,
        time: Timestamp | None,
        read: Callable[[ClientSession], Result],
        deadline: Deadline | None = None,
    ) -> tuple[Result, Timestamp | None]:
        """Read committed documents, not older than *time*. Return them, and the read's time.

        *read* may be repeated after an error.
        """

        def call() -> tuple[Result, Timestamp | None]:
            with self._client.start_session(causal_consistency=True) as session:
                if time is not None:
                    session.advance_operation_time(time)
                return read(session), session.operation_time

        return (deadline or self.start_deadline()).persist(call)

    def current(
        self, name: str, keys: Sequence[Document], deadline: Deadline | None = None
    ) -> tuple[list[Document], Timestamp | None]:
        """Read the documents with these unique keys: each as of a moment since this call began.

        Return those that exist, and a time after which majority reads are not stale.
        """
        if not keys:
            return [], None
        deadline = deadline or self.start_deadline()
        majority = collection(self._database, name)
        if self._is_only_member:
            found = self.after(None, lambda session: _find(majority, keys, session), deadline)
            hello = deadline.persist(lambda: self._client.admin.command("hello"))
            self._is_only_member = _is_only_member(hello)
            if self._is_only_member:
                return found
        linearizable = collection(self._database, name, "linearizable")
        first = keys if self.is_sharded else keys[:1]
        reads = [self._linearizable(linearizable, key, deadline) for key in first]
        documents = [document for document, _ in reads if document is not None]
        time = max((time for _, time in reads if time is not None), default=None)
        others = keys[len(first) :]
        if others:
            more, time = self.after(
                time, lambda session: _find(majority, others, session), deadline
            )
            documents += more
        return documents, time

    def _linearizable(
        self, documents: "Collection[Document]", key: Document, deadline: Deadline
    ) -> tuple[Document | None, Timestamp | None]:
        def call() -> tuple[Document | None, Timestamp | None]:
            with self._client.start_session(causal_consistency=False) as session:
                return documents.find_one(key, session=session), session.operation_time

        return deadline.persist(call)


def any_of(conditions: Sequence[Document]) -> Document:
    """Return a filter that matches documents that match one of the conditions."""
    return conditions[0] if len(conditions) == 1 else {"$or": list(conditions)}


def with_keys(field: str, keys: Iterable[tuple[int, str]]) -> Document:
    """Return a filter that matches documents whose account and *field* are one of the keys.

    MongoDB plans one index scan for each account, instead of one for each key.
    """
    by_account: dict[int, list[str]] = defaultdict(list)
    for account, key in keys:
        by_account[account].append(key)
    return any_of([{"account": a, field: {"$in": of_a}} for a, of_a in by_account.items()])


def _find(
    documents: "Collection[Document]", keys: Sequence[Document], session: ClientSession
) -> list[Document]:
    return list(documents.find(any_of(keys), session=session))


def _is_only_member(hello: Document) -> bool:
    return "setName" in hello and hello.get("hosts") == [hello.get("me")]
