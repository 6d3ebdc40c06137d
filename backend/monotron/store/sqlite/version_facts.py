"""Reads the facts that a batch of requests for versions depends on: one statement for each kind."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from monotron.model.semver import Release, VersionName
from monotron.model.series import FAST_FORWARD
from monotron.model.versions.facts import (
    ANY_LABEL,
    BaseUses,
    Fact,
    HeadOf,
    HighestRecord,
    LastValueOf,
    NameSummary,
    OpenLabels,
    RecordAt,
    RecordsOf,
    SeriesUsed,
    SummaryOf,
    TokenAt,
    ValueBefore,
)
from monotron.store.recent import MAX_OMITTED
from monotron.store.release_fields import ReleaseFields, final_of, release_of
from monotron.store.sqlite.file import Transaction
from monotron.store.sqlite.statements import NO_HEAD, read_heads
from monotron.store.sqlite.usage import used_series

_COLUMNS = ", ".join(
    "json(withdrawn)" if column == "withdrawn" else f"releases.{column}"
    for column in ReleaseFields._fields
)
_SUMMARIES = """
SELECT json_group_array(json_array(requested.key, revision, releases, withdrawn, newest,
                                   newest_token))
FROM json_each(?) AS requested
JOIN names ON names.account = requested.value ->> 0 AND names.name = requested.value ->> 1
"""
_RECORDS_OF = f"""
SELECT json_group_array(json_array(requested.key, {_COLUMNS}))
FROM json_each(?) AS requested
JOIN releases ON releases.account = requested.value ->> 0
    AND releases.name = requested.value ->> 1 AND releases.token = requested.value ->> 2
"""
_LAST_VALUES = """
SELECT json_group_array(json_array(requested.key, (
    SELECT entries.value FROM entries
    WHERE entries.generation = series.generation AND entries.token IS requested.value ->> 2
    ORDER BY entries.value DESC LIMIT 1)))
FROM json_each(?) AS requested
JOIN series ON series.account = requested.value ->> 0 AND series.key = requested.value ->> 1
"""
_RECORDS_AT = f"""
SELECT json_group_array(json_array(requested.key, {_COLUMNS}))
FROM json_each(?) AS requested
JOIN releases ON releases.account = requested.value ->> 0
    AND releases.name = requested.value ->> 1 AND releases.sort_key = requested.value ->> 2
"""
_IN_RANGE = "FROM releases WHERE account = ? AND name = ? AND sort_key >= ? AND sort_key < ?"
_OPEN_LABELS = f"""
SELECT json_array({_COLUMNS}, max(sort_key)) {_IN_RANGE}
    AND label <> '' AND withdrawn IS NULL
GROUP BY label
"""
_BASE_USES = """
SELECT count(*) FROM releases
WHERE account = ? AND name = ? AND coalesce(line, '') = ? AND base = ?
"""
_VALUE_BEFORE = f"""
SELECT max(entries.value) FROM series JOIN entries USING (generation)
WHERE account = ? AND key = ?
    AND entries.value <= ?3 AND (entries.value < ?3 OR assigned_by = '{FAST_FORWARD}')
"""
_ENTRY = """
SELECT entries.token FROM series JOIN entries USING (generation)
WHERE account = ? AND key = ? AND entries.value = ?
"""


def read_facts(transaction: Transaction, facts: Iterable[Fact[Any]]) -> Mapping[Fact[Any], Any]:
    """The values of the facts, as of this transaction."""
    by_kind: dict[type[Fact[Any]], list[Any]] = defaultdict(list)
    for fact in facts:
        by_kind[type(fact)].append(fact)
    found: dict[Fact[Any], Any] = {}
    for kind, of_kind in by_kind.items():
        found |= _READERS[kind](transaction, of_kind)
    return found


def read_page(
    transaction: Transaction,
    name: VersionName,
    key_range: tuple[str, str],
    label: str | None,
    limit: int,
) -> list[Release]:
    """At most *limit* releases in the range, with this label if given, highest version first."""
    in_range = f"SELECT json_array({_COLUMNS}), sort_key {_IN_RANGE}"
    parameters: list[object] = [*name, *key_range]
    if label is not None:
        # One index contains withdrawn versions, another one all others.
        parameters = 2 * [*parameters, label]
        in_range += " AND label = ? AND withdrawn IS "
        in_range = f"{in_range} NULL UNION ALL {in_range} NOT NULL"
    statement = f"{in_range} ORDER BY sort_key DESC LIMIT ?"
    rows = transaction.execute(statement, (*parameters, limit)).fetchall()
    return [_release(name, json.loads(row)) for row, _ in rows]


def read_recent(
    transaction: Transaction, account: int, limit: int, is_visible: Callable[[str], bool]
) -> list[Release]:
    """The newest releases of visible names, newest first."""
    rows = transaction.execute(
        f"SELECT name, json_array({_COLUMNS}) FROM releases WHERE account = ? "
        "ORDER BY created_at DESC, rowid DESC LIMIT ?",
        (account, limit + MAX_OMITTED),
    )
    visible = ((name, row) for name, row in rows if is_visible(name))
    return [
        _release(VersionName(account, name), json.loads(row))
        for name, row in islice(visible, limit)
    ]


def _summaries(transaction: Transaction, facts: list[SummaryOf]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = dict.fromkeys(facts, NameSummary())
    for position, revision, releases, withdrawn, newest, token in _rows(
        transaction, _SUMMARIES, [f.name for f in facts]
    ):
        found[facts[position]] = NameSummary(revision, releases, withdrawn, final_of(newest), token)
    return found


def _records_of(transaction: Transaction, facts: list[RecordsOf]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = dict.fromkeys(facts, ())
    requested = [(*fact.name, fact.token) for fact in facts]
    for position, *columns in _rows(transaction, _RECORDS_OF, requested):
        fact = facts[position]
        found[fact] = (*found[fact], _release(fact.name, columns))
    return found


def _last_values(transaction: Transaction, facts: list[LastValueOf]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = dict.fromkeys(facts)
    requested = [(*fact.series, fact.token) for fact in facts]
    for position, value in _rows(transaction, _LAST_VALUES, requested):
        found[facts[position]] = value
    return found


def _heads(transaction: Transaction, facts: list[HeadOf]) -> dict[Fact[Any], Any]:
    heads = read_heads(transaction, [fact.series for fact in facts])
    return {fact: heads.get(fact.series, NO_HEAD) for fact in facts}


def _records_at(transaction: Transaction, facts: list[RecordAt]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = dict.fromkeys(facts)
    requested = [(*fact.name, fact.sort_key) for fact in facts]
    for position, *columns in _rows(transaction, _RECORDS_AT, requested):
        found[facts[position]] = _release(facts[position].name, columns)
    return found


def _highest(transaction: Transaction, facts: list[HighestRecord]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = {}
    for fact in facts:
        parameters: list[object] = [*fact.name, fact.start, fact.end]
        if fact.label == ANY_LABEL:
            condition = "label <> ''"
        else:
            condition = "label = ?"
            parameters.append(fact.label or "")
        state = "IS NOT NULL" if fact.withdrawn else "IS NULL"
        row = transaction.one(
            f"SELECT json_array({_COLUMNS}) {_IN_RANGE} AND {condition} AND withdrawn {state} "
            "ORDER BY sort_key DESC LIMIT 1",
            *parameters,
        )
        found[fact] = _release(fact.name, json.loads(row[0])) if row else None
    return found


def _open_labels(transaction: Transaction, facts: list[OpenLabels]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = {}
    for fact in facts:
        rows = transaction.execute(_OPEN_LABELS, (*fact.name, fact.start, fact.end)).fetchall()
        found[fact] = tuple(_release(fact.name, json.loads(row)[:-1]) for (row,) in rows)
    return found


def _base_uses(transaction: Transaction, facts: list[BaseUses]) -> dict[Fact[Any], Any]:
    return {
        fact: transaction.one(_BASE_USES, *fact.name, str(fact.line or ""), fact.base)[0]
        for fact in facts
    }


def _tokens_at(transaction: Transaction, facts: list[TokenAt]) -> dict[Fact[Any], Any]:
    found: dict[Fact[Any], Any] = {}
    for fact in facts:
        row = transaction.one(_ENTRY, *fact.series, fact.value)
        found[fact] = row[0] if row else None
    return found


def _values_before(transaction: Transaction, facts: list[ValueBefore]) -> dict[Fact[Any], Any]:
    return {fact: transaction.one(_VALUE_BEFORE, *fact.series, fact.value)[0] for fact in facts}


def _series_used(transaction: Transaction, facts: list[SeriesUsed]) -> dict[Fact[Any], Any]:
    return {fact: used_series(transaction, fact.account) for fact in facts}


def _release(name: VersionName, columns: Iterable[Any]) -> Release:
    return release_of(name, ReleaseFields(*columns))


def _rows(transaction: Transaction, statement: str, requested: object) -> list[list[Any]]:
    (rows,) = transaction.one(statement, json.dumps(requested, ensure_ascii=False))
    return list(json.loads(rows))


_READERS: dict[type[Fact[Any]], Any] = {
    SummaryOf: _summaries,
    RecordsOf: _records_of,
    RecordAt: _records_at,
    HighestRecord: _highest,
    OpenLabels: _open_labels,
    BaseUses: _base_uses,
    HeadOf: _heads,
    LastValueOf: _last_values,
    TokenAt: _tokens_at,
    ValueBefore: _values_before,
    SeriesUsed: _series_used,
}
