"""A series that is at 9223372036854775807, the last possible value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.series import LAST, advance_to, delete, entry, ledger, peek, put, value_of
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_the_last_value_is_assigned(client: Client, fresh_key: str) -> None:
    advance_to(client, fresh_key, LAST - 1)
    assert value_of(client, fresh_key, "T") == LAST


@pytest.mark.parametrize("query", ["", "?reuse=any"])
def test_a_new_token_after_the_last_value_is_refused(
    client: Client, fresh_key: str, problem: Problem, query: str
) -> None:
    advance_to(client, fresh_key, LAST - 1)
    put(client, fresh_key, "T")
    for _ in range(2):
        response = client.request("PUT", f"/v1/series/{fresh_key}/U{query}")
        problem(response, 409, "series_exhausted", applied="no")
    assert peek(client, fresh_key) == entry(fresh_key, "T", LAST)
    assert ledger(client, fresh_key) == [("T", LAST), (None, LAST - 1)]


@pytest.mark.parametrize("query", ["", "?reuse=any"])
def test_the_token_of_the_last_value_keeps_it(client: Client, fresh_key: str, query: str) -> None:
    advance_to(client, fresh_key, LAST - 1)
    put(client, fresh_key, "T")
    assert value_of(client, fresh_key, "T", query) == LAST


def test_an_older_token_of_an_exhausted_series_keeps_its_value_with_reuse_any(
    client: Client, fresh_key: str, problem: Problem
) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, LAST)
    assert value_of(client, fresh_key, "T", "?reuse=any") == 1
    response = client.request("PUT", f"/v1/series/{fresh_key}/T")
    problem(response, 409, "series_exhausted", applied="no")


def test_advancing_reaches_the_last_value(client: Client, fresh_key: str) -> None:
    response = advance_to(client, fresh_key, LAST)
    assert response.json() == entry(fresh_key, None, LAST)
    assert advance_to(client, fresh_key, LAST).headers["Monotron-Reused"] == "true"


def test_a_deleted_series_stays_exhausted(client: Client, fresh_key: str, problem: Problem) -> None:
    advance_to(client, fresh_key, LAST)
    delete(client, fresh_key)
    response = client.request("PUT", f"/v1/series/{fresh_key}/T")
    problem(response, 409, "series_exhausted", applied="no")
    problem(client.request("GET", f"/v1/series/{fresh_key}"), 404, "series_not_found")


def test_an_exhausted_series_can_be_restarted(client: Client, fresh_key: str) -> None:
    advance_to(client, fresh_key, LAST)
    delete(client, fresh_key, "?restart=true")
    assert value_of(client, fresh_key, "T") == 1
