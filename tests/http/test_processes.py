"""Several processes on one address and one MongoDB: watched, replaced, drained together."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected
from pathlib import Path

import pytest

from support.mongod import ReplicaSet
from support.server import Client, Server


@pytest.fixture(scope="module")
def store_url(replica_set: ReplicaSet) -> Iterator[str]:
    yield replica_set.url("processes")
    with replica_set.client() as client:
        client.drop_database("processes")


@pytest.fixture
def server(store_url: str) -> Iterator[Server]:
    with Server(store_url, args=["--processes", "2"]) as server:
        yield server


def children(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in listed.split()}


def process_of(client: Client) -> str:
    """What the ids of the requests begin with that the connection's process answers."""
    return client.request("GET", "/v1").headers["X-Request-Id"].partition("-")[0]


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for_end(pid: int) -> None:
    """By the kernel's own word (pidfd), or at once if it has ended already."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([descriptor], [], [], 60)
        assert readable, f"process {pid} goes on"
    finally:
        os.close(descriptor)


def test_all_of_them_count_in_one_series(server: Server, fresh_key: str) -> None:
    assert len(children(server.pid)) == 2

    def put(number: int) -> tuple[int, str]:
        with server.client() as client:
            answer = client.request("PUT", f"/v1/series/{fresh_key}/t{number}?reuse=any")
            return answer.json()["value"], answer.headers["X-Request-Id"].partition("-")[0]

    with ThreadPoolExecutor(16) as threads:
        given = list(threads.map(put, range(200)))
    assert sorted(value for value, _ in given) == list(range(1, 201))
    assert len({process for _, process in given}) == 2


def test_one_that_is_killed_is_replaced_while_the_others_go_on(
    server: Server, fresh_key: str
) -> None:
    before = children(server.pid)
    victim = before.copy().pop()
    os.kill(victim, signal.SIGKILL)
    wait_for_end(victim)
    seen = set()
    while len(seen) < 2:  # the new one's connections come up among the others' sooner or later
        with server.client() as client:
            answer = client.request("PUT", f"/v1/series/{fresh_key}/T")
            assert answer.status == 200
            seen.add(answer.headers["X-Request-Id"].partition("-")[0])
    after = children(server.pid)
    assert len(after) == 2
    assert victim not in after
    assert f"process {victim} ended with -9: another one takes its place" in server.log()


def test_they_drain_together_and_cut_no_request_that_they_took(
    server: Server, store_url: str, fresh_key: str
) -> None:
    pids = children(server.pid)
    told: dict[str, int] = {}
    cut: list[str] = []
    going = threading.Event()

    def put_until_refused(number: int) -> None:
        with server.client() as client:
            for turn in range(10_000):
                token = f"t{number}-{turn}"
                try:
                    answer = client.request("PUT", f"/v1/series/{fresh_key}/{token}")
                except (ConnectionError, RemoteDisconnected):
                    cut.append(token)
                    return
                if answer.status == 503:
                    assert answer.json()["code"] == "draining"
                    return
                told[token] = answer.json()["value"]
                going.set()

    with ThreadPoolExecutor(8) as threads:
        callers = [threads.submit(put_until_refused, number) for number in range(8)]
        assert going.wait(30)
        server.terminate()
        for caller in callers:
            caller.result()
    assert server.wait() == 0
    assert all(map(ended, pids))
    assert sorted(told.values()) == list(range(1, len(told) + 1))
    with Server(store_url) as successor, successor.client() as client:
        for token in cut:  # nobody had taken it
            assert client.request("GET", f"/v1/series/{fresh_key}/{token}").status == 404


def test_they_end_when_their_supervisor_is_killed(store_url: str) -> None:
    server = Server(store_url, args=["--processes", "2"])
    pids = children(server.pid)
    server.kill()
    for pid in pids:
        wait_for_end(pid)
    with pytest.raises(ConnectionRefusedError), server.client() as client:
        client.request("GET", "/livez")


def test_one_that_is_told_to_stop_as_soon_as_it_is_started_stops() -> None:
    """Its signal must not be lost between the fork and its own handler."""
    program = """
import os, signal, sys
from monotron.supervisor import Supervisor

def work(tell_ready, supervisor):
    while True:
        signal.pause()

run = Supervisor(1, work, lambda: None)
start = run._start
def start_and_stop():
    start()
    os.kill(os.getpid(), signal.SIGTERM)  # at once, before the new process has done anything
run._start = start_and_stop
sys.exit(run.run())
"""
    for _ in range(20):
        assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_an_sqlite_file_is_kept_by_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot share an SQLite file"):
        Server(f"sqlite:///{tmp_path}/monotron.db", args=["--processes", "2"])


def test_what_stops_all_of_them_from_starting_is_said_once(replica_set: ReplicaSet) -> None:
    unknown = replica_set.url("processes").replace("://", "://nobody:hunter2@")
    with pytest.raises(RuntimeError) as error:
        Server(unknown, args=["--processes", "3", "--issuers", "github"])
    assert str(error.value).count("monotron: MongoDB at") == 1
    assert "hunter2" not in str(error.value)
