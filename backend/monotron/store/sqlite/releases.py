"""The records of versions in the SQLite file."""

from typing import Any

from semver import Version

from monotron.model.semver import Line, Release, VersionName, parse_line, sort_key
from monotron.store.interface import ReleaseStore
from monotron.store.sqlite.file import SqliteFile, Transaction

_OF_PRODUCT = """
SELECT token, version, bump, line, metadata, previous, reason, created_at, assigned_by FROM releases
WHERE account = ? AND name = ? AND"""
_ADD = """
INSERT INTO releases (account, name, label, sort_key, final,
                      token, version, bump, line, metadata, previous, reason, created_at,
                      assigned_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class SqliteReleases(ReleaseStore):
    """The table `releases`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, release: Release) -> Release | None:
        with self._file.transaction() as transaction:
            if release.token is not None:
                stands = _of_token(transaction, release.product, release.token, release.label)
                if stands is not None:
                    return stands
            stands = _at(transaction, release.product, release.version)
            if stands is not None:
                return stands if stands.token == release.token else None
            transaction.write(
                _ADD,
                *release.product,
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

    def of_token(self, product: VersionName, token: str, label: str | None) -> Release | None:
        with self._file.transaction() as transaction:
            return _of_token(transaction, product, token, label)

    def all_of_token(self, product: VersionName, token: str) -> list[Release]:
        return self._list(product, "token = ? ORDER BY sort_key DESC", token)

    def at(self, product: VersionName, version: Version) -> Release | None:
        with self._file.transaction() as transaction:
            return _at(transaction, product, version)

    def newest(
        self, product: VersionName, key_range: tuple[str, str], *, final: bool | None
    ) -> Release | None:
        condition = "sort_key >= ? AND sort_key < ? ORDER BY sort_key DESC LIMIT 1"
        if final is None:
            found = self._list(product, condition, *key_range)
        else:
            found = self._list(product, f"final = ? AND {condition}", final, *key_range)
        return found[0] if found else None

    def adopted(self, product: VersionName, key_range: tuple[str, str]) -> bool:
        return bool(
            self._list(
                product, "token IS NULL AND sort_key >= ? AND sort_key < ? LIMIT 1", *key_range
            )
        )

    def page(self, product: VersionName, below: str, limit: int) -> list[Release]:
        return self._list(product, "sort_key < ? ORDER BY sort_key DESC LIMIT ?", below, limit)

    def _list(self, product: VersionName, condition: str, *parameters: object) -> list[Release]:
        with self._file.transaction() as transaction:
            rows = transaction.execute(
                f"{_OF_PRODUCT} {condition}", (*product, *parameters)
            ).fetchall()
        return [_release(product, row) for row in rows]


def _of_token(
    transaction: Transaction, product: VersionName, token: str, label: str | None
) -> Release | None:
    row = transaction.one(f"{_OF_PRODUCT} token = ? AND label = ?", *product, token, label or "")
    return _release(product, row) if row else None


def _at(transaction: Transaction, product: VersionName, version: Version) -> Release | None:
    row = transaction.one(f"{_OF_PRODUCT} sort_key = ?", *product, sort_key(version))
    return _release(product, row) if row else None


def _release(product: VersionName, row: tuple[Any, ...]) -> Release:
    token, version, bump, line, metadata, previous, reason, created_at, assigned_by = row
    return Release(
        product,
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
