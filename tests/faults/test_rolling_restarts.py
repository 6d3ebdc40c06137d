"""Servers are stopped under load: every accepted request is answered."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from math import inf
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.load import Load
from faults.tier import limit, rounds
from faults.version_loads import version_loads
from support.member import free_port
from support.server import Server

STOPS = rounds(short=2, whole=80)
RESTARTS = rounds(short=2, whole=50)
IN_FLIGHT = 50
EXIT_SECONDS = 25
KEYS = ["a", "b", "c", "CURRENT"]


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_a_stopping_server_answers_every_accepted_request(
    store_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    listen = f"127.0.0.1:{free_port()}"
    server = Server(store_url, listen=listen)
    in_flight, longest = 0, 0.0
    try:
        with (
            Load([server.url], KEYS, callers=IN_FLIGHT, seed=seed) as load,
            version_loads([server.url], seed=seed) as versions,
        ):
            for _ in range(STOPS):
                load.wait_for_answers(2 * IN_FLIGHT)
                versions.wait_for_answers(1)
                time.sleep(chance.uniform(0, 0.1))  # the moment of the fault
                began = time.monotonic()
                server.terminate()
                assert server.wait(EXIT_SECONDS) == 0, server.log()
                ended = time.monotonic()
                longest = max(longest, ended - began)
                in_flight += _answered_though_stopped(load, began)
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", server.port), timeout=10).close()
                assert "still under way" not in server.log()
                server = Server(store_url, listen=listen)
            history = load.finish()
            statistics = versions.statistics(versions.check(server.url))
        check_aftermath(history, [server.url])
    finally:
        server.kill()
    counted = history.counted_in_doubt()
    report(
        f"seed {seed}: {STOPS} stops, each with {in_flight / STOPS:.0f} requests in progress that "
        f"were answered, exit after {longest:.2f} s at most; {load.acknowledged} answers, "
        f"{load.refused} refused, {load.interrupted} connections ended before a request; "
        f"{statistics}"
    )
    assert in_flight >= STOPS
    assert counted + versions.applied_in_doubt == 0, "applied requests were not answered"


def _answered_though_stopped(load: Load, began: float) -> int:
    puts = list(load.history.puts)
    return sum(put.called < began < put.returned < inf for put in puts[-1000:])


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_two_servers_can_be_restarted_in_turn(
    database_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    listen = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    servers = [Server(database_url, listen=each) for each in listen]
    while_down = []
    try:
        urls = [server.url for server in servers]
        with (
            Load(urls, KEYS, seed=seed) as load,
            version_loads(urls, seed=seed) as versions,
        ):
            for number in range(RESTARTS):
                load.wait_for_answers(50)
                versions.wait_for_answers(1)
                time.sleep(chance.uniform(0, 0.1))  # the moment of the fault
                server, other = servers[number % 2], servers[1 - number % 2]
                before = load.answers_of(other.url)
                server.terminate()
                assert server.wait(EXIT_SECONDS) == 0, server.log()
                load.wait_for_answers(20)
                servers[number % 2] = Server(database_url, listen=listen[number % 2])
                while_down.append(load.answers_of(other.url) - before)
            history = load.finish()
            statistics = versions.statistics(versions.check(urls[0]))
        check_aftermath(history, urls)
    finally:
        for server in servers:
            server.kill()
    report(
        f"seed {seed}: {RESTARTS} restarts, at least {min(while_down)} answers of the other server "
        f"during each; {load.acknowledged} answers, {load.refused} refused, {load.interrupted} "
        f"connections ended before a request was accepted; {statistics}"
    )
    assert min(while_down) >= 10
    assert history.counted_in_doubt() + versions.applied_in_doubt == 0
