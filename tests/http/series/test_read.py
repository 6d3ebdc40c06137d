"""Reading: `GET /v1/series/{key}` and `GET /v1/series/{key}/{token}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.series import entry, ledger, peek, put, put_all
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_reading_a_series_returns_the_current_entry_unchanged(
    client: Client, fresh_key: str
) -> None:
    put_all(client, fresh_key, *"TU")
    for _ in range(3):
        assert peek(client, fresh_key) == entry(fresh_key, "U", 2)
    assert ledger(client, fresh_key) == [("U", 2), ("T", 1)]


def test_an_unknown_series_is_not_found(client: Client, fresh_key: str, problem: Problem) -> None:
    for _ in range(2):
        response = client.request("GET", f"/v1/series/{fresh_key}")
        problem(response, 404, "series_not_found")


def test_reading_a_token_returns_its_latest_entry(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TUTV")
    for token, value in {"T": 3, "U": 2, "V": 4}.items():
        response = client.request("GET", f"/v1/series/{fresh_key}/{token}")
        assert response.status == 200
        assert response.json() == entry(fresh_key, token, value)
    assert peek(client, fresh_key) == entry(fresh_key, "V", 4)


def test_an_unknown_token_is_not_found(client: Client, fresh_key: str, problem: Problem) -> None:
    put(client, fresh_key, "T")
    response = client.request("GET", f"/v1/series/{fresh_key}/U")
    problem(response, 404, "entry_not_found")
    assert ledger(client, fresh_key) == [("T", 1)]


def test_a_token_of_an_unknown_series_is_not_found(
    client: Client, fresh_key: str, problem: Problem
) -> None:
    # Both are true, and the contract does not define an order.
    response = client.request("GET", f"/v1/series/{fresh_key}/T")
    problem(response, 404, "entry_not_found", "series_not_found")
