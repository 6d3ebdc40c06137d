"""A disk with an SQLite database. It survives the server that has the database open.

The engine is real SQLite, in memory. A server's connection wraps it and injects faults: at any
statement, at a commit that may or may not reach the disk, or because the server has crashed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from monotron.store.release_fields import ReleaseFields
from monotron.store.sqlite.file import SqliteFile
from simulation.world import Killed, World

# A database in memory does not have these settings, so the expected values are returned.
_RELEASES = f"""
SELECT account, name, {", ".join(ReleaseFields._fields)} FROM releases ORDER BY rowid
"""
_NAMES = "SELECT account, name, revision, releases, withdrawn, newest, newest_token FROM names"
_READ_BACK = {"PRAGMA journal_mode": "wal", "PRAGMA locking_mode": "exclusive"}


@dataclass(slots=True)
class DiskFaults:
    """The probability of each fault."""

    statement: float = 0.0
    """A statement fails: an I/O error, or no space left."""
    commit: float = 0.0
    """A commit fails, and may or may not be on the disk."""
    crash: float = 0.0
    """The server crashes at a statement."""
    slow: float = 0.002
    """The mean seconds of a commit."""


class Row(NamedTuple):
    """A series after a commit, and the entries that the commit added."""

    at: float
    account: int
    key: str
    generation: int
    value: int
    is_active: bool
    fresh: list[tuple[int, str | None]]


class VersionRows(NamedTuple):
    """What a commit added to versions and to all series, and the summaries after it."""

    at: float
    series: list[Row]
    releases: list[tuple[Any, ...]]
    """The account, the name and the fields of each record that is new or was changed."""
    names: list[tuple[Any, ...]]


class Disk:
    """The database, and a log of everything that was committed."""

    def __init__(self, world: World, faults: DiskFaults, *, used: bool) -> None:
        self.world = world
        self.faults = faults
        self.engine = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if used:
            self.engine.deserialize(_empty())
        self.log: list[Row] = []
        self.versions: list[VersionRows] = []
        self.crash_server: Callable[[], object] = lambda: None
        self.committing: Callable[[], object] = lambda: None
        """Called when a commit begins. It may schedule a fault."""
        self.commits = 0
        self.failed_commits = 0
        self._open: Connection | None = None
        self._known: dict[int, tuple[int, int]] = {}
        self._releases: set[tuple[Any, ...]] = set()
        self._names: list[tuple[Any, ...]] = []

    def connect(self, *_: object, **__: object) -> Any:
        """Open the database: `sqlite3.connect` of the server."""
        self.lose_power()
        self._open = Connection(self)
        return self._open

    def lose_power(self) -> None:
        """Lose what is not committed. A commit in progress may be on the disk or not."""
        if self._open is not None:
            self._open.dead = True
            if self._open.committing and self.world.chance.random() < 0.5:
                self.commit()
        if self.engine.in_transaction:
            self.engine.execute("ROLLBACK")

    def commit(self) -> None:
        """Commit, and log which series and versions changed."""
        self.commits += 1
        self.engine.execute("COMMIT")
        before = len(self.log)
        self._log_series()
        self._log_versions(self.log[before:])

    def _log_series(self) -> None:
        rows = self.engine.execute(
            "SELECT generation, account, key, value, is_active FROM series"
        ).fetchall()
        for generation, account, key, value, is_active in rows:
            before = self._known.get(generation, (0, -1))
            if before == (value, is_active):
                continue
            fresh = self.engine.execute(
                "SELECT value, token FROM entries "
                "WHERE generation = ? AND value > ? ORDER BY value",
                (generation, before[0] if before[1] > 0 else 0),
            ).fetchall()
            self._known[generation] = (value, is_active)
            self.log.append(
                Row(self.world.now, account, key, generation, value, bool(is_active), fresh)
            )

    def _log_versions(self, series: list[Row]) -> None:
        names = self.engine.execute(_NAMES).fetchall()
        releases: list[tuple[Any, ...]] = []
        is_changed = names != self._names  # their revisions show every change of records
        if is_changed:
            rows = self.engine.execute(_RELEASES).fetchall()
            releases = [row for row in rows if row not in self._releases]
            self._releases, self._names = set(rows), names
        if series or is_changed:
            self.versions.append(VersionRows(self.world.now, series, releases, names))


class Connection:
    """`sqlite3.Connection`, from one opening of the file to its end."""

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
        if world.current is not None:  # a task, which waits for the disk
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
    """Return the database that a server creates."""
    opened: list[sqlite3.Connection] = []

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(sqlite3.connect(*args, **kwargs))
        return opened[-1]

    file = SqliteFile(":memory:", connect=connect)
    try:
        return bytes(opened[0].serialize())
    finally:
        file.close()
