"""Races of callers without other faults: one hot series, and tokens that are repeated.

test_concurrency.py has races of first inserts. The contract suite has values at the ends of their
range.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from secrets import randbits
from statistics import quantiles

import pytest

from faults.aftermath import check_aftermath, ledger
from faults.checker import violations
from faults.crowd import concurrently
from faults.history import History
from faults.load import Load
from faults.tier import limit, rounds
from support.http import Client
from support.server import Server

CALLERS = rounds(short=16, whole=64)
HOT_SECONDS = limit(short=1, whole=100)
ORDERS = rounds(short=16, whole=1500)
AT_ONCE = 8
TOKENS = "TUVW"


@pytest.fixture
def urls(store_url: str) -> Iterator[list[str]]:
    """All servers that this store can have: one for a file, two for a database."""
    servers: list[Server] = []
    try:
        for _ in range(2 if store_url.startswith("mongodb") else 1):
            servers.append(Server(store_url))
        yield [server.url for server in servers]
    finally:
        for server in servers:
            server.kill()


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_a_hot_series_assigns_each_value_once(
    urls: list[str], report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    with Load(urls, ["hot"], callers=CALLERS, pinned=True, seed=seed) as load:
        time.sleep(HOT_SECONDS)
        history = load.finish()
    check_aftermath(history, urls)
    assert history.unknown() == load.refused == 0
    new = [put.returned - put.called for put in history.puts if not put.reused]
    report(
        f"seed {seed}: {CALLERS} callers, {load.acknowledged} answers in {HOT_SECONDS:.0f} s, "
        f"99 of 100 within {quantiles(new, n=100)[-1] * 1000:.0f} ms"
    )


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_tokens_keep_their_values_in_any_order_of_repeats(
    urls: list[str], report: Callable[[str], None]
) -> None:
    """Requests are lost, repeated, concurrent, and sent to another server."""
    seed = randbits(32)
    print(f"seed {seed}")
    history = History()
    for first in range(0, ORDERS, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, ORDERS))
        orders = [_Order(f"order-{n}", urls, history, f"{seed} {n}") for n in numbers]
        concurrently([caller for order in orders for caller in order.callers()])
        concurrently([order.close for order in orders])
    assert violations(history) == []
    report(
        f"seed {seed}: {ORDERS} orders of {len(history.puts)} requests, {history.unknown()} lost "
        f"in transit, of which {history.counted_in_doubt()} were applied"
    )
    assert history.counted_in_doubt() > 0


class _Order:
    """A series, and two callers that send the same few tokens in a random order."""

    def __init__(self, key: str, urls: list[str], history: History, seed: str) -> None:
        self._key = key
        self._urls = urls
        self._history = history
        chance = random.Random(seed)
        self._lists = [
            [(chance.choice(TOKENS), chance.random() < 0.3) for _ in range(chance.randint(2, 10))]
            for _ in range(2)
        ]

    def callers(self) -> list[Callable[[], None]]:
        return [lambda n=n: self._call(n) for n in range(2)]  # type: ignore[misc]

    def _call(self, number: int) -> None:
        turns = cycle([*self._urls[number:], *self._urls[:number]])
        for token, is_lost in self._lists[number]:
            put = self._lose if is_lost else self._put
            put(next(turns), token)

    def close(self) -> None:
        """Repeat all tokens: each has one value, and the ledger has all values."""
        tokens = {token for each in self._lists for token, _ in each}
        values = {token: self._put(self._urls[-1], token) for token in sorted(tokens)}
        with Client(self._urls[0]) as client:
            rows = ledger(client, self._key)
        assert dict(rows) == values
        assert [value for _, value in rows] == list(range(len(tokens), 0, -1))

    def _put(self, url: str, token: str) -> int:
        put = self._history.put(self._key, token, "any")
        with Client(url) as client:
            response = client.request("PUT", self._path(token))
        assert response.status == 200, response
        value: int = response.json()["value"]
        self._history.answered(put, value, response.headers["Monotron-Reused"] == "true")
        return value

    def _lose(self, url: str, token: str) -> None:
        """Disconnect before the response: the request is applied now, later, or never."""
        self._history.put(self._key, token, "any")
        address = url.removeprefix("http://")
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall(
                f"PUT {self._path(token)} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
            )

    def _path(self, token: str) -> str:
        return f"/v1/series/{self._key}/{token}?reuse=any"
