"""Attributes and the series of their token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.attributes import get, path_of, put
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_attributes_neither_require_nor_create_a_series(
    client: Client, fresh_key: str, path: str, problem: Problem
) -> None:
    put(client, path, {"a": "1"})
    series = f"/v1/series/{fresh_key}"
    problem(client.request("GET", series), 404, "series_not_found")
    problem(client.request("GET", f"{series}/T"), 404, "entry_not_found")
    problem(client.request("GET", f"/v1/entries/{fresh_key}"), 404, "series_not_found")
    assert client.request("GET", f"/v1/series?prefix={fresh_key}").json()["series"] == []
    assert client.request("PUT", f"{series}/T").json()["value"] == 1
    assert get(client, path) == {"a": "1"}


@pytest.mark.parametrize("query", ["", "?restart=true"])
@pytest.mark.parametrize("counted", [False, True])
def test_deleting_a_series_deletes_its_attributes(
    client: Client, fresh_key: str, query: str, counted: bool
) -> None:
    series = f"/v1/series/{fresh_key}"
    paths = [path_of(fresh_key, token) for token in ("T", "never counted")]
    for turn in range(2):
        if counted:
            client.request("PUT", f"{series}/T{turn}")
        for path in paths:
            assert put(client, path, {str(turn): "1"}) == {str(turn): "1"}
        assert client.request("DELETE", series + query).status == 200
        assert [get(client, path) for path in paths] == [{}, {}]
    high_water_mark = 2 if counted and not query else 0
    assert client.request("PUT", f"{series}/T").json()["value"] == high_water_mark + 1
    assert [get(client, path) for path in paths] == [{}, {}]
