"""`GET /v1/recent`: the newest assignments that the caller may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.credentials import bearer, new_account, new_key
from support.server import ROOT, Client, Server

SCOPES = ("read:series", "write:series")


@pytest.fixture
def account(guarded: Server) -> Iterator[int]:
    with guarded.client(authorization=ROOT) as root:
        yield new_account(root)


def caller(guarded: Server, account: int, **more: object) -> Client:
    with guarded.client(authorization=ROOT) as root:
        secret = new_key(root, account, *SCOPES, **more)
    return guarded.client(authorization=bearer(secret))


def recent(client: Client, query: str = "") -> list[dict[str, Any]]:
    response = client.request("GET", f"/v1/recent{query}")
    assert response.status == 200, response
    assignments: list[dict[str, Any]] = response.json()["recent"]
    return assignments


def test_versions_and_values_of_other_series_are_listed(guarded: Server, account: int) -> None:
    with caller(guarded, account) as client:
        assert recent(client) == []
        client.request("PUT", "/v1/versions/shop/c1?bump=minor")
        client.request("PUT", "/v1/series/build/b1")
        found = {each["token"]: each for each in recent(client)}
    created_at = {found[token].pop("created_at")[:4] for token in found}
    assert all(year.isdigit() for year in created_at)
    assigned_by = found["c1"]["assigned_by"]
    assert assigned_by.startswith("key:mtk_k_")
    common = {"creator_id": account, "assigned_by": assigned_by}
    version = {"name": "shop", "version": "0.1.0", "bump": "minor", "token": "c1"}
    value = {"key": "build", "value": 1, "token": "b1"}
    assert found == {
        "c1": {**common, **version, "key": None, "value": None},
        "b1": {**common, **value, "name": None, "version": None, "bump": None},
    }


def test_the_limit_is_20_by_default(guarded: Server, account: int) -> None:
    with caller(guarded, account) as client:
        for number in range(21):
            client.request("PUT", f"/v1/series/build/b{number}?reuse=any")
        assert [each["value"] for each in recent(client)] == list(range(21, 1, -1))
        assert [each["value"] for each in recent(client, "?limit=2")] == [21, 20]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", ""])
def test_an_invalid_limit_is_refused(guarded: Server, account: int, limit: str) -> None:
    with caller(guarded, account) as client:
        response = client.request("GET", f"/v1/recent?limit={limit}")
    assert (response.status, response.json()["code"]) == (400, "invalid_request")


def test_only_names_of_the_credentials_are_listed(guarded: Server, account: int) -> None:
    with caller(guarded, account) as everyone, caller(guarded, account, names=["shop"]) as limited:
        for path in ("versions/shop/a", "versions/other/b", "series/shop/c", "series/secret/d"):
            assert everyone.request("PUT", f"/v1/{path}").status == 200
        assert {each["token"] for each in recent(everyone)} == {*"abcd"}
        assert {each["token"] for each in recent(limited)} == {*"ac"}
