"""The commands for whoever keeps a store, as processes: through a server, and on the store."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self
from uuid import uuid4

import pytest

from contract.asking import SERIES, ask, ledger, put_any
from monotron.model.series import INT64_MAX
from monotron.store import open_store
from monotron.store.interface import AuthRecord
from support.credentials import UNLIMITED, new_key
from support.mongod import ReplicaSet
from support.server import ROOT, ROOT_ENV, Client, Server
from support.stand_in import HANG_UP, Say, StandIn


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


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a stopped file."""
    with sqlite3.connect(file) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    connection.close()
    return rows


class TestBackup:
    def test_through_the_server_is_what_the_server_had(self, file: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.db"
        with Server(f"sqlite:///{file}") as server, server.client() as client:
            count(client)
            code, said, errors = run("backup", str(copy), "--url", server.url)
            assert (code, errors) == (0, "")
            assert said == f"{copy}: {copy.stat().st_size} bytes\n"
        assert tables(copy) == tables(file)
        assert copy.stat().st_mode & 0o777 == 0o600

    def test_of_a_stopped_file_is_what_is_in_it(self, file: Path, tmp_path: Path) -> None:
        with Server(f"sqlite:///{file}") as server, server.client() as client:
            count(client)
        copy = tmp_path / "copy.db"
        assert run("backup", str(copy), "--store", f"sqlite:///{file}")[0] == 0
        assert tables(copy) == tables(file)

    def test_never_overwrites(self, tmp_path: Path) -> None:
        copy = tmp_path / "copy.db"
        copy.write_text("mine")
        with Server("sqlite://") as server:
            code, _, errors = run("backup", str(copy), "--url", server.url)
        assert code == 2
        assert "exists already" in errors
        assert copy.read_text() == "mine"

    @pytest.mark.parametrize(
        "say",
        [
            Say.json({"x": 1}),
            Say(200, b"SQLite format 3\0", length=999),
            Say(200, b"SQLite format 3\0" * 300),
            Say.problem(400, "invalid_request", "This server keeps its series in MongoDB."),
            HANG_UP,
        ],
        ids=["something-else", "cut-off", "damaged", "refused", "nothing"],
    )
    def test_that_fails_leaves_nothing_behind(self, say: Say, tmp_path: Path) -> None:
        with StandIn([say]) as stand_in:
            code, said, errors = run("backup", str(tmp_path / "copy.db"), "--url", stand_in.url)
        assert code in (1, 4)
        assert said == ""
        assert errors.startswith("monotron: ")
        assert list(tmp_path.iterdir()) == []

    def test_into_no_folder_is_told_wrong(self) -> None:
        code, _, errors = run("backup", "/nowhere/copy.db")
        assert code == 2
        assert "cannot be made" in errors


class TestRestore:
    @pytest.fixture
    def backup(self, tmp_path: Path) -> Path:
        store = open_store(f"sqlite:///{tmp_path}/original.db")
        store.allocate([ask(token) for token in "abc"])
        store.attributes.merge(SERIES, "a", {"branch": "main"})
        store.auth_records.add("account", AuthRecord("2", 2, {}))
        store.backup(tmp_path / "backup.db")
        store.close()
        return tmp_path / "backup.db"

    def test_goes_on_beyond_what_was_given_since(self, backup: Path, tmp_path: Path) -> None:
        target = tmp_path / "new.db"
        url = f"sqlite:///{target}"
        code, said, errors = run("restore", str(backup), "--store", url, "--bump", "1000")
        assert (code, errors) == (0, "")
        assert said == f"{target}: restored, 1 series raised by 1000\n"
        assert sorted(each.name for each in tmp_path.iterdir()) == [
            "backup.db",
            "new.db",
            "original.db",
        ]
        assert run("audit", "--store", url)[0] == 0
        store = open_store(url)
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), (None, 1003)]
        assert put_any(store, "d") == 1004
        assert put_any(store, "b") == 2
        assert store.attributes.all(SERIES, "a") == {"branch": "main"}
        assert store.auth_records.find("account", "2") is not None
        store.close()

    def test_needs_to_be_told_a_bump(self, backup: Path, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/new.db"
        for bump in ([], ["--bump"], ["--bump=-1"], ["--bump=x"], [f"--bump={1 << 63}"]):
            assert run("restore", str(backup), "--store", url, *bump)[0] == 2
        assert not (tmp_path / "new.db").exists()
        assert run("restore", str(backup), "--store", url, "--bump", "0")[0] == 0
        assert tables(tmp_path / "new.db") == tables(backup)

    @pytest.mark.parametrize("left", ["new.db", "new.db-wal"])
    def test_leaves_what_is_there(self, left: str, backup: Path, tmp_path: Path) -> None:
        (tmp_path / left).write_text("mine")
        url = f"sqlite:///{tmp_path}/new.db"
        code, _, errors = run("restore", str(backup), "--store", url, "--bump", "1")
        assert code == 2
        assert "exists already" in errors
        assert (tmp_path / left).read_text() == "mine"

    def test_takes_the_place_of_an_empty_file(self, backup: Path, tmp_path: Path) -> None:
        (tmp_path / "new.db").touch()
        url = f"sqlite:///{tmp_path}/new.db"
        assert run("restore", str(backup), "--store", url, "--bump", "1")[0] == 0

    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            ("PRAGMA application_id = 1", "not a backup of a Monotron store"),
            ("PRAGMA user_version = 99", "by a newer Monotron"),
            ("PRAGMA user_version = 0", "not a backup of a Monotron store"),
            (
                "PRAGMA ignore_check_constraints = ON; UPDATE series SET value = -1",
                "is damaged",
            ),
        ],
    )
    def test_refuses_what_is_no_sound_backup(
        self, spoil: str, why: str, backup: Path, tmp_path: Path
    ) -> None:
        with sqlite3.connect(backup) as connection:
            connection.executescript(spoil)
        connection.close()
        url = f"sqlite:///{tmp_path}/new.db"
        code, _, errors = run("restore", str(backup), "--store", url, "--bump", "1")
        assert code == 1
        assert why in errors
        assert not list(tmp_path.glob("new.db*"))

    def test_refuses_other_files_and_a_file_with_its_newest_entries_beside_it(
        self, backup: Path, tmp_path: Path
    ) -> None:
        restore = ("--store", f"sqlite:///{tmp_path}/new.db", "--bump", "1")
        (tmp_path / "text").write_text("nothing of that kind" * 100)
        assert run("restore", str(tmp_path / "text"), *restore)[0] == 1
        assert run("restore", str(tmp_path / "none"), *restore)[0] == 2
        Path(f"{backup}-wal").write_text("x")
        code, _, errors = run("restore", str(backup), *restore)
        assert code == 2
        assert "a server's own file" in errors

    def test_is_not_for_mongodb(self, backup: Path) -> None:
        code, _, errors = run("restore", str(backup), "--store=mongodb://h/d", "--bump=1")
        assert code == 2
        assert "mongorestore" in errors

    def test_warns_of_series_that_come_to_their_end(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/new.db"
        store = open_store(url)
        store.advance_to(SERIES, INT64_MAX - 5, "root")
        store.close()
        code, said, errors = run("bump", "10", "--store", url)
        assert (code, said) == (0, "1 series raised by 10\n")
        assert "the series 'some-great-service' of account 1 stands at the last value" in errors


class Load:
    """Callers who count, and take versions, one after the other; what they were given."""

    def __init__(self, url: str, callers: int = 4) -> None:
        self.given: set[tuple[str, str]] = set()
        self._ended = threading.Event()
        self._url = url
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(callers)]

    def _call(self, caller: int) -> None:
        bumps = itertools.cycle(["patch", "minor", "patch", "patch&prerelease=rc", "major"])
        with Client(self._url) as client:
            for number in itertools.count():
                key = f"series-{number % 3}"
                token = f"{uuid4()}"
                answer = client.request("PUT", f"/v1/series/{key}/{token}?reuse=any")
                self.given.add((key, str(answer.json()["value"])))
                path = f"/v1/versions/shop/{token}?bump={next(bumps)}"
                self.given.add(("shop", client.request("PUT", path).json()["version"]))
                if self._ended.is_set():
                    return

    def until(self, most: int) -> set[tuple[str, str]]:
        """What was given once there is so much."""
        while len(self.given) < most:
            assert any(thread.is_alive() for thread in self._threads)
            self._threads[0].join(0.01)
        return set(self.given)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def high_water_marks(client: Client) -> dict[str, int]:
    found = client.request("GET", "/v1/series?limit=1000").json()
    assert found["next"] is None
    return {entry["key"]: entry["value"] for entry in found["series"]}


def given_since(lost: dict[str, int], restored: dict[str, int]) -> int:
    """The most that one series has given."""
    return max(value - restored.get(key, 0) for key, value in lost.items())


class TestDisaster:
    """A backup under load, more is given, the store is lost: nothing is given again."""

    def test_of_an_sqlite_file(self, file: Path, tmp_path: Path) -> None:
        backup, new = tmp_path / "backup.db", f"sqlite:///{tmp_path}/new.db"
        with Server(f"sqlite:///{file}", args=UNLIMITED) as server:
            with Load(server.url) as load:
                load.until(50)
                assert run("backup", str(backup), "--url", server.url)[0] == 0
                load.until(len(load.given) + 50)
            with server.client() as client:
                lost = high_water_marks(client)
        look = shutil.copy(backup, tmp_path / "look.db")
        with Server(f"sqlite:///{look}") as server, server.client() as client:
            most = given_since(lost, high_water_marks(client))
        assert most > 0
        assert run("restore", str(backup), "--store", new, "--bump", str(most))[0] == 0
        with Server(new, args=UNLIMITED) as server:
            with Load(server.url) as again:
                again.until(100)
            assert run("audit", "--url", server.url)[0] == 0
        assert again.given & load.given == set()

    def test_of_a_mongodb_database(self, replica_set: ReplicaSet) -> None:
        """Copied document by document while it stands still: mongodump is not at hand here."""
        lost_url, new_url = replica_set.url("disaster"), replica_set.url("disaster-new")
        with replica_set.client() as mongo:
            for name in ("disaster", "disaster-new"):
                mongo.drop_database(name)
            with Server(lost_url, args=UNLIMITED) as server, Load(server.url) as load:
                load.until(50)
            for name in mongo["disaster"].list_collection_names():
                if documents := list(mongo["disaster"][name].find()):
                    mongo["disaster-new"][name].insert_many(documents)
            with Server(lost_url, args=UNLIMITED) as server, server.client() as client:
                before = high_water_marks(client)
                with Load(server.url) as more:
                    more.until(50)
                most = given_since(high_water_marks(client), before)
            assert run("bump", str(most), "--store", new_url)[0] == 0
            with Server(new_url, args=UNLIMITED) as server:
                with Load(server.url) as again:
                    again.until(80)
                assert run("audit", "--url", server.url)[0] == 0
            for name in ("disaster", "disaster-new"):
                mongo.drop_database(name)
        assert again.given & (load.given | more.given) == set()
