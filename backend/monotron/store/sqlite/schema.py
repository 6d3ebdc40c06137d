"""The tables of an SQLite file: how they came to be, and whether a file has them."""

import sqlite3

from monotron.errors import StartupError

APPLICATION_ID = 0x6D6E7472  # "mntr", so that `file` and we know the file again

# A life is an id of its own: entries of an old one are garbage that nobody looks up.
# Rows of series are never removed, so the largest life is never used again.
_SERIES = """
CREATE TABLE series (
    life    INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    value   INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9223372036854775807),
    token   TEXT,
    alive   INTEGER NOT NULL CHECK (alive IN (0, 1)),
    UNIQUE (account, key)
) STRICT;
CREATE TABLE entries (
    life     INTEGER NOT NULL,
    value    INTEGER NOT NULL CHECK (value BETWEEN 1 AND 9223372036854775807),
    token    TEXT,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (life, value)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_token ON entries (life, token, value);
CREATE TABLE garbage (life INTEGER PRIMARY KEY) STRICT;
"""
_RELEASES = """
CREATE TABLE releases (
    account  INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    token    TEXT,
    label    TEXT    NOT NULL,
    place    TEXT    NOT NULL,
    final    INTEGER NOT NULL CHECK (final IN (0, 1)),
    version  TEXT    NOT NULL,
    bump     TEXT,
    line     TEXT,
    metadata TEXT,
    previous TEXT,
    reason   TEXT,
    given_at INTEGER NOT NULL,
    UNIQUE (account, name, token, label),
    UNIQUE (account, name, place)
) STRICT;
CREATE INDEX releases_by_kind ON releases (account, name, final, place);
"""
_BY = """
ALTER TABLE entries ADD COLUMN "by" TEXT;
ALTER TABLE releases ADD COLUMN "by" TEXT;
"""
_ATTRIBUTES = """
CREATE TABLE attributes (
    life  INTEGER NOT NULL,
    token TEXT    NOT NULL,
    name  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    UNIQUE (life, token, name)
) STRICT;
"""
_REGISTER = """
CREATE TABLE register (
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    account INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX register_by_account ON register (kind, account, name);
CREATE TABLE uses (
    token      TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (token, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_by_expiry ON uses (expires_at);
"""
SCHEMA = (_SERIES, _RELEASES, _BY, _ATTRIBUTES, _REGISTER)
"""What each version of the schema added to the one before it."""

SCHEMA_VERSION = len(SCHEMA)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Within a transaction, make what tables the file lacks. `StartupError` if it is not ours."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application_id != APPLICATION_ID:
        raise StartupError(
            f"{path} is a database of some other program. "
            "Give Monotron a file of its own, or none to let it make one."
        )
    if version > SCHEMA_VERSION:
        raise StartupError(
            f"{path} was written by a newer Monotron (its schema is {version}, this "
            f"one's is {SCHEMA_VERSION}). Use the Monotron that wrote it, or a newer one."
        )
    if version < SCHEMA_VERSION:  # else nothing is written: the disk may be full
        for script in SCHEMA[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check_backup(path: str, name: str) -> None:
    """Return if a new file is a whole copy of a store that this Monotron can go on with.

    `StartupError` says what *name*, of which it is a copy, is instead.
    """
    try:
        # Writable: of a file that is only read, SQLite does not check all.
        connection = sqlite3.connect(path)
        try:
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            lines = connection.execute("PRAGMA integrity_check").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StartupError(f"{name} is no backup that can be read: {error}.") from error
    if application_id != APPLICATION_ID or not version:
        raise StartupError(f"{name} is no backup of a Monotron store.")
    if version > SCHEMA_VERSION:
        raise StartupError(
            f"{name} is a backup of a newer Monotron (its schema is {version}, this one's is "
            f"{SCHEMA_VERSION}). Use the Monotron that made it, or a newer one."
        )
    if lines != [("ok",)]:
        raise StartupError(f"{name} is a damaged backup: {lines[0][0]}. Use an older one.")
