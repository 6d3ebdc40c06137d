"""The transactions of a simulated replica set: sessions, snapshots, conflicts, commits, orphans.

The rules were observed on MongoDB 6.0. test_mongo_model.py compares both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from pymongo.errors import OperationFailure, PyMongoError

from simulation.documents import Document, Table, Versions, matches
from simulation.failures import (
    ALREADY_COMMITTED,
    CONFLICTING,
    TOO_OLD,
    TRANSIENT,
    WRITE_CONFLICT,
    duplicate_keys,
    no_such_transaction,
    not_primary,
    server_error,
    write_conflict,
)
from simulation.replica import Replica, Write

Result = TypeVar("Result")

LIFETIME_SECONDS = 60.0
"""`transactionLifetimeLimitSeconds`, after which the server aborts a transaction."""


class Reference(NamedTuple):
    """The fields of a command that name its transaction."""

    session: int
    number: int
    starts: bool = False
    """`startTransaction`: it is the first command of the transaction."""
    after: int = 0
    """`afterClusterTime`: the snapshot includes this write."""


OUTSIDE = Reference(0, 0)
"""The reference of a read or write outside transactions."""


class Transaction:
    """A transaction that the primary has started."""

    def __init__(self, reference: Reference, snapshot: int, now: float) -> None:
        self.reference = reference
        self.snapshot = snapshot
        self.writes: dict[Versions, tuple[Table, Document | None]] = {}
        self.is_open = True
        self.is_on_former_primary = False
        """Whether it runs on a member that does not know yet that another one was elected."""
        self.active_at = self.started_at = now

    def see(self, versions: Versions) -> Document | None:
        """Return the document in the snapshot, or as the transaction has written it."""
        if versions in self.writes:
            return self.writes[versions][1]
        return versions.at(self.snapshot)

    def find(self, table: Table, condition: Document) -> list[tuple[Versions, Document]]:
        """Return the documents that match the filter."""
        seen = ((versions, self.see(versions)) for versions in table.candidates(condition))
        return [
            (versions, document)
            for versions, document in seen
            if document is not None and matches(document, condition)
        ]

    def update(
        self, table: Table, condition: Document, change: Document
    ) -> tuple[Document, Document] | None:
        """Update the first document that matches, and return it before and after."""
        for versions, document in self.find(table, condition):
            updated = {**document, **change}
            self._write(table, versions, updated)
            return document, updated
        return None

    def delete(self, table: Table, condition: Document) -> int:
        """Delete all documents that match, and return their number."""
        found = self.find(table, condition)
        for versions, _ in found:
            self._write(table, versions, None)
        return len(found)

    def insert(self, table: Table, documents: Iterable[Document]) -> None:
        """Insert documents, until one with an existing unique key."""
        for position, document in enumerate(documents):
            for each in table.unique_indexes(document):
                versions = each.identity(document)
                is_foreign = versions.writer not in (None, self)
                is_new = versions.last_index > self.snapshot and versions.latest is not None
                if not is_foreign and not is_new and self.see(versions) is not None:
                    raise duplicate_keys([position])
                self._write(each, versions, document, is_insert=True)

    def _write(
        self,
        table: Table,
        versions: Versions,
        document: Document | None,
        *,
        is_insert: bool = False,
    ) -> None:
        is_changed = versions.last_index > self.snapshot
        if is_insert and versions.latest is None:
            is_changed = False  # the index has no entry to conflict with
        if self.is_on_former_primary:
            pass
        elif versions.writer not in (None, self) or is_changed:
            raise write_conflict()
        else:
            versions.writer = self
        self.writes[versions] = (table, document)

    def end(self) -> None:
        """Release the locks."""
        self.is_open = False
        for versions in self.writes:
            if versions.writer is self:
                versions.writer = None


class _Session:
    """What the primary knows of a session."""

    __slots__ = ("committed", "latest", "number")

    def __init__(self) -> None:
        self.number = -1
        self.latest: Transaction | None = None
        self.committed: list[tuple[int, int]] = []
        """The number and the index of each committed transaction: part of the log."""


class ServerTransactions:
    """All sessions and transactions on the primary."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._world = replica.world
        self._sessions: dict[int, _Session] = {}
        self._names = 0
        replica.on_election = self._elected

    def new_session(self) -> int:
        """Return a new name of a session."""
        self._names += 1
        return self._names

    def open(self) -> Iterator[tuple[int, Transaction]]:
        """Yield the open transactions and their sessions."""
        for name, session in self._sessions.items():
            if session.latest is not None and session.latest.is_open:
                yield name, session.latest

    def run(
        self,
        reference: Reference,
        statement: Callable[[Transaction], Result],
        *,
        on_former_primary: bool = False,
    ) -> Result:
        """Run a statement of a transaction. An error aborts the transaction."""
        transaction = self._transaction(reference)
        if reference.starts and on_former_primary:
            transaction.is_on_former_primary = True
            ago = self._world.chance.expovariate(1.0)
            transaction.snapshot = max(reference.after, self._replica.committed(ago))
        transaction.active_at = self._world.now
        try:
            return statement(transaction)
        except PyMongoError:
            transaction.end()
            raise

    def _transaction(self, reference: Reference) -> Transaction:
        session = self._sessions.setdefault(reference.session, _Session())
        if reference.number < session.number:
            raise server_error(TOO_OLD)
        if reference.starts:
            if reference.number == session.number:
                raise server_error(CONFLICTING)
            return self._start(session, reference)
        if reference.number > session.number:
            raise no_such_transaction(TRANSIENT)
        if self._committed_at(session, reference) is not None:
            raise server_error(ALREADY_COMMITTED)
        if session.latest is None or not session.latest.is_open:
            raise no_such_transaction(TRANSIENT)
        return session.latest

    def _start(self, session: _Session, reference: Reference) -> Transaction:
        """Start a transaction. It ends the previous one of the session."""
        if session.latest is not None:
            session.latest.end()
        replica, chance = self._replica, self._world.chance
        snapshot = replica.top
        if chance.random() < 0.1:
            # Writes that are in progress, and those after them, are not in the snapshot.
            snapshot = max(reference.after, chance.randint(replica.committed(), snapshot))
        session.number = reference.number
        session.latest = transaction = Transaction(reference, snapshot, self._world.now)
        self._world.at(LIFETIME_SECONDS + chance.uniform(0.0, 1.0), transaction.end)
        return transaction

    def commit(self, reference: Reference) -> tuple[PyMongoError | None, int]:
        """Commit a transaction, if it was not committed before.

        Return the index that a majority must have before the response is sent. An error means that
        the transaction was not committed. It is final if that majority has the index.
        """
        session = self._sessions.setdefault(reference.session, _Session())
        if reference.number < session.number:
            raise server_error(TOO_OLD)
        index = self._committed_at(session, reference)
        if index is not None:
            return None, index
        transaction = session.latest
        if reference.number > session.number or transaction is None or not transaction.is_open:
            return no_such_transaction(TRANSIENT), self._replica.top
        if transaction.is_on_former_primary:
            transaction.end()
            raise not_primary()
        transaction.end()
        return None, self._apply(session, transaction)

    def run_alone(self, statement: Callable[[Transaction], Result]) -> tuple[Result, int] | None:
        """Run a write outside transactions. Return None if it must wait for a transaction."""
        transaction = Transaction(OUTSIDE, self._replica.top, self._world.now)
        try:
            result = statement(transaction)
        except OperationFailure as error:
            if error.code != WRITE_CONFLICT:
                raise
            return None
        finally:
            transaction.end()
        return result, self._replica.write(self._writes(transaction))

    def _apply(self, session: _Session, transaction: Transaction) -> int:
        # A transaction without writes also waits until what it read is committed.
        index = self._replica.write(self._writes(transaction), session.committed.pop)
        session.committed.append((transaction.reference.number, index))
        return index

    def _writes(self, transaction: Transaction) -> list[Write]:
        for versions, (table, document) in transaction.writes.items():
            if document is not None:
                table.index(document, versions)
        return [(versions, document) for versions, (_, document) in transaction.writes.items()]

    def abort(self, reference: Reference) -> None:
        """Abort a transaction."""
        self._transaction(reference).end()

    def kill(self, session: int) -> None:
        """Abort the open transaction of a session: `killSessions`."""
        latest = self._sessions[session].latest if session in self._sessions else None
        if latest is not None:
            latest.end()

    def idle(self) -> list[dict[str, Any]]:
        """Return the open transactions as `$currentOp` does with `idleSessions`."""
        now = self._world.now
        return [
            {
                "type": "idleSession",
                "desc": "inactive transaction",
                "appName": "monotron",
                "lsid": {"id": session},
                "transaction": {
                    "parameters": {"txnNumber": transaction.reference.number},
                    "timeOpenMicros": int((now - transaction.started_at) * 1e6),
                    "timeInactiveMicros": int((now - transaction.active_at) * 1e6),
                },
            }
            for session, transaction in self.open()
            if not transaction.is_on_former_primary
        ]

    def _committed_at(self, session: _Session, reference: Reference) -> int | None:
        if session.committed and session.committed[-1][0] == reference.number:
            return session.committed[-1][1]
        return None

    def _elected(self) -> None:
        """Forget what only the former primary knew: transactions that were not committed."""
        for session in self._sessions.values():
            if session.latest is not None:
                session.latest.end()
            session.latest = None
            session.number = session.committed[-1][0] if session.committed else -1
