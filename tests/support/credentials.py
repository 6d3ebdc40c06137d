"""Creates accounts and API keys over HTTP."""

from __future__ import annotations

import json
from typing import Any

from support.http import Client

JSON = {"Content-Type": "application/json"}

UNLIMITED = (
    "--requests-per-key=0",
    "--requests-per-account=0",
    "--concurrent-requests-per-key=0",
    "--failures-per-address=0",
)
"""Flags of a server without rate limits."""

UNLIMITED_SETTINGS = {
    name.removeprefix("--").replace("-", "_"): value
    for name, _, value in (flag.partition("=") for flag in UNLIMITED)
}
"""The settings of these flags."""


def bearer(secret: str) -> str:
    """The Authorization header for a secret, which contains the name of its API key."""
    return f"Bearer {secret}"


def new_account(root: Client) -> int:
    """Create an account with the root key, and return its id."""
    response = root.request("POST", "/v1/accounts")
    assert response.status == 200, response
    account: int = response.json()["id"]
    return account


def new_grant(client: Client, account: int, *scopes: str, **more: object) -> dict[str, Any]:
    """Create an API key, and return the response; *more* are further members of the request."""
    body = json.dumps({"scopes": scopes, **more} if more else scopes)
    response = client.request("POST", f"/v1/accounts/{account}/grants", body, JSON)
    assert response.status == 200, response
    api_key: dict[str, Any] = response.json()
    return api_key


def new_key(client: Client, account: int, *scopes: str, **more: object) -> str:
    """Create an API key, and return its secret."""
    secret: str = new_grant(client, account, *scopes, **more)["api_key"]["secret"]
    return secret
