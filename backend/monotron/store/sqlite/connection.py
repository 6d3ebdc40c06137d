"""The connection to an SQLite file: locked, durable, and with verified settings."""

import os
import sqlite3
from collections.abc import Callable
from typing import TypeAlias

from monotron.errors import InvalidSetting, StartupError
from monotron.runtime import Runtime
from monotron.store.sqlite.disk_files import create_private, rewrite_log, sync_directory
from monotron.store.sqlite.errors import primary_code
from monotron.store.sqlite.schema import create_or_check

IN_MEMORY = ":memory:"

Connect: TypeAlias = Callable[..., sqlite3.Connection]
"""`sqlite3.connect`, or the function of a simulated disk."""

LOCK_SECONDS = 5.0
"""How long a starting server waits until its predecessor has released the file."""

_MIN_SQLITE_VERSION = (3, 38, 0)  # STRICT tables and the ->> operator


def open_connection(path: str, connect: Connect, runtime: Runtime) -> sqlite3.Connection:
    """Open the file, or create it. Raises `StartupError` if it cannot be used.

    Waits for up to `LOCK_SECONDS` until another process has closed the file.
    """
    if sqlite3.sqlite_version_info < _MIN_SQLITE_VERSION:
        raise StartupError(
            f"SQLite {sqlite3.sqlite_version} is too old. Monotron requires "
            f"{'.'.join(map(str, _MIN_SQLITE_VERSION))} or newer. Use a newer Python, or MongoDB."
        )
    is_new = path != IN_MEMORY and not os.path.exists(path)
    if is_new:
        create_private(path)
    deadline = runtime.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection = _open(path, connect)
            break
        except sqlite3.Error as error:
            # SQLite's own busy timeout does not cover a change of the journal mode.
            if primary_code(error) != sqlite3.SQLITE_BUSY or runtime.monotonic() >= deadline:
                raise _startup_error(error, path) from error
        runtime.sleep(0.05)
    if is_new:
        sync_directory(path)
    return connection


def _startup_error(error: sqlite3.Error, path: str) -> StartupError:
    if primary_code(error) == sqlite3.SQLITE_BUSY:
        return StartupError(
            f"Another process has {path} open. Only one server can use an SQLite file. Stop the "
            "other process, or use another file."
        )
    kind = InvalidSetting if primary_code(error) == sqlite3.SQLITE_CANTOPEN else StartupError
    return kind(
        f"SQLite cannot use the store {path}: {error}. Check the path and its permissions, or use "
        "another file."
    )


def _open(path: str, connect: Connect) -> sqlite3.Connection:
    connection = connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: str) -> None:
    in_memory = path == IN_MEMORY
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
                f"SQLite rejected {name}={setting} for {path} (it is {actual!r}). "
                "Monotron cannot guarantee durability there. Use a local disk, not a network "
                "file system."
            )
    connection.execute("BEGIN IMMEDIATE")  # acquires the exclusive lock permanently
    if not in_memory:
        rewrite_log(f"{path}-wal")
    create_or_check(connection, path)
    connection.execute("COMMIT")
