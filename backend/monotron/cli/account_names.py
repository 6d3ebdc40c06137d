"""Finds the id of an account by its name."""

from __future__ import annotations

from typing import Any, TypeGuard
from urllib.parse import urlencode

from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.responses import INT64_MAX

ROOT = "root"
"""The principal of the root key, which may use every account."""


def account_id(client: Client, name: str) -> int:
    """The id of the account with this name.

    The root key finds every account, other credentials only their own. Raises Failure.
    """
    response = client.request("GET", "/v1/whoami")
    caller = response.json()
    own = caller.get("account") if isinstance(caller, dict) else None
    if not _is_account(own):
        raise client.foreign_response(response)
    if own["name"] == name:
        return int(own["id"])
    if caller.get("principal") != ROOT:
        raise Failure(
            f"these credentials belong to account {own['id']} ({own['name'] or 'without a name'}), "
            f"not to {name!r}",
            "use credentials of that account, or omit --account",
        )
    return _found_by_root(client, name)


def _found_by_root(client: Client, name: str) -> int:
    response = client.request("GET", f"/v1/accounts?{urlencode({'name': name})}")
    page = response.json()
    accounts = page.get("accounts") if isinstance(page, dict) else None
    if accounts == []:
        raise Failure(
            f"no account has the name {name!r}", "list accounts with `monotron account list`"
        )
    if not isinstance(accounts, list) or not _is_account(accounts[0]):
        raise client.foreign_response(response)
    if accounts[0]["name"] != name:
        raise client.foreign_response(response)
    return int(accounts[0]["id"])


def _is_account(document: Any) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(document, dict)
        and "name" in document
        and type(document.get("id")) is int
        and 1 <= document["id"] <= INT64_MAX
        and isinstance(document.get("name"), str | None)
    )
