"""The checks of a store after all faults, when all callers have their values."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from faults.caller import MANNER
from faults.callers import Connect
from faults.checker import violations
from faults.history import History
from faults.tier import WHOLE
from support.http import Client

CALLERS = 16
READS = 100
"""How many tokens `make test` also reads: the ledgers contain all of them, and each is requested
again."""

Name = tuple[str, str]
Ledgers = dict[str, list[tuple[str, int]]]
"""The (token, value) pairs of each series, newest first."""


def check_aftermath(
    history: History,
    urls: Sequence[str],
    *,
    connect: Connect = Client,
    max_names: int | None = None,
) -> Ledgers:
    """Compare the history of callers with what the servers at *urls* return now.

    The history is complete and that of a counter. The ledger has every acknowledged value, and its
    other values belong to attempts with unknown outcome. Every token gets its last value when it is
    requested again, which changes no series, and also when it is read. An audit finds nothing.

    *connect*: with which credentials the requests are made. *max_names*: how many tokens are
    requested again at most. Returns the ledgers.
    """
    assert history.unresolved() == set()
    assert violations(history) == []
    with connect(urls[0], MANNER.timeout) as client:
        ledgers = {key: ledger(client, key) for key in history.series()}
        current = {key: peek(client, key) for key in history.series()}
        assert client.request("GET", "/v1/system/audit").json()["findings"] == []
    last: dict[Name, int] = {}
    for key, rows in ledgers.items():
        assert [value for _, value in rows] == list(range(current[key], 0, -1)), key
        acknowledged = {
            (put.token, put.value) for put in history.puts if put.key == key and put.value
        }
        assert acknowledged - set(rows) == set(), f"lost from {key}"
        burned = Counter(token for token, _ in set(rows) - acknowledged)
        in_doubt = Counter(
            put.token
            for put in history.puts
            if put.key == key and put.unknown and put.reuse == "current"
        )
        assert burned - in_doubt == Counter(), f"assigned without a request in {key}"
        last |= {(key, token): value for token, value in reversed(rows)}
    assert last.keys() == history.acknowledged().keys()
    names = list(last)
    if max_names is not None:
        names = random.sample(names, min(max_names, len(names)))
    sample = names if WHOLE else random.sample(names, min(READS, len(names)))
    clients = [partial(connect, url, MANNER.timeout) for url in urls]
    assert _of_all(_entry, sample, clients) == {name: last[name] for name in sample}
    assert _of_all(_put, names, clients) == {name: (last[name], "true") for name in names}
    with clients[-1]() as client:
        assert {key: peek(client, key) for key in history.series()} == current
    return ledgers


def ledger(client: Client, key: str) -> list[tuple[str, int]]:
    """Return all (token, value) pairs of a ledger, newest first."""
    entries: list[tuple[str, int]] = []
    before = ""
    while True:
        response = client.request("GET", f"/v1/entries/{key}?limit=1000{before}")
        assert response.status == 200, response
        page = response.json()
        entries += [(entry["token"], entry["value"]) for entry in page["entries"]]
        if page["next"] is None:
            return entries
        before = f"&before={page['next']}"


def peek(client: Client, key: str) -> int:
    """Return the last value of a series."""
    response = client.request("GET", f"/v1/series/{key}")
    assert response.status == 200, response
    value = response.json()["value"]
    assert isinstance(value, int)
    return value


def _entry(client: Client, key: str, token: str) -> object:
    response = client.request("GET", f"/v1/series/{key}/{token}")
    return response.json()["value"] if response.status == 200 else response


def _put(client: Client, key: str, token: str) -> object:
    response = client.request("PUT", f"/v1/series/{key}/{token}?reuse=any")
    if response.status != 200:
        return response
    return response.json()["value"], response.headers["Monotron-Reused"]


def _of_all(
    ask: Callable[[Client, str, str], object],
    names: Sequence[Name],
    connects: Sequence[Callable[[], Client]],
) -> dict[Name, object]:
    """Return the response for each (key, token), requested concurrently."""
    local = threading.local()
    clients: list[Client] = []

    def connect() -> None:
        local.client = connects[len(clients) % len(connects)]()
        clients.append(local.client)

    with ThreadPoolExecutor(CALLERS, initializer=connect) as callers:
        answers = callers.map(lambda name: ask(local.client, *name), names)
        found = dict(zip(names, answers, strict=True))
    for client in clients:
        client.close()
    return found
