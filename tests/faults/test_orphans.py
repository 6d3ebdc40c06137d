"""A server disappears inside a transaction. Another server continues with the series."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGCONT

import pytest
from pymongo import MongoClient

from monotron.store.mongo.store import CALL_SECONDS
from support.member import until
from support.mongod import ReplicaSet
from support.server import Server

STOPPING = [str(Path(__file__).parent / "stopping_server.py"), "2"]
"""It stops after the commits of its startup check and of the first request."""
TRANSACTION_LIFETIME_SECONDS = 60.0
"""When MongoDB itself aborts a transaction (`transactionLifetimeLimitSeconds`)."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a store with access control. Its user has the documented privileges only."""
    with ReplicaSet.start(access_control=True) as replica_set:
        user = {"createUser": "admin", "pwd": "admin", "roles": ["root"]}
        assert replica_set.primary().command(user)["ok"]  # the first user needs no credentials
        with MongoClient(replica_set.url(""), username="admin", password="admin") as client:
            role = {"role": "readWrite", "db": "monotron"}
            client.admin.command({"createUser": "monotron", "pwd": "secret", "roles": [role]})
        url = replica_set.url("monotron", authSource="admin")
        yield url.replace("//", "//monotron:secret@")


def is_stopped(server: Server) -> bool:
    return Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def put(server: Server, key: str, token: str) -> int:
    with server.client() as client:
        response = client.request("PUT", f"/v1/series/{key}/{token}?reuse=any")
        assert response.status in (200, 201), response.text
        return int(response.json()["value"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", ["killed", "paused"])
def test_a_series_continues_after_a_server_disappears_before_its_commit(
    url: str, fault: str, report: Callable[[str], None]
) -> None:
    """The server has replaced the head, so its transaction has a lock on the series."""
    with Server(url, program=STOPPING) as lost, Server(url) as other:
        assert put(lost, fault, "first") == 1
        with ThreadPoolExecutor(1) as executor:
            request = executor.submit(put, lost, fault, "lost")
            until(lambda: is_stopped(lost), 10, "a stop before the commit")
            if fault == "killed":
                lost.kill()
            started = time.monotonic()
            assert put(other, fault, "second") == 2
            waited = time.monotonic() - started
            if fault == "killed":
                assert isinstance(request.exception(), OSError)
            else:
                lost.signal(SIGCONT)
                assert request.result() == 3  # the server repeats the transaction that was aborted
        assert put(other, fault, "first") == 1
    report(f"{fault}: the series waited {waited:.2f} s")
    assert waited < CALL_SECONDS + 3 < TRANSACTION_LIFETIME_SECONDS
