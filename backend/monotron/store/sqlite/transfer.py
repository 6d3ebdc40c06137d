"""Export, import and rename in an SQLite file, each in one transaction."""

import json
from collections.abc import Callable, Generator, Iterator
from typing import Any, get_args

from monotron.errors import StartupError
from monotron.runtime import Runtime
from monotron.store.auth_interface import AuthRecordKind
from monotron.store.export_format import ImportedRow
from monotron.store.export_rows import FIELDS, IdentifiedRows, Row, nested
from monotron.store.fast_forward import FastForwarded
from monotron.store.release_fields import ReleaseFields
from monotron.store.renames import Rename, RenameRefused
from monotron.store.sqlite.fast_forward import fast_forward
from monotron.store.sqlite.file import SqliteFile, Transaction
from monotron.store.sqlite.rename import rename as rename_rows
from monotron.store.sqlite.schema import ENTRIES_INDEX
from monotron.store.transfer_interface import StoreTransfer

_RELEASE = ", ".join(ReleaseFields._fields)

# The first two columns identify the series or the name. With CROSS JOIN, rows are read in the order
# of the index of series, and need not be sorted.
_SERIES = """
SELECT account, key, account, key, value, token, is_active, updated_at FROM series
ORDER BY account, key
"""
_ENTRIES = """
SELECT account, key, entries.value, entries.token, created_at, assigned_by
FROM series CROSS JOIN entries USING (generation) ORDER BY account, key, entries.value
"""
_ATTRIBUTES = """
SELECT account, key, attributes.token, json_group_object(name, attributes.value)
FROM series CROSS JOIN attributes USING (generation)
GROUP BY account, key, attributes.token ORDER BY account, key, attributes.token
"""
_NAMES = """
SELECT account, name, account, name, revision, releases, withdrawn, newest, newest_token
FROM names ORDER BY account, name
"""
_RELEASES = f"""
SELECT account, name, {_RELEASE} FROM releases ORDER BY account, name, sort_key
"""  # noqa: S608  # constant columns
_AUTH_RECORDS = """
SELECT account, name, name, account, body FROM auth_records WHERE kind = ? ORDER BY name
"""
_USES = """
SELECT 0, token, token, max(expires_at), json_group_array(operation) FROM token_uses
GROUP BY token HAVING max(expires_at) >= ? ORDER BY token
"""

_IS_USED = """
SELECT EXISTS (SELECT 1 FROM series) OR EXISTS (SELECT 1 FROM names)
    OR EXISTS (SELECT 1 FROM auth_records) OR EXISTS (SELECT 1 FROM token_uses)
"""
_ADD_AUTH_RECORD = "INSERT INTO auth_records (kind, name, account, body) VALUES (?, ?, ?, ?)"
_ADD_SERIES = """
INSERT INTO series (generation, account, key, value, token, is_active, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_ADD_ENTRY = """
INSERT INTO entries (generation, value, token, created_at, assigned_by) VALUES (?, ?, ?, ?, ?)
"""
_ADD_ATTRIBUTES = """
INSERT INTO attributes (generation, token, name, value) SELECT ?, ?, key, value FROM json_each(?)
"""
_ADD_NAME = """
INSERT INTO names (account, name, revision, releases, withdrawn, newest, newest_token)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_ADD_RELEASE = f"""
INSERT INTO releases (account, name, {_RELEASE})
VALUES (?, ?{", ?" * len(ReleaseFields._fields)})
"""  # noqa: S608  # constant columns
_ADD_USES = """
INSERT INTO token_uses (token, expires_at, operation) SELECT ?, ?, value FROM json_each(?)
"""
_COUNT_ATTRIBUTE_BYTES = """
UPDATE series SET attribute_bytes = (
    SELECT sum(length(CAST(attributes.token || name || attributes.value AS BLOB)))
    FROM attributes WHERE attributes.generation = series.generation)
WHERE generation IN (SELECT generation FROM attributes)
"""
_COUNT_USAGE = """
INSERT INTO usage (account, series, attribute_bytes)
SELECT account, sum(is_active), sum(attribute_bytes) FROM series GROUP BY account
HAVING sum(is_active) OR sum(attribute_bytes)
"""

_FROM_SQL: dict[str, dict[str, Callable[[Any], Any]]] = {
    **{kind: {"body": json.loads} for kind in get_args(AuthRecordKind)},
    "series": {"is_active": bool},
    "attributes": {"attributes": lambda text: dict(sorted(json.loads(text).items()))},
    "release": {"withdrawn": lambda text: text and json.loads(text)},
    "token_use": {"operations": lambda text: sorted(json.loads(text))},
}
"""How the values of columns are converted for an export."""


class SqliteTransfer(StoreTransfer):
    """Moves rows into, out of and within a file."""

    def __init__(self, file: SqliteFile, runtime: Runtime) -> None:
        self._file = file
        self._runtime = runtime

    def export_rows(self, *, online: bool = False) -> Generator[Row, None, None]:
        with self._file.transaction() as transaction:
            yield from _export(transaction, int(self._runtime.clock()))

    def import_rows(self, rows: Iterator[ImportedRow], increase: int) -> FastForwarded:
        with self._file.transaction() as transaction:
            _import(transaction, rows)
            return fast_forward(transaction, increase, self._runtime.now_ms())

    def rename(self, rename: Rename) -> None:
        with self._file.transaction() as transaction:
            if not rename_rows(transaction, rename):
                raise RenameRefused("The records of the name have changed. Repeat the rename.")


def _export(transaction: Transaction, now: int) -> Iterator[Row]:
    """Yield all rows in the order of an export.

    Uses of identity tokens are omitted if they expired before *now*, in seconds since the epoch.
    """
    for kind in get_args(AuthRecordKind):
        for _, row in _rows(transaction, kind, _AUTH_RECORDS, kind):
            yield row
    yield from nested(
        _rows(transaction, "series", _SERIES),
        _rows(transaction, "entry", _ENTRIES),
        _rows(transaction, "attributes", _ATTRIBUTES),
    )
    yield from nested(_rows(transaction, "name", _NAMES), _rows(transaction, "release", _RELEASES))
    for _, row in _rows(transaction, "token_use", _USES, now):
        yield row


def _rows(
    transaction: Transaction, kind: str, statement: str, *parameters: object
) -> IdentifiedRows:
    conversions = _FROM_SQL.get(kind, {}).items()
    names = ("kind", *FIELDS[kind])
    for account, name, *values in transaction.execute(statement, parameters):
        row = dict(zip(names, (kind, *values), strict=True))
        for field, convert in conversions:
            row[field] = convert(row[field])
        yield (account, name), row


def _import(transaction: Transaction, rows: Iterator[ImportedRow]) -> None:
    """Insert all rows. Raises `StartupError` if the store is not empty."""
    if transaction.one(_IS_USED)[0]:
        raise StartupError("The store is not empty. Import into a new store.")
    # Created at the end, the index is sorted. Random insertions would write each page many times.
    transaction.write("DROP INDEX entries_by_token")
    generation = 0
    for row, parent in rows:
        kind, *values = row.values()
        if kind == "entry":
            transaction.write(_ADD_ENTRY, generation, *values)
        elif kind == "series":
            generation += 1
            transaction.write(_ADD_SERIES, generation, *values)
        elif kind == "attributes":
            transaction.write(_ADD_ATTRIBUTES, generation, values[0], _json(values[1]))
        elif kind == "name":
            transaction.write(_ADD_NAME, *values)
        elif kind == "release":
            *columns, withdrawn = values
            of_name = (parent["account"], parent["name"])
            transaction.write(_ADD_RELEASE, *of_name, *columns, withdrawn and _json(withdrawn))
        elif kind == "token_use":
            *columns, operations = values
            transaction.write(_ADD_USES, *columns, _json(operations))
        else:
            name, account, body = values
            transaction.write(_ADD_AUTH_RECORD, kind, name, account, json.dumps(body))
    transaction.write(ENTRIES_INDEX)
    transaction.write(_COUNT_ATTRIBUTE_BYTES)
    transaction.write(_COUNT_USAGE)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
