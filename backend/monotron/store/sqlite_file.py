"""An SQLite file that one server keeps: locked, checked, every commit on disk before it counts."""

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monotron.errors import (
    Applied,
    InternalError,
    MonotronError,
    StartupError,
    StorageFull,
    StoreUnavailable,
)

log = logging.getLogger("monotron.store")

IN_MEMORY = ":memory:"

LOCK_SECONDS = 5.0
"""How long a starting server waits for its predecessor to let go of the file."""

_OLDEST = (3, 38, 0)  # STRICT tables and the ->> operator
_APPLICATION_ID = 0x6D6E7472  # "mntr", so that `file` and we know the file again

# A life is an id of its own: entries of an old one are garbage that nobody looks up.
# Rows of series are never removed, so the largest life is never used again.
_SERIES = """
CREATE TABLE series (
    life    INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    value   INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9223372036854775807),
    token   TEXT,
    alive   INTEGER NOT NULL CHECK (alive IN (0, 1)),
    UNIQUE (account, key)
) STRICT;
CREATE TABLE entries (
    life     INTEGER NOT NULL,
    value    INTEGER NOT NULL CHECK (value BETWEEN 1 AND 9223372036854775807),
    token    TEXT,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (life, value)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_token ON entries (life, token, value);
CREATE TABLE garbage (life INTEGER PRIMARY KEY) STRICT;
"""
_RELEASES = """
CREATE TABLE releases (
    account  INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    token    TEXT,
    label    TEXT    NOT NULL,
    place    TEXT    NOT NULL,
    final    INTEGER NOT NULL CHECK (final IN (0, 1)),
    version  TEXT    NOT NULL,
    bump     TEXT,
    line     TEXT,
    metadata TEXT,
    previous TEXT,
    reason   TEXT,
    given_at INTEGER NOT NULL,
    UNIQUE (account, name, token, label),
    UNIQUE (account, name, place)
) STRICT;
CREATE INDEX releases_by_kind ON releases (account, name, final, place);
"""
_BY = """
ALTER TABLE entries ADD COLUMN "by" TEXT;
ALTER TABLE releases ADD COLUMN "by" TEXT;
"""
_ATTRIBUTES = """
CREATE TABLE attributes (
    life  INTEGER NOT NULL,
    token TEXT    NOT NULL,
    name  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    UNIQUE (life, token, name)
) STRICT;
"""
_REGISTER = """
CREATE TABLE register (
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    account INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX register_by_account ON register (kind, account, name);
CREATE TABLE uses (
    token      TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (token, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_by_expiry ON uses (expires_at);
"""
_SCHEMA = (_SERIES, _RELEASES, _BY, _ATTRIBUTES, _REGISTER)
"""What each version of the schema added to the one before it."""

SCHEMA_VERSION = len(_SCHEMA)


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

    def __init__(self, path: str) -> None:
        """Open or make the file, or `:memory:`. `StartupError` if it will not do."""
        self._path = path
        self._lock = threading.Lock()
        self._broken = self._closed = False
        self._connection = self._connect()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of it or nothing, on disk when left. Engine errors come out translated."""
        self._lock.acquire()
        transaction = self._begin()
        with transaction.rolled_back_on_error():
            yield transaction
        transaction.commit()

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
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                connection = self._open()
                break
            except sqlite3.Error as error:
                # Waiting is done here: SQLite's own stops short while the journal's mode changes.
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if busy and time.monotonic() < deadline:
                    time.sleep(0.05)
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
        connection = sqlite3.connect(
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
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application_id != _APPLICATION_ID:
            raise StartupError(
                f"{self._path} is a database of some other program. "
                "Give Monotron a file of its own, or none to let it make one."
            )
        if version > SCHEMA_VERSION:
            raise StartupError(
                f"{self._path} was written by a newer Monotron (its schema is {version}, this "
                f"one's is {SCHEMA_VERSION}). Use the Monotron that wrote it, or a newer one."
            )
        if version < SCHEMA_VERSION:  # else nothing is written: the disk may be full
            for script in _SCHEMA[version:]:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def check_backup(path: str, name: str) -> None:
    """Return if a new file is a whole copy of a store that this Monotron can go on with.

    `StartupError` says what *name*, of which it is a copy, is instead.
    """
    try:
        # Writable: of a file that is only read, SQLite does not check all.
        connection = sqlite3.connect(path)
        try:
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            lines = connection.execute("PRAGMA integrity_check").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StartupError(f"{name} is no backup that can be read: {error}.") from error
    if application_id != _APPLICATION_ID or not version:
        raise StartupError(f"{name} is no backup of a Monotron store.")
    if version > SCHEMA_VERSION:
        raise StartupError(
            f"{name} is a backup of a newer Monotron (its schema is {version}, this one's is "
            f"{SCHEMA_VERSION}). Use the Monotron that made it, or a newer one."
        )
    if lines != [("ok",)]:
        raise StartupError(f"{name} is a damaged backup: {lines[0][0]}. Use an older one.")


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
