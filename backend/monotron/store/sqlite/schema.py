"""The tables of an SQLite file, and the checks of its format."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

from monotron.errors import StartupError

APPLICATION_ID = 0x6D6E7472  # "mntr", which identifies the file, also for `file`

SCHEMA_VERSION = 12
"""The version of the tables, stored as `user_version`. Files of other versions are refused."""

ENTRIES_INDEX = "CREATE UNIQUE INDEX entries_by_token ON entries (generation, token, value)"

# Generations are unique in the file: rows of `series` are never removed, so the highest generation
# is never used again. Entries and attributes of deleted generations are removed in small steps.
SCHEMA = f"""
CREATE TABLE series (
    generation INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    value      INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9223372036854775807),
    token      TEXT,
    is_active  INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    updated_at INTEGER NOT NULL DEFAULT 0,
    attribute_bytes INTEGER NOT NULL DEFAULT 0,
    first_of   TEXT AS (nullif(CASE
        WHEN key GLOB '*-major' THEN substr(key, 1, length(key) - 6)
        WHEN key GLOB '*-minor-v0' THEN substr(key, 1, length(key) - 9)
        WHEN key GLOB '*-patch-v0.0' THEN substr(key, 1, length(key) - 11)
    END, '')),
    UNIQUE (account, key)
) STRICT;
CREATE INDEX series_by_first_name ON series (account, first_of) WHERE first_of IS NOT NULL;
CREATE INDEX series_by_time ON series (account, updated_at) WHERE is_active;
CREATE TABLE entries (
    generation  INTEGER NOT NULL,
    value       INTEGER NOT NULL CHECK (value BETWEEN 1 AND 9223372036854775807),
    token       TEXT,
    created_at  INTEGER NOT NULL,
    assigned_by TEXT,
    PRIMARY KEY (generation, value)
) STRICT, WITHOUT ROWID;
{ENTRIES_INDEX};
CREATE TABLE attributes (
    generation INTEGER NOT NULL,
    token      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    UNIQUE (generation, token, name)
) STRICT;
CREATE TABLE usage (
    account         INTEGER PRIMARY KEY,
    series          INTEGER NOT NULL,
    attribute_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE deleted_generations (generation INTEGER PRIMARY KEY) STRICT;
CREATE TABLE names (
    account      INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    releases     INTEGER NOT NULL,
    withdrawn    INTEGER NOT NULL,
    newest       TEXT,
    newest_token TEXT,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE releases (
    account        INTEGER NOT NULL,
    name           TEXT    NOT NULL,
    token          TEXT,
    label          TEXT    NOT NULL,
    sort_key       TEXT    NOT NULL,
    version        TEXT    NOT NULL,
    bump           TEXT,
    line           TEXT,
    metadata       TEXT,
    previous       TEXT,
    previous_token TEXT,
    reason         TEXT,
    created_at     INTEGER NOT NULL,
    assigned_by    TEXT,
    attempt        INTEGER NOT NULL,
    base           TEXT,
    base_use       INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    withdrawn      TEXT,
    UNIQUE (account, name, sort_key)
) STRICT;
CREATE UNIQUE INDEX releases_by_token ON releases (account, name, token, label, attempt)
    WHERE token IS NOT NULL;
CREATE UNIQUE INDEX releases_by_base
    ON releases (account, name, coalesce(line, ''), base, base_use) WHERE base IS NOT NULL;
CREATE INDEX releases_by_time ON releases (account, created_at);
CREATE INDEX releases_by_label ON releases (account, name, label, sort_key) WHERE withdrawn IS NULL;
CREATE INDEX withdrawn_releases ON releases (account, name, label, sort_key)
    WHERE withdrawn IS NOT NULL;
CREATE INDEX pre_releases ON releases (account, name, sort_key)
    WHERE label <> '' AND withdrawn IS NULL;
CREATE TABLE auth_records (
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    account INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_records_by_account ON auth_records (kind, account, name);
CREATE TABLE token_uses (
    token      TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (token, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_uses_by_expiry ON token_uses (expires_at);
"""


_COUNT_CONTENTS = """
SELECT (SELECT count(*) FROM series WHERE is_active AND account > 0),
    (SELECT count(*) FROM (SELECT DISTINCT account, name FROM releases)),
    (SELECT count(*) FROM auth_records WHERE kind = 'api_key'),
    (SELECT count(*) FROM auth_records WHERE kind = 'trust')
"""


def create_or_check(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables of an empty file, or check the format of a file with tables.

    The caller has begun a transaction. Raises `StartupError` if the file belongs to another program
    or to another version, or if its tables were modified.
    """
    application_id, version = _format(connection)
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables:
        _create(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return
    if application_id != APPLICATION_ID:
        raise StartupError(
            f"{path} is a database of another program. Use another file, or remove the path to "
            "let Monotron create one."
        )
    _check_version(version, path)
    _check_tables(connection, path)


class BackupContents(NamedTuple):
    """What a backup contains."""

    series: int
    """The number of series of all accounts, without deleted ones and that of the startup check."""
    names: int
    """The number of names that have recorded versions."""
    api_keys: int
    """The number of API keys of all accounts, including expired ones."""
    trust_policies: int
    """The number of trust policies of all accounts."""


def check_backup(path: str, name: str) -> BackupContents:
    """Check that the file is an intact copy of a store that this version can use.

    Raises `StartupError` otherwise. *name* is the name of the copy in messages.
    """
    try:
        # Writable: SQLite does not check everything in a file that is opened read-only.
        with closing(sqlite3.connect(path)) as connection:
            application_id, version = _format(connection)
            if application_id != APPLICATION_ID or not version:
                raise StartupError(f"{name} is not a backup of a Monotron store. Use another file.")
            _check_version(version, name)
            connection.execute("PRAGMA trusted_schema = OFF")
            _check_tables(connection, name)
            lines = connection.execute("PRAGMA integrity_check").fetchall()
            if lines != [("ok",)]:
                raise StartupError(
                    f"The backup {name} is damaged: {lines[0][0]}. Use an older one."
                )
            return BackupContents(*connection.execute(_COUNT_CONTENTS).fetchone())
    except sqlite3.Error as error:
        raise StartupError(
            f"The backup {name} cannot be read: {error}. Use another one."
        ) from error


def _create(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA.split(";\n"):
        connection.execute(statement)


def _check_tables(connection: sqlite3.Connection, name: str) -> None:
    """Raise `StartupError` unless the file has exactly the expected tables and indexes.

    A trigger, a view or another definition of a table could change what the statements of this
    program read and write.
    """
    with closing(sqlite3.connect(":memory:")) as expected:
        _create(expected)
        differences = _objects(connection) ^ _objects(expected)
    if differences:
        kind, object_name, *_ = min(differences)
        raise StartupError(
            f"{name} has unexpected or modified tables: see the {kind} {object_name[:64]!r}. "
            "Someone may have manipulated the file. Use a backup from a trusted place."
        )


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str, str, str]]:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return {(str(kind), str(name), str(table), str(sql)) for kind, name, table, sql in rows}


def _format(connection: sqlite3.Connection) -> tuple[int, int]:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application_id, version


def _check_version(version: int, name: str) -> None:
    if version < SCHEMA_VERSION:
        raise StartupError(
            f"{name} has the format of an unreleased Monotron. This version reads schema "
            f"{SCHEMA_VERSION} only, and the file has schema {version}. Start with a new file."
        )
    if version > SCHEMA_VERSION:
        raise StartupError(
            f"{name} was written by a newer Monotron. This version reads schema {SCHEMA_VERSION} "
            f"only, and the file has schema {version}. Use the Monotron that wrote it, or a newer "
            "one."
        )
