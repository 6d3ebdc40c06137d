"""The audit of an SQLite file, in slices: each is one transaction of a few milliseconds.

A statement answers with one row: what is sound never leaves SQLite, and the interpreter lock is
fought for once (docs/decisions/0002-json-batches-in-sqlite.md).
"""

import json
from collections.abc import Iterator
from typing import Any

from monotron.model.series import SeriesKey
from monotron.store.audit import (
    AuditSlice,
    ReleaseRow,
    Requirement,
    SeriesState,
    check,
    hole,
    not_reached,
    of_record,
    of_series,
)
from monotron.store.sqlite.file import SqliteFile, Transaction

SERIES_IN_A_SLICE = 200
ENTRIES_IN_A_SLICE = 1000
RELEASES_IN_A_SLICE = 200

# A head, with what its ledger says of it.
_HEADS = """
WITH slice AS MATERIALIZED (
    SELECT * FROM series WHERE generation > ?1 ORDER BY generation LIMIT ?2
),
looked_at AS (
    SELECT *,
        (SELECT max(value) FROM entries WHERE entries.generation = slice.generation) AS top,
        (SELECT json_array(token) FROM entries
         WHERE entries.generation = slice.generation AND entries.value = slice.value) AS given,
        (SELECT count(*) FROM series AS other
         WHERE other.account = slice.account AND other.key = slice.key) AS heads,
        EXISTS (SELECT 1 FROM deleted_generations WHERE deleted_generations.generation =
        slice.generation) AS ended
    FROM slice
)
SELECT count(*), max(generation), total(is_active), json_group_array(
    json_array(account, key, value, token, is_active, top, given, heads, ended, typeof(value))
) FILTER (WHERE heads <> 1 OR ended OR typeof(value) <> 'integer' OR is_active NOT IN (0, 1)
    OR CASE WHEN is_active THEN top IS NOT value OR given IS NOT json_array(token) OR value < 1
       ELSE top IS NOT NULL OR token IS NOT NULL OR value < 0 END)
FROM looked_at
"""
# A row of a ledger, beside the one before it. The slices overlap in one row.
_ENTRIES = """
WITH slice AS MATERIALIZED (
    SELECT generation, value, token, typeof(value) AS type FROM entries
    WHERE (generation, value) >= (?1, ?2) ORDER BY generation, value LIMIT ?3
),
looked_at AS (
    SELECT *, lag(generation) OVER in_order AS generation_before, lag(value) OVER in_order AS before
    FROM slice WINDOW in_order AS (ORDER BY generation, value)
),
wrong AS (
    SELECT * FROM looked_at
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
       AND NOT EXISTS (SELECT 1 FROM deleted_generations WHERE deleted_generations.generation =
       slice.generation))
FROM slice
"""
# The generations that have attributes, from one to the next.
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
     AND NOT EXISTS (SELECT 1 FROM deleted_generations WHERE deleted_generations.generation =
     generations.generation))
FROM generations
"""
_RELEASES = """
WITH slice AS MATERIALIZED (
    SELECT rowid AS number, * FROM releases WHERE rowid > ?1 ORDER BY rowid LIMIT ?2
)
SELECT max(number), json_group_array(json_array(
    account, name, token, version, sort_key, final, label, created_at,
    (SELECT count(*) FROM releases AS other WHERE other.account = slice.account
     AND other.name = slice.name AND other.sort_key = slice.sort_key),
    (SELECT count(*) FROM releases AS other WHERE other.account = slice.account
     AND other.name = slice.name AND other.token = slice.token AND other.label = slice.label)))
FROM slice
"""
_STANDS = """
SELECT json_group_array(json_array(wanted.key, series.value, series.is_active,
    (SELECT created_at FROM entries WHERE entries.generation = series.generation
     ORDER BY value LIMIT 1)))
FROM json_each(?) AS wanted
JOIN series ON series.account = wanted.value ->> 0 AND series.key = wanted.value ->> 1
"""


def audit(file: SqliteFile, *, alone: bool) -> Iterator[AuditSlice]:
    """All of the file, a slice at a time."""
    if alone:
        yield AuditSlice(tuple(f"SQLite finds the file damaged: {line}." for line in file.damage()))
    yield from _heads(file)
    yield from _entries(file)
    yield from _attributes(file)
    yield from _releases(file)


def _heads(file: SqliteFile) -> Iterator[AuditSlice]:
    last = -(1 << 63)
    while True:
        with file.transaction() as transaction:
            heads, last, is_active, wrong = transaction.one(_HEADS, last, SERIES_IN_A_SLICE)
        yield AuditSlice(tuple(_of_head(*row) for row in json.loads(wrong)), series=int(is_active))
        if heads < SERIES_IN_A_SLICE:
            return


def _of_head(
    account: int,
    key: str,
    value: Any,
    token: str | None,
    is_active: int,
    top: int | None,
    given: list[str | None] | None,
    heads: int,
    ended: int,
    type: str,
) -> str:
    if heads != 1:
        what = f"has {heads} heads"
    elif type != "integer" or value < 0 or is_active not in (0, 1):
        what = f"stands at {value!r} ({type}), which is no value"
    elif not is_active:
        what = "is deleted, and has a current token or entries all the same"
    elif value < 1:
        what = f"stands at {value}, which is no value"
    elif ended:
        what = "has a ledger that is about to be removed as garbage"
    elif top is None:
        what = f"stands at {value}, and its ledger is empty"
    elif top != value:
        what = f"stands at {value}, and its ledger ends with {top}"
    elif given is None:
        what = f"stands at {value}, which its ledger does not have"
    else:
        what = (
            f"has the current token {token!r}, and in its ledger {given[0]!r} has the value {value}"
        )
    return of_series(account, key, what)


def _entries(file: SqliteFile) -> Iterator[AuditSlice]:
    last_generation, last_value = -(1 << 63), -(1 << 63)
    last_orphan = None
    while True:
        with file.transaction() as transaction:
            rows, living, generation, value, again, wrong, orphans = transaction.one(
                _ENTRIES, last_generation, last_value, ENTRIES_IN_A_SLICE
            )
        findings = [_of_entry(*row) for row in json.loads(wrong)]
        findings += [
            _of_nothing("entries", orphan)
            for orphan in json.loads(orphans)
            if orphan != last_orphan
        ]
        last_orphan = generation
        yield AuditSlice(tuple(findings), entries=living - again)
        if rows < ENTRIES_IN_A_SLICE or (generation, value) == (last_generation, last_value):
            return
        last_generation, last_value = generation, value


def _of_entry(
    account: int, key: str, value: Any, type: str, before: Any, same_generation: int | None
) -> str:
    if type != "integer" or value < 1:
        what = f"has an entry with {value!r} ({type}), which is no value"
    elif same_generation and value == before:
        what = f"has two entries for {value}"
    else:
        what = hole(before, value)
    return of_series(account, key, what)


def _attributes(file: SqliteFile) -> Iterator[AuditSlice]:
    last = -(1 << 63)
    while True:
        with file.transaction() as transaction:
            last, orphans = transaction.one(_ATTRIBUTES, last, SERIES_IN_A_SLICE)
        yield AuditSlice(
            tuple(_of_nothing("attributes", generation) for generation in json.loads(orphans))
        )
        if last is None:
            return


def _of_nothing(what: str, generation: int) -> str:
    return (
        f"There are {what} of generation {generation}, which no series of any account has, and "
        "which is not about to be removed."
    )


def _releases(file: SqliteFile) -> Iterator[AuditSlice]:
    last = -(1 << 63)
    while True:
        findings: list[str] = []
        needs: list[Requirement] = []
        with file.transaction() as transaction:
            last, rows = transaction.one(_RELEASES, last, RELEASES_IN_A_SLICE)
            found = json.loads(rows)
            for *columns, of_version, of_token in found:
                record = ReleaseRow(*columns)
                if of_version != 1:
                    findings.append(of_record(record, f"stands {of_version} times"))
                if record.token is not None and of_token != 1:
                    findings.append(of_record(record, f"is one of {of_token} of this token"))
                wrong, need = check(record)
                findings += wrong
                needs += [need] if need else []
            stands = _stands(transaction, needs)
        findings += filter(None, (not_reached(need, stands.get(need.series)) for need in needs))
        yield AuditSlice(tuple(findings), releases=len(found))
        if len(found) < RELEASES_IN_A_SLICE:
            return


def _stands(transaction: Transaction, needs: list[Requirement]) -> dict[SeriesKey, SeriesState]:
    wanted = list(dict.fromkeys(need.series for need in needs))
    (rows,) = transaction.one(_STANDS, json.dumps(wanted))
    return {
        wanted[position]: SeriesState(value, bool(is_active), since)
        for position, value, is_active, since in json.loads(rows)
    }
