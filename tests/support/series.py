"""Requests about series, for tests over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from support.server import Client, Response

LAST = 9223372036854775807
JSON = {"Content-Type": "application/json"}


def segment(text: str) -> str:
    """Percent-encode a key or a token."""
    return quote(text, safe="")


def entry(key: str, token: str | None, value: int) -> dict[str, Any]:
    return {"creator_id": 1, "key": key, "token": token, "value": value}


def put(client: Client, key: str, token: str, query: str = "") -> Response:
    response = client.request("PUT", f"/v1/series/{segment(key)}/{segment(token)}{query}")
    assert response.status == 200, response
    return response


def value_of(client: Client, key: str, token: str, query: str = "") -> int:
    return put(client, key, token, query).json()["value"]


def put_all(client: Client, key: str, *tokens: str) -> None:
    for token in tokens:
        put(client, key, token)


def advance_to(client: Client, key: str, value: int, query: str = "") -> Response:
    body = json.dumps({"value": value})
    return client.request("PUT", f"/v1/series/{segment(key)}{query}", body, JSON)


def delete(client: Client, key: str, query: str = "") -> Response:
    response = client.request("DELETE", f"/v1/series/{segment(key)}{query}")
    assert response.status == 200, response
    return response


def peek(client: Client, key: str) -> dict[str, Any]:
    response = client.request("GET", f"/v1/series/{segment(key)}")
    assert response.status == 200, response
    return response.json()


def ledger(client: Client, key: str) -> list[tuple[str | None, int]]:
    response = client.request("GET", f"/v1/entries/{segment(key)}?limit=1000")
    assert response.status == 200, response
    assert response.json()["next"] is None
    return [(entry["token"], entry["value"]) for entry in response.json()["entries"]]


def pages(client: Client, path: str, member: str, cursor: str) -> Iterator[list[dict[str, Any]]]:
    """Follow the pages of a list. *path* already contains a query."""
    following: Any = None
    while True:
        query = "" if following is None else f"&{cursor}={segment(str(following))}"
        response = client.request("GET", path + query)
        assert response.status == 200, response
        page = response.json()
        assert list(page) == [member, "next"]
        yield page[member]
        following = page["next"]
        if following is None:
            return


def listed(client: Client, prefix: str) -> list[str]:
    response = client.request("GET", f"/v1/series?limit=1000&prefix={segment(prefix)}")
    assert response.status == 200, response
    return [entry["key"] for entry in response.json()["series"]]
