"""Faults of the SQLite stores in the process of the test, for the duration of a block."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

from monotron.store.sqlite.file import SqliteFile, Transaction

BROKEN_DISK = sqlite3.OperationalError("disk I/O error")

FULL_DISK = sqlite3.OperationalError("database or disk is full")
FULL_DISK.sqlite_errorcode = sqlite3.SQLITE_FULL

BUG = RuntimeError("a bug")


@contextmanager
def statements_raise(error: Exception) -> Iterator[None]:
    """Every statement raises, so no store can be read."""

    def fail(*_: object) -> NoReturn:
        raise error

    initialize = Transaction.__init__

    def broken(self: Transaction, file: SqliteFile, connection: sqlite3.Connection) -> None:
        initialize(self, file, connection)
        self.execute = fail

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "__init__", broken)
        yield


@contextmanager
def changes_raise(error: Exception) -> Iterator[None]:
    """Every statement that changes a store raises, and reading succeeds."""

    def fail(*_: object) -> NoReturn:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "write", fail)
        yield


@contextmanager
def commits_raise(error: Exception) -> Iterator[None]:
    """Every commit raises, so that the outcome of a change is unknown."""
    initialize = Transaction.__init__

    def broken(self: Transaction, file: SqliteFile, connection: sqlite3.Connection) -> None:
        initialize(self, file, connection)
        execute = self.execute

        def fail(statement: str, *parameters: tuple[object, ...]) -> sqlite3.Cursor:
            if statement == "COMMIT":
                raise error
            return execute(statement, *parameters)

        self.execute = fail  # type: ignore[assignment]  # only for these calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "__init__", broken)
        yield
