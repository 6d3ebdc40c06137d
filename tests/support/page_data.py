"""Versions and series that pages show, assigned through the API."""

from __future__ import annotations

import json
from typing import Any

from support.http import Client
from support.versions import INT64_MAX, JSON, assign, segment

COMMIT = "7d4c37958812aa0b7d4c37958812aa0b7d4c3795"

HOSTILE = (
    '<script>alert("name")</script>',
    "\u202egnitirw tfel-ot-thgir",
    "\u2067\u05e9\u05dc\u05d5\u05dd",
    "a&amp;b'\"",
    "\U0001f600" * 200,
    "../{{ name }}/${x}",
    "n" * 200,
    "sh\u200bop\u2060\xa0\ufeffx",
    "%2e%2F/100%/%00?&=+#",
    "`id`$(id)'\"\\; !x ${{ x }}",
    "\u8d85" * 200,
)
"""Names that could break a page."""

HOSTILE_KEYS = tuple(text[0] * 256 if len(text) == 200 else text for text in HOSTILE)
"""Keys and tokens of the same content, which may be longer than names."""


HOSTILE_REFS = tuple(f"refs/heads/{''.join(filter(str.isprintable, text))}" for text in HOSTILE)
"""Claims of the same content. In trust policies, they must be printable."""


def assign_shop(client: Client) -> None:
    """Versions of all kinds of the name `shop`."""
    adopt(client, "shop", "0.9.0")
    for number, bump in enumerate(("patch", "minor", "major", "minor", "patch"), 1):
        assign(client, "shop", f"{COMMIT[:-1]}{number}?bump={bump}")
    for number in range(1, 4):
        assign(client, "shop", f"{COMMIT[:-1]}{number + 5}?bump=minor&prerelease=rc")
    assign(client, "shop", f"{COMMIT[:-1]}9?bump=auto&metadata=sha.7d4c379", "feat: a <b>cart</b>")
    withdraw(client, "shop", "1.1.1", "Wrong <em>artifact</em>")
    body = '{"branch": "main", "build <i>": "https://ci.example/7?a=1&b=<2>"}'
    path = f"/v1/accounts/1/tokens/shop/{COMMIT[:-1]}9/attrs"
    assert client.request("PUT", path, body, JSON).status == 200


def assign_unusual(client: Client) -> None:
    """Names with pre-releases only, only counted, adopted, and with the longest version."""
    assign(client, "only-rc", f"{COMMIT}?bump=minor&prerelease=rc")
    assert client.request("PUT", "/v1/series/only-counted-minor-v0/a").status == 200
    adopt(client, "only-adopted", "1.2.57")
    adopt(client, "long-version", f"{INT64_MAX - 1}.{INT64_MAX - 1}.{INT64_MAX - 1}")
    label, metadata = "x" * 40, "m" * 60
    assign(client, "long-version", f"b?prerelease={label}&metadata={metadata}")


def adopt(client: Client, name: str, version: str) -> None:
    body = f'{{"version": "{version}"}}'
    response = client.request("PUT", f"/v1/versions/{segment(name)}", body, JSON)
    assert response.status == 200, response


def withdraw(client: Client, name: str, version: str, reason: str) -> None:
    path = f"/v1/releases/{segment(name)}/{version}/withdrawal"
    response = client.request("PUT", path, f'{{"reason": "{reason}"}}', JSON)
    assert response.status == 200, response


def assign_hostile(client: Client) -> None:
    """Versions and values of hostile names and tokens, and attributes of such names and values."""
    for name, key in zip(HOSTILE, HOSTILE_KEYS, strict=True):
        assign(client, name, f"{segment(key)}?bump=minor")
        path = f"/v1/accounts/1/tokens/{segment(name)}/{segment(key)}/attrs"
        attributes = json.dumps({key: f"{name}\n\0\r\x1b[2J{name}"})
        assert client.request("PUT", path, attributes, JSON).status == 200
        path = f"/v1/series/{segment(key)}/{segment(key)}"
        assert client.request("PUT", path).status == 200


def add_policy(root: Client, account: int, **members: object) -> None:
    """Create a trust policy for a repository on GitHub."""
    body: dict[str, Any] = {
        "issuer": "github",
        "claims": {"repository_id": "999", "ref": ["refs/heads/main", "refs/heads/next"]},
        "scopes": ["read,write:series"],
        **members,
    }
    path = f"/v1/accounts/{account}/trusts"
    response = root.request("POST", path, json.dumps(body, ensure_ascii=False), JSON)
    assert response.status == 200, response
