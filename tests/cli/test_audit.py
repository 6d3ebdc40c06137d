"""`monotron audit`, through the server and on the store itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from monotron.store import open_store
from support.credentials import new_key
from support.server import ROOT, ROOT_ENV, Client, Server
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

FINDING = "The series 'web' of account 1 has no entry for 2"


def count(client: Client) -> None:
    for token in "abc":
        assert client.request("PUT", f"/v1/series/web/{token}?reuse=any").status == 200


@pytest.fixture
def damaged(offline: Terminal) -> Path:
    """The file of a stopped server in which an entry is missing."""
    file = offline.folder / "monotron.db"
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        count(client)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM entries WHERE token = 'b'")
    connection.close()
    return file


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request: pytest.FixtureRequest, offline: Terminal) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{offline.folder}/monotron.db"
    return str(request.getfixturevalue("database_url"))


class TestFindings:
    def test_the_api_reports_findings_and_the_number_of_checked_rows(self, damaged: Path) -> None:
        with Server(f"sqlite:///{damaged}") as server, server.client() as client:
            report = client.request("GET", "/v1/system/audit").json()
        (finding,) = report["findings"]
        assert finding.startswith(FINDING)
        assert report.keys() == {"findings", "series", "entries", "releases"}

    def test_findings_of_a_server_exit_with_1(self, damaged: Path, offline: Terminal) -> None:
        with Server(f"sqlite:///{damaged}") as server:
            process = offline.run("audit", "--url", server.url)
        finding, summary = process.stdout.splitlines()
        assert (process.returncode, process.stderr) == (1, "")
        assert finding.startswith(FINDING)
        assert summary == "1 problem found"

    def test_findings_in_a_stopped_file_exit_with_1(self, damaged: Path, offline: Terminal) -> None:
        url = f"sqlite:///{damaged}"
        process = offline.run("audit", "--store", url)
        assert process.returncode == 1
        assert process.stdout.startswith(FINDING)
        assert offline.run("audit", "--store", MONOTRON_STORE=url).stdout == process.stdout

    def test_a_consistent_store_exits_with_0(self, store_url: str, offline: Terminal) -> None:
        with Server(store_url) as server:
            with server.client() as client:
                count(client)
            offline.url = server.url
            printed = offline.prints("audit")
        assert printed.startswith("OK: ")
        assert printed.endswith(" entries, 0 releases checked\n")
        assert offline.prints("audit", "--store", store_url) == printed

    def test_the_number_of_printed_findings_is_limited(self, offline: Terminal) -> None:
        file = offline.folder / "monotron.db"
        open_store(f"sqlite:///{file}").close()
        with sqlite3.connect(file) as connection:
            for number in range(1003):
                connection.execute(
                    "INSERT INTO series VALUES (?, 1, ?, 1, 'a', 1, 0, 0)",
                    (number + 1000, f"s{number}"),
                )
        connection.close()
        process = offline.run("audit", "--store", "sqlite:///monotron.db")
        assert process.returncode == 1
        lines = process.stdout.splitlines()
        assert len(lines) == 1002
        assert "3" in lines[1000]
        assert lines[1001] == "more than 1000 problems found"


class TestRefusals:
    def test_the_file_of_a_running_server_is_refused(
        self, offline: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("monotron.store.sqlite.connection.LOCK_SECONDS", 0.1)
        with Server(f"sqlite:///{offline.folder}/monotron.db"):
            errors = offline.fails(1, "audit", "--store", "sqlite:///monotron.db")
        assert "monotron.db" in errors

    @pytest.mark.parametrize("url", ["sqlite:///nowhere/x.db", "sqlite://", ""])
    def test_a_missing_store_is_refused_and_not_created(self, url: str, offline: Terminal) -> None:
        offline.fails(2, "audit", "--store", url)
        assert list(offline.folder.iterdir()) == []

    def test_an_audit_requires_read_system(self, offline: Terminal) -> None:
        file = offline.folder / "monotron.db"
        with (
            Server(f"sqlite:///{file}", env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            offline.url = server.url
            key = new_key(root, 1, "read:system")
            assert offline.prints("audit", MONOTRON_API_KEY=key)
            key = new_key(root, 1, "*:series", "write,delete:system")
            assert "forbidden (403)" in offline.fails(1, "audit", MONOTRON_API_KEY=key)
            assert "unauthenticated (401)" in offline.fails(1, "audit")

    def test_an_unreachable_server_exits_with_4(self, offline: Terminal) -> None:
        offline.fails(4, "audit", "--url", "http://127.0.0.1:9")

    @pytest.mark.parametrize(
        "response",
        [Reply.json({"findings": 1}), Reply(302), Reply(200, b"x", length=9)],
        ids=["other-document", "redirect", "cut-off"],
    )
    def test_an_invalid_response_exits_with_4(self, response: Reply, offline: Terminal) -> None:
        with StandIn([response]) as stand_in:
            offline.fails(4, "audit", "--url", stand_in.url)
