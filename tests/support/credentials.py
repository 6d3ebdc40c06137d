"""Accounts and keys, made over HTTP as an operator makes them."""

from __future__ import annotations

import json
from typing import Any

from support.http import Client

JSON = {"Content-Type": "application/json"}

UNLIMITED = (
    "--requests-per-key=0",
    "--requests-per-account=0",
    "--failures-per-address=0",
)
"""Flags of a server that is asked more than anybody asks in a minute."""


def bearer(secret: str) -> str:
    """The Authorization header for one string that stands for key and secret."""
    return f"Bearer {secret}"


def new_account(root: Client) -> int:
    """The id of a new account, made with the root key."""
    answer = root.request("POST", "/v1/accounts")
    assert answer.status == 200, answer
    account: int = answer.json()["id"]
    return account


def new_grant(client: Client, account: int, *scopes: str, **more: object) -> dict[str, Any]:
    """What was answered to the request for a new key; *more* as the contract names it."""
    body = json.dumps({"scopes": scopes, **more} if more else scopes)
    answer = client.request("POST", f"/v1/accounts/{account}/grants", body, JSON)
    assert answer.status == 200, answer
    grant: dict[str, Any] = answer.json()
    return grant


def new_key(client: Client, account: int, *scopes: str, **more: object) -> str:
    """The secret of a new key."""
    secret: str = new_grant(client, account, *scopes, **more)["api_key"]["secret"]
    return secret
