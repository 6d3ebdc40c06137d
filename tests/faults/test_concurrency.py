"""Guarantees 1 to 3 and 6 with concurrent callers: one server on SQLite, two on MongoDB."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath, ledger, peek
from faults.checker import violations
from faults.conftest import STORES
from faults.crowd import Crowd
from faults.tier import limit, rounds
from support.server import Client, Server

NEW_KEYS = rounds(short=10, whole=600)
OTHERS = 1000


@pytest.fixture(scope="module", params=STORES)
def urls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """All servers that a store can have: one for a file, two for a database."""
    if request.param == "sqlite":
        stores = [f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"]
    else:
        stores = [request.getfixturevalue("replica_set").url("concurrency")] * 2
    with ExitStack() as stack:
        yield [stack.enter_context(Server(store)).url for store in stores]


@pytest.fixture
def crowd(urls: list[str]) -> Crowd:
    return Crowd(urls)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """The key of a series that no other test uses."""
    return re.sub(r"\W", "-", str(request.node.name))


@pytest.mark.parametrize("reuse", ["any", "current"])
def test_200_callers_of_a_new_key_get_1_to_200(crowd: Crowd, key: str, reuse: str) -> None:
    values = crowd.ask(key, [[(f"token-{number}", reuse)] for number in range(200)])
    assert sorted(value for [value] in values) == list(range(1, 201))
    assert violations(crowd.history) == []


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_many_new_keys_each_start_at_1(crowd: Crowd, report: Callable[[str], None]) -> None:
    for key in (f"key-{number}" for number in range(NEW_KEYS)):
        values = crowd.ask(key, [[(f"token-{number}", "any")] for number in range(16)])
        assert sorted(value for [value] in values) == list(range(1, 17))
    assert violations(crowd.history) == []
    report(f"{NEW_KEYS} new series with 16 callers each")


def test_a_token_of_16_callers_has_one_value_among_other_tokens(
    crowd: Crowd, key: str, urls: list[str]
) -> None:
    asked = [
        [
            pair
            for turn in range(10)
            for pair in ((f"other-{caller}-{turn}", "any"), ("same", "any"))
        ]
        for caller in range(16)
    ]
    values = crowd.ask(key, asked)
    assert len({value for of_caller in values for value in of_caller[1::2]}) == 1
    assert sum(not put.reused for put in crowd.history.puts if put.token == "same") == 1
    check_aftermath(crowd.history, urls)


def test_a_token_keeps_its_value_after_1000_others(crowd: Crowd, key: str, urls: list[str]) -> None:
    first = crowd.put(key, "T")
    others = crowd.ask(
        key, [[(f"U-{caller}-{number}", "any") for number in range(20)] for caller in range(50)]
    )
    assert sorted(value for of_caller in others for value in of_caller) == list(range(2, 1002))
    for url in urls:
        assert Crowd([url]).put(key, "T") == first == 1
        with Client(url) as client:
            assert peek(client, key) == 1001
    assert violations(crowd.history) == []


def test_no_value_has_two_tokens_with_both_kinds_of_reuse(
    crowd: Crowd, key: str, urls: list[str]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd.ask(
        key,
        [
            [(f"token-{chance.randrange(8)}", chance.choice(["any", "current"])) for _ in range(30)]
            for _ in range(16)
        ],
    )
    assert violations(crowd.history) == []
    with Client(urls[0]) as client:
        rows = ledger(client, key)
    assert [value for _, value in rows] == list(range(len(rows), 0, -1))
    answered = {(put.token, put.value) for put in crowd.history.puts}
    assert answered == set(rows)


def test_series_with_concurrent_callers_are_independent(crowd: Crowd, urls: list[str]) -> None:
    for key in ("a", "b"):
        crowd.ask(
            key, [[(f"{caller}-{number}", "any") for number in range(10)] for caller in range(16)]
        )
    check_aftermath(crowd.history, urls)
