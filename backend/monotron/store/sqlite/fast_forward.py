"""Raising all series of an SQLite file, after a restore, in one transaction."""

import json

from monotron.model.series import INT64_MAX, SeriesKey
from monotron.store.fast_forward import TOLD_AT_THE_END, FastForwarded, KnownLines
from monotron.store.sqlite.file import SqliteFile, Transaction

# Dead, as a DELETE leaves a series that gave nothing: so nobody sees it.
_NEW_SERIES = """
INSERT INTO series (generation, account, key, value, token, is_active)
SELECT (SELECT coalesce(max(generation), 0) FROM series) + row_number() OVER (),
    account, key, 0, NULL, 0
FROM components WHERE NOT EXISTS (
    SELECT 1 FROM series
    WHERE series.account = components.account AND series.key = components.key)
"""
# ?1: by how much; ?2: by how much a component. No sum is beyond 64 bits.
_RAISED = """
INSERT INTO raised
SELECT generation, CASE WHEN value > 9223372036854775807 - by_how_much THEN 9223372036854775807
             ELSE value + by_how_much END
FROM (
    SELECT generation, value, CASE WHEN EXISTS (
        SELECT 1 FROM components
        WHERE components.account = series.account AND components.key = series.key
    ) THEN ?2 ELSE ?1 END AS by_how_much
    FROM series WHERE value < 9223372036854775807
)
"""
_ADD_RAISES = """
INSERT INTO entries (generation, value, token, assigned_by, created_at)
SELECT generation, raised.value, NULL, ?, ?
FROM raised JOIN series USING (generation) WHERE is_active
"""
_RAISE = """
UPDATE series SET value = raised.value, token = NULL
FROM raised WHERE raised.generation = series.generation
"""


def fast_forward(file: SqliteFile, by_how_much: int, assigned_by: str, now: int) -> FastForwarded:
    """All of it or nothing. *now* in milliseconds since the epoch."""
    amounts = (by_how_much, min(by_how_much + 1, INT64_MAX))
    with file.transaction() as transaction:
        transaction.write("CREATE TEMP TABLE components (account, key, PRIMARY KEY (account, key))")
        transaction.write(
            "CREATE TEMP TABLE raised (generation INTEGER PRIMARY KEY, value INTEGER)"
        )
        for series in _products(transaction).series(lambda key: _values(transaction, key)):
            transaction.write("INSERT OR IGNORE INTO components VALUES (?, ?)", *series)
        transaction.write(_NEW_SERIES)
        transaction.write(_RAISED, *amounts)
        transaction.write(_ADD_RAISES, assigned_by, now)
        changed = transaction.write(_RAISE).rowcount
        at_the_end = transaction.execute(
            "SELECT account, key FROM series WHERE value = 9223372036854775807 LIMIT ?",
            (TOLD_AT_THE_END,),
        ).fetchall()
        for table in ("components", "raised"):
            transaction.write(f"DROP TABLE {table}")
    return FastForwarded(changed, tuple(SeriesKey(*row) for row in at_the_end))


def _products(transaction: Transaction) -> KnownLines:
    products = KnownLines()
    for account, name, numbers in transaction.execute(
        # A place begins with major and minor, 19 digits each.
        "SELECT DISTINCT account, name, substr(sort_key, 1, 39) FROM releases"
    ):
        major, minor = map(int, numbers.split("."))
        products.add_release(account, name, major, minor)
    for row in transaction.execute("SELECT account, key FROM series WHERE key GLOB '*-v[0-9]*'"):
        products.add_series(*row)
    return products


def _values(transaction: Transaction, series: SeriesKey) -> list[int]:
    (values,) = transaction.one(
        "SELECT json_group_array(entries.value) FROM series JOIN entries USING (generation) "
        "WHERE account = ? AND key = ?",
        *series,
    )
    return list(json.loads(values))
