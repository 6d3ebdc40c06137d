"""MongoDB stops responding: every request is answered in time, and the server still drains."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.tier import WHOLE
from monotron.server import DRAIN_SECONDS
from monotron.services.batcher import WAIT_SECONDS
from monotron.store.mongo.store import CALL_SECONDS
from monotron.store.mongo.transactions import ABORT_SECONDS
from support.mongod import ReplicaSet
from support.server import Server

CALLERS = 100
"""More requests than one batch, each for another series."""


LAUNCHER = (str(Path(__file__).with_name("impatient_server.py")), "4", "1")
"""The server of `make test`, which has shorter time limits."""


@pytest.fixture
def lone_set() -> Iterator[ReplicaSet]:
    with ReplicaSet.start(members=1) as replica_set:
        yield replica_set


def test_every_request_is_answered_and_the_server_drains_in_time(lone_set: ReplicaSet) -> None:
    answers: list[tuple[int, str, str]] = []

    def call(server: Server, number: int) -> None:
        with server.client(timeout=60) as client:
            response = client.request("PUT", f"/v1/series/series-{number}/token")
            problem = response.json()
            answers.append((response.status, problem["code"], problem["applied"]))

    program = ("-m", "monotron") if WHOLE else LAUNCHER
    with Server(lone_set.url("stuck"), program=program) as server:
        lone_set.members[0].pause()
        threads = [threading.Thread(target=call, args=(server, n)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        with server.client() as client:  # the event loop is not blocked
            assert client.request("GET", "/livez").status == 200
            assert client.request("GET", "/readyz").status == 503
        began = time.monotonic()
        server.terminate()
        assert server.wait(60) == 0
        assert time.monotonic() - began < 25
        for thread in threads:
            thread.join()
        lone_set.members[0].resume()
    assert len(answers) == CALLERS
    assert {status for status, _, _ in answers} == {503}
    assert {code for _, code, _ in answers} <= {"store_unavailable", "draining"}


def test_a_request_ends_before_the_server_stops_waiting_for_it() -> None:
    assert WAIT_SECONDS + CALL_SECONDS + ABORT_SECONDS <= DRAIN_SECONDS
