"""Reads and writes the rows of series and entries: one statement for a whole batch.

Requests and rows are passed as JSON. The interpreter lock is released and acquired for every row of
a result. In a loop over rows, this would cost more than SQLite itself
(docs/decisions/0002-json-batches-in-sqlite.md).
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monotron.model.allocation import AllocationRequest
from monotron.model.series import INT64_MAX, Entry, LedgerEntry, Reuse, SeriesHead, SeriesKey
from monotron.store.sqlite.file import Transaction

_READ_HEADS = """
SELECT json_group_array(json_array(requested.key, series.generation, series.value, series.token,
                                   series.is_active))
FROM json_each(?) AS requested
JOIN series ON series.account = requested.value ->> 0 AND series.key = requested.value ->> 1
"""
_READ_HEADS_AND_VALUES = """
SELECT json_group_array(json_array(requested.key, series.generation, series.value, series.token,
                                   series.is_active, (
    SELECT entries.value FROM entries
    WHERE entries.generation = series.generation AND entries.token = requested.value ->> 2
    ORDER BY entries.value DESC LIMIT 1)))
FROM json_each(?) AS requested
JOIN series ON series.account = requested.value ->> 0 AND series.key = requested.value ->> 1
"""
_SAVE_HEADS = """
INSERT INTO series (generation, account, key, value, token, is_active, updated_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, 1, ?2
FROM json_each(?1) WHERE true
ON CONFLICT (generation) DO UPDATE
SET value = excluded.value, token = excluded.token, is_active = excluded.is_active,
    updated_at = excluded.updated_at
"""
_ADD_ENTRIES = """
INSERT INTO entries (generation, value, token, assigned_by, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2 FROM json_each(?1)
"""


NO_HEAD = SeriesHead()


class NewHead(NamedTuple):
    """The state of an active series after a transaction."""

    generation: int
    account: int
    key: str
    value: int
    token: str | None


class NewEntry(NamedTuple):
    """An entry to insert."""

    generation: int
    value: int
    token: str | None
    assigned_by: str


def read_heads(transaction: Transaction, keys: Iterable[SeriesKey]) -> dict[SeriesKey, SeriesHead]:
    """The heads of the series that have a row."""
    requested = list(keys)
    (rows,) = transaction.one(_READ_HEADS, _json(requested))
    return {
        requested[position]: SeriesHead(generation, value, token, bool(is_active))
        for position, generation, value, token, is_active in json.loads(rows)
    }


def read_head(transaction: Transaction, series: SeriesKey) -> SeriesHead:
    """The head of one series, or `NO_HEAD`."""
    return read_heads(transaction, [series]).get(series, NO_HEAD)


def read_heads_and_values(
    transaction: Transaction, requests: Sequence[AllocationRequest]
) -> tuple[dict[SeriesKey, SeriesHead], dict[SeriesKey, dict[str, int]]]:
    """The heads, and the last value of each token that is requested with `Reuse.ANY`."""
    heads: dict[SeriesKey, SeriesHead] = {}
    values: dict[SeriesKey, dict[str, int]] = {}
    requested = [
        (*request.series, request.token if request.reuse is Reuse.ANY else None)
        for request in requests
    ]
    (rows,) = transaction.one(_READ_HEADS_AND_VALUES, _json(requested))
    for position, generation, value, token, is_active, token_value in json.loads(rows):
        request = requests[position]
        heads[request.series] = SeriesHead(generation, value, token, bool(is_active))
        if token_value is not None:
            values.setdefault(request.series, {})[request.token] = token_value
    return heads, values


def read_ledger(
    transaction: Transaction,
    series: SeriesKey,
    generation: int,
    limit: int,
    up_to: int = INT64_MAX,
) -> list[LedgerEntry]:
    """Entries of a generation with values up to *up_to*, newest first."""
    rows = transaction.execute(
        "SELECT token, value, created_at, assigned_by FROM entries "
        "WHERE generation = ? AND value <= ? ORDER BY value DESC LIMIT ?",
        (generation, up_to, limit),
    ).fetchall()
    return [
        LedgerEntry(Entry(*series, token, value), created_at, assigned_by)
        for token, value, created_at, assigned_by in rows
    ]


def next_generation(transaction: Transaction) -> int:
    """The lowest generation that was never used in this file."""
    (generation,) = transaction.one("SELECT coalesce(max(generation), 0) + 1 FROM series")
    return int(generation)


def save(
    transaction: Transaction, heads: Sequence[NewHead], entries: Sequence[NewEntry], now: int
) -> None:
    """Insert or replace the heads, and insert the entries, created at *now* (milliseconds)."""
    transaction.write(_SAVE_HEADS, _json(heads), now)
    transaction.write(_ADD_ENTRIES, _json(entries), now)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
