"""MongoDB stops answering: everybody is told in time, and the server still ends as it should."""

import threading
import time
from collections.abc import Iterator

import pytest

from support.mongod import Standalone
from support.server import Server

CALLERS = 100
"""More than the store takes at once, each on a series of its own."""


@pytest.fixture
def standalone() -> Iterator[Standalone]:
    with Standalone.start() as standalone:
        yield standalone


def test_everybody_is_answered_and_the_server_drains_in_time(standalone: Standalone) -> None:
    answers: list[tuple[int, str, str]] = []

    def call(server: Server, number: int) -> None:
        with server.client(timeout=60) as client:
            response = client.request("PUT", f"/v1/series/series-{number}/token")
            problem = response.json()
            answers.append((response.status, problem["code"], problem["applied"]))

    with Server(standalone.url("stuck")) as server:
        standalone.mongod.pause()
        threads = [threading.Thread(target=call, args=(server, n)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        with server.client() as client:  # the event loop is not held up
            assert client.request("GET", "/livez").status == 200
            assert client.request("GET", "/readyz").status == 503
        began = time.monotonic()
        server.terminate()
        assert server.wait(60) == 0
        assert time.monotonic() - began < 25
        for thread in threads:
            thread.join()
        standalone.mongod.resume()
    assert len(answers) == CALLERS
    assert {status for status, _, _ in answers} == {503}
    assert {code for _, code, _ in answers} <= {"store_unavailable", "draining"}
