"""Several processes on one address and one MongoDB: monitored, replaced, drained together."""

from __future__ import annotations

import json
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
from support.server import Server
from support.server_thread import ServerThread


@pytest.fixture(scope="module")
def mongodb_url(replica_set: ReplicaSet) -> Iterator[str]:
    yield replica_set.url("processes")
    with replica_set.client() as client:
        client.drop_database("processes")


@pytest.fixture(scope="module")
def processes(mongodb_url: str) -> Iterator[Server]:
    """A server of two processes."""
    with Server(mongodb_url, args=["--processes", "2"]) as server:
        yield server


def children(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in listed.split()}


def is_zombie_or_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for_end(pid: int) -> None:
    """Wait with a pidfd; return immediately if the process has ended already."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        readable, _, _ = select.select([descriptor], [], [], 60)
        assert readable, f"process {pid} is still running"
    finally:
        os.close(descriptor)


def test_all_processes_assign_values_of_one_series(processes: Server, fresh_key: str) -> None:
    assert len(children(processes.pid)) == 2

    def put(number: int) -> tuple[int, str]:
        with processes.client() as client:
            response = client.request("PUT", f"/v1/series/{fresh_key}/t{number}?reuse=any")
            request_id = response.headers["X-Request-Id"]
            return response.json()["value"], request_id.partition("-")[0]

    with ThreadPoolExecutor(16) as threads:
        responses = list(threads.map(put, range(200)))
    assert sorted(value for value, _ in responses) == list(range(1, 201))
    assert len({process for _, process in responses}) == 2
    lines = [json.loads(line) for line in processes.log().splitlines()]
    logged = {line["process"] for line in lines if line["message"] == "request"}
    assert logged == children(processes.pid)


def test_a_killed_process_is_replaced_while_the_others_serve(
    processes: Server, fresh_key: str
) -> None:
    victim = children(processes.pid).pop()
    os.kill(victim, signal.SIGKILL)
    wait_for_end(victim)
    seen = set()
    while len(seen) < 2:  # sooner or later a connection is accepted by the replacement
        with processes.client() as client:
            response = client.request("PUT", f"/v1/series/{fresh_key}/T")
            assert response.status == 200
            seen.add(response.headers["X-Request-Id"].partition("-")[0])
    after = children(processes.pid)
    assert len(after) == 2
    assert victim not in after
    assert f"process {victim} exited with -9: starting a replacement" in processes.log()


def test_processes_drain_together_and_answer_every_accepted_request(
    mongodb_url: str, fresh_key: str
) -> None:
    assigned: dict[str, int] = {}
    unanswered: list[str] = []
    serving = threading.Event()

    def put_until_rejected(number: int) -> None:
        with processes.client() as client:
            for turn in range(10_000):
                token = f"t{number}-{turn}"
                try:
                    response = client.request("PUT", f"/v1/series/{fresh_key}/{token}")
                except (ConnectionError, RemoteDisconnected):
                    unanswered.append(token)
                    return
                if response.status == 503:
                    assert response.json()["code"] == "draining"
                    return
                assigned[token] = response.json()["value"]
                serving.set()

    with (
        Server(mongodb_url, args=["--processes", "2"]) as processes,
        ThreadPoolExecutor(8) as threads,
    ):
        pids = children(processes.pid)
        callers = [threads.submit(put_until_rejected, number) for number in range(8)]
        assert serving.wait(30)
        processes.terminate()
        for caller in callers:
            caller.result()
        assert processes.wait() == 0
    assert all(map(is_zombie_or_gone, pids))
    assert sorted(assigned.values()) == list(range(1, len(assigned) + 1))
    with ServerThread(mongodb_url) as successor, successor.client() as client:
        for token in unanswered:  # no process had accepted it
            assert client.request("GET", f"/v1/series/{fresh_key}/{token}").status == 404


def test_processes_end_when_their_supervisor_is_killed(mongodb_url: str) -> None:
    server = Server(mongodb_url, args=["--processes", "2"])
    pids = children(server.pid)
    server.kill()
    for pid in pids:
        wait_for_end(pid)
    with pytest.raises(ConnectionRefusedError), server.client() as client:
        client.request("GET", "/livez")


def test_a_process_that_is_stopped_right_after_its_start_stops() -> None:
    """A signal between the fork and the handlers of the new process must not be lost."""
    program = """
import os, signal, sys
from monotron.supervisor import Supervisor

def work(report_ready, supervisor):
    while True:
        signal.pause()

supervisor = Supervisor(1, work, lambda: None)
start = supervisor._start
def start_and_stop():
    start()
    os.kill(os.getpid(), signal.SIGTERM)  # before the new process has done anything
supervisor._start = start_and_stop
sys.exit(supervisor.run())
"""
    for _ in range(20):
        assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_several_processes_on_an_sqlite_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot share an SQLite file"):
        Server(f"sqlite:///{tmp_path}/monotron.db", args=["--processes", "2"])


def test_a_startup_error_of_all_processes_is_reported_once(replica_set: ReplicaSet) -> None:
    wrong = replica_set.url("processes").replace("://", "://user:hunter2@")
    with pytest.raises(RuntimeError) as error:
        Server(wrong, args=["--processes", "3", "--issuers", "github"])
    assert str(error.value).count("error: not authorized by MongoDB at") == 1
    assert "hunter2" not in str(error.value)
