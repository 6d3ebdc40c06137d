"""Advancing: `PUT /v1/series/{key}` with `{"value": 41}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.series import JSON, LAST, advance_to, entry, ledger, peek, put, put_all, value_of
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_advancing_returns_an_entry_without_a_token(client: Client, fresh_key: str) -> None:
    response = advance_to(client, fresh_key, 41)
    assert response.status == 200
    assert response.json() == entry(fresh_key, None, 41)
    assert response.headers["Monotron-Reused"] == "false"
    assert peek(client, fresh_key) == entry(fresh_key, None, 41)


def test_the_value_after_advancing_is_one_more(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, 41)
    assert value_of(client, fresh_key, "U") == 42


def test_the_token_before_advancing_is_no_longer_current(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, 41)
    assert value_of(client, fresh_key, "T") == 42


def test_the_token_before_advancing_keeps_its_value_with_reuse_any(
    client: Client, fresh_key: str
) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, 41)
    assert value_of(client, fresh_key, "T", "?reuse=any") == 1


def test_advancing_to_the_current_value_changes_nothing(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    response = advance_to(client, fresh_key, 2)
    assert response.status == 200
    assert response.json() == entry(fresh_key, "U", 2)
    assert response.headers["Monotron-Reused"] == "true"
    assert ledger(client, fresh_key) == [("U", 2), ("T", 1)]
    assert value_of(client, fresh_key, "U") == 2


def test_a_repeated_advance_changes_nothing(client: Client, fresh_key: str) -> None:
    first, second = advance_to(client, fresh_key, 41), advance_to(client, fresh_key, 41)
    assert first.body == second.body
    assert second.headers["Monotron-Reused"] == "true"
    assert ledger(client, fresh_key) == [(None, 41)]


@pytest.mark.parametrize("value", [1, 39, 40])
def test_advancing_to_a_lower_value_is_refused(
    client: Client, fresh_key: str, problem: Problem, value: int
) -> None:
    advance_to(client, fresh_key, 40)
    put(client, fresh_key, "T")
    problem(advance_to(client, fresh_key, value), 409, "value_would_fall", applied="no")
    assert peek(client, fresh_key) == entry(fresh_key, "T", 41)
    assert ledger(client, fresh_key) == [("T", 41), (None, 40)]
    assert value_of(client, fresh_key, "T") == 41


def test_advancing_needs_no_content_type(client: Client, fresh_key: str) -> None:
    response = client.request("PUT", f"/v1/series/{fresh_key}", '{"value": 41}')
    assert response.json() == entry(fresh_key, None, 41)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "Application/JSON"},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_advancing_accepts_every_spelling_of_the_json_type(
    client: Client, fresh_key: str, headers: dict[str, str]
) -> None:
    response = client.request("PUT", f"/v1/series/{fresh_key}", '{"value": 41}', headers)
    assert response.json() == entry(fresh_key, None, 41)


def test_advancing_accepts_equivalent_json(client: Client, fresh_key: str) -> None:
    body = ' \r\n{\t"\\u0076alue"\n:41 } '
    response = client.request("PUT", f"/v1/series/{fresh_key}", body, JSON)
    assert response.json() == entry(fresh_key, None, 41)


@pytest.mark.parametrize("value", [2**53 - 1, 2**53, 2**53 + 1, LAST - 1])
def test_large_values_are_exact(client: Client, fresh_key: str, value: int) -> None:
    advanced = advance_to(client, fresh_key, value)
    assert f'"value": {value}}}'.encode() in advanced.body
    assert f'"value": {value + 1}}}'.encode() in put(client, fresh_key, "T").body
    assert peek(client, fresh_key) == entry(fresh_key, "T", value + 1)
    assert ledger(client, fresh_key) == [("T", value + 1), (None, value)]
