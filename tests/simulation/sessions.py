"""`ClientSession` of PyMongo, and the pool of server sessions of a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import ReadPreference
from pymongo.errors import (
    ConnectionFailure,
    InvalidOperation,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from simulation.failures import EXPIRED, NOT_PRIMARY, TIMED_OUT, TRANSIENT, UNKNOWN, relabeled
from simulation.network import Command, Network, Reply
from simulation.replica import ClusterTime
from simulation.server_transactions import Reference, Transaction

RETRYABLE = {6, 7, 89, 134, 262, 9001, *NOT_PRIMARY}
REPEATED_COMMIT_SECONDS = 10.0
"""The time limit that the driver adds to the write concern of a repeated commit."""


class ServerSession:
    """The identifier of a session and the number of its last transaction."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.number = 0
        self.is_dirty = False
        """Whether a connection failed. Then the session does not return to the pool."""


class SessionPool:
    """The server sessions that a client can use again: the last one first."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.with_transactions: set[int] = set()
        self._free: list[ServerSession] = []

    def take(self) -> ServerSession:
        if self._free:
            return self._free.pop()
        return ServerSession(self._network.transactions.new_session())

    def put(self, session: ServerSession) -> None:
        if not session.is_dirty:
            self._free.append(session)


class ClientSession:
    """A session, with at most one transaction at a time."""

    def __init__(
        self, network: Network, pool: SessionPool, *, causal_consistency: bool | None = None
    ) -> None:
        self._network = network
        self._pool = pool
        self._server = pool.take()
        self._is_causal = causal_consistency is not False
        self._is_ended = False
        self._state = "none"
        self._is_repeated = False
        self.operation_time: ClusterTime | None = None

    def __enter__(self) -> ClientSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_session()

    @property
    def session_id(self) -> dict[str, int]:
        return {"id": self._server.name}

    @property
    def in_transaction(self) -> bool:
        return self._state in ("starting", "in progress")

    @property
    def after(self) -> int:
        """The `afterClusterTime` of a read."""
        return (self.operation_time or 0) if self._is_causal else 0

    def advance_operation_time(self, time: ClusterTime) -> None:
        self.operation_time = max(time, self.operation_time or time)

    def end_session(self) -> None:
        if self._is_ended:
            return
        try:
            if self.in_transaction:
                self.abort_transaction()
        finally:
            self._is_ended = True
            self._pool.put(self._server)

    def start_transaction(
        self,
        *,
        read_concern: Any,
        write_concern: Any,
        read_preference: Any = ReadPreference.PRIMARY,
    ) -> None:
        if self.in_transaction:
            raise InvalidOperation("Transaction already in progress")
        assert read_concern.level == "snapshot", "not simulated"
        assert write_concern.document.get("w") == "majority", "not simulated"
        assert read_preference == ReadPreference.PRIMARY, "not simulated"
        self._server.number += 1
        self._pool.with_transactions.add(self._server.name)
        self._state = "starting"
        self._is_repeated = False

    def statement(self, name: str, run: Callable[[Transaction], Any]) -> Any:
        """Run a statement of the transaction."""
        network = self._network
        reference = self._reference(starts=self._state == "starting")
        on_former_primary = reference.starts and network.is_former_primary()

        def apply() -> Reply:
            transactions = network.transactions
            result = transactions.run(reference, run, on_former_primary=on_former_primary)
            return Reply(result, time=network.replica.top)

        command = Command(name, apply, self, reference)
        try:
            result = network.call(command)
        except ConnectionFailure as error:
            if not isinstance(error, ServerSelectionTimeoutError):  # otherwise nothing was sent
                self._state = "in progress"
            self.failed(error)
            raise relabeled(error, TRANSIENT) from error
        except PyMongoError:
            self._state = "in progress"
            raise
        self._state = "in progress"
        return result

    def failed(self, error: PyMongoError) -> None:
        """Do not return the session to the pool after a connection failed."""
        self._server.is_dirty = self._server.is_dirty or isinstance(error, ConnectionFailure)

    def commit_transaction(self) -> None:
        if self._state == "none":
            raise InvalidOperation("No transaction started")
        if self._state == "aborted":
            raise InvalidOperation("Cannot call commitTransaction after calling abortTransaction")
        if self._state in ("starting", "committed empty"):
            self._state = "committed empty"
            return
        self._state = "in progress"
        reference = self._reference()

        def apply() -> Reply:
            error, index = self._network.transactions.commit(reference)
            return Reply(error, wait_for=index, time=index)

        try:
            self._twice("commitTransaction", apply, reference)
        except (ConnectionFailure, WTimeoutError) as error:
            raise relabeled(error, UNKNOWN) from error
        except OperationFailure as error:
            if error.code not in (*RETRYABLE, EXPIRED, TIMED_OUT):
                raise
            raise relabeled(error, UNKNOWN) from error
        finally:
            self._state = "committed"

    def abort_transaction(self) -> None:
        if self._state == "starting":
            self._state = "aborted"
            return
        if self._state != "in progress":
            raise InvalidOperation(f"Cannot call abortTransaction: {self._state}")
        reference = self._reference()

        def apply() -> Reply:
            self._network.transactions.abort(reference)
            return Reply(None)

        try:
            self._twice("abortTransaction", apply, reference)
        except (OperationFailure, ConnectionFailure):
            pass
        finally:
            self._state = "aborted"

    def _twice(self, name: str, apply: Callable[[], Reply], reference: Reference) -> None:
        """Send a command, and repeat it once after an error that may be temporary."""
        first: PyMongoError | None = None
        while True:
            limit = REPEATED_COMMIT_SECONDS if self._is_repeated else None
            self._is_repeated = True
            try:
                self._network.call(
                    Command(name, apply, self, reference, writes=True, wait_limit=limit)
                )
            except ServerSelectionTimeoutError as error:
                self.failed(error)
                raise first or error from None
            except (ConnectionFailure, OperationFailure) as error:
                self.failed(error)
                is_temporary = isinstance(error, ConnectionFailure | NotPrimaryError) or (
                    isinstance(error, OperationFailure) and error.code in RETRYABLE
                )
                if first is not None or not is_temporary:
                    raise
                first = error
            else:
                return

    def _reference(self, *, starts: bool = False) -> Reference:
        return Reference(self._server.name, self._server.number, starts, self.after)
