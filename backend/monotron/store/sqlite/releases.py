"""The releases in an SQLite file."""

from typing import Any

from semver import Version

from monotron.model.semver import Line, Release, VersionName, parse_line, sort_key
from monotron.store.interface import ReleaseStore
from monotron.store.sqlite.file import SqliteFile, Transaction

_OF_NAME = """
SELECT token, version, bump, line, metadata, previous, reason, created_at, assigned_by FROM releases
WHERE account = ? AND name = ? AND"""
_ADD = """
INSERT INTO releases (account, name, label, sort_key, final, token, version, bump, line, metadata,
                      previous, reason, created_at, assigned_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class SqliteReleases(ReleaseStore):
    """The table `releases`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, release: Release) -> Release | None:
        with self._file.transaction() as transaction:
            if release.token is not None:
                existing = _of_token(transaction, release.name, release.token, release.label)
                if existing is not None:
                    return existing
            existing = _at(transaction, release.name, release.version)
            if existing is not None:
                return existing if existing.token == release.token else None
            transaction.write(
                _ADD,
                *release.name,
                release.label or "",
                sort_key(release.version),
                release.label is None,
                release.token,
                str(release.version),
                release.bump,
                _text(release.line),
                release.metadata,
                _text(release.previous),
                release.reason,
                release.created_at,
                release.assigned_by,
            )
        return release

    def of_token(self, name: VersionName, token: str, label: str | None) -> Release | None:
        with self._file.transaction() as transaction:
            return _of_token(transaction, name, token, label)

    def all_of_token(self, name: VersionName, token: str) -> list[Release]:
        return self._list(name, "token = ? ORDER BY sort_key DESC", token)

    def at(self, name: VersionName, version: Version) -> Release | None:
        with self._file.transaction() as transaction:
            return _at(transaction, name, version)

    def highest(
        self, name: VersionName, key_range: tuple[str, str], *, final: bool | None
    ) -> Release | None:
        condition = "sort_key >= ? AND sort_key < ? ORDER BY sort_key DESC LIMIT 1"
        if final is None:
            releases = self._list(name, condition, *key_range)
        else:
            releases = self._list(name, f"final = ? AND {condition}", final, *key_range)
        return releases[0] if releases else None

    def adopted(self, name: VersionName, key_range: tuple[str, str]) -> bool:
        condition = "token IS NULL AND sort_key >= ? AND sort_key < ? LIMIT 1"
        return bool(self._list(name, condition, *key_range))

    def page(self, name: VersionName, below: str, limit: int) -> list[Release]:
        return self._list(name, "sort_key < ? ORDER BY sort_key DESC LIMIT ?", below, limit)

    def _list(self, name: VersionName, condition: str, *parameters: object) -> list[Release]:
        with self._file.transaction() as transaction:
            rows = transaction.execute(f"{_OF_NAME} {condition}", (*name, *parameters)).fetchall()
        return [_release(name, row) for row in rows]


def _of_token(
    transaction: Transaction, name: VersionName, token: str, label: str | None
) -> Release | None:
    row = transaction.one(f"{_OF_NAME} token = ? AND label = ?", *name, token, label or "")
    return _release(name, row) if row else None


def _at(transaction: Transaction, name: VersionName, version: Version) -> Release | None:
    row = transaction.one(f"{_OF_NAME} sort_key = ?", *name, sort_key(version))
    return _release(name, row) if row else None


def _release(name: VersionName, row: tuple[Any, ...]) -> Release:
    token, version, bump, line, metadata, previous, reason, created_at, assigned_by = row
    return Release(
        name,
        token,
        Version.parse(version),
        bump,
        parse_line(line) if line else None,
        metadata,
        Version.parse(previous) if previous else None,
        reason,
        created_at,
        assigned_by,
    )


def _text(value: Line | Version | None) -> str | None:
    return None if value is None else str(value)
