"""Requests for badges."""

from __future__ import annotations

import json
from typing import Any

from support.credentials import JSON
from support.http import Client, Response


def post_badge(client: Client, name: object, account: int | None = None) -> Response:
    """Request the badge of a name."""
    path = "/v1" if account is None else f"/v1/accounts/{account}"
    return client.request("POST", f"{path}/badges", json.dumps({"name": name}), JSON)


def new_badge(client: Client, name: str, account: int | None = None) -> dict[str, Any]:
    """Create the badge of a name, and return the response."""
    response = post_badge(client, name, account)
    assert response.status == 200, response
    badge: dict[str, Any] = response.json()
    return badge
