"""Transactions: each is applied exactly once, or not at all.

`run` executes a body in a transaction and commits it with write concern majority and journal.

*Repetition.* Before the first commit is sent, nothing can be applied. Every error of the driver,
an outdated read and a duplicate key abort the transaction, and the body runs again from fresh
reads, after a short random pause. Once a commit was sent, only two responses decide it: success, or
an error with the label `TransientTransactionError`, which means that it was aborted. Every other
error, labelled or not, repeats the commit. This is safe, because a transaction commits at most
once. At the deadline, `applied` is `unknown` while a commit is undecided, otherwise `no`.

*Orphans.* MongoDB does not abort a transaction if its client disappears, and its locks remain for
`transactionLifetimeLimitSeconds`, 60 s. Three measures free them earlier:

- All attempts use one session. The next transaction of a session aborts its previous one, so a
  session whose last transaction is undecided is used next.
- An abort has its own time limit. Within a time limit that has passed, the driver sends nothing.
- After a second of conflicts, the sessions of other servers whose transactions have been idle for
  a second are killed. This is safe: their owners, if they still exist, repeat the transaction.
"""

import logging
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias, TypeVar

from pymongo import ReadPreference, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from monotron.errors import InternalError, MonotronError, in_doubt
from monotron.model.series import SeriesKey
from monotron.runtime import Runtime
from monotron.store.mongo.client import APP_NAME, Document, Driver
from monotron.store.mongo.deadline import Deadline, StartDeadline, reason_of
from monotron.store.retries import RetryReason

log = logging.getLogger("monotron.store")

Result = TypeVar("Result")

MAJORITY = WriteConcern(w="majority", j=True)

PAUSE_SECONDS = 0.004
"""The longest pause before the first repetition. Each further attempt adds as much."""

MAX_PAUSE_SECONDS = 0.1

ABORT_SECONDS = 1.0
"""The time limit of an abort. If it fails, the next transaction of the session aborts this one."""

ORPHAN_SECONDS = 1.0
"""How long a transaction conflicts before orphans are searched, and how long an orphan is idle."""

TRANSIENT = "TransientTransactionError"


def read_concern_of(hello: Document) -> ReadConcern:
    """Return the read concern of transactions on the server that sent this `hello`.

    A router of a sharded cluster selects the snapshot by the cluster time that it knows, which can
    be older than a write that another router has acknowledged. With read concern majority, each
    shard selects its own snapshot when it is first used. Heads are read before their entries.
    """
    return ReadConcern("majority" if hello.get("msg") == "isdbgrid" else "snapshot")


HasWritten: TypeAlias = Callable[[Any], bool]
"""Whether a body has written something, by its result."""


def always(_: object) -> bool:
    """The body may have written something."""
    return True


def never(_: object) -> bool:
    """The body only reads."""
    return False


class Conflict(Exception):
    """Raised by a body: a document that it read or remembered is outdated."""


class Duplicate(Conflict):
    """Raised by a body: an entry that it inserted already exists, although the head rules it out.

    A duplicate that occurs twice with an unchanged head is damage.
    """

    def __init__(self, series: SeriesKey, head: object) -> None:
        super().__init__(series, head)
        self.series = series
        self.head = head

    def damage(self) -> InternalError:
        """Return the error that reports the damage."""
        log.critical("the ledger of series %r contradicts its head %r", self.series.key, self.head)
        return InternalError(
            f"The ledger of {self.series.key!r} contradicts its head. Nothing was assigned, "
            "because a value could be assigned twice. This is a bug: report it, and run `monotron "
            "audit`.",
            is_contradiction=True,
        )


class NothingToWrite(Exception):
    """Raised by a body: the transaction is aborted, and what it read may be stale."""


class Transactions:
    """Runs transactions, and keeps their sessions."""

    def __init__(
        self,
        database: "Database[Document]",
        runtime: Runtime,
        driver: Driver,
        start_deadline: StartDeadline,
    ) -> None:
        self._client = database.client
        self.start_deadline = start_deadline
        self._runtime = runtime
        self._driver = driver
        self._sessions: deque[ClientSession] = deque()
        self._read_concern = read_concern_of(self._client.admin.command("hello"))

    def decide(
        self,
        body: Callable[[ClientSession], Result | MonotronError],
        *,
        writes: HasWritten = always,
    ) -> Result:
        """Run *body*, commit, and return its result, or raise the error that it returns.

        An error is a decision as well: it is raised after the commit has confirmed what the body
        read: to commit a transaction without writes, the primary writes an empty entry to its oplog
        and waits until a majority has it. Raises `InternalError` if a ledger is damaged.
        """
        try:
            result = self.run(body, writes=writes)
        except Duplicate as duplicate:
            raise duplicate.damage() from duplicate
        if isinstance(result, MonotronError):
            raise result
        return result

    def read(
        self, body: Callable[[ClientSession], Result], deadline: Deadline | None = None
    ) -> Result:
        """Run *body*, which writes nothing, and return what it read: it is committed.

        Errors have `applied` no. `Reads.current` has the reads that must not be stale.
        """
        return self.run(body, deadline, writes=never)

    def run(
        self,
        body: Callable[[ClientSession], Result],
        deadline: Deadline | None = None,
        *,
        writes: HasWritten = always,
    ) -> Result:
        """Run *body* until its transaction is committed, and return its result.

        If the last execution of the body wrote nothing, errors have `applied` no: every earlier
        transaction was aborted. Raises `Duplicate` if the ledger of a series is damaged.
        """
        try:
            session = self._sessions.pop()
        except IndexError:
            session = self._client.start_session(causal_consistency=False)
        try:
            result = self._repeat(session, body, deadline or self.start_deadline(), writes=writes)
        except BaseException:
            self._sessions.append(session)  # its transaction may be undecided: it is the next one
            raise
        self._sessions.appendleft(session)
        return result

    def close(self) -> None:
        """End all sessions. No transaction may be running."""
        while self._sessions:
            self._sessions.pop().end_session()

    def _repeat(
        self,
        session: ClientSession,
        body: Callable[[ClientSession], Result],
        deadline: Deadline,
        *,
        writes: HasWritten,
    ) -> Result:
        now = self._runtime.monotonic
        search_at = now() + ORPHAN_SECONDS
        duplicate: Duplicate | None = None
        number = 0
        while True:
            number += 1
            reason: RetryReason = "conflict"
            deadline.check()
            try:
                result = self._execute(session, body, deadline)
                if self.commit(session, deadline, writes=writes(result)):
                    return result
            except Duplicate as found:
                # Once may be an error of the server. Twice from the same head is the ledger.
                if duplicate is not None and duplicate.args == found.args:
                    raise
                duplicate = found
            except Conflict:
                pass
            except PyMongoError as error:
                if not is_conflict(error):
                    deadline.failed(error)
                    reason = reason_of(error)
                elif now() >= search_at:
                    self._end_orphans(deadline)
                    search_at = now() + ORPHAN_SECONDS
            deadline.pause(reason, 0.0, min(MAX_PAUSE_SECONDS, PAUSE_SECONDS * number))

    def _execute(
        self, session: ClientSession, body: Callable[[ClientSession], Result], deadline: Deadline
    ) -> Result:
        """Run the body. If it fails, abort the transaction."""
        session.start_transaction(
            read_concern=self._read_concern,
            write_concern=MAJORITY,
            read_preference=ReadPreference.PRIMARY,
        )
        try:
            with deadline.attempt():
                result = body(session)
            deadline.check()
        except BaseException:
            with self._driver.timeout(ABORT_SECONDS):
                session.abort_transaction()
            raise
        return result

    def commit(self, session: ClientSession, deadline: Deadline, *, writes: bool) -> bool:
        """Commit the transaction. Return false if it was aborted.

        Raises errors with `applied` unknown if it *writes*.
        """
        with in_doubt() if writes else nullcontext():
            while True:
                try:
                    with deadline.attempt():
                        session.commit_transaction()
                    return True
                except PyMongoError as error:
                    # The driver adds the label to the connection errors of statements, and removes
                    # it from those of commits.
                    if error.has_error_label(TRANSIENT):
                        return False
                    deadline.failed(error, is_decided=not writes)
                    deadline.pause("commit", 0.01, 0.1)

    def _end_orphans(self, deadline: Deadline) -> None:
        """Kill the sessions of idle transactions of this database user."""
        own = {"$currentOp": {"allUsers": False, "idleSessions": True}}
        idle = {
            "type": "idleSession",
            "appName": APP_NAME,
            "transaction.timeInactiveMicros": {"$gte": int(ORPHAN_SECONDS * 1_000_000)},
        }
        try:
            with deadline.attempt():
                found = self._client.admin.aggregate([own, {"$match": idle}])
                sessions = [{"id": operation["lsid"]["id"]} for operation in found]
                if sessions:
                    log.warning("aborting %d idle transactions of other servers", len(sessions))
                    self._client.admin.command({"killSessions": sessions})
        except PyMongoError as error:
            log.warning("cannot abort the idle transactions of other servers: %s", error)


def is_conflict(error: PyMongoError) -> bool:
    """Whether another transaction caused the error, so that an immediate repetition may succeed."""
    return isinstance(error, OperationFailure) and error.has_error_label(TRANSIENT)
