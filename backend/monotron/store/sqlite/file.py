"""An SQLite file of one server: transactions, checkpoints, and what follows a failed commit."""

import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from monotron.errors import Applied, StartupError, StoreUnavailable
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.contents import StoreSize
from monotron.store.sqlite.backup import copy_pages
from monotron.store.sqlite.connection import IN_MEMORY, Connect, open_connection
from monotron.store.sqlite.disk_files import create_private, rewrite_log
from monotron.store.sqlite.errors import storage_full, translate_error
from monotron.store.sqlite.local_disk import MOUNT_TABLE, require_local_disk

log = logging.getLogger("monotron.store")

CHECKPOINT_ROWS = 500
"""Changed rows between two checkpoints: a few hundred pages, or a few milliseconds of a disk."""


class Transaction:
    """A transaction in progress. Another thread may commit it."""

    def __init__(self, file: "SqliteFile", connection: sqlite3.Connection) -> None:
        self._file = file
        self.execute = connection.execute
        self.writes = False
        """Whether the transaction contains changes."""

    def write(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Execute a statement that changes the file."""
        self.writes = True
        return self.execute(statement, parameters)

    def one(self, statement: str, *parameters: object) -> Any:
        """Execute a query, and return its first row, or None."""
        return self.execute(statement, parameters).fetchone()

    @contextmanager
    def rolled_back_on_error(self) -> Iterator[None]:
        """Roll back if the block raises. Errors of SQLite are translated."""
        try:
            yield
        except BaseException as error:
            self._file.end()
            if isinstance(error, sqlite3.Error):
                raise translate_error(error, applied="no") from error
            raise

    def commit(self) -> None:
        """Commit to disk. Raises errors with `applied` unknown if the transaction has changes."""
        try:
            self.execute("COMMIT")
        except sqlite3.Error as error:
            # Whether it is on disk is unknown, and a failed fsync must not be retried on the same
            # pages. The file is reopened, and its content then decides.
            self._file.end(reopen=True)
            applied: Applied = "unknown" if self.writes else "no"
            raise translate_error(error, applied=applied) from error
        self._file.end()


class SqliteFile:
    """One connection, which runs one transaction at a time for any number of threads."""

    def __init__(
        self,
        path: str,
        *,
        runtime: Runtime = PRODUCTION,
        connect: Connect = sqlite3.connect,
        mount_table: Path = MOUNT_TABLE,
    ) -> None:
        """Open or create the file, or `:memory:`. Raises `StartupError` if it cannot be used."""
        if path != IN_MEMORY:
            require_local_disk(path, mount_table)
        self._path = path
        self._open_connection = partial(open_connection, path, connect, runtime)
        self._lock = runtime.lock()
        self._must_reopen = self._closed = False
        self._connection = self._open_connection()
        self._checkpointed = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run the block in a transaction, committed to disk at its end."""
        self._lock.acquire()
        transaction = self._begin()
        with transaction.rolled_back_on_error():
            yield transaction
        transaction.commit()
        self.checkpoint_if_due()

    def begin_immediately(self) -> Transaction | None:
        """Begin a transaction without blocking.

        Returns None if another transaction is in progress, or if the file must be reopened first.
        """
        if not self._lock.acquire(blocking=False):
            return None
        if self._must_reopen:
            self._lock.release()
            return None
        return self._begin()

    def _begin(self) -> Transaction:
        transaction = Transaction(self, self._connection)
        with transaction.rolled_back_on_error():
            if self._must_reopen:
                self._reopen()
                transaction = Transaction(self, self._connection)
            self._connection.execute("BEGIN IMMEDIATE")
        return transaction

    def end(self, *, reopen: bool = False) -> None:
        """End the transaction: roll back uncommitted changes, and allow the next one to begin.

        With *reopen*, the file is reopened before the next transaction begins.
        """
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._must_reopen = self._must_reopen or (reopen and self._path != IN_MEMORY)
        except sqlite3.Error as error:
            log.error("SQLite could not roll back %s: %s", self._path, error)
            self._must_reopen = True
        finally:
            self._lock.release()

    def checkpoint_if_due(self) -> None:
        """Move committed pages from the log to the file after `CHECKPOINT_ROWS` changed rows.

        SQLite would do this within a commit, and so delay the callers of that commit. A failure
        loses nothing: the log is synced, and the next checkpoint moves its pages.
        """
        if self._path == IN_MEMORY or not self._lock.acquire(blocking=False):
            return
        try:
            if self._must_reopen:
                return
            changed = self._connection.total_changes
            # The counter has 32 bits and wraps around to the lowest number.
            if not 0 <= changed - self._checkpointed < CHECKPOINT_ROWS:
                self._checkpointed = changed
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            log.warning("SQLite could not checkpoint its log into %s: %s", self._path, error)
        finally:
            self._lock.release()

    def size(self) -> StoreSize:
        """The sizes of the database file and of its log, and the free space of their disk."""
        if self._path == IN_MEMORY:
            with self.transaction() as transaction:
                (pages,) = transaction.one("PRAGMA page_count")
                (page_bytes,) = transaction.one("PRAGMA page_size")
            return StoreSize({"memory": pages * page_bytes})
        sizes = {
            name: os.path.getsize(path)
            for name, path in (("database", self._path), ("log", f"{self._path}-wal"))
            if os.path.exists(path)
        }
        return StoreSize(sizes, shutil.disk_usage(Path(self._path).absolute().parent).free)

    def backup(self, target: Path, done: Callable[[int], None] | None = None) -> None:
        """Write a consistent copy to the new file *target*. Blocks all other transactions.

        *done* is called with the number of bytes that were written since its last call.
        """
        create_private(str(target))
        with self._lock:
            copy = sqlite3.connect(target)
            try:
                copy_pages(self._connection, copy, done)
            except sqlite3.Error as error:
                raise translate_error(error, applied="no") from error
            finally:
                copy.close()

    def integrity_problems(self) -> list[str]:
        """The problems that SQLite's integrity check finds. Blocks all other transactions."""
        with self.transaction() as transaction:
            lines = transaction.execute("PRAGMA integrity_check").fetchall()
        return [line for (line,) in lines if line != "ok"]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _reopen(self) -> None:
        try:
            if not self._closed:
                rewrite_log(f"{self._path}-wal")  # before it is read or checkpointed
                self._connection.close()
                self._closed = True
            self._connection = self._open_connection()
            self._checkpointed = 0
        except StartupError as error:
            log.error("SQLite could not reopen %s: %s", self._path, error)
            if getattr(error.__cause__, "errno", None) == errno.ENOSPC:
                raise storage_full("no") from error
            raise StoreUnavailable(
                "The store's file could not be reopened after an error. Check the server's log for "
                "the cause, then retry the same request."
            ) from error
        self._must_reopen = self._closed = False
