"""Many valid and broken requests of all kinds leave nothing behind in the server."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Callable
from pathlib import Path
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.load import Load
from faults.resources import MAX_GROWTH, Resources
from faults.tier import limit, rounds
from support.http import Client
from support.member import until
from support.server import Server

REQUESTS = rounds(short=2_000, whole=350_000)
WARM_UP = rounds(short=1_000, whole=20_000)
"""Requests before the first measurement, so that bounded caches are full."""

MAX_THREADS = 6
"""The main thread, one for each of three kinds of batches, and two for other calls."""

LAUNCHER = (str(Path(__file__).with_name("task_counting_server.py")), "cache_size=-1000")
"""SQLite's page cache is 1 MB instead of 32 MB, so that it does not dominate the measurement."""

Ask = Callable[[Client, str], int]


def asks(method: str, path: str, body: str | None = None) -> Ask:
    headers = {"Content-Type": "application/json"} if body else {}
    return lambda client, name: client.request(method, path.format(name=name), body, headers).status


def hang_up(client: Client, name: str) -> int:
    """Disconnect before the response."""
    return broken(client, f"PUT /v1/series/hot/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n")


def break_off(client: Client, name: str) -> int:
    """Disconnect in the middle of a request."""
    return broken(client, f"PUT /v1/series/hot/{name} HTTP/1.1\r\nHost: loc")


def garbage(client: Client, name: str) -> int:
    return broken(client, f"{name}\r\n\r\n")


def broken(client: Client, text: str) -> int:
    address = (client._connection.host, client._connection.port)
    with socket.create_connection(address, 10) as connection:
        connection.sendall(text.encode())
    return 0


KINDS: list[tuple[Ask, set[int]]] = [
    (asks("PUT", "/v1/series/hot/{name}"), {200}),
    (asks("PUT", "/v1/series/hot/same?reuse=any"), {200}),
    (asks("PUT", "/v1/versions/web/{name}?bump=patch"), {200}),
    (asks("GET", "/v1/series/hot"), {200}),
    (asks("GET", "/v1/series/none-{name}"), {404}),
    (asks("GET", "/v1/entries/hot?limit=20"), {200}),
    (asks("GET", "/v1/releases/web?limit=20"), {200}),
    (asks("GET", "/v1/series/hot/{name}-unseen"), {404}),
    (asks("DELETE", "/v1/series/other"), {200, 204}),
    (asks("PUT", "/v1/series/raised", '{{"value": "x"}}'), {400}),
    (asks("PUT", "/v1/series/%ff/{name}"), {400}),
    (asks("PATCH", "/v1/series/hot/{name}"), {405}),
    (asks("GET", "/v1/nothing/{name}"), {404}),
    (asks("GET", "/readyz"), {200}),
    (hang_up, {0}),
    (break_off, {0}),
    (garbage, {0}),
]


@pytest.mark.timeout(limit(short=100, whole=3000))
def test_requests_leave_nothing_behind(tmp_path: Path, report: Callable[[str], None]) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    url = f"sqlite:///{tmp_path}/monotron.db"
    names = (f"t{number}" for number in itertools.count())
    with Server(url, program=LAUNCHER) as server:
        with server.client() as client:
            ask_many(client, WARM_UP, names, chance)
            before = settled(server)
            ask_many(client, REQUESTS, names, chance)
        after = settled(server, at_most=before.descriptors)
        with Load([server.url], ["a", "CURRENT"], callers=4, seed=seed) as load:
            load.wait_for_answers(50)
            history = load.finish()
        check_aftermath(history, [server.url])
    growth = after.kilobytes / before.kilobytes - 1
    report(
        f"seed {seed}: {REQUESTS} requests of {len(KINDS)} kinds after {WARM_UP}; memory "
        f"{before.kilobytes} kB, then {after.kilobytes} kB ({growth:+.1%}); threads "
        f"{before.threads}, then {after.threads}; descriptors {before.descriptors}, then "
        f"{after.descriptors}; the file has {(tmp_path / 'monotron.db').stat().st_size >> 20} MB"
    )
    assert growth < MAX_GROWTH
    assert after.threads <= MAX_THREADS
    assert after.descriptors <= before.descriptors
    assert "left at the end: 0" in server.log()
    assert "Traceback" not in server.log()
    assert "never awaited" not in server.log()
    assert "never retrieved" not in server.log()


@pytest.mark.timeout(100)
def test_a_closed_connection_is_released_immediately() -> None:
    """It is not kept until the idle timeout, because most callers send one request."""
    names = (f"t{number}" for number in itertools.count())
    with Server("sqlite://") as server:
        with server.client() as client:
            ask_many(client, 300, names, random.Random(0))
            before = settled(server)
            for name in itertools.islice(names, 4_000):
                break_off(client, name)
        after = settled(server)
    assert after.kilobytes / before.kilobytes - 1 < MAX_GROWTH


def ask_many(
    client: Client, number: int, names: itertools.chain[str], chance: random.Random
) -> None:
    client.request("PUT", "/v1/series/hot/first")
    client.request("PUT", "/v1/versions/web/first")
    for name in itertools.islice(names, number):
        ask, statuses = chance.choice(KINDS)
        assert ask(client, name) in statuses, (ask, name)


def settled(server: Server, at_most: int | None = None) -> Resources:
    """Return the resources after broken connections were noticed.

    *at_most*: the number of descriptors that remain then.
    """
    looks = [Resources.of(server.pid)]

    def steady() -> bool:
        looks.append(Resources.of(server.pid))
        descriptors = looks[-1].descriptors
        return descriptors == looks[-2].descriptors and (at_most is None or descriptors <= at_most)

    until(steady, 30, "a steady number of descriptors")
    return looks[-1]
