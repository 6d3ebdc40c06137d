"""Accounts, API keys, trust policies, and the uses of identity tokens in an SQLite file."""

import json
from collections.abc import Sequence
from typing import Any

from monotron.store.auth_interface import (
    MAX_EVENTS,
    AuthRecord,
    AuthRecordKind,
    AuthRecords,
    RecordChange,
    TokenUses,
    event_name,
)
from monotron.store.interface import Clock
from monotron.store.sqlite.file import SqliteFile, Transaction


class SqliteAuthRecords(AuthRecords):
    """The table `auth_records`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(
        self, kind: AuthRecordKind, record: AuthRecord, event: dict[str, Any] | None = None
    ) -> bool:
        with self._file.transaction() as transaction:
            added = _insert(transaction, kind, record)
            if added and event is not None:
                add_event(transaction, record.account, event)
        return added

    def find(self, kind: AuthRecordKind, name: str) -> AuthRecord | None:
        with self._file.transaction() as transaction:
            return _find(transaction, kind, name)

    def page(
        self, kind: AuthRecordKind, account: int | None, after: str, limit: int
    ) -> list[AuthRecord]:
        # Two statements: an optional condition would prevent the use of the index by account.
        if account is None:
            statement = (
                "SELECT name, account, body FROM auth_records "
                "WHERE kind = ?1 AND name > ?3 ORDER BY name LIMIT ?4"
            )
        else:
            statement = (
                "SELECT name, account, body FROM auth_records "
                "WHERE kind = ?1 AND account = ?2 AND name > ?3 ORDER BY name LIMIT ?4"
            )
        with self._file.transaction() as transaction:
            rows = transaction.execute(statement, (kind, account, after, limit)).fetchall()
        return [_record(row) for row in rows]

    def count(self, kind: AuthRecordKind, account: int | None) -> int:
        sql = "SELECT count(*) FROM auth_records WHERE kind = ?"
        with self._file.transaction() as transaction:
            if account is None:
                row = transaction.one(sql, kind)
            else:
                row = transaction.one(f"{sql} AND account = ?", kind, account)
        return int(row[0])

    def change(self, changes: Sequence[RecordChange], event: dict[str, Any] | None = None) -> bool:
        with self._file.transaction() as transaction:
            return make_changes(transaction, changes, event)

    def remove(
        self, kind: AuthRecordKind, account: int, name: str, event: dict[str, Any] | None = None
    ) -> bool:
        with self._file.transaction() as transaction:
            removed = transaction.write(
                "DELETE FROM auth_records WHERE kind = ? AND account = ? AND name = ?",
                *(kind, account, name),
            )
            is_removed = removed.rowcount == 1
            if is_removed and event is not None:
                add_event(transaction, account, event)
        return is_removed


class SqliteTokenUses(TokenUses):
    """The table `token_uses`."""

    def __init__(self, file: SqliteFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def use(self, token: str, operation: str, *, max_operations: int, expires_at: int) -> bool:
        with self._file.transaction() as transaction:
            operations, is_known = transaction.one(
                "SELECT count(*), total(operation = ?2) FROM token_uses WHERE token = ?1",
                *(token, operation),
            )
            if is_known:
                return True
            if operations >= max_operations:
                return False
            transaction.write(
                "INSERT INTO token_uses (token, operation, expires_at) VALUES (?, ?, ?)",
                *(token, operation, expires_at),
            )
            transaction.write("DELETE FROM token_uses WHERE expires_at < ?", int(self._clock()))
        return True


def _record(row: tuple[Any, ...]) -> AuthRecord:
    name, account, body = row
    return AuthRecord(name, account, json.loads(body))


def _find(transaction: Transaction, kind: AuthRecordKind, name: str) -> AuthRecord | None:
    row = transaction.one(
        "SELECT name, account, body FROM auth_records WHERE kind = ? AND name = ?", *(kind, name)
    )
    return _record(row) if row else None


def _delete(transaction: Transaction, kind: AuthRecordKind, name: str) -> None:
    transaction.write("DELETE FROM auth_records WHERE kind = ? AND name = ?", *(kind, name))


def _insert(transaction: Transaction, kind: AuthRecordKind, record: AuthRecord) -> bool:
    inserted = transaction.write(
        "INSERT INTO auth_records (kind, name, account, body) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (kind, name) DO NOTHING",
        *(kind, record.name, record.account, json.dumps(record.body)),
    )
    return inserted.rowcount == 1


def make_changes(
    transaction: Transaction, changes: Sequence[RecordChange], event: dict[str, Any] | None
) -> bool:
    """`AuthRecords.change` in a transaction."""
    if any(_find(transaction, each.kind, each.record.name) != each.before for each in changes):
        return False
    for each in changes:
        _delete(transaction, each.kind, each.record.name)
        if each.after is not None:
            _insert(transaction, each.kind, each.after)
    if event is not None:
        add_event(transaction, changes[0].record.account, event)
    return True


def add_event(transaction: Transaction, account: int, body: dict[str, Any]) -> None:
    """Add an event of the account, and remove the oldest one if there are too many."""
    (last,) = transaction.one("SELECT max(name) FROM auth_records WHERE kind = 'event'")
    event = AuthRecord(event_name(int(last or 0) + 1), account, body)
    _insert(transaction, "event", event)
    transaction.write(
        "DELETE FROM auth_records WHERE kind = 'event' AND account = ?1 AND name <= ("
        "SELECT name FROM auth_records WHERE kind = 'event' AND account = ?1 "
        "ORDER BY name DESC LIMIT 1 OFFSET ?2)",
        *(account, MAX_EVENTS),
    )
