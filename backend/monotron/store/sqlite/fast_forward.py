"""Fast-forward of all series of an SQLite file after a restore."""

import json

from monotron.model.series import FAST_FORWARD, INT64_MAX, SeriesKey
from monotron.store.fast_forward import MAX_NAMED_SERIES, FastForwarded, KnownLines
from monotron.store.sqlite.file import Transaction

# New component series are inactive, so they are invisible until their first value.
_NEW_SERIES = """
INSERT INTO series (generation, account, key, value, token, is_active)
SELECT (SELECT coalesce(max(generation), 0) FROM series) + row_number() OVER (),
    account, key, 0, NULL, 0
FROM components WHERE NOT EXISTS (
    SELECT 1 FROM series
    WHERE series.account = components.account AND series.key = components.key)
"""
# ?1: the amount for a series; ?2: the amount for a component series. No sum exceeds 64 bits.
_ADVANCED = """
INSERT INTO advanced
SELECT generation, CASE WHEN value > 9223372036854775807 - amount THEN 9223372036854775807
                   ELSE value + amount END
FROM (
    SELECT generation, value, CASE WHEN EXISTS (
        SELECT 1 FROM components
        WHERE components.account = series.account AND components.key = series.key
    ) THEN ?2 ELSE ?1 END AS amount
    FROM series WHERE value < 9223372036854775807
)
"""
_ADD_ENTRIES = """
INSERT INTO entries (generation, value, token, assigned_by, created_at)
SELECT generation, advanced.value, NULL, ?, ?
FROM advanced JOIN series USING (generation) WHERE is_active
"""
_SAVE_HEADS = """
UPDATE series SET value = advanced.value, token = NULL, updated_at = ?
FROM advanced WHERE advanced.generation = series.generation
"""


def fast_forward(transaction: Transaction, amount: int, now: int) -> FastForwarded:
    """Raise all series in a transaction. *now* is in milliseconds since the epoch."""
    if not amount:
        return FastForwarded(0, ())
    amounts = (amount, min(amount + 1, INT64_MAX))
    transaction.write("CREATE TEMP TABLE components (account, key, PRIMARY KEY (account, key))")
    transaction.write("CREATE TEMP TABLE advanced (generation INTEGER PRIMARY KEY, value INTEGER)")
    for series in _known_lines(transaction).series(lambda key: _values(transaction, key)):
        transaction.write("INSERT OR IGNORE INTO components VALUES (?, ?)", *series)
    transaction.write(_NEW_SERIES)
    transaction.write(_ADVANCED, *amounts)
    transaction.write(_ADD_ENTRIES, FAST_FORWARD, now)
    raised = transaction.write(_SAVE_HEADS, now).rowcount
    exhausted = transaction.execute(
        "SELECT account, key FROM series WHERE value = 9223372036854775807 LIMIT ?",
        (MAX_NAMED_SERIES,),
    ).fetchall()
    for table in ("components", "advanced"):
        transaction.write(f"DROP TABLE {table}")
    return FastForwarded(raised, tuple(SeriesKey(*row) for row in exhausted))


def _known_lines(transaction: Transaction) -> KnownLines:
    lines = KnownLines()
    for account, name, numbers in transaction.execute(
        # A sort key starts with major and minor, 19 digits each.
        "SELECT DISTINCT account, name, substr(sort_key, 1, 39) FROM releases"
    ):
        major, minor = map(int, numbers.split("."))
        lines.add_release(account, name, major, minor)
    for row in transaction.execute("SELECT account, key FROM series WHERE key GLOB '*-v[0-9]*'"):
        lines.add_series(*row)
    return lines


def _values(transaction: Transaction, series: SeriesKey) -> list[int]:
    (values,) = transaction.one(
        "SELECT json_group_array(entries.value) FROM series JOIN entries USING (generation) "
        "WHERE account = ? AND key = ?",
        *series,
    )
    return list(json.loads(values))
