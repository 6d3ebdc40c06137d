"""Promises 1 to 3 and 6 with many callers at once: one server on SQLite, two on MongoDB."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath, ledger, peek
from faults.checker import violations
from faults.crowd import Crowd
from faults.tier import limit, rounds
from support.server import Client, Server

KEY = "some-great-service"
FRESH_KEYS = rounds(short=50, whole=600)


@pytest.fixture
def servers(store_url: str) -> Iterator[list[Server]]:
    """All the servers that this store can have: one of a file, two of a database."""
    servers = [Server(store_url)]
    try:
        if store_url.startswith("mongodb"):
            servers.append(Server(store_url))
        yield servers
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def urls(servers: list[Server]) -> list[str]:
    return [server.url for server in servers]


@pytest.fixture
def crowd(urls: list[str]) -> Crowd:
    return Crowd(urls)


@pytest.mark.parametrize("reuse", ["any", "current"])
def test_200_callers_of_a_fresh_key_get_1_to_200(crowd: Crowd, reuse: str) -> None:
    values = crowd.ask(KEY, [[(f"token-{number}", reuse)] for number in range(200)])
    assert sorted(value for [value] in values) == list(range(1, 201))
    assert violations(crowd.history) == []


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_many_fresh_keys_each_count_from_1(crowd: Crowd, report: Callable[[str], None]) -> None:
    for key in (f"key-{number}" for number in range(FRESH_KEYS)):
        values = crowd.ask(key, [[(f"token-{number}", "any")] for number in range(16)])
        assert sorted(value for [value] in values) == list(range(1, 17))
    assert violations(crowd.history) == []
    report(f"{FRESH_KEYS} new series, of 16 callers each")


def test_a_token_of_16_callers_has_one_value_whatever_comes_between(
    crowd: Crowd, urls: list[str]
) -> None:
    asked = [
        [
            pair
            for turn in range(10)
            for pair in ((f"other-{caller}-{turn}", "any"), ("same", "any"))
        ]
        for caller in range(16)
    ]
    values = crowd.ask(KEY, asked)
    assert len({value for of_caller in values for value in of_caller[1::2]}) == 1
    assert sum(not put.reused for put in crowd.history.puts if put.token == "same") == 1
    check_aftermath(crowd.history, urls)


def test_a_token_keeps_its_value_after_1000_others(crowd: Crowd, urls: list[str]) -> None:
    first = crowd.put(KEY, "T")
    others = crowd.ask(
        KEY, [[(f"U-{caller}-{number}", "any") for number in range(20)] for caller in range(50)]
    )
    assert sorted(value for of_caller in others for value in of_caller) == list(range(2, 1002))
    for url in urls:
        assert Crowd([url]).put(KEY, "T") == first == 1
        with Client(url) as client:
            assert peek(client, KEY) == 1001
    check_aftermath(crowd.history, urls)


def test_with_both_kinds_of_reuse_no_value_has_two_tokens(crowd: Crowd, urls: list[str]) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd.ask(
        KEY,
        [
            [(f"token-{chance.randrange(8)}", chance.choice(["any", "current"])) for _ in range(60)]
            for _ in range(16)
        ],
    )
    assert violations(crowd.history) == []
    with Client(urls[0]) as client:
        rows = ledger(client, KEY)
    assert [value for _, value in rows] == list(range(len(rows), 0, -1))
    told = {(put.token, put.value) for put in crowd.history.puts}
    assert told == set(rows)


def test_callers_of_many_series_do_not_disturb_one_another(crowd: Crowd, urls: list[str]) -> None:
    for key in ("a", "b"):
        crowd.ask(
            key, [[(f"{caller}-{number}", "any") for number in range(10)] for caller in range(32)]
        )
    check_aftermath(crowd.history, urls)
