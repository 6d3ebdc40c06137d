"""The audit of an SQLite file, in slices. Each slice is a transaction of a few milliseconds.

A statement returns one row, which contains the contradictory rows as JSON. So correct rows never
leave SQLite, and the interpreter lock is acquired once
(docs/decisions/0002-json-batches-in-sqlite.md).
"""

import json
from collections.abc import Iterator
from typing import Any

from monotron.store.audit import AuditSlice, gap, series_finding
from monotron.store.sqlite.audit_versions import check_names, check_releases
from monotron.store.sqlite.file import SqliteFile

SERIES_PER_SLICE = 200
ENTRIES_PER_SLICE = 1000

# Heads, compared with their ledgers.
_HEADS = """
WITH slice AS MATERIALIZED (
    SELECT * FROM series WHERE generation > ?1 ORDER BY generation LIMIT ?2
),
checked AS (
    SELECT *,
        (SELECT max(value) FROM entries WHERE entries.generation = slice.generation) AS top,
        (SELECT json_array(token) FROM entries
         WHERE entries.generation = slice.generation AND entries.value = slice.value
        ) AS ledger_token,
        (SELECT count(*) FROM series AS other
         WHERE other.account = slice.account AND other.key = slice.key) AS heads,
        generation IN (SELECT generation FROM deleted_generations) AS is_deleted
    FROM slice
)
SELECT count(*), max(generation), total(is_active), json_group_array(
    json_array(account, key, value, token, is_active, top, ledger_token, heads, is_deleted,
               typeof(value))
) FILTER (WHERE heads <> 1 OR is_deleted OR typeof(value) <> 'integer'
    OR is_active NOT IN (0, 1)
    OR CASE WHEN is_active
       THEN top IS NOT value OR ledger_token IS NOT json_array(token) OR value < 1
       ELSE top IS NOT NULL OR token IS NOT NULL OR value < 0 END)
FROM checked
"""
# Entries, compared with their predecessors. The slices overlap in one row.
_ENTRIES = """
WITH slice AS MATERIALIZED (
    SELECT generation, value, token, typeof(value) AS type FROM entries
    WHERE (generation, value) >= (?1, ?2) ORDER BY generation, value LIMIT ?3
),
checked AS (
    SELECT *, lag(generation) OVER in_order AS generation_before, lag(value) OVER in_order AS before
    FROM slice WINDOW in_order AS (ORDER BY generation, value)
),
wrong AS (
    SELECT * FROM checked
    WHERE type <> 'integer' OR value < 1
       OR (generation = generation_before
           AND (value = before OR (value > before + 1 AND token IS NOT NULL)))
)
SELECT count(*),
    (SELECT count(*) FROM slice JOIN series USING (generation) WHERE is_active),
    (SELECT generation FROM slice ORDER BY generation DESC, value DESC LIMIT 1),
    (SELECT value FROM slice ORDER BY generation DESC, value DESC LIMIT 1),
    EXISTS (SELECT 1 FROM slice JOIN series USING (generation)
            WHERE is_active AND (slice.generation, slice.value) = (?1, ?2)),
    (SELECT json_group_array(
        json_array(account, key, wrong.value, type, before, generation = generation_before))
     FROM wrong JOIN series USING (generation) WHERE is_active),
    (SELECT json_group_array(DISTINCT generation) FROM slice
     WHERE NOT EXISTS (SELECT 1 FROM series WHERE series.generation = slice.generation)
       AND generation NOT IN (SELECT generation FROM deleted_generations))
FROM slice
"""
# The generations that have attributes, in order.
_ATTRIBUTES = """
WITH RECURSIVE generations (generation, number) AS (
    SELECT min(generation), 1 FROM attributes WHERE generation > ?1
    UNION ALL
    SELECT (SELECT min(generation) FROM attributes WHERE generation > generations.generation),
        number + 1 FROM generations
    WHERE generation IS NOT NULL AND number < ?2
)
SELECT max(generation), (SELECT json_group_array(generation) FROM generations
     WHERE generation IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM series WHERE series.generation = generations.generation)
     AND generation NOT IN (SELECT generation FROM deleted_generations))
FROM generations
"""


def audit(file: SqliteFile, *, alone: bool) -> Iterator[AuditSlice]:
    """Audit the whole file. *alone* adds the integrity check of SQLite."""
    if alone:
        yield AuditSlice(
            tuple(f"SQLite finds the file damaged: {line}." for line in file.integrity_problems())
        )
    yield from _check_heads(file)
    yield from _check_entries(file)
    yield from _check_attributes(file)
    yield from check_releases(file)
    yield from check_names(file)


def _check_heads(file: SqliteFile) -> Iterator[AuditSlice]:
    last = -(1 << 63)
    while True:
        with file.transaction() as transaction:
            heads, last, is_active, wrong = transaction.one(_HEADS, last, SERIES_PER_SLICE)
        yield AuditSlice(
            tuple(_head_finding(*row) for row in json.loads(wrong)), series=int(is_active)
        )
        if heads < SERIES_PER_SLICE:
            return


def _head_finding(
    account: int,
    key: str,
    value: Any,
    token: str | None,
    is_active: int,
    top: int | None,
    ledger_token: list[str | None] | None,
    heads: int,
    is_deleted: int,
    type: str,
) -> str:
    if heads != 1:
        what = f"has {heads} heads"
    elif type != "integer" or value < 0 or is_active not in (0, 1):
        what = f"is at {value!r} ({type}), which is not a valid value"
    elif not is_active:
        what = "is deleted, but has a current token or entries"
    elif value < 1:
        what = f"is at {value}, which is not a valid value"
    elif is_deleted:
        what = "has a ledger that is marked for deletion"
    elif top is None:
        what = f"is at {value}, but its ledger is empty"
    elif top != value:
        what = f"is at {value}, but its ledger ends with {top}"
    elif ledger_token is None:
        what = f"is at {value}, but its ledger has no entry for it"
    else:
        what = (
            f"has the current token {token!r}, but its ledger has {ledger_token[0]!r} for {value}"
        )
    return series_finding(account, key, what)


def _check_entries(file: SqliteFile) -> Iterator[AuditSlice]:
    last_generation, last_value = -(1 << 63), -(1 << 63)
    last_orphan = None
    while True:
        with file.transaction() as transaction:
            rows, active_rows, generation, value, overlap, wrong, orphans = transaction.one(
                _ENTRIES, last_generation, last_value, ENTRIES_PER_SLICE
            )
        findings = [_entry_finding(*row) for row in json.loads(wrong)]
        findings += [
            _orphan_finding("entries", orphan)
            for orphan in json.loads(orphans)
            if orphan != last_orphan
        ]
        last_orphan = generation
        yield AuditSlice(tuple(findings), entries=active_rows - overlap)
        if rows < ENTRIES_PER_SLICE or (generation, value) == (last_generation, last_value):
            return
        last_generation, last_value = generation, value


def _entry_finding(
    account: int, key: str, value: Any, type: str, before: Any, same_generation: int | None
) -> str:
    if type != "integer" or value < 1:
        what = f"has an entry with {value!r} ({type}), which is not a valid value"
    elif same_generation and value == before:
        what = f"has two entries for {value}"
    else:
        what = gap(before, value)
    return series_finding(account, key, what)


def _check_attributes(file: SqliteFile) -> Iterator[AuditSlice]:
    last = -(1 << 63)
    while True:
        with file.transaction() as transaction:
            last, orphans = transaction.one(_ATTRIBUTES, last, SERIES_PER_SLICE)
        yield AuditSlice(
            tuple(_orphan_finding("attributes", generation) for generation in json.loads(orphans))
        )
        if last is None:
            return


def _orphan_finding(what: str, generation: int) -> str:
    return (
        f"There are {what} of generation {generation}, which belongs to no series and is not "
        "marked for deletion."
    )
