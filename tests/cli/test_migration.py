"""`monotron export` and `monotron import`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contract.asking import put_any
from monotron.model.series import SeriesKey
from monotron.store import open_store
from support.badges import new_badge
from support.credentials import new_key
from support.server import ROOT, ROOT_ENV, Server
from support.store_contents import EVERY_KIND, SERIES, apply, exported
from support.terminal import Terminal

ORIGINAL = "sqlite:///original.db"
EXPORT = ("export", "--store", ORIGINAL)
COUNTS = "7 series, 9 entries, 5 releases, 1 API key, 1 trust policy"


@pytest.fixture
def original(offline: Terminal) -> Terminal:
    """A folder with a store with rows of all kinds."""
    path = offline.folder / "original.db"
    apply(open_store(f"sqlite:///{path}"), *EVERY_KIND).close()
    return offline


@pytest.fixture
def export(original: Terminal) -> Path:
    """The export of the store."""
    file = original.folder / "export.ndjson"
    with file.open("wb") as output:
        assert original.start(*EXPORT, stdout=output).returncode == 0
    return file


@pytest.fixture(params=["sqlite", "mongodb"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db"
    return str(request.getfixturevalue("database_url"))


class TestExport:
    def test_only_its_owner_can_read_an_export(self, export: Path) -> None:
        assert export.stat().st_mode & 0o777 == 0o600

    def test_it_reports_what_was_exported_on_standard_error(self, original: Terminal) -> None:
        process = original.run(*EXPORT)
        assert (process.returncode, process.stderr) == (0, f"Exported {COUNTS}\n")
        with closing(open_store(f"sqlite:///{original.folder}/original.db")) as store:
            assert process.stdout.encode() == exported(store)

    def test_the_store_can_be_that_of_the_environment(self, original: Terminal) -> None:
        expected = original.run(*EXPORT).stdout
        assert original.run("export", MONOTRON_STORE=ORIGINAL).stdout == expected

    def test_a_file_of_a_running_server_is_refused(self, offline: Terminal) -> None:
        with Server(f"sqlite:///{offline.folder}/original.db"):
            assert "another process has original.db open" in offline.fails(1, *EXPORT)

    def test_a_missing_file_is_refused_and_not_created(self, offline: Terminal) -> None:
        assert "original.db does not exist" in offline.fails(2, *EXPORT)
        assert not list(offline.folder.iterdir())

    def test_a_contradiction_is_reported_and_nothing_is_written(self, original: Terminal) -> None:
        with closing(sqlite3.connect(original.folder / "original.db")) as connection:
            connection.execute("UPDATE series SET value = 9 WHERE key = 'web' AND account = 1")
            connection.commit()
        errors = original.fails(1, *EXPORT)
        assert "'web' of account 1 is at 9, but its entries do not end with this value" in errors
        assert "hint: run `monotron audit`" in errors

    def test_a_full_disk_is_reported(self, original: Terminal) -> None:
        with Path("/dev/full").open("wb") as full:
            process = original.start(*EXPORT, stdout=full)
        assert process.returncode == 1
        assert b"cannot write the export: No space left on device" in process.stderr


class TestImport:
    def test_a_server_continues_with_the_imported_data(
        self, export: Path, target: str, original: Terminal
    ) -> None:
        printed = original.prints("import", "export.ndjson", "--store", target)
        assert printed == f"Imported {COUNTS}\n"
        assert original.prints("audit", "--store", target).startswith("OK: ")
        with closing(open_store(target)) as store:
            assert exported(store) == export.read_bytes()
            assert [put_any(store, token, SERIES[0]) for token in "abd"] == [1, 2, 9]

    def test_a_store_with_data_is_refused(
        self, export: Path, target: str, original: Terminal
    ) -> None:
        arguments = ("import", "export.ndjson", "--store", target)
        original.prints(*arguments)
        assert "the store is not empty" in original.fails(1, *arguments)

    def test_an_invalid_file_is_refused_with_its_line(
        self, export: Path, target: str, original: Terminal
    ) -> None:
        content = export.read_bytes()
        export.write_bytes(content.replace(b'"token":"b"', b'"token":"x"', 1))
        line = content[: content.index(b'"token":"b"')].count(b"\n") + 1
        arguments = ("import", "export.ndjson", "--store", target)
        assert f"export.ndjson cannot be imported: line {line} was changed" in original.fails(
            1, *arguments
        )
        export.write_bytes(content)
        assert original.prints(*arguments)

    def test_an_online_export_requires_a_fast_forward(
        self, target: str, original: Terminal
    ) -> None:
        output = original.run(*EXPORT, "--online").stdout
        (original.folder / "online.ndjson").write_text(output)
        arguments = ("import", "online.ndjson", "--store", target)
        assert "pass --fast-forward N" in original.fails(2, *arguments)
        printed = original.prints(*arguments, "--fast-forward", "100")
        assert printed == f"Imported {COUNTS}; all raised by 100\n"
        with closing(open_store(target)) as store:
            assert put_any(store, "b", SERIES[0]) == 2
            assert put_any(store, "new", SERIES[0]) == 109
            assert put_any(store, "new", SeriesKey(1, "unknown")) == 1

    def test_api_keys_and_badges_work_after_an_import(self, target: str, offline: Terminal) -> None:
        with (
            Server(f"sqlite:///{offline.folder}/original.db", env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            secret = new_key(root, 1, "write:series", "read:series")
            root.request("PUT", "/v1/versions/shop/a?bump=minor")
            badge = new_badge(root, "shop")
        with (offline.folder / "export.ndjson").open("wb") as output:
            assert offline.start(*EXPORT, stdout=output).returncode == 0
        offline.prints("import", "export.ndjson", "--store", target)
        with Server(target, env=ROOT_ENV) as server:
            with server.client(authorization=f"Bearer {secret}") as client:
                assert client.request("PUT", "/v1/versions/shop/a?bump=minor").status == 200
                assert client.request("PUT", "/v1/series/web/b").status == 200
            with server.client() as anyone:
                assert b"0.1.0" in anyone.request("GET", f"/badge/{badge['id']}.svg").body

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (("missing.ndjson", "--store", "sqlite:///new.db"), "cannot read missing.ndjson"),
            (("export.ndjson", "--store", "sqlite://"), "a store in memory ends with its process"),
            (("export.ndjson",), "--store"),
            (("export.ndjson", "--store", "sqlite:///n.db", "--fast-forward=-1"), "an integer"),
        ],
    )
    def test_invalid_arguments_are_refused(
        self, arguments: tuple[str, ...], error: str, export: Path, original: Terminal
    ) -> None:
        assert error in original.fails(2, "import", *arguments)


class TestExclusiveUse:
    def test_a_server_does_not_start_during_an_export(self, target: str, offline: Terminal) -> None:
        serve = ("serve", "--listen", "127.0.0.1:0", "--store", target)
        with closing(open_store(target, exclusive="export")):
            errors = offline.fails(1, *serve)
        assert "uses the store. Wait until" in errors or "another process has" in errors
        with Server(target) as server, server.client() as client:
            assert client.request("GET", "/v1/whoami").status == 200

    def test_a_mongodb_store_is_exported_beside_its_server(
        self, database_url: str, offline: Terminal
    ) -> None:
        with Server(database_url) as server, server.client() as client:
            assert client.request("PUT", "/v1/series/web/a").status == 200
            assert "requires exclusive use" in offline.fails(1, "export", "--store", database_url)
            process = offline.run("export", "--online", "--store", database_url)
        assert process.returncode == 0
        assert '"is_online":true' in process.stdout
        assert '"key":"web"' in process.stdout
