"""SQLite files: their modes, and files whose tables were modified."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.asking import ask, put_any
from monotron.errors import StartupError
from monotron.store import open_store
from monotron.store.sqlite.schema import check_backup


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    """Without it, the umask of the tests could hide a missing mode."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a closed store with one entry."""
    store = open_store(f"sqlite:///{tmp_path}/monotron.db")
    store.allocate([ask("a")])
    store.close()
    return tmp_path / "monotron.db"


def modes(folder: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}


def test_a_new_file_its_log_and_its_copies_are_for_their_owner_only(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/monotron.db")
    store.allocate([ask("a")])
    store.backup(tmp_path / "copy.db")
    expected = {"monotron.db": 0o600, "monotron.db-wal": 0o600, "copy.db": 0o600}
    assert modes(tmp_path) == expected
    store.close()


def test_the_mode_of_an_existing_file_is_kept(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    store = open_store(f"sqlite:///{file}")
    store.allocate([ask("b")])
    assert modes(tmp_path) == {"monotron.db": 0o640, "monotron.db-wal": 0o640}
    store.close()


MODIFICATIONS = {
    "trigger": "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM auth_records; END",
    "view": "CREATE VIEW v AS SELECT * FROM auth_records",
    "table": "CREATE TABLE more (x TEXT)",
    "virtual table": "CREATE VIRTUAL TABLE more USING fts5(x)",
    "index": "CREATE INDEX more ON series (value)",
    "partial index": "CREATE INDEX more ON series (value) WHERE abs(value) > 1",
    "statistics": "ANALYZE",
    "missing index": "DROP INDEX releases_by_label",
    "replaced index": "DROP INDEX releases_by_label; "
    "CREATE INDEX releases_by_label ON releases (account)",
    "missing table": "DROP TABLE token_uses",
    "view instead of a table": "ALTER TABLE token_uses RENAME TO uses; "
    "CREATE VIEW token_uses AS SELECT * FROM uses",
    "column": "ALTER TABLE series ADD COLUMN more TEXT",
    "generated column": "ALTER TABLE series ADD COLUMN more INTEGER AS (abs(value))",
    "renamed column": "ALTER TABLE series RENAME COLUMN token TO tokens",
    "less strict table": "DROP TABLE token_uses; CREATE TABLE token_uses (token TEXT)",
}


@pytest.mark.parametrize("modification", MODIFICATIONS)
def test_a_file_with_modified_tables_is_neither_opened_nor_accepted_as_a_backup(
    modification: str, file: Path
) -> None:
    connection = sqlite3.connect(file)
    connection.executescript(MODIFICATIONS[modification])
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StartupError, match="has unexpected or modified tables: see the"):
        open_store(f"sqlite:///{file}")
    with pytest.raises(StartupError, match="has unexpected or modified tables: see the"):
        check_backup(str(file), "backup.db")
    assert file.read_bytes() == before


def test_a_vacuumed_file_is_opened(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("VACUUM")
    connection.close()
    assert check_backup(str(file), "backup.db").series == 1
    store = open_store(f"sqlite:///{file}")
    assert put_any(store, "b") == 2
    store.close()
