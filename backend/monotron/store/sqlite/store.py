"""Series in one SQLite file, or in memory: the embedded default.

One connection, one transaction a batch, fsynced before it is answered. Requests and rows go in
and out as JSON, one statement for a whole batch: the interpreter lock is given up and fought for
at every step of a statement, and that, not SQLite, is what a loop over the rows would cost
(docs/decisions/0002-json-batches-in-sqlite.md).
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from monotron.errors import MonotronError, StartupError, ValueWouldFall
from monotron.model.allocation import AllocationRequest, allocate
from monotron.model.series import Allocation, Entry, LedgerEntry, Reuse, SeriesKey
from monotron.runtime import PRODUCTION, Runtime
from monotron.store.audit import AuditSlice
from monotron.store.fast_forward import FastForwarded
from monotron.store.interface import Store
from monotron.store.sqlite.attributes import SqliteAttributes, has_attributes, sweep
from monotron.store.sqlite.audit import audit
from monotron.store.sqlite.auth_records import SqliteAuthRecords, SqliteTokenUses
from monotron.store.sqlite.fast_forward import fast_forward
from monotron.store.sqlite.file import IN_MEMORY, Connect, SqliteFile, Transaction
from monotron.store.sqlite.releases import SqliteReleases
from monotron.store.sqlite.schema import SCHEMA_VERSION

_HEADS = """
SELECT json_group_array(json_array(wanted.key, series.generation, series.value, series.token,
                                   series.is_active))
FROM json_each(?) AS wanted
JOIN series ON series.account = wanted.value ->> 0 AND series.key = wanted.value ->> 1
"""
_HEADS_AND_LAST_GIVEN = """
SELECT json_group_array(json_array(wanted.key, series.generation, series.value, series.token,
                                   series.is_active, (
    SELECT entries.value FROM entries
    WHERE entries.generation = series.generation AND entries.token = wanted.value ->> 2
    ORDER BY entries.value DESC LIMIT 1)))
FROM json_each(?) AS wanted
JOIN series ON series.account = wanted.value ->> 0 AND series.key = wanted.value ->> 1
"""
_INTO_SERIES = """
INSERT INTO series (generation, account, key, value, token, is_active)
{}
ON CONFLICT (generation) DO UPDATE
SET value = excluded.value, token = excluded.token, is_active = excluded.is_active
"""
_SAVE_HEADS = _INTO_SERIES.format("""
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(?) WHERE true""")
_ADD_ENTRIES = """
INSERT INTO entries (generation, value, token, assigned_by, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2 FROM json_each(?1)
"""

# The same for one, which comes alone: JSON would take three times as long.
_HEAD = "SELECT generation, value, token, is_active FROM series WHERE account = ? AND key = ?"
_LAST_GIVEN = (
    "SELECT value FROM entries WHERE generation = ? AND token = ? ORDER BY value DESC LIMIT 1"
)
_SAVE_HEAD = _INTO_SERIES.format("VALUES (?, ?, ?, ?, ?, ?)")
_ADD_ENTRY = """
INSERT INTO entries (generation, value, token, assigned_by, created_at) VALUES (?, ?, ?, ?, ?)
"""
_SWEEP = """
DELETE FROM entries
WHERE generation = ?1 AND value IN (SELECT value FROM entries WHERE generation = ?1 LIMIT 256)
"""


class _Head(NamedTuple):
    """Where a series stands. Dead ones keep their height; `generation` 0 is one never seen."""

    generation: int
    value: int
    token: str | None
    is_active: bool


_NEVER_SEEN = _Head(0, 0, None, False)


class SqliteStore(Store):
    """A store that one process keeps for itself."""

    shareable = False
    supports_backup = True
    max_concurrency = 1
    max_batch_size = 512

    rule: ClassVar[Callable[..., Any]] = staticmethod(allocate)
    """The rule that numbers a batch. The simulator replaces it in a broken store."""

    def __init__(
        self, path: str, *, runtime: Runtime = PRODUCTION, connect: Connect = sqlite3.connect
    ) -> None:
        """*connect*: opens the file; the simulator passes a simulated disk's function."""
        self._file = SqliteFile(path, runtime=runtime, connect=connect)
        self.releases = SqliteReleases(self._file)
        self.auth_records = SqliteAuthRecords(self._file)
        self.token_uses = SqliteTokenUses(self._file, runtime.clock)
        self.attributes = SqliteAttributes(self._file)
        self._runtime = runtime
        self._may_have_garbage = True

    @classmethod
    def open(cls, url: str, *, runtime: Runtime) -> "SqliteStore":
        """The store of `sqlite://` (memory), `sqlite:///relative` or `sqlite:////absolute`."""
        return cls(path_of(url), runtime=runtime)

    @classmethod
    def describe(cls, url: str) -> str:
        path = path_of(url)
        return "memory" if path == IN_MEMORY else str(Path(path).absolute())

    def begin_allocate(
        self, requests: Sequence[AllocationRequest]
    ) -> Callable[[], list[Allocation | MonotronError]]:
        # Statements take microseconds, and a thread that fights for the interpreter lock
        # between them slows the event loop more: only the commit, which waits for the disk, is
        # left to a thread (docs/decisions/0004-commit-on-a-thread.md).
        transaction = self._file.begin_at_once()
        if transaction is None:
            return super().begin_allocate(requests)
        with transaction.rolled_back_on_error():
            answers = self._number(transaction, requests)

        def finish() -> list[Allocation | MonotronError]:
            transaction.commit()
            return answers

        return finish

    def after_commit(self) -> None:
        self._file.checkpoint_if_due()

    def allocate(self, requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        with self._file.transaction() as transaction:
            return self._number(transaction, requests)

    def _number(
        self, transaction: Transaction, requests: Sequence[AllocationRequest]
    ) -> list[Allocation | MonotronError]:
        by_series: dict[SeriesKey, list[int]] = {}
        for position, request in enumerate(requests):
            by_series.setdefault(request.series, []).append(position)
        answers: list[Allocation | MonotronError] = [None] * len(requests)  # type: ignore[list-item]
        heads_to_save, entries_to_add = [], []
        new_generation = 0
        heads, known = _heads_and_last_given(transaction, requests)
        for series, positions in by_series.items():
            head = heads.get(series, _NEVER_SEEN)
            counted, newly_given = self.rule(
                head.value,
                head.token,
                known.get(series, {}),
                [requests[position] for position in positions],
            )
            for position, answer in zip(positions, counted, strict=True):
                answers[position] = answer
            if newly_given:
                generation = head.generation
                if not generation:
                    generation = new_generation = (
                        new_generation + 1 if new_generation else _new_generation(transaction)
                    )
                value = head.value
                for each in newly_given:
                    value += 1
                    entries_to_add.append((generation, value, each.token, each.assigned_by))
                heads_to_save.append((generation, *series, value, newly_given[-1].token, 1))
        if entries_to_add:
            _save(transaction, heads_to_save, entries_to_add, self._now())
            self._sweep(transaction)
        return answers

    def peek(self, keys: Sequence[SeriesKey]) -> list[Entry | None]:
        with self._file.transaction() as transaction:
            heads = _heads(transaction, dict.fromkeys(keys))
        return [
            Entry(*key, head.token, head.value)
            if (head := heads.get(key)) and head.is_active
            else None
            for key in keys
        ]

    def high_water_marks(self, keys: Sequence[SeriesKey]) -> list[int]:
        with self._file.transaction() as transaction:
            heads = _heads(transaction, keys)
        return [heads.get(key, _NEVER_SEEN).value for key in keys]

    def entry(self, series: SeriesKey, token: str | None) -> Entry | None:
        with self._file.transaction() as transaction:
            row = transaction.one(
                "SELECT entries.value FROM series JOIN entries USING (generation) "
                "WHERE account = ? AND key = ? AND entries.token IS ? "
                "ORDER BY entries.value DESC LIMIT 1",
                *series,
                token,
            )
        return Entry(*series, token, row[0]) if row else None

    def advance_to(self, series: SeriesKey, value: int, assigned_by: str) -> Allocation:
        with self._file.transaction() as transaction:
            head = _head(transaction, series)
            if value < head.value:
                raise ValueWouldFall(
                    f"The series {series.key!r} has given {head.value} already, "
                    f"so it cannot be raised to {value}. Raise it to {head.value} or more."
                )
            if value == head.value and head.is_active:
                return Allocation(Entry(*series, head.token, value), reused=True)
            generation = head.generation or _new_generation(transaction)
            head_to_save, entry_to_add = (
                (generation, *series, value, None, 1),
                (generation, value, None, assigned_by),
            )
            _save(transaction, [head_to_save], [entry_to_add], self._now())
        return Allocation(Entry(*series, None, value), reused=False)

    def delete(self, series: SeriesKey, *, restart: bool) -> None:
        with self._file.transaction() as transaction:
            head = _head(transaction, series)
            height = 0 if restart else head.value
            if (
                not head.is_active
                and height == head.value
                and not has_attributes(transaction, head.generation)
            ):
                return
            transaction.write(
                "UPDATE series SET generation = ?, value = ?, token = NULL, is_active = 0 "
                "WHERE generation = ?",
                _new_generation(transaction),
                height,
                head.generation,
            )
            transaction.write("INSERT INTO deleted_generations VALUES (?)", head.generation)
            self._may_have_garbage = True
            self._sweep(transaction)

    def series_page(self, account: int, prefix: str, after: str, limit: int) -> list[Entry]:
        with self._file.transaction() as transaction:
            rows = transaction.execute(
                "SELECT key, token, value FROM series "
                "WHERE account = ? AND key > ? AND key >= ? AND is_active ORDER BY key LIMIT ?",
                (account, after, prefix, limit),
            ).fetchall()
        # In order of key, those with the prefix stand together, the first of them first.
        return [Entry(account, *row) for row in rows if row[0].startswith(prefix)]

    def ledger_page(
        self, series: SeriesKey, before: int | None, limit: int
    ) -> list[LedgerEntry] | None:
        with self._file.transaction() as transaction:
            head = _head(transaction, series)
            if not head.is_active:
                return None
            rows = transaction.execute(
                "SELECT token, value, created_at, assigned_by FROM entries "
                "WHERE generation = ? AND value <= ? ORDER BY value DESC LIMIT ?",
                (head.generation, head.value if before is None else before - 1, limit),
            ).fetchall()
        return [
            LedgerEntry(Entry(*series, token, value), created_at, assigned_by)
            for token, value, created_at, assigned_by in rows
        ]

    def ping(self) -> None:
        with self._file.transaction() as transaction:
            # A full disk, or one that is read-only by now, shows only at a write.
            transaction.write(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def audit(self, *, alone: bool = False) -> Iterator[AuditSlice]:
        return audit(self._file, alone=alone)

    def fast_forward(self, by_how_much: int, assigned_by: str) -> FastForwarded:
        if not by_how_much:
            return FastForwarded(0, ())
        return fast_forward(self._file, by_how_much, assigned_by, self._now())

    def backup(self, target: Path) -> None:
        self._file.backup(target)

    def close(self) -> None:
        self._file.close()

    def _sweep(self, transaction: Transaction) -> None:
        """Remove a little of a deleted generation, so that no one write pays for all of it."""
        if self._may_have_garbage:
            (generation,) = transaction.one("SELECT min(generation) FROM deleted_generations")
            if generation is None:
                self._may_have_garbage = False
            elif not (
                transaction.write(_SWEEP, generation).rowcount or sweep(transaction, generation)
            ):
                transaction.write(
                    "DELETE FROM deleted_generations WHERE generation = ?", generation
                )

    def _now(self) -> int:
        return self._runtime.now_ms()


def path_of(url: str) -> str:
    """The file that the URL of an SQLite store names, or `:memory:`."""
    path = url.removeprefix("sqlite://")
    if path and not (path.startswith("/") and path.strip("/")):
        raise StartupError(
            "An SQLite store is sqlite:///FILE (three slashes, a relative path), "
            "sqlite:////PATH/FILE (four, an absolute one) or sqlite:// (in memory)."
        )
    return path[1:] or IN_MEMORY


def _heads(transaction: Transaction, keys: Iterable[SeriesKey]) -> dict[SeriesKey, _Head]:
    wanted = list(keys)
    (rows,) = transaction.one(_HEADS, _json(wanted))
    return {
        wanted[position]: _Head(generation, value, token, bool(is_active))
        for position, generation, value, token, is_active in json.loads(rows)
    }


def _head(transaction: Transaction, series: SeriesKey) -> _Head:
    row = transaction.one(_HEAD, *series)
    if row is None:
        return _NEVER_SEEN
    generation, value, token, is_active = row
    return _Head(generation, value, token, bool(is_active))


def _new_generation(transaction: Transaction) -> int:
    (generation,) = transaction.one("SELECT coalesce(max(generation), 0) + 1 FROM series")
    return int(generation)


def _heads_and_last_given(
    transaction: Transaction, requests: Sequence[AllocationRequest]
) -> tuple[dict[SeriesKey, _Head], dict[SeriesKey, dict[str, int]]]:
    """Where the series stand, and what tokens with `Reuse.ANY` were last given, if anything."""
    if len(requests) == 1:
        return _head_and_last_given(transaction, requests[0])
    heads: dict[SeriesKey, _Head] = {}
    known: dict[SeriesKey, dict[str, int]] = {}
    wanted = [(*each.series, each.token if each.reuse is Reuse.ANY else None) for each in requests]
    (rows,) = transaction.one(_HEADS_AND_LAST_GIVEN, _json(wanted))
    for position, generation, value, current, is_active, last_given in json.loads(rows):
        series, token, *_ = requests[position]
        heads[series] = _Head(generation, value, current, bool(is_active))
        if last_given is not None:
            known.setdefault(series, {})[token] = last_given
    return heads, known


def _head_and_last_given(
    transaction: Transaction, request: AllocationRequest
) -> tuple[dict[SeriesKey, _Head], dict[SeriesKey, dict[str, int]]]:
    series = request.series
    head = _head(transaction, series)
    last_given = None
    if request.reuse is Reuse.ANY:
        last_given = transaction.one(_LAST_GIVEN, head.generation, request.token)
    return {series: head}, {series: {request.token: last_given[0]}} if last_given else {}


def _save(
    transaction: Transaction,
    heads: Sequence[tuple[object, ...]],
    entries: Sequence[tuple[object, ...]],
    now: int,
) -> None:
    if len(entries) == 1:
        transaction.write(_SAVE_HEAD, *heads[0])
        transaction.write(_ADD_ENTRY, *entries[0], now)
    else:
        transaction.write(_SAVE_HEADS, _json(heads))
        transaction.write(_ADD_ENTRIES, _json(entries), now)


def _json(rows: Sequence[Sequence[object]]) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
