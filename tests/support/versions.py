"""Requests for versions over HTTP, and their responses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from support.server import Client, Response

INT64_MAX = 9223372036854775807
MAX_TEXT = 1 << 20

JSON = {"Content-Type": "application/json"}

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], Response | None]


def segment(text: str) -> str:
    """Percent-encode a name, a token or a version as one segment of a path."""
    return quote(text, safe="")


def put(
    client: Client,
    name: str,
    request: str,
    text: bytes | str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    return client.request("PUT", f"/v1/versions/{segment(name)}/{request}", text, headers)


def assign(
    client: Client, name: str, request: str, text: bytes | str | None = None
) -> dict[str, Any]:
    response = put(client, name, request, text)
    assert response.status == 200, (request, response)
    return response.json()


def outcome(response: Response) -> str:
    """The version, or the status and code of the error."""
    document = response.json()
    if response.status == 200:
        return document["version"]
    return f"{response.status} {document['code']}"


def outcomes(client: Client, name: str, *requests: str) -> list[str]:
    """The outcomes of sequential requests."""
    return [outcome(put(client, name, request)) for request in requests]


def words(text: str) -> list[str]:
    return text.split()


MEMBERS = words("""
    creator_id name token version tag major minor patch prerelease metadata bump previous latest
    reused reason created_at changed notes withdrawn previous_token previous_tag latest_in_major
    latest_in_minor spellings
""")

LOOKED_UP = {"reused": True, "changed": False}
"""What differs in a GET of a version from the PUT that assigned it."""

NOT_LATEST = {"latest": False, "latest_in_major": False, "latest_in_minor": False}


def plain_spellings(version: str) -> dict[str, str]:
    """The spellings of a final version."""
    return dict.fromkeys(("pep440", "deb", "rpm", "maven", "docker"), version)


def adopt(client: Client, name: str, version: str, query: str = "") -> Response:
    body = json.dumps({"version": version})
    path = f"/v1/versions/{segment(name)}{query}"
    return client.request("PUT", path, body, JSON)


def start_at(client: Client, name: str, version: str) -> None:
    response = adopt(client, name, version)
    assert response.status == 200, response


def withdraw(client: Client, name: str, version: str, **members: str) -> Response:
    body = json.dumps({"reason": "a wrong version"} | members)
    path = f"/v1/releases/{segment(name)}/{segment(version)}/withdrawal"
    return client.request("PUT", path, body, JSON)


def reverse(client: Client, name: str, version: str) -> Response:
    """Reverse a withdrawal."""
    path = f"/v1/releases/{segment(name)}/{segment(version)}/withdrawal"
    return client.request("DELETE", path)


def get(client: Client, path: str) -> dict[str, Any]:
    response = client.request("GET", path)
    assert response.status == 200, (path, response)
    return response.json()


def latest(client: Client, name: str) -> dict[str, Any]:
    return get(client, f"/v1/versions/{segment(name)}")


def releases(client: Client, name: str) -> list[str]:
    """The versions of all tokens, without adopted ones."""
    page = get(client, f"/v1/releases/{segment(name)}?limit=1000")
    assert list(page) == ["releases", "next"]
    assert page["next"] is None
    return [release["version"] for release in page["releases"] if release["token"] is not None]


def advance_series(client: Client, key: str, value: int) -> None:
    response = client.request(
        "PUT", f"/v1/series/{segment(key)}", json.dumps({"value": value}), JSON
    )
    assert response.status == 200, response


def delete_series(client: Client, key: str, query: str = "") -> None:
    assert client.request("DELETE", f"/v1/series/{segment(key)}{query}").status == 200


def series_of(client: Client, name: str) -> dict[str, tuple[str | None, int]]:
    """The token and value of each series of a name, by the part of its key after the name."""
    page = get(client, f"/v1/series?limit=1000&prefix={segment(name)}-")
    return {
        entry["key"].removeprefix(f"{name}-"): (entry["token"], entry["value"])
        for entry in page["series"]
    }


def state(client: Client, name: str) -> list[Any]:
    """The releases of a name, its series, and their ledgers."""
    keys = [f"{name}-{end}" for end in series_of(client, name)]
    paths = [f"/v1/releases/{segment(name)}?limit=1000"]
    paths += [f"/v1/series?limit=1000&prefix={segment(name)}-"]
    paths += [f"/v1/entries/{segment(key)}?limit=1000" for key in keys]
    return [client.request("GET", path).json() for path in paths]


def lines(response: Response) -> list[tuple[str, str]]:
    """The headers that are equal in the responses to two equal requests."""
    return sorted(line for line in response.headers.items() if line[0] != "Date")
