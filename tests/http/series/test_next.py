"""Assigning values: `PUT /v1/series/{key}/{token}`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.series import entry, ledger, peek, put, put_all, value_of
from support.server import Client, Server


def test_the_first_value_of_a_series_is_1(client: Client, fresh_key: str) -> None:
    assert put(client, fresh_key, "T").json() == entry(fresh_key, "T", 1)


def test_each_new_token_gets_one_more_than_the_last_value(client: Client, fresh_key: str) -> None:
    assert [value_of(client, fresh_key, token) for token in "TUVW"] == [1, 2, 3, 4]


def test_the_current_token_gets_the_same_value(client: Client, fresh_key: str) -> None:
    assert [value_of(client, fresh_key, token) for token in "TTTUU"] == [1, 1, 1, 2, 2]


def test_a_repeated_request_gets_the_same_bytes(client: Client, fresh_key: str) -> None:
    assert put(client, fresh_key, "T").body == put(client, fresh_key, "T").body


@pytest.mark.parametrize("query", ["", "?reuse=current"])
def test_an_older_token_gets_a_new_value(client: Client, fresh_key: str, query: str) -> None:
    assert [value_of(client, fresh_key, token, query) for token in "TUTU"] == [1, 2, 3, 4]


@pytest.mark.parametrize("query", ["", "?reuse=current", "?reuse=any"])
def test_a_header_states_whether_the_value_is_reused(
    client: Client, fresh_key: str, query: str
) -> None:
    responses = [put(client, fresh_key, token, query) for token in "TTU"]
    reused = [response.headers["Monotron-Reused"] for response in responses]
    assert reused == ["false", "true", "false"]


def test_reuse_any_returns_the_value_of_an_older_token(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TUVW")
    response = put(client, fresh_key, "T", "?reuse=any")
    assert response.json() == entry(fresh_key, "T", 1)
    assert response.headers["Monotron-Reused"] == "true"
    assert peek(client, fresh_key) == entry(fresh_key, "W", 4)


def test_reuse_any_returns_the_latest_value_of_a_token(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TUTV")
    assert value_of(client, fresh_key, "T", "?reuse=any") == 3


def test_reuse_any_assigns_a_new_value_to_an_unknown_token(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    assert value_of(client, fresh_key, "V", "?reuse=any") == 3


def test_a_new_token_with_reuse_any_becomes_the_current_token(
    client: Client, fresh_key: str
) -> None:
    put(client, fresh_key, "T", "?reuse=any")
    assert value_of(client, fresh_key, "T") == 1


def test_a_token_found_by_reuse_any_does_not_become_the_current_token(
    client: Client, fresh_key: str
) -> None:
    put_all(client, fresh_key, *"TU")
    assert value_of(client, fresh_key, "T", "?reuse=any") == 1
    assert value_of(client, fresh_key, "U") == 2
    assert value_of(client, fresh_key, "T") == 3


def test_reuse_any_adds_no_entry_for_a_known_token(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    put(client, fresh_key, "T", "?reuse=any")
    assert ledger(client, fresh_key) == [("U", 2), ("T", 1)]


def test_series_count_independently(client: Client, fresh_key: str) -> None:
    put_all(client, f"{fresh_key}-1", *"TUV")
    assert value_of(client, f"{fresh_key}-2", "T") == 1


def test_concurrent_callers_with_different_tokens_get_consecutive_values(
    server: Server, fresh_key: str
) -> None:
    def call(caller: int) -> list[int]:
        with Client(server.url) as client:
            return [value_of(client, fresh_key, f"{caller}-{n}") for n in range(25)]

    with ThreadPoolExecutor(16) as callers:
        values = list(callers.map(call, range(16)))
    assert sorted(value for some in values for value in some) == list(range(1, 401))
    assert all(some == sorted(some) for some in values)


@pytest.mark.parametrize("query", ["", "?reuse=any"])
def test_concurrent_callers_with_the_same_token_get_one_value(
    server: Server, fresh_key: str, query: str
) -> None:
    def call(_: int) -> tuple[int, str]:
        with Client(server.url) as client:
            response = put(client, fresh_key, "T", query)
            return response.json()["value"], response.headers["Monotron-Reused"]

    with ThreadPoolExecutor(16) as callers:
        responses = list(callers.map(call, range(16)))
    assert sorted(responses) == [(1, "false")] + [(1, "true")] * 15
