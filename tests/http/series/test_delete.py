"""Deleting: `DELETE /v1/series/{key}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.series import advance_to, delete, entry, ledger, listed, peek, put, put_all, value_of
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_deleting_returns_an_empty_body(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    response = delete(client, fresh_key)
    assert response.body == b""
    assert response.headers["Content-Length"] == "0"


@pytest.mark.parametrize("query", ["", "?restart=false", "?restart=true"])
def test_a_deleted_series_is_not_found(
    client: Client, fresh_key: str, problem: Problem, query: str
) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key, query)
    problem(client.request("GET", f"/v1/series/{fresh_key}"), 404, "series_not_found")
    problem(client.request("GET", f"/v1/entries/{fresh_key}"), 404, "series_not_found")
    response = client.request("GET", f"/v1/series/{fresh_key}/T")
    problem(response, 404, "series_not_found", "entry_not_found")
    assert listed(client, fresh_key) == []


@pytest.mark.parametrize("query", ["", "?restart=true"])
def test_deleting_an_unknown_series_succeeds(client: Client, fresh_key: str, query: str) -> None:
    assert delete(client, fresh_key, query).body == b""
    assert delete(client, fresh_key, query).body == b""
    assert value_of(client, fresh_key, "T") == 1


@pytest.mark.parametrize("query", ["", "?restart=false"])
def test_a_deleted_series_keeps_its_high_water_mark(
    client: Client, fresh_key: str, query: str
) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key, query)
    assert value_of(client, fresh_key, "V") == 3


def test_a_series_deleted_twice_keeps_its_high_water_mark(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key)
    delete(client, fresh_key)
    assert value_of(client, fresh_key, "V") == 3


def test_the_tokens_of_a_deleted_series_are_unknown(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key)
    response = put(client, fresh_key, "U", "?reuse=any")
    assert response.json() == entry(fresh_key, "U", 3)
    assert response.headers["Monotron-Reused"] == "false"
    assert value_of(client, fresh_key, "T", "?reuse=any") == 4
    assert ledger(client, fresh_key) == [("T", 4), ("U", 3)]


def test_the_last_token_of_a_deleted_series_is_not_current(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    delete(client, fresh_key)
    assert value_of(client, fresh_key, "T") == 2


def test_a_restarted_series_starts_at_1(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key, "?restart=true")
    response = put(client, fresh_key, "U", "?reuse=any")
    assert response.json() == entry(fresh_key, "U", 1)
    assert response.headers["Monotron-Reused"] == "false"
    assert ledger(client, fresh_key) == [("U", 1)]


def test_restarting_a_deleted_series_forgets_its_high_water_mark(
    client: Client, fresh_key: str
) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key)
    delete(client, fresh_key, "?restart=true")
    assert value_of(client, fresh_key, "T") == 1


@pytest.mark.parametrize("value", [1, 2])
def test_a_deleted_series_cannot_advance_to_less_than_its_high_water_mark(
    client: Client, fresh_key: str, problem: Problem, value: int
) -> None:
    put_all(client, fresh_key, *"TUV")
    delete(client, fresh_key)
    problem(advance_to(client, fresh_key, value), 409, "value_would_fall", applied="no")
    problem(client.request("GET", f"/v1/series/{fresh_key}"), 404, "series_not_found")
    assert value_of(client, fresh_key, "T") == 4


@pytest.mark.parametrize("value", [2, 3])
def test_advancing_a_deleted_series_to_its_high_water_mark_recreates_it(
    client: Client, fresh_key: str, value: int
) -> None:
    put_all(client, fresh_key, *"TU")
    delete(client, fresh_key)
    response = advance_to(client, fresh_key, value)
    assert response.status == 200
    assert response.json() == entry(fresh_key, None, value)
    assert response.headers["Monotron-Reused"] == "false"
    assert peek(client, fresh_key) == entry(fresh_key, None, value)
    assert ledger(client, fresh_key) == [(None, value)]
    assert listed(client, fresh_key) == [fresh_key]
    assert value_of(client, fresh_key, "T", "?reuse=any") == value + 1


def test_deleting_a_series_does_not_affect_others(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    put(client, f"{fresh_key}-2", "T")
    delete(client, fresh_key, "?restart=true")
    assert peek(client, f"{fresh_key}-2") == entry(f"{fresh_key}-2", "T", 1)
    assert listed(client, fresh_key) == [f"{fresh_key}-2"]
