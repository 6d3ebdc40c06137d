"""Requests about attributes, for tests over HTTP."""

from __future__ import annotations

import json
from urllib.parse import quote

from support.server import Client, Response

JSON = {"Content-Type": "application/json"}
MAX_VALUE_BYTES = 8192


def path_of(key: str, token: str) -> str:
    return f"/v1/accounts/1/tokens/{segment(key)}/{segment(token)}/attrs"


def segment(text: str) -> str:
    return quote(text, safe="")


def put(client: Client, path: str, attributes: dict[str, str]) -> dict[str, str]:
    response = client.request("PUT", path, json.dumps(attributes), JSON)
    assert response.status == 200, response
    return response.json()


def put_one(client: Client, path: str, name: str, value: bytes | str | None) -> Response:
    return client.request("PUT", f"{path}/{segment(name)}", value)


def get(client: Client, path: str) -> dict[str, str]:
    response = client.request("GET", path)
    assert response.status == 200, response
    return response.json()
