"""Series in one SQLite file, or in memory: the embedded default.

One connection, one transaction a batch, fsynced before it is answered. Requests and rows go in
and out as JSON, one statement for a whole batch: the interpreter lock is given up and fought for
at every step of a statement, and that, not SQLite, is what a loop over the rows would cost.
"""

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from monotron.errors import (
    Applied,
    InternalError,
    MonotronError,
    StartupError,
    StorageFull,
    StoreUnavailable,
    ValueWouldFall,
)
from monotron.model import Entry, Given, LedgerEntry, Reuse, SeriesKey
from monotron.store.base import Advance, Clock, Store, count

log = logging.getLogger("monotron.store")

LOCK_SECONDS = 5.0
"""How long a starting server waits for its predecessor to let go of the file."""

_OLDEST = (3, 38, 0)  # STRICT tables and the ->> operator
_APPLICATION_ID = 0x6D6E7472  # "mntr", so that `file` and we know the file again
_SCHEMA_VERSION = 1

# A life is an id of its own: entries of an old one are garbage that nobody looks up.
# Rows of series are never removed, so the largest life is never used again.
_SCHEMA = """
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

_HEADS = """
SELECT json_group_array(json_array(wanted.key, series.life, series.value, series.token,
                                   series.alive))
FROM json_each(?) AS wanted
JOIN series ON series.account = wanted.value ->> 0 AND series.key = wanted.value ->> 1
"""
_LAST_GIVEN = """
SELECT json_group_array(json_array(wanted.key, (
    SELECT value FROM entries
    WHERE life = wanted.value ->> 0 AND token = wanted.value ->> 1
    ORDER BY value DESC LIMIT 1)))
FROM json_each(?) AS wanted
"""
_SAVE_SERIES = """
INSERT INTO series (life, account, key, value, token, alive)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(?) WHERE true
ON CONFLICT (life) DO UPDATE
SET value = excluded.value, token = excluded.token, alive = excluded.alive
"""
_ADD_ENTRIES = """
INSERT INTO entries (life, value, token, given_at)
SELECT value ->> 0, value ->> 1, value ->> 2, ?2 FROM json_each(?1)
"""
_SWEEP = """
DELETE FROM entries WHERE (life, value) IN
    (SELECT life, value FROM entries WHERE life = (SELECT min(life) FROM garbage) LIMIT 256)
"""


class _Head(NamedTuple):
    """Where a series stands. Dead ones keep their height; `life` 0 is one never seen."""

    life: int
    value: int
    token: str | None
    alive: bool


_NEVER_SEEN = _Head(0, 0, None, False)


class SqliteStore(Store):
    """Calls are serialised by a lock: one connection, one transaction at a time."""

    calls_at_once = 1
    largest_batch = 512

    def __init__(self, path: str, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._broken = False
        self._connection = self._connect()
        (self._garbage,) = self._one("SELECT count(*) FROM garbage")

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> "SqliteStore":
        """The store of `sqlite://` (memory), `sqlite:///relative` or `sqlite:////absolute`."""
        path = url.removeprefix("sqlite://")
        if path and not (path.startswith("/") and path.strip("/")):
            raise StartupError(
                "An SQLite store is sqlite:///FILE (three slashes, a relative path), "
                "sqlite:////PATH/FILE (four, an absolute one) or sqlite:// (in memory)."
            )
        return cls(path[1:] or ":memory:", clock=clock)

    def lane(self, series: SeriesKey) -> Hashable:
        return None  # one for all: whatever waits shares a transaction and its fsync

    def advance(self, requests: Sequence[Advance]) -> list[Given | MonotronError]:
        by_series: dict[SeriesKey, list[int]] = {}
        for position, request in enumerate(requests):
            by_series.setdefault(request.series, []).append(position)
        answers: list[Given | MonotronError] = [None] * len(requests)  # type: ignore[list-item]
        heads_to_save, entries_to_add = [], []
        new_life = 0
        with self._transaction() as transaction:
            heads = self._heads(by_series)
            known = self._last_given(requests, heads)
            for series, positions in by_series.items():
                head = heads.get(series, _NEVER_SEEN)
                counted, tokens = count(
                    head.value,
                    head.token,
                    known.get(series, {}),
                    [requests[position] for position in positions],
                )
                for position, answer in zip(positions, counted, strict=True):
                    answers[position] = answer
                if tokens:
                    life = head.life
                    if not life:
                        life = new_life = new_life + 1 if new_life else self._new_life()
                    value = head.value
                    for token in tokens:
                        value += 1
                        entries_to_add.append((life, value, token))
                    heads_to_save.append((life, *series, value, tokens[-1], 1))
            if entries_to_add:
                transaction.writes = True
                self._connection.execute(_SAVE_SERIES, (_json(heads_to_save),))
                self._connection.execute(_ADD_ENTRIES, (_json(entries_to_add), self._now()))
                self._sweep()
        return answers

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        with self._transaction():
            heads = self._heads(dict.fromkeys(keys))
        return [
            Entry(*key, head.token, head.value) if (head := heads.get(key)) and head.alive else None
            for key in keys
        ]

    def entry(self, series: SeriesKey, token: str) -> Entry | None:
        with self._transaction():
            row = self._connection.execute(
                "SELECT entries.value FROM series JOIN entries USING (life) "
                "WHERE account = ? AND key = ? AND entries.token = ? "
                "ORDER BY entries.value DESC LIMIT 1",
                (*series, token),
            ).fetchone()
        return Entry(*series, token, row[0]) if row else None

    def raise_to(self, series: SeriesKey, value: int) -> Given:
        with self._transaction() as transaction:
            head = self._head(series)
            if value < head.value:
                raise ValueWouldFall(
                    f"The series {series.key!r} has given {head.value} already, "
                    f"so it cannot be raised to {value}. Raise it to {head.value} or more."
                )
            if value == head.value and head.alive:
                return Given(Entry(*series, head.token, value), reused=True)
            transaction.writes = True
            life = head.life or self._new_life()
            self._connection.execute(_SAVE_SERIES, (_json([(life, *series, value, None, 1)]),))
            self._connection.execute(_ADD_ENTRIES, (_json([(life, value, None)]), self._now()))
        return Given(Entry(*series, None, value), reused=False)

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        with self._transaction() as transaction:
            head = self._head(series)
            height = 0 if restart else head.value
            if not head.life or (not head.alive and height == head.value):
                return
            transaction.writes = True
            self._connection.execute(
                "UPDATE series SET life = ?, value = ?, token = NULL, alive = 0 WHERE life = ?",
                (self._new_life(), height, head.life),
            )
            self._connection.execute("INSERT INTO garbage VALUES (?)", (head.life,))
            self._garbage += 1
            self._sweep()

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        with self._transaction():
            rows = self._connection.execute(
                "SELECT key, token, value FROM series "
                "WHERE account = ? AND key > ? AND key >= ? AND alive ORDER BY key LIMIT ?",
                (account, after, prefix, limit),
            ).fetchall()
        # In order of key, those with the prefix stand together, the first of them first.
        return [Entry(account, *row) for row in rows if row[0].startswith(prefix)]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        with self._transaction():
            head = self._head(series)
            if not head.alive:
                return None
            rows = self._connection.execute(
                "SELECT token, value, given_at FROM entries WHERE life = ? AND value <= ? "
                "ORDER BY value DESC LIMIT ?",
                (head.life, head.value if before is None else before - 1, limit),
            ).fetchall()
        return [
            LedgerEntry(Entry(*series, token, value), given_at) for token, value, given_at in rows
        ]

    def ping(self) -> None:
        with self._transaction() as transaction:
            transaction.writes = True  # a full disk and a read-only one show only at a write
            self._connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def backup(self, target: Path) -> None:
        with self._lock:
            copy = sqlite3.connect(target)
            try:
                self._connection.backup(copy)
            except sqlite3.Error as error:
                raise _translated(error, applied="no") from error
            finally:
                copy.close()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _new_life(self) -> int:
        (life,) = self._one("SELECT coalesce(max(life), 0) + 1 FROM series")
        return int(life)

    def _heads(self, keys: Iterable[SeriesKey]) -> dict[SeriesKey, _Head]:
        wanted = list(keys)
        (rows,) = self._one(_HEADS, _json(wanted))
        return {
            wanted[position]: _Head(life, value, token, bool(alive))
            for position, life, value, token, alive in json.loads(rows)
        }

    def _head(self, series: SeriesKey) -> _Head:
        return self._heads((series,)).get(series, _NEVER_SEEN)

    def _last_given(
        self, requests: Sequence[Advance], heads: dict[SeriesKey, _Head]
    ) -> dict[SeriesKey, dict[str, int]]:
        """The value that each token with `Reuse.ANY` was last given, where it was given one."""
        asked = [
            (series, head.life, token)
            for series, token, reuse in requests
            if reuse is Reuse.ANY and (head := heads.get(series)) and head.alive
        ]
        known: dict[SeriesKey, dict[str, int]] = {}
        if asked:
            (rows,) = self._one(_LAST_GIVEN, _json([(life, token) for _, life, token in asked]))
            for position, value in json.loads(rows):
                if value is not None:
                    series, _, token = asked[position]
                    known.setdefault(series, {})[token] = value
        return known

    def _sweep(self) -> None:
        """Remove a few entries of deleted lives, so that no one write pays for all of them."""
        if self._garbage and self._connection.execute(_SWEEP).rowcount == 0:
            self._connection.execute(
                "DELETE FROM garbage WHERE life = (SELECT min(life) FROM garbage)"
            )
            self._garbage -= 1

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _one(self, statement: str, *parameters: object) -> Any:
        return self._connection.execute(statement, parameters).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator["_Transaction"]:
        """All of it or nothing, on disk when left. Engine errors come out translated."""
        with self._lock:
            transaction = _Transaction()
            try:
                if self._broken:
                    self._reopen()
                self._connection.execute("BEGIN IMMEDIATE")
                yield transaction
            except BaseException as error:
                self._roll_back()
                if isinstance(error, sqlite3.Error):
                    raise _translated(error, applied="no") from error
                raise
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                # Whether it is on disk nobody can tell, and an fsync that failed must not be
                # tried again on the same pages: what the file says when opened anew counts.
                self._roll_back()
                self._broken = self._path != ":memory:"
                applied: Applied = "unknown" if transaction.writes else "no"
                raise _translated(error, applied=applied) from error

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            (self._garbage,) = self._one("SELECT count(*) FROM garbage")
        except sqlite3.Error as error:
            log.error("SQLite could not roll back %s: %s", self._path, error)
            self._broken = True

    def _reopen(self) -> None:
        self._connection.close()
        try:
            self._connection = self._connect()
        except StartupError as error:
            log.error("SQLite could not open %s again: %s", self._path, error)
            raise StoreUnavailable(
                "The store's file cannot be opened again after an error. The server's log holds "
                "the cause; once that is gone, send the same request again."
            ) from error
        (self._garbage,) = self._one("SELECT count(*) FROM garbage")
        self._broken = False

    def _connect(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StartupError(
                f"Python is linked to SQLite {sqlite3.sqlite_version}, and Monotron needs "
                f"{'.'.join(map(str, _OLDEST))} or newer. Use a newer Python, or MongoDB."
            )
        new = self._path != ":memory:" and not os.path.exists(self._path)
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
            _sync_folder(self._path)
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
        in_memory = self._path == ":memory:"
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
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        elif application_id != _APPLICATION_ID:
            raise StartupError(
                f"{self._path} is a database of some other program. "
                "Give Monotron a file of its own, or none to let it make one."
            )
        elif version != _SCHEMA_VERSION:
            raise StartupError(
                f"{self._path} was written by another Monotron (its schema is {version}, this "
                f"one's is {_SCHEMA_VERSION}). Use the Monotron that wrote it, or a newer one."
            )
        connection.execute("COMMIT")


class _Transaction:
    """Whether it has something to lose if its COMMIT fails."""

    writes = False


def _json(rows: Sequence[Sequence[object]]) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _sync_folder(path: str) -> None:
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
        return StorageFull(
            "The disk that holds the store is full. Free some space; then send the same "
            "request again.",
            applied=applied,
        )
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
