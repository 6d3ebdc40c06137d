"""The attributes of tokens in the SQLite file."""

from collections.abc import Mapping

from monotron.model.attributes import merged
from monotron.model.series import SeriesKey
from monotron.store.interface import AttributeStore
from monotron.store.sqlite.file import SqliteFile, Transaction

_LIFE = "SELECT life FROM series WHERE account = ? AND key = ?"
# As a DELETE leaves one: dead, and at height 0. Its first value keeps the life.
_NEW_SERIES = """
INSERT INTO series (life, account, key, value, token, alive)
VALUES ((SELECT coalesce(max(life), 0) + 1 FROM series), ?, ?, 0, NULL, 0)
"""
_ALL = "SELECT name, value FROM attributes WHERE life = ? AND token = ? ORDER BY name"
_SET = """
INSERT INTO attributes (life, token, name, value) VALUES (?, ?, ?, ?)
ON CONFLICT (life, token, name) DO UPDATE SET value = excluded.value
"""
_REMOVE = """
DELETE FROM attributes
WHERE life = (SELECT life FROM series WHERE account = ? AND key = ?) AND token = ?
"""
_SWEEP = """
DELETE FROM attributes
WHERE rowid IN (SELECT rowid FROM attributes WHERE life = ? LIMIT 64)
"""


class SqliteAttributes(AttributeStore):
    """The table `attributes`, by life.

    A call is one transaction, and there is one at a time: it comes before a DELETE, and is gone
    with the old life, or after it, and belongs to the new one.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        with self._file.transaction() as transaction:
            row = transaction.one(_LIFE, *series)
            return _all(transaction, row[0], token) if row else {}

    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        with self._file.transaction() as transaction:
            row = transaction.one(_LIFE, *series)
            stands = _all(transaction, row[0], token) if row else {}
            result = merged(stands, attributes)
            if result == stands:
                return stands
            if row is None:
                transaction.write(_NEW_SERIES, *series)
                row = transaction.one(_LIFE, *series)
            for name, value in attributes.items():
                transaction.write(_SET, row[0], token, name, value)
        return result

    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        with self._file.transaction() as transaction:
            if name is None:
                removed = transaction.write(_REMOVE, *series, token)
            else:
                removed = transaction.write(f"{_REMOVE} AND name = ?", *series, token, name)
        return removed.rowcount > 0


def has_attributes(transaction: Transaction, life: int) -> bool:
    """Whether any token has one in this life."""
    (found,) = transaction.one("SELECT EXISTS (SELECT 1 FROM attributes WHERE life = ?)", life)
    return bool(found)


def sweep(transaction: Transaction, life: int) -> int:
    """Remove a few of a life that has ended; answers how many."""
    return transaction.write(_SWEEP, life).rowcount


def _all(transaction: Transaction, life: int, token: str) -> dict[str, str]:
    return dict(transaction.execute(_ALL, (life, token)).fetchall())
