"""The attributes of tokens in an SQLite file."""

from collections.abc import Mapping

from monotron.model.attributes import merge_attributes
from monotron.model.quotas import Quotas, size_of_attributes
from monotron.model.series import SeriesKey
from monotron.store.interface import AttributeStore
from monotron.store.sqlite.file import SqliteFile, Transaction
from monotron.store.sqlite.usage import add_usage, used_attribute_bytes

_GENERATION = "SELECT generation FROM series WHERE account = ? AND key = ?"
# The new series is inactive, with the high-water mark 0. Its first value keeps the generation.
_NEW_SERIES = """
INSERT INTO series (generation, account, key, value, token, is_active)
VALUES ((SELECT coalesce(max(generation), 0) + 1 FROM series), ?, ?, 0, NULL, 0)
"""
_ALL = "SELECT name, value FROM attributes WHERE generation = ? AND token = ? ORDER BY name"
_SET = """
INSERT INTO attributes (generation, token, name, value) VALUES (?, ?, ?, ?)
ON CONFLICT (generation, token, name) DO UPDATE SET value = excluded.value
"""
_REMOVE = "DELETE FROM attributes WHERE generation = ? AND token = ? AND name = ?"
_GROW = "UPDATE series SET attribute_bytes = attribute_bytes + ? WHERE generation = ?"
_DELETE_SOME = """
DELETE FROM attributes
WHERE rowid IN (SELECT rowid FROM attributes WHERE generation = ? LIMIT 64)
"""


class SqliteAttributes(AttributeStore):
    """The table `attributes`, by generation.

    A call is one transaction, and one transaction runs at a time. So a call either precedes a
    DELETE, and its attributes are deleted with the old generation, or it follows the DELETE, and
    its attributes belong to the new generation.
    """

    def __init__(self, file: SqliteFile, quotas: Quotas) -> None:
        self._file = file
        self._quotas = quotas

    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        with self._file.transaction() as transaction:
            row = transaction.one(_GENERATION, *series)
            return _all(transaction, row[0], token) if row else {}

    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        with self._file.transaction() as transaction:
            row = transaction.one(_GENERATION, *series)
            current = _all(transaction, row[0], token) if row else {}
            result = merge_attributes(current, attributes)
            if result == current:
                return current
            grown = size_of_attributes(token, result) - size_of_attributes(token, current)
            used = used_attribute_bytes(transaction, series.account)
            if error := self._quotas.check_attributes(series.account, used, grown):
                raise error
            if row is None:
                transaction.write(_NEW_SERIES, *series)
                row = transaction.one(_GENERATION, *series)
            for name, value in attributes.items():
                transaction.write(_SET, row[0], token, name, value)
            _grow(transaction, series, row[0], grown)
        return result

    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        with self._file.transaction() as transaction:
            row = transaction.one(_GENERATION, *series)
            current = _all(transaction, row[0], token) if row else {}
            removed = {
                each: value for each, value in current.items() if name is None or each == name
            }
            if not removed:
                return False
            for each in removed:
                transaction.write(_REMOVE, row[0], token, each)
            _grow(transaction, series, row[0], -size_of_attributes(token, removed))
        return True


def free_attributes(transaction: Transaction, series: SeriesKey, generation: int) -> None:
    """Subtract the attributes of a generation that ends from the usage of the account."""
    row = transaction.one("SELECT attribute_bytes FROM series WHERE generation = ?", generation)
    if row and row[0]:
        _grow(transaction, series, generation, -row[0])


def has_attributes(transaction: Transaction, generation: int) -> bool:
    """Whether any token has an attribute in this generation."""
    (exists,) = transaction.one(
        "SELECT EXISTS (SELECT 1 FROM attributes WHERE generation = ?)", generation
    )
    return bool(exists)


def delete_some_attributes(transaction: Transaction, generation: int) -> int:
    """Delete a few rows of a deleted generation, and return their number."""
    return transaction.write(_DELETE_SOME, generation).rowcount


def _grow(transaction: Transaction, series: SeriesKey, generation: int, added: int) -> None:
    """Add to the bytes of the series and of its account."""
    if added:
        transaction.write(_GROW, added, generation)
        add_usage(transaction, series.account, attribute_bytes=added)


def _all(transaction: Transaction, generation: int, token: str) -> dict[str, str]:
    return dict(transaction.execute(_ALL, (generation, token)).fetchall())
