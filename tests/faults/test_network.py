"""A faulty network between callers, server and MongoDB: nothing is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.caller import Manner
from faults.conftest import STORES
from faults.history import History
from faults.load import Load
from faults.network.http import PASSED, RATES, HttpProxy
from faults.network.mongo import FATES, MongoProxy, ProxiedSet
from faults.tier import WHOLE, limit, rounds
from faults.version_loads import VersionLoads, version_loads
from support.member import until
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
OPERATIONS = rounds(short=200, whole=15_000)
OPERATIONS_ON_BOTH_SIDES = rounds(short=200, whole=8_000)
CALLERS = rounds(short=16, whole=32)
SILENCES = rounds(short=1, whole=20)
TIMEOUT_SECONDS = rounds(short=2, whole=10)
LATEST_COPY_SECONDS = rounds(short=2, whole=30)
SLOW_BYTES = rounds(short=1, whole=4)
STEP_SECONDS = limit(short=60, whole=1200)
"""The time limit for a part of the responses."""

REQUIRED_FAULTS = {*RATES, "silence", "copy answered"} | (
    {"version copy answered"} if WHOLE else set()
)
"""What must have happened: in `make test`, few versions are requested."""

RETRYING = ", retrying"
"""What a server logs when a MongoDB operation failed, which callers need not notice."""


@pytest.fixture
def proxied_set() -> Iterator[ProxiedSet]:
    with ProxiedSet.start() as proxied_set:
        yield proxied_set


@pytest.mark.timeout(limit(short=120, whole=3600))
@pytest.mark.parametrize("store_url", STORES if WHOLE else STORES[:1], indirect=True)
def test_nothing_is_lost_on_a_faulty_network_to_the_server(
    store_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    with Server(store_url) as server:
        history, versions, statistics = endure(server, OPERATIONS, seed)
        check_aftermath(history, [server.url])
        records = versions.check(server.url)
    report(f"seed {seed}: {statistics}; {versions.statistics(records)}")


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_nothing_is_lost_on_a_faulty_network_to_mongodb(
    proxied_set: ProxiedSet, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    proxies = proxied_set.proxies
    with Server(proxied_set.url("monotron")) as server:
        for proxy in proxies:
            proxy.begin(seed)
        history, versions, statistics = endure(
            server,
            OPERATIONS_ON_BOTH_SIDES,
            seed,
            also=lambda: all_done(proxies).keys() == {*FATES},
        )
        for proxy in proxies:
            proxy.end()
        check_aftermath(history, [server.url])
        records = versions.check(server.url)
        in_doubt = server.log().count(RETRYING)
    done = in_words(all_done(proxies))
    report(
        f"seed {seed}: {statistics}; {versions.statistics(records)}. To MongoDB: {done}; "
        f"{in_doubt} failed operations"
    )
    # The driver first retries once by itself, without a log entry.
    assert in_doubt > 0 or not WHOLE


def all_done(proxies: Sequence[MongoProxy]) -> Counter[str]:
    """Return how often each fault was injected."""
    return sum((proxy.done for proxy in proxies), Counter[str]())


def endure(
    server: Server, operations: int, seed: int, also: Callable[[], bool] = lambda: True
) -> tuple[History, VersionLoads, str]:
    """Assign this many values over a faulty network, and more until *also* returns true.

    Return the history of the callers of series, the callers of versions, and the statistics.
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
        version_loads(
            [proxy.url], seed=seed, timeout=TIMEOUT_SECONDS, adopt_at=server.url
        ) as versions,
    ):
        proxy.versions = versions
        for _ in range(SILENCES):
            load.wait_for_answers(operations // SILENCES, STEP_SECONDS)
            with proxy.silence():
                time.sleep(chance.uniform(0.5, 1.5) * TIMEOUT_SECONDS)  # the length of the silence
        until(also, STEP_SECONDS, "all kinds of faults")
        load.finish()
        versions.end()
        proxy.settle()
    assert proxy.done.keys() >= REQUIRED_FAULTS
    assert versions.applied_in_doubt >= rounds(short=0, whole=1)
    assert history.retried() > 0
    assert history.counted_in_doubt() > 0
    statistics = (
        f"{load.acknowledged} answers in {time.monotonic() - began:.0f} s; {in_words(proxy.done)}; "
        f"{history.unknown()} in doubt, {history.retried()} retried to success "
        f"({history.counted_in_doubt()} were applied)"
    )
    return history, versions, statistics


def in_words(done: Counter[str]) -> str:
    return ", ".join(
        f"{number} {fault}" for fault, number in sorted(done.items()) if fault != PASSED
    )
