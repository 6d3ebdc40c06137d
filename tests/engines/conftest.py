"""Measures what the engines do for a request: instructions of SQLite, documents of MongoDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from monotron.store.sqlite.store import SqliteStore
from support.mongod import ReplicaSet

Subject = TypeVar("Subject")


class CountedStore(SqliteStore):
    """A store in a file that counts the instructions of SQLite."""

    def __init__(self, path: str) -> None:
        self._connections: list[sqlite3.Connection] = []
        self._instructions = 0
        super().__init__(path, connect=self._connect_counted)

    def instructions(self, use: Callable[[], None]) -> int:
        """The number of instructions that SQLite executes for *use*."""
        self._instructions = 0
        self._connections[-1].set_progress_handler(self._count, 1)
        use()
        self._connections[-1].set_progress_handler(None, 0)
        return self._instructions

    def costs(
        self,
        fill: Callable[[Self, Subject], None],
        use: Callable[[Self, Subject], None],
        subjects: Iterable[Subject],
    ) -> list[int]:
        """Fill the store for each subject, and count the instructions of *use* of each."""
        counted = []
        for subject in subjects:
            fill(self, subject)
            counted.append(self.instructions(partial(use, self, subject)))
        return counted

    def _connect_counted(self, *args: Any, **options: Any) -> sqlite3.Connection:
        self._connections.append(sqlite3.connect(*args, **options))
        return self._connections[-1]

    def _count(self) -> int:
        self._instructions += 1
        return 0


@pytest.fixture
def counted_store(tmp_path: Path) -> Iterator[CountedStore]:
    store = CountedStore(str(tmp_path / "monotron.db"))
    yield store
    store.close()


@pytest.fixture
def profiled(replica_set: ReplicaSet, database_url: str) -> Iterator[Any]:
    """The database, without what MongoDB's profiler recorded in a test."""
    name = database_url.partition("?")[0].rpartition("/")[2]
    with replica_set.client() as client:
        database = client[name]
        yield database
        database.command("profile", 0)
        database["system.profile"].drop()
