"""`GET /v1/system/info`: the state of the server, and when it was audited and backed up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from monotron import __version__
from support.credentials import bearer, new_key
from support.metrics import read_metrics
from support.mongod import ReplicaSet
from support.server import ROOT, ROOT_ENV, Client, Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(f"sqlite:///{tmp_path}/monotron.db", env=ROOT_ENV) as server:
        yield server


@pytest.fixture
def root(server: Server) -> Iterator[Client]:
    with server.client(authorization=ROOT) as client:
        yield client


def test_the_contents_and_the_last_audit_and_backup_are_shown(
    server: Server, root: Client, tmp_path: Path
) -> None:
    info = root.request("GET", "/v1/system/info").json()
    assert (info["version"], info["ready"]) == (__version__, True)
    assert info["store"] == f"{tmp_path}/monotron.db"
    assert TIME.fullmatch(info["started_at"])
    assert (info["names"], info["series"]) == (0, 0)
    assert info["bytes"]["database"] > 0
    assert (info["last_audit"], info["last_backup"]) == (None, None)
    root.request("PUT", "/v1/versions/shop/c1")
    root.request("PUT", "/v1/series/build/b1")
    assert root.request("GET", "/v1/system/audit").status == 200
    assert root.request("POST", "/v1/system/backup").status == 200
    info = root.request("GET", "/v1/system/info").json()
    assert (info["names"], info["series"]) == (1, 2)
    assert TIME.fullmatch(info["last_audit"]["finished_at"])
    assert info["last_audit"]["findings"] == 0
    assert TIME.fullmatch(info["last_backup"]["finished_at"])
    metrics = read_metrics(root)
    assert metrics["monotron_audit_last_success_timestamp_seconds"] > 1_700_000_000
    assert metrics["monotron_audit_findings"] == 0
    assert metrics["monotron_backup_last_success_timestamp_seconds"] > 1_700_000_000
    assert metrics['monotron_store_bytes{file="database"}'] > 0


def test_only_the_version_is_shown_without_the_scope(server: Server, root: Client) -> None:
    public = {"version": __version__}
    with server.client() as client:
        assert client.request("GET", "/v1/system/info").json() == public
    for scope, shown in ("read:series", False), ("read:system", True):
        with server.client(authorization=bearer(new_key(root, 1, scope))) as client:
            info = client.request("GET", "/v1/system/info").json()
        assert info["version"] == __version__
        assert ("store" in info) is shown


def test_invalid_credentials_are_refused(server: Server) -> None:
    with server.client(authorization="Bearer wrong") as client:
        assert client.request("GET", "/v1/system/info").status == 401


def test_rate_limits_apply_to_requests_with_credentials(tmp_path: Path) -> None:
    args = ["--requests-per-key=2"]
    with (
        Server(f"sqlite:///{tmp_path}/limited.db", env=ROOT_ENV, args=args) as limited,
        limited.client(authorization=ROOT) as root,
        limited.client(authorization=bearer(new_key(root, 1, "read:system"))) as client,
    ):
        statuses = [client.request("GET", "/v1/system/info").status for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_an_open_server_shows_everything_to_everyone() -> None:
    with Server("sqlite://") as server, server.client() as client:
        info = client.request("GET", "/v1/system/info").json()
    assert info["store"] == "memory"
    assert info["bytes"]["memory"] > 0


def test_several_servers_share_the_last_audit(replica_set: ReplicaSet) -> None:
    url = replica_set.url("system-info")
    with Server(url) as one, Server(url) as two, one.client() as first, two.client() as second:
        first.request("PUT", "/v1/versions/shop/c1")
        assert first.request("GET", "/v1/system/audit").status == 200
        info = second.request("GET", "/v1/system/info").json()
        assert info["last_audit"]["findings"] == 0
        assert (info["names"], info["series"]) == (1, 1)
        assert info["bytes"]["database"] > 0
    with replica_set.client() as client:
        client.drop_database("system-info")
