"""A server is killed repeatedly: no value that it returned is lost or assigned twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.load import Load
from faults.tier import limit, rounds
from support.member import free_port
from support.server import Server

KILLS = rounds(short=5, whole=400)
"""The number of kills that interrupt requests. They continue until such a request was applied."""

MAX_IDLE = max(1, KILLS // 20)
"""How many further kills may interrupt no request, because all callers were just answered."""

KEYS = ["a", "b", "c", "CURRENT"]


@pytest.mark.timeout(limit(short=120, whole=1200))
def test_nothing_is_lost_when_the_server_is_killed_under_load(
    store_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    listen = f"127.0.0.1:{free_port()}"
    server = Server(store_url, listen=listen)
    started = time.monotonic()
    kills = kills_under_load = 0
    try:
        with Load([server.url], KEYS, seed=seed) as load:
            while kills_under_load < KILLS or not load.history.counted_in_doubt():
                load.wait_for_answers(1)
                time.sleep(chance.uniform(0.03, 0.25))  # the moment of the fault
                assert server.running, server.log()
                interrupted = load.interrupted
                server.kill()
                kills += 1
                server = Server(store_url, listen=listen)
                kills_under_load += load.interrupted > interrupted
            load.wait_for_answers(1)
            history = load.finish()
        killing = time.monotonic() - started
        check_aftermath(history, [server.url])
        report(
            f"seed {seed}: {kills} kills in {killing:.1f} s, {kills_under_load} under load; "
            f"{load.acknowledged} answers; {load.interrupted} requests interrupted, "
            f"{history.retried()} retried to success ({history.counted_in_doubt()} were "
            f"applied), {load.refused} refused; "
            f"checked in {time.monotonic() - started - killing:.1f} s"
        )
    finally:
        server.kill()
    assert kills - kills_under_load <= MAX_IDLE
