"""A backup under load, more assignments, the loss of the store: no value is assigned twice."""

from __future__ import annotations

import itertools
import shutil
import threading
from typing import Self
from uuid import uuid4

from support.credentials import UNLIMITED
from support.mongod import ReplicaSet
from support.server import Client, Server
from support.terminal import Terminal


class Load:
    """Concurrent callers that get numbers and versions, and withdraw some of these.

    `assigned` collects all of them, also those that were withdrawn.
    """

    def __init__(self, url: str, callers: int = 4) -> None:
        self.assigned: set[tuple[str, str]] = set()
        self._ended = threading.Event()
        self._url = url
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def _call(self) -> None:
        bumps = itertools.cycle(["patch", "minor", "patch", "patch&prerelease=rc", "major"])
        with Client(self._url) as client:
            for number in itertools.count():
                key = f"series-{number % 3}"
                token = f"{uuid4()}"
                entry = client.request("PUT", f"/v1/series/{key}/{token}?reuse=any").json()
                self.assigned.add((key, str(entry["value"])))
                path = f"/v1/versions/shop/{token}?bump={next(bumps)}"
                version = client.request("PUT", path).json()["version"]
                self.assigned.add(("shop", version))
                if number % 3 == 2:
                    path = f"/v1/releases/shop/{version}/withdrawal"
                    assert client.request("PUT", path, '{"reason": "wrong"}').status == 200
                # Calendar versions are refused after a fast-forward, until one is adopted.
                path = f"/v1/versions/nightly/{token}?bump=calendar"
                calendar = client.request("PUT", path).json()
                if calendar.get("code") != "value_would_fall":
                    self.assigned.add(("nightly", calendar["version"]))
                if self._ended.is_set():
                    return

    def wait_for(self, minimum: int) -> None:
        """Return when at least so many values and versions are assigned."""
        while len(self.assigned) < minimum:
            assert any(thread.is_alive() for thread in self._threads)
            self._threads[0].join(0.01)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def high_water_marks(client: Client) -> dict[str, int]:
    page = client.request("GET", "/v1/series?limit=1000").json()
    assert page["next"] is None
    return {entry["key"]: entry["value"] for entry in page["series"]}


def largest_increase(before: dict[str, int], after: dict[str, int]) -> int:
    return max(value - before.get(key, 0) for key, value in after.items())


def test_a_restored_sqlite_store_assigns_no_value_twice(offline: Terminal) -> None:
    folder = offline.folder
    with Server(f"sqlite:///{folder}/monotron.db", args=UNLIMITED) as server:
        with Load(server.url) as load:
            load.wait_for(50)
            assert offline.prints("backup", "backup.db", "--url", server.url)
            load.wait_for(len(load.assigned) + 50)
        with server.client() as client:
            lost = high_water_marks(client)
    copy = shutil.copy(folder / "backup.db", folder / "copy.db")
    with Server(f"sqlite:///{copy}") as server, server.client() as client:
        by = largest_increase(high_water_marks(client), lost)
    assert by > 0
    new = f"sqlite:///{folder}/new.db"
    assert offline.prints("restore", "backup.db", "--store", new, "--fast-forward", str(by))
    with Server(new, args=UNLIMITED) as server:
        with Load(server.url) as load_after_restore:
            load_after_restore.wait_for(100)
        assert offline.prints("audit", "--url", server.url)
    assert load_after_restore.assigned & load.assigned == set()


def test_a_restored_mongodb_database_assigns_no_value_twice(
    replica_set: ReplicaSet, offline: Terminal
) -> None:
    """The documents are copied while no server runs, because mongodump is not available here."""
    lost_url, new_url = replica_set.url("disaster"), replica_set.url("disaster-new")
    with replica_set.client() as mongo:
        for name in ("disaster", "disaster-new"):
            mongo.drop_database(name)
        with Server(lost_url, args=UNLIMITED) as server, Load(server.url) as load:
            load.wait_for(50)
        for name in mongo["disaster"].list_collection_names():
            if documents := list(mongo["disaster"][name].find()):
                mongo["disaster-new"][name].insert_many(documents)
        with Server(lost_url, args=UNLIMITED) as server, server.client() as client:
            before = high_water_marks(client)
            with Load(server.url) as load_after_backup:
                load_after_backup.wait_for(50)
            by = largest_increase(before, high_water_marks(client))
        assert offline.prints("fast-forward", str(by), "--store", new_url)
        with Server(new_url, args=UNLIMITED) as server:
            with Load(server.url) as load_after_restore:
                load_after_restore.wait_for(80)
            assert offline.prints("audit", "--url", server.url)
        for name in ("disaster", "disaster-new"):
            mongo.drop_database(name)
    assigned = load.assigned | load_after_backup.assigned
    assert load_after_restore.assigned & assigned == set()
