"""`monotron backup`, through the server and of a stopped file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from support.server import Client, Server
from support.stand_in import HANG_UP, Reply, StandIn
from support.terminal import Terminal

NO_CREDENTIALS = "0 API keys, 0 trust policies"


def count(client: Client) -> None:
    for token in "abc":
        assert client.request("PUT", f"/v1/series/web/{token}?reuse=any").status == 200


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a stopped file, except when it was last backed up."""
    with sqlite3.connect(file) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    connection.close()
    rows["auth_records"] = [row for row in rows["auth_records"] if row[0] != "maintenance"]
    return rows


def test_a_backup_of_a_running_server_has_all_rows(offline: Terminal) -> None:
    file, copy = offline.folder / "monotron.db", offline.folder / "copy.db"
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        count(client)
        assert client.request("PUT", "/v1/versions/shop/a?bump=major").status == 200
        assert client.request("PUT", "/v1/versions/shop/b?bump=minor").status == 200
        assert client.request("PUT", "/v1/versions/shop/c").status == 200
        assert client.request("PUT", "/v1/series/deleted/a").status == 200
        assert client.request("DELETE", "/v1/series/deleted").status == 200
        printed = offline.prints("backup", "copy.db", "--url", server.url)
    kibibytes = f"{copy.stat().st_size / 1024:.0f}"
    assert (
        printed
        == f"Backed up to copy.db ({kibibytes} KiB, 4 series, 1 name, {NO_CREDENTIALS}, checked)\n"
    )
    assert tables(copy) == tables(file)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_backup_of_a_stopped_file_has_all_rows(offline: Terminal) -> None:
    file, copy = offline.folder / "monotron.db", offline.folder / "copy.db"
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        count(client)
    assert offline.prints("backup", "copy.db", "--store", "sqlite:///monotron.db")
    assert tables(copy) == tables(file)


def test_an_existing_file_is_never_overwritten(offline: Terminal) -> None:
    copy = offline.folder / "copy.db"
    copy.write_text("mine")
    errors = offline.fails(2, "backup", "copy.db")
    assert errors == "error: copy.db already exists\nhint: choose another file\n"
    assert copy.read_text() == "mine"


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Reply.json({"x": 1}), 1),
        (Reply(200, b"SQLite format 3\0", length=999), 4),
        (Reply(200, b"SQLite format 3\0" * 300), 1),
        (Reply.problem(400, "invalid_request", "This server uses MongoDB."), 1),
        (HANG_UP, 4),
    ],
    ids=["something-else", "cut-off", "damaged", "refused", "no-response"],
)
def test_a_failed_backup_leaves_no_file(response: Reply, code: int, offline: Terminal) -> None:
    with StandIn([response]) as stand_in:
        errors = offline.fails(code, "backup", "copy.db", "--url", stand_in.url)
    assert errors.startswith("error: ")
    assert list(offline.folder.iterdir()) == []


def test_a_missing_folder_is_refused(offline: Terminal) -> None:
    errors = offline.fails(2, "backup", "/nowhere/copy.db")
    assert errors.startswith("error: cannot create /nowhere/copy.db: ")
