"""`monotron restore` and `monotron fast-forward`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cli.test_backup import tables
from contract.asking import SERIES, ask, ledger, put_any
from monotron.model.series import INT64_MAX
from monotron.store import open_store
from monotron.store.auth_interface import AuthRecord
from support.terminal import Terminal

RESTORE = ("restore", "backup.db", "--store", "sqlite:///new.db")


@pytest.fixture
def backup(offline: Terminal) -> Path:
    """A backup of a store with three entries, an attribute, an account and
    credentials."""
    store = open_store(f"sqlite:///{offline.folder}/original.db")
    store.allocate([ask(token) for token in "abc"])
    store.attributes.merge(SERIES, "a", {"branch": "main"})
    store.auth_records.add("account", AuthRecord("2", 2, {}))
    store.auth_records.add("api_key", AuthRecord("mtk_k_00000000", 2, {}))
    store.auth_records.add("trust", AuthRecord("1", 1, {}))
    store.auth_records.add("trust", AuthRecord("2", 2, {}))
    store.backup(offline.folder / "backup.db")
    store.close()
    return offline.folder / "backup.db"


class TestRestore:
    def test_a_restored_store_continues_beyond_the_fast_forward(
        self, backup: Path, offline: Terminal
    ) -> None:
        printed = offline.prints(*RESTORE, "--fast-forward", "1000")
        assert printed == (
            "Restored new.db from backup.db: 1 series, 0 names, "
            "1 API key, 2 trust policies; all raised by 1000\n"
        )
        assert sorted(each.name for each in offline.folder.iterdir()) == [
            "backup.db",
            "new.db",
            "original.db",
        ]
        assert offline.prints("audit", "--store", "sqlite:///new.db")
        store = open_store(f"sqlite:///{offline.folder}/new.db")
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), (None, 1003)]
        assert put_any(store, "d") == 1004
        assert put_any(store, "b") == 2
        assert store.attributes.all(SERIES, "a") == {"branch": "main"}
        assert store.auth_records.find("account", "2") is not None
        store.close()

    @pytest.mark.parametrize(
        "arguments",
        [(), ("--fast-forward",), ("--fast-forward=-1",), ("--fast-forward=x",),
         (f"--fast-forward={1 << 63}",)],
        ids=str,
    )  # fmt: skip
    def test_a_missing_or_invalid_fast_forward_is_refused(
        self, arguments: tuple[str, ...], backup: Path, offline: Terminal
    ) -> None:
        assert "--fast-forward" in offline.fails(2, *RESTORE, *arguments)
        assert not (offline.folder / "new.db").exists()

    def test_a_fast_forward_by_0_restores_equal_rows(self, backup: Path, offline: Terminal) -> None:
        assert offline.prints(*RESTORE, "--fast-forward", "0")
        assert tables(offline.folder / "new.db") == tables(backup)

    @pytest.mark.parametrize("name", ["new.db", "new.db-wal"])
    def test_existing_files_are_not_overwritten(
        self, name: str, backup: Path, offline: Terminal
    ) -> None:
        (offline.folder / name).write_text("mine")
        errors = offline.fails(2, *RESTORE, "--fast-forward", "1")
        assert errors.startswith("error: new.db already exists, and is not empty\nhint: ")
        assert (offline.folder / name).read_text() == "mine"

    def test_an_empty_file_is_replaced(self, backup: Path, offline: Terminal) -> None:
        (offline.folder / "new.db").touch()
        assert offline.prints(*RESTORE, "--fast-forward", "1")

    @pytest.mark.parametrize(
        "script",
        [
            "PRAGMA application_id = 1",
            "PRAGMA user_version = 99",
            "PRAGMA user_version = 0",
            "PRAGMA ignore_check_constraints = ON; UPDATE series SET value = -1",
        ],
        ids=["other-program", "newer-version", "no-version", "damaged"],
    )
    def test_an_unusable_backup_is_refused(
        self, script: str, backup: Path, offline: Terminal
    ) -> None:
        with sqlite3.connect(backup) as connection:
            connection.executescript(script)
        connection.close()
        errors = offline.fails(1, *RESTORE, "--fast-forward", "1")
        assert errors.startswith("error: ")
        assert "backup.db" in errors
        assert not list(offline.folder.glob("new.db*"))

    def test_other_files_are_refused(self, offline: Terminal) -> None:
        (offline.folder / "text").write_text("another kind of file" * 100)
        arguments = ("--store=sqlite:///new.db", "--fast-forward=1")
        offline.fails(1, "restore", "text", *arguments)
        errors = offline.fails(2, "restore", "nowhere", *arguments)
        assert errors.startswith("error: nowhere does not exist\n")

    def test_the_file_of_a_server_is_refused_as_a_backup(
        self, backup: Path, offline: Terminal
    ) -> None:
        Path(f"{backup}-wal").write_text("x")
        errors = offline.fails(2, *RESTORE, "--fast-forward", "1")
        assert "is the file of a server, not a backup" in errors

    def test_mongodb_is_refused_with_a_hint(self, backup: Path, offline: Terminal) -> None:
        arguments = ("restore", "backup.db", "--store=mongodb://h/d", "--fast-forward=1")
        errors = offline.fails(2, *arguments)
        assert "Restore MongoDB with its own tools (mongorestore)" in errors


class TestFastForward:
    def test_a_series_at_its_last_value_causes_a_warning(self, offline: Terminal) -> None:
        store = open_store(f"sqlite:///{offline.folder}/new.db")
        store.advance_to(SERIES, INT64_MAX - 5, "root")
        store.close()
        process = offline.run("fast-forward", "10", "--store", "sqlite:///new.db")
        assert (process.returncode, process.stdout) == (0, "Raised 1 series by 10\n")
        assert process.stderr == (
            "warning: the series 'some-great-service' of account 1 is at its last value, "
            f"{INT64_MAX}, and cannot assign another one\n"
        )

    def test_a_missing_file_is_refused_and_not_created(self, offline: Terminal) -> None:
        errors = offline.fails(2, "fast-forward", "10", "--store", "sqlite:///new.db")
        assert errors.startswith("error: new.db does not exist (relative to ./)\nhint: ")
        assert list(offline.folder.iterdir()) == []
