"""`/status`: the state of the server."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from monotron import __version__, composition
from monotron.errors import MonotronError, StorageFull, StoreUnavailable
from monotron.model.versions.requests import VersionResult
from monotron.services.versions import VersionService
from monotron.store.sqlite.store import SqliteStore
from monotron.web.page_turns import MAX_CONCURRENT_PAGES
from support.pages import HTML, check_page, pairs, reader
from support.server import Client, Server
from support.server_thread import ServerThread
from support.versions import assign


def test_it_shows_server_store_and_maintenance(tmp_path: Path) -> None:
    file = tmp_path / "monotron.db"
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        read = reader(client)
        assign(client, "shop", "c1?bump=minor")
        shown = pairs(read("/status"))
        assert shown["Version"] == __version__
        assert shown["Readiness"] == "Ready"
        assert shown["Started"][:2] == "20"
        assert shown["Uptime"] == "less than a minute"
        assert shown["Data"] == str(file)
        assert (shown["Names with versions"], shown["Series"]) == ("1", "1")
        assert shown["Size of the database"].endswith("KiB")
        assert shown["Free disk space"].endswith("iB")
        assert shown["Last audit"] == shown["Last backup"] == "Never through a server"
        assert client.request("GET", "/v1/system/audit").status == 200
        assert client.request("POST", "/v1/system/backup").status == 200
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        shown = pairs(reader(client)("/status"))
        assert shown["Findings of this audit"] == "0"
        assert shown["Last audit"][:2] == shown["Last backup"][:2] == "20"


class TestTraffic:
    LABELS = ("Half of them took at most (p50)", "99 % of them took at most (p99)")

    def test_a_server_without_requests_says_so(self) -> None:
        with ServerThread("sqlite://") as server, server.client() as client:
            for path in ("/livez", "/readyz", "/metrics"):
                assert client.request("GET", path).status == 200
            shown = pairs(reader(client)("/status"))
        assert shown["Requests in the last minute"] == "No requests"
        assert not {"Requests per minute", *self.LABELS} & set(shown)

    def test_requests_and_their_durations_are_shown(self) -> None:
        with ServerThread("sqlite://") as server, server.client() as client:
            for number in range(20):
                assert client.request("PUT", f"/v1/series/build/t{number}").status == 200
            shown = pairs(reader(client)("/status"))
        assert shown["Requests in the last minute"] == "20"
        assert shown["Requests per minute"] == "20.0"
        for label in self.LABELS:
            assert re.fullmatch(r"about [\d.]+ m?s \(.+ to .+\)", shown[label])


def test_findings_of_the_last_audit_are_shown_first(tmp_path: Path) -> None:
    file = tmp_path / "monotron.db"
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        for token in "ab":
            assert client.request("PUT", f"/v1/series/build/{token}").status == 200
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE value = 2")
    with Server(f"sqlite:///{file}") as server, server.client() as client:
        assert client.request("GET", "/v1/system/audit").json()["findings"]
        document = reader(client)("/status")
    (alert,) = document.all("p", class_="alert")
    assert alert.text.startswith("The last audit has ")
    assert "monotron audit" in alert.text


def test_all_visitors_share_one_check_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[SqliteStore] = []
    monkeypatch.setattr(composition, "STATUS_SECONDS", 3600.0)
    monkeypatch.setattr(SqliteStore, "ping", lambda store: checks.append(store))
    with ServerThread("sqlite://") as server, server.client() as client:
        for _ in range(3):
            assert pairs(reader(client)("/status"))["Readiness"] == "Ready"
    assert len(checks) == 1


def test_it_requires_a_scope(root: Client, stranger: Client) -> None:
    assert check_page(stranger.request("GET", "/status", headers=HTML), 401)


@pytest.mark.parametrize(("error", "is_readable"), [(StoreUnavailable, False), (StorageFull, True)])
def test_a_store_that_accepts_no_writes_is_reported(
    error: type[MonotronError], is_readable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: SqliteStore) -> None:
        raise error("Its <cause>.")

    with ServerThread("sqlite://") as server, server.client() as client:
        monkeypatch.setattr(SqliteStore, "ping", fail)
        document = check_page(client.request("GET", "/status", headers=HTML), error.status)
    (alert,) = document.all("p", class_="alert")
    assert alert.text == "The store accepts no writes. Its <cause>."
    shown = pairs(document)
    assert shown["Readiness"] == f"Not ready: {error.title.lower()}"
    assert ("Data" in shown) is is_readable


def test_it_does_not_wait_for_other_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, proceed = threading.Semaphore(0), threading.Event()

    async def names(*_: object) -> tuple[list[VersionResult], None]:
        reading.release()
        await asyncio.to_thread(proceed.wait)
        return [], None

    def load(server: ServerThread) -> None:
        with server.client() as client:
            reader(client)("/")

    monkeypatch.setattr(VersionService, "names", names)
    with (
        ServerThread("sqlite://") as server,
        server.client() as client,
        ThreadPoolExecutor(MAX_CONCURRENT_PAGES) as pool,
    ):
        try:
            loads = [pool.submit(load, server) for _ in range(MAX_CONCURRENT_PAGES)]
            for _ in loads:
                reading.acquire()
            assert pairs(reader(client)("/status"))["Readiness"] == "Ready"
        finally:
            proceed.set()
        for each in loads:
            each.result()
