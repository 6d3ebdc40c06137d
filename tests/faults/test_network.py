"""A bad network, between callers and server and between server and MongoDB: nothing is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.caller import Manner
from faults.history import History
from faults.load import Load
from faults.network.http import PASSED, RATES, HttpProxy
from faults.network.mongo import FATES, MongoProxy, ProxiedSet
from faults.tier import WHOLE, limit, rounds
from support.member import until
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
OPERATIONS = rounds(short=300, whole=15_000)
OPERATIONS_ON_BOTH_SIDES = rounds(short=300, whole=8_000)
CALLERS = rounds(short=16, whole=32)
SILENCES = rounds(short=1, whole=20)
TIMEOUT_SECONDS = rounds(short=2, whole=10)
LATEST_COPY_SECONDS = rounds(short=2, whole=30)
SLOW_BYTES = rounds(short=1, whole=4)
STEP_SECONDS = limit(short=60, whole=1200)
"""Within which a part of the answers must have come."""

RETRYING = ", retrying"
"""What a server logs when MongoDB left it in doubt, which its callers need not notice."""


@pytest.fixture
def proxied_set() -> Iterator[ProxiedSet]:
    with ProxiedSet.start() as proxied_set:
        yield proxied_set


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_nothing_is_lost_between_callers_and_server(
    store_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    with Server(store_url) as server:
        history, told = endure(server, OPERATIONS, seed)
        check_aftermath(history, [server.url])
    report(f"seed {seed}: {told}")


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_nothing_is_lost_where_the_way_to_mongodb_is_bad_too(
    proxied_set: ProxiedSet, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    proxies = proxied_set.proxies
    with Server(proxied_set.url("monotron")) as server:
        for proxy in proxies:
            proxy.begin(seed)
        history, told = endure(
            server,
            OPERATIONS_ON_BOTH_SIDES,
            seed,
            also=lambda: all_done(proxies).keys() == {*FATES},
        )
        for proxy in proxies:
            proxy.end()
        check_aftermath(history, [server.url])
        in_doubt = server.log().count(RETRYING)
    done = in_words(all_done(proxies))
    report(f"seed {seed}: {told}. On the way to MongoDB: {done}; {in_doubt} times again")
    # Before that, the driver asks once more by itself, and says nothing.
    assert in_doubt > 0 or not WHOLE


def all_done(proxies: Sequence[MongoProxy]) -> Counter[str]:
    """What all of them have done to connections."""
    return sum((proxy.done for proxy in proxies), Counter[str]())


def endure(
    server: Server, operations: int, seed: int, also: Callable[[], bool] = lambda: True
) -> tuple[History, str]:
    """Have so many numbers given over a bad network, and more until *also* is met.

    What callers were told, and the figures.
    """
    chance = random.Random(seed)
    history = History()
    began = time.monotonic()
    manner = Manner(timeout=TIMEOUT_SECONDS, hangs_up=0.02)
    with (
        HttpProxy(
            server.port, seed, history, latest_copy=LATEST_COPY_SECONDS, slow_bytes=SLOW_BYTES
        ) as proxy,
        Load([proxy.url], KEYS, callers=CALLERS, seed=seed, manner=manner, history=history) as load,
    ):
        for _ in range(SILENCES):
            load.wait_for_answers(operations // SILENCES, STEP_SECONDS)
            with proxy.silence():
                time.sleep(chance.uniform(0.5, 1.5) * TIMEOUT_SECONDS)  # how long it lasts
        until(also, STEP_SECONDS, "all that was to go wrong")
        load.finish()
        proxy.settle()
    assert proxy.done.keys() >= {*RATES, "silence", "copy answered"}
    assert history.retried() > 0
    assert history.counted_in_doubt() > 0
    return history, (
        f"{load.acknowledged} answers in {time.monotonic() - began:.0f} s; {in_words(proxy.done)}; "
        f"{history.unknown()} in doubt, {history.retried()} retried to success "
        f"({history.counted_in_doubt()} had been counted)"
    )


def in_words(done: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(done.items()) if what != PASSED)
