"""An SQLite file that one server keeps: locked, checked, every commit on disk before it counts."""

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from monotron.errors import (
    Applied,
    InternalError,
    MonotronError,
    StartupError,
    StorageFull,
    StoreUnavailable,
)
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.sqlite.schema import create_or_check

log = logging.getLogger("monotron.store")

IN_MEMORY = ":memory:"

Connect: TypeAlias = Callable[..., sqlite3.Connection]
"""`sqlite3.connect`, or the function of a simulated disk."""

LOCK_SECONDS = 5.0
"""How long a starting server waits for its predecessor to let go of the file."""

_OLDEST = (3, 38, 0)  # STRICT tables and the ->> operator

CHECKPOINT_ROWS = 500
"""Rows that change between two checkpoints: some hundred pages, a few milliseconds of a disk."""


class Transaction:
    """A transaction under way; it ends with `commit` or `roll_back`, on whatever thread."""

    def __init__(self, file: "SqliteFile", connection: sqlite3.Connection) -> None:
        self._file = file
        self.execute = connection.execute
        self.writes = False
        """Whether there is something to lose if the commit fails."""

    def write(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        self.writes = True
        return self.execute(statement, parameters)

    def one(self, statement: str, *parameters: object) -> Any:
        """The first row, or None."""
        return self.execute(statement, parameters).fetchone()

    @contextmanager
    def rolled_back_on_error(self) -> Iterator[None]:
        """Errors within end the transaction, and those of the engine come out translated."""
        try:
            yield
        except BaseException as error:
            self._file.end(self)
            if isinstance(error, sqlite3.Error):
                raise _translated(error, applied="no") from error
            raise

    def commit(self) -> None:
        """Return when all of it is on disk."""
        try:
            self.execute("COMMIT")
        except sqlite3.Error as error:
            # Whether it is on disk nobody can tell, and an fsync that failed must not be tried
            # again on the same pages: what the file says when it is opened anew counts.
            self._file.end(self, doubtful=True)
            applied: Applied = "unknown" if self.writes else "no"
            raise _translated(error, applied=applied) from error
        self._file.end(self)


class SqliteFile:
    """One connection, one transaction at a time, whatever the number of threads."""

    def __init__(
        self, path: str, *, runtime: Runtime = PRODUCTION, connect: Connect = sqlite3.connect
    ) -> None:
        """Open or make the file, or `:memory:`. `StartupError` if it will not do."""
        self._path = path
        self._runtime = runtime
        self._connect_to = connect
        self._lock = runtime.lock()
        self._broken = self._closed = False
        self._connection = self._connect()
        self._checkpointed = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of it or nothing, on disk when left. Engine errors come out translated."""
        self._lock.acquire()
        transaction = self._begin()
        with transaction.rolled_back_on_error():
            yield transaction
        transaction.commit()
        self.checkpoint_if_due()

    def begin_at_once(self) -> Transaction | None:
        """A transaction, unless that would mean to wait: for another one, or for a repair."""
        if not self._lock.acquire(blocking=False):
            return None
        if self._broken:
            self._lock.release()
            return None
        return self._begin()

    def _begin(self) -> Transaction:
        transaction = Transaction(self, self._connection)
        with transaction.rolled_back_on_error():
            if self._broken:
                self._reopen()
                transaction = Transaction(self, self._connection)
            self._connection.execute("BEGIN IMMEDIATE")
        return transaction

    def end(self, transaction: Transaction, *, doubtful: bool = False) -> None:
        """Roll back what was not committed, and let the next one begin."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._broken = self._broken or (doubtful and self._path != IN_MEMORY)
        except sqlite3.Error as error:
            log.error("SQLite could not roll back %s: %s", self._path, error)
            self._broken = True
        finally:
            self._lock.release()

    def checkpoint_if_due(self) -> None:
        """Move what was committed from the log into the file, once it is worth it.

        SQLite does it within a commit, with callers waiting. What fails here was synced with the
        log, and is moved with what comes after it.
        """
        if self._path == IN_MEMORY or not self._lock.acquire(blocking=False):
            return
        try:
            if self._broken:
                return
            changed = self._connection.total_changes
            # It is an int of C's, and goes on from the least one after the greatest.
            if not 0 <= changed - self._checkpointed < CHECKPOINT_ROWS:
                self._checkpointed = changed
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            log.warning("SQLite could not move its log into %s: %s", self._path, error)
        finally:
            self._lock.release()

    def backup(self, target: Path) -> None:
        """Write a consistent copy into the new file *target*. Nothing else is served meanwhile."""
        with self._lock:
            copy = sqlite3.connect(target)
            try:
                self._connection.backup(copy)
            except sqlite3.Error as error:
                raise _translated(error, applied="no") from error
            finally:
                copy.close()

    def damage(self) -> list[str]:
        """What SQLite's own check of the whole file finds. Nothing else is served meanwhile."""
        with self.transaction() as transaction:
            lines = transaction.execute("PRAGMA integrity_check").fetchall()
        return [line for (line,) in lines if line != "ok"]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _reopen(self) -> None:
        try:
            if not self._closed:
                _write_again(f"{self._path}-wal")  # before it can be read, or moved to the file
                self._connection.close()
                self._closed = True
            self._connection = self._connect()
            self._checkpointed = 0
        except StartupError as error:
            log.error("SQLite could not open %s again: %s", self._path, error)
            if getattr(error.__cause__, "errno", None) == errno.ENOSPC:
                raise _full("no") from error
            raise StoreUnavailable(
                "The store's file cannot be opened again after an error. The server's log holds "
                "the cause; once that is gone, send the same request again."
            ) from error
        self._broken = self._closed = False

    def _connect(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StartupError(
                f"Python is linked to SQLite {sqlite3.sqlite_version}, and Monotron needs "
                f"{'.'.join(map(str, _OLDEST))} or newer. Use a newer Python, or MongoDB."
            )
        new = self._path != IN_MEMORY and not os.path.exists(self._path)
        deadline = self._runtime.monotonic() + LOCK_SECONDS
        while True:
            try:
                connection = self._open()
                break
            except sqlite3.Error as error:
                # Waiting is done here: SQLite's own stops short while the journal's mode changes.
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if busy and self._runtime.monotonic() < deadline:
                    self._runtime.sleep(0.05)
                elif busy:
                    raise StartupError(
                        f"Another process has {self._path} open. One server keeps an SQLite "
                        "file; stop the other one, or give this one a file of its own."
                    ) from error
                else:
                    raise StartupError(f"SQLite cannot use {self._path}: {error}.") from error
        if new:
            sync_folder(self._path)
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = self._connect_to(
            self._path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        in_memory = self._path == IN_MEMORY
        # Exclusive before the first access: then no second connection can join, and WAL needs
        # no shared memory. With one connection its reset bug (3.7.0 to 3.51.2) cannot bite.
        pragmas: dict[str, tuple[object, object]] = {
            "locking_mode": ("EXCLUSIVE", "exclusive"),
            "journal_mode": ("MEMORY", "memory") if in_memory else ("WAL", "wal"),
            "synchronous": ("FULL", 2),
            "cache_size": (-32000, -32000),
            # Where nobody finds the file free to do it earlier, a commit does it, at 32 MB.
            "wal_autocheckpoint": (8000, 8000),
            "journal_size_limit": (67108864, 67108864),
        }
        for name, (wanted, read_back) in pragmas.items():
            connection.execute(f"PRAGMA {name} = {wanted}").fetchall()
            (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
            if actual != read_back and not (in_memory and name == "locking_mode"):
                raise StartupError(
                    f"SQLite keeps {name} at {actual!r} for {self._path}, where {read_back!r} is "
                    "needed for its promises. Is it on a network file system? Use a local disk."
                )
        connection.execute("BEGIN IMMEDIATE")  # takes the lock on the file, for good
        if not in_memory:
            _write_again(f"{self._path}-wal")
        create_or_check(connection, self._path)
        connection.execute("COMMIT")


def _write_again(path: str) -> None:
    """Make durable what can be read of the log. Whoever does this holds the lock.

    After a sync that failed, the kernel keeps what it could not write in memory, and takes it for
    written: it would be read as committed, also by the next process, and no sync would write it.
    """
    if not os.path.exists(path):
        return
    try:
        log_file = os.open(path, os.O_RDWR)
        try:
            position = 0
            while chunk := os.pread(log_file, 1 << 20, position):
                position += os.pwrite(log_file, chunk, position)
            os.fsync(log_file)
        finally:
            os.close(log_file)
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror}.") from error


def sync_folder(path: str) -> None:
    """Make the new file's name durable too, not only what is in it."""
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _translated(error: sqlite3.Error, *, applied: Applied) -> MonotronError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    log.error("SQLite: %s (%s)", error, getattr(error, "sqlite_errorname", type(error).__name__))
    if code == sqlite3.SQLITE_FULL:
        return _full(applied)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return InternalError(
            "The store's own rows contradict one another, so nothing was given. This is a bug: "
            "please report it.",
            applied=applied,
        )
    return StoreUnavailable(
        "The store could not read or write its file. Send the same request again in a moment; "
        "the server's log holds the cause.",
        applied=applied,
    )


def _full(applied: Applied) -> StorageFull:
    return StorageFull(
        "The disk that holds the store is full. Free some space; then send the same request again.",
        applied=applied,
    )
