"""An SQLite file of one server: locked, with verified settings, and a sync after each commit."""

import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from monotron.errors import Applied, InvalidSetting, StartupError, StoreUnavailable
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.contents import StoreSize
from monotron.store.sqlite.backup import copy_pages
from monotron.store.sqlite.disk_files import create_private, rewrite_log, sync_directory
from monotron.store.sqlite.errors import storage_full, translate_error
from monotron.store.sqlite.local_disk import MOUNT_TABLE, require_local_disk
from monotron.store.sqlite.schema import create_or_check

log = logging.getLogger("monotron.store")

IN_MEMORY = ":memory:"

Connect: TypeAlias = Callable[..., sqlite3.Connection]
"""`sqlite3.connect`, or the function of a simulated disk."""

LOCK_SECONDS = 5.0
"""How long a starting server waits until its predecessor has released the file."""

_MIN_SQLITE_VERSION = (3, 38, 0)  # STRICT tables and the ->> operator

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
            self._file.end(self)
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
            self._file.end(self, reopen=True)
            applied: Applied = "unknown" if self.writes else "no"
            raise translate_error(error, applied=applied) from error
        self._file.end(self)


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
        self._runtime = runtime
        self._connect_to = connect
        self._lock = runtime.lock()
        self._must_reopen = self._closed = False
        self._connection = self._connect()
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

    def end(self, transaction: Transaction, *, reopen: bool = False) -> None:
        """Roll back uncommitted changes, and allow the next transaction to begin.

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
            self._connection = self._connect()
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

    def _connect(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _MIN_SQLITE_VERSION:
            raise StartupError(
                f"SQLite {sqlite3.sqlite_version} is too old. Monotron requires "
                f"{'.'.join(map(str, _MIN_SQLITE_VERSION))} or newer. Use a newer Python, or "
                "MongoDB."
            )
        is_new = self._path != IN_MEMORY and not os.path.exists(self._path)
        if is_new:
            create_private(self._path)
        deadline = self._runtime.monotonic() + LOCK_SECONDS
        while True:
            try:
                connection = self._open()
                break
            except sqlite3.Error as error:
                # SQLite's own busy timeout does not cover a change of the journal mode.
                is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if is_busy and self._runtime.monotonic() < deadline:
                    self._runtime.sleep(0.05)
                elif is_busy:
                    raise StartupError(
                        f"Another process has {self._path} open. Only one server can use an SQLite "
                        "file. Stop the other process, or use another file."
                    ) from error
                else:
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                    kind = InvalidSetting if code == sqlite3.SQLITE_CANTOPEN else StartupError
                    raise kind(
                        f"SQLite cannot use the store {self._path}: {error}. Check the path and "
                        "its permissions, or use another file."
                    ) from error
        if is_new:
            sync_directory(self._path)
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
        # Exclusive before the first access: no second connection can open the file, and WAL needs
        # no shared memory. This also excludes the WAL-reset bug of SQLite 3.7.0 to 3.51.2, which
        # requires two connections.
        pragmas: dict[str, tuple[object, object]] = {
            "locking_mode": ("EXCLUSIVE", "exclusive"),
            "journal_mode": ("MEMORY", "memory") if in_memory else ("WAL", "wal"),
            "synchronous": ("FULL", 2),
            "trusted_schema": ("OFF", 0),
            "cache_size": (-32000, -32000),
            # A commit does a checkpoint at 32 MB if `checkpoint_if_due` was always blocked.
            "wal_autocheckpoint": (8000, 8000),
            "journal_size_limit": (67108864, 67108864),
        }
        for name, (setting, expected) in pragmas.items():
            connection.execute(f"PRAGMA {name} = {setting}").fetchall()
            (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
            if actual != expected and not (in_memory and name == "locking_mode"):
                raise StartupError(
                    f"SQLite rejected {name}={setting} for {self._path} (it is {actual!r}). "
                    "Monotron cannot guarantee durability there. Use a local disk, not a network "
                    "file system."
                )
        connection.execute("BEGIN IMMEDIATE")  # acquires the exclusive lock permanently
        if not in_memory:
            rewrite_log(f"{self._path}-wal")
        create_or_check(connection, self._path)
        connection.execute("COMMIT")
