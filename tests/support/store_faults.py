"""Faults of the SQLite stores in the process of the test."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from monotron.store.sqlite.file import SqliteFile, Transaction

BROKEN_DISK = sqlite3.OperationalError("disk I/O error")

FULL_DISK = sqlite3.OperationalError("database or disk is full")
FULL_DISK.sqlite_errorcode = sqlite3.SQLITE_FULL

BUG = RuntimeError("a bug")

Condition = Callable[[Transaction, str], bool]
"""Whether a statement of a transaction raises."""


def always(_: Transaction, __: str) -> bool:
    return True


def in_changes(transaction: Transaction, _: str) -> bool:
    """From the first statement of a transaction that changes the store."""
    return transaction.writes


def in_commits(_: Transaction, statement: str) -> bool:
    """Then the outcome of a change is unknown."""
    return statement == "COMMIT"


@contextmanager
def statements_raise(error: Exception, condition: Condition = always) -> Iterator[None]:
    """In this block, statements raise the error under the condition."""
    initialize = Transaction.__init__

    def broken(self: Transaction, file: SqliteFile, connection: sqlite3.Connection) -> None:
        initialize(self, file, connection)
        execute = self.execute

        def fail(statement: str, *parameters: Any) -> sqlite3.Cursor:
            if condition(self, statement):
                raise error
            return execute(statement, *parameters)

        self.execute = fail  # type: ignore[assignment]  # it is called only in these ways

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "__init__", broken)
        yield
