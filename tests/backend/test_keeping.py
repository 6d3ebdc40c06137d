"""The commands for whoever keeps a store, as processes: through a server, and on the store."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from harness.credentials import new_key
from harness.server import ROOT, ROOT_ENV, Client, Server
from harness.stand_in import Say, StandIn
from monotron.store import open_store


def run(*arguments: str, **env: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it said."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
    done = subprocess.run(
        [sys.executable, "-m", "monotron", *arguments],
        env={**inherited, **env},
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def count(client: Client, key: str = "web", tokens: str = "abc") -> list[int]:
    return [
        client.request("PUT", f"/v1/series/{key}/{token}?reuse=any").json()["value"]
        for token in tokens
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monotron.db"


@pytest.fixture
def ruined(file: Path) -> Path:
    """A stopped server's file in which an entry is missing."""
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        assert count(client) == [1, 2, 3]
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM entries WHERE token = 'b'")
    connection.close()
    return file


FINDING = "The series 'web' of account 1 has no entry for 2, and no raise explains it."


class TestAudit:
    def test_over_http_answers_what_there_is_and_what_contradicts(self, ruined: Path) -> None:
        with Server(f"sqlite:///{ruined}") as server, server.client() as client:
            answer = client.request("GET", "/v1/system/audit")
            assert answer.status == 200
            found = answer.json()
            assert found["findings"] == [FINDING]
            assert found.keys() == {"findings", "series", "entries", "releases"}

    def test_through_the_server_prints_findings_and_exits_with_1(self, ruined: Path) -> None:
        with Server(f"sqlite:///{ruined}") as server:
            code, said, errors = run("audit", "--url", server.url)
        assert (code, errors) == (1, "")
        assert said.splitlines()[0] == FINDING
        assert said.endswith(": 1 findings\n")

    def test_of_a_stopped_file_says_the_same(self, ruined: Path) -> None:
        code, said, _ = run("audit", "--store", f"sqlite:///{ruined}")
        assert code == 1
        assert said.splitlines()[0] == FINDING
        code, said, _ = run("audit", "--store", MONOTRON_STORE=f"sqlite:///{ruined}")
        assert code == 1

    def test_of_a_sound_store_exits_with_0(self, either_store_url: str) -> None:
        with Server(either_store_url) as server:
            with server.client() as client:
                assert count(client) == [1, 2, 3]
            code, said, errors = run("audit", MONOTRON_URL=server.url)
            assert (code, errors) == (0, "")
            assert said.endswith(" 0 releases: no findings\n")
        assert run("audit", "--store", either_store_url) == (0, said, "")

    def test_of_a_file_that_a_server_keeps_is_refused(self, file: Path) -> None:
        with Server(f"sqlite:///{file}"):
            code, said, errors = run("audit", "--store", f"sqlite:///{file}")
        assert (code, said) == (1, "")
        assert "Another process has" in errors

    @pytest.mark.parametrize("url", ["sqlite:///nowhere/x.db", "sqlite://", ""])
    def test_of_no_store_is_told_wrong_and_makes_none(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("audit", "--store", url)[:2] == (2, "")
        assert list(tmp_path.iterdir()) == []

    def test_needs_read_system(self, file: Path) -> None:
        with (
            Server(f"sqlite:///{file}", env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            secret = new_key(root, 1, "read:system")
            assert run("audit", "--url", server.url, MONOTRON_API_KEY=secret)[0] == 0
            secret = new_key(root, 1, "*:series", "write,delete:system")
            code, _, errors = run("audit", "--url", server.url, MONOTRON_API_KEY=secret)
            assert code == 1
            assert "403 forbidden" in errors
            code, _, errors = run("audit", "--url", server.url)
            assert code == 1
            assert "401 unauthenticated" in errors

    def test_of_nobody_and_of_somebody_else_exits_with_4(self) -> None:
        assert run("audit", "--url", "http://127.0.0.1:9")[0] == 4
        with StandIn([Say.json({"findings": 1}), Say(302), Say(200, b"x", length=9)]) as stand_in:
            for _ in range(3):
                assert run("audit", "--url", stand_in.url)[:2] == (4, "")

    def test_lists_so_many_findings_and_counts_the_others(self, file: Path) -> None:
        store = open_store(f"sqlite:///{file}")
        store.close()
        with sqlite3.connect(file) as connection:
            for number in range(1003):
                connection.execute(
                    "INSERT INTO series VALUES (?, 1, ?, 1, 'a', 1)", (number + 1000, f"s{number}")
                )
        connection.close()
        code, said, _ = run("audit", "--store", f"sqlite:///{file}")
        assert code == 1
        lines = said.splitlines()
        assert len(lines) == 1002
        assert lines[1000] == "There is more: 3 findings beyond these 1000."
