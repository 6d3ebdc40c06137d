"""Administrators of an account: API keys that create, list and remove others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from support.credentials import JSON, bearer
from support.http import Client

on_each_store = pytest.mark.parametrize("site", ["sqlite", "mongod"], indirect=True)
"""For tests of what a store does: unique names, ids, and what a transaction changes or deletes.
The handlers do not know the store."""

MAIN = {"repository_id": "777", "ref": "refs/heads/main"}


class Rights(NamedTuple):
    scopes: tuple[str, ...]
    names: tuple[str, ...]


EVERYTHING = Rights(("*:series", "*:account", "*:acl"), ("*",))

LIMITED = Rights(("read,write:series", "*:acl"), ("shop", "team-a/*"))

WITHIN_LIMITED = Rights(("read:series",), ("shop",))


class Administrator:
    """An API key with these rights, and what it can do in its account."""

    def __init__(self, client: Client, account: int, key: dict[str, Any]) -> None:
        self._client = client
        self.path = f"/v1/accounts/{account}"
        self.id: str = key["key"]
        self._headers = {**JSON, "Authorization": bearer(key["secret"])}

    def request(self, verb: str, path: str, body: object = None) -> Any:
        text = None if body is None else json.dumps(body)
        return self._client.request(verb, f"{self.path}/{path}", text, self._headers)

    def create(self, kind: str, rights: Rights, **members: object) -> Any:
        body: dict[str, Any] = {"scopes": rights.scopes, "names": rights.names, **members}
        if kind == "trusts":
            body |= {"issuer": "github", "claims": MAIN}
        return self.request("POST", kind, body)

    def new(self, rights: Rights) -> Administrator:
        """Another API key, which this one creates."""
        response = self.create("grants", rights)
        assert response.status == 200, response
        account = int(self.path.rpartition("/")[2])
        return Administrator(self._client, account, response.json()["api_key"])

    def ids(self, kind: str) -> set[str]:
        """All ids in the list, which it reads with the smallest pages."""
        found: set[str] = set()
        after = "0" if kind == "trusts" else ""
        while after is not None:
            page = self.request("GET", f"{kind}?limit=1&after={after}").json()
            found |= {id_of(each) for each in page[kind]}
            assert page["next"] is None or len(page[kind]) == 1
            after = page["next"]
        return found


def id_of(document: dict[str, Any]) -> str:
    return document["api_key"]["key"] if "api_key" in document else str(document["id"])


Administrators = Callable[[Rights], Administrator]
