"""A disk with an SQLite database, which survives the server that has it open.

The engine is the real one, in memory. What a server is given as its connection stands before it,
and fails when it should: at any statement, at a commit that is or is not on the disk all the same,
or because the server is no more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from faults.simulated.world import Killed, World
from monotron.store.sqlite.file import SqliteFile

# These read settings back that a database in memory does not have.
_READ_BACK = {"PRAGMA journal_mode": "wal", "PRAGMA locking_mode": "exclusive"}


@dataclass(slots=True)
class DiskFaults:
    """How often what happens, each from 0 to 1."""

    statement: float = 0.0
    """A statement fails: an I/O error, or no space left."""
    commit: float = 0.0
    """A commit fails, and nobody knows whether it is on the disk."""
    crash: float = 0.0
    """The server ends at a statement."""
    slow: float = 0.002
    """The mean of a commit's way to the disk, in seconds."""


class Row(NamedTuple):
    """A series, and what it was newly given, as a commit left them."""

    at: float
    account: int
    key: str
    life: int
    value: int
    alive: bool
    fresh: list[tuple[int, str | None]]


class Disk:
    """The database, and all that was ever committed to it."""

    def __init__(self, world: World, faults: DiskFaults, *, used: bool) -> None:
        self.world = world
        self.faults = faults
        self.engine = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if used:
            self.engine.deserialize(_empty())
        self.log: list[Row] = []
        self.crash_server: Callable[[], object] = lambda: None
        self.committing: Callable[[], object] = lambda: None
        """Called when a commit begins, and perhaps makes something go wrong soon."""
        self.commits = 0
        self.failed_commits = 0
        self._open: Connection | None = None
        self._known: dict[int, tuple[int, int]] = {}

    def connect(self, *_: object, **__: object) -> Connection:
        self.lose_power()
        self._open = Connection(self)
        return self._open

    def lose_power(self) -> None:
        """What is not committed is lost; a commit under way may be on the disk or not."""
        if self._open is not None:
            self._open.dead = True
            if self._open.committing and self.world.chance.random() < 0.5:
                self.commit()
        if self.engine.in_transaction:
            self.engine.execute("ROLLBACK")

    def commit(self) -> None:
        """Commit, and note which series moved."""
        self.commits += 1
        self.engine.execute("COMMIT")
        rows = self.engine.execute(
            "SELECT generation, account, key, value, is_active FROM series"
        ).fetchall()
        for life, account, key, value, alive in rows:
            before = self._known.get(life, (0, -1))
            if before == (value, alive):
                continue
            fresh = self.engine.execute(
                "SELECT value, token FROM entries "
                "WHERE generation = ? AND value > ? ORDER BY value",
                (life, before[0]),
            ).fetchall()
            self._known[life] = (value, alive)
            self.log.append(Row(self.world.now, account, key, life, value, bool(alive), fresh))


class Connection:
    """`sqlite3.Connection`, for one opening of the file."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.dead = False
        self.committing = False

    @property
    def in_transaction(self) -> bool:
        return not self.dead and self._disk.engine.in_transaction

    @property
    def total_changes(self) -> int:
        return self._disk.engine.total_changes

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        if self.dead:
            raise Killed
        if statement in _READ_BACK:
            return self._disk.engine.execute(f"SELECT '{_READ_BACK[statement]}'")
        if statement == "COMMIT":
            return self._commit()
        if self._disk.engine.in_transaction and statement != "ROLLBACK":
            self._fail_perhaps()
        return self._disk.engine.execute(statement, parameters)

    def close(self) -> None:
        if not self.dead:
            self.dead = True
            if self._disk.engine.in_transaction:
                self._disk.engine.execute("ROLLBACK")

    def _fail_perhaps(self) -> None:
        faults, chance = self._disk.faults, self._disk.world.chance
        luck = chance.random()
        if luck < faults.crash:
            self._disk.crash_server()
            raise Killed
        if luck < faults.crash + faults.statement:
            raise _error(chance.choice((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)))

    def _commit(self) -> None:
        disk, world = self._disk, self._disk.world
        disk.committing()
        if world.current is not None:  # on a thread, where it waits for the disk
            self.committing = True
            try:
                world.sleep(world.chance.expovariate(1 / disk.faults.slow))
            finally:
                self.committing = False
        luck = world.chance.random()
        if luck >= disk.faults.commit:
            disk.commit()
        else:
            disk.failed_commits += 1
            if luck < disk.faults.commit / 2:
                disk.commit()
            else:
                disk.engine.execute("ROLLBACK")
            raise _error(sqlite3.SQLITE_IOERR)
        if world.current is not None:
            world.sleep(world.chance.expovariate(1 / disk.faults.slow))


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("simulated")
    error.sqlite_errorcode = code
    return error


@cache
def _empty() -> bytes:
    """A database as a server makes it."""
    file = SqliteFile(":memory:")
    try:
        return bytes(file._connection.serialize())
    finally:
        file.close()
