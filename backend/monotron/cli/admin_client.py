"""Accounts, API keys and trust policies of a server. Its responses are read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from monotron.auth.key_format import key_id_of
from monotron.cli.options import KEY_ID
from monotron.cli.pages import Document, IsValid, read_list
from monotron_ci.client import Client
from monotron_ci.credential import Credential
from monotron_ci.errors import NoResponse
from monotron_ci.http import HttpResponse, RetryPolicy
from monotron_ci.responses import INT64_MAX


class AdminClient(Client):
    """Requests of an administrator. Create requests are never retried.

    Lists are complete, without pages. Every problem is a Failure.
    """

    def __init__(
        self,
        url: str,
        credential: Credential | None,
        retry_policy: RetryPolicy,
        url_source: str,
        known_issuers: frozenset[str] | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """*known_issuers*: those in the settings of a stopped server; None if the server runs."""
        super().__init__(url, credential, retry_policy, url_source, warn=warn)
        self.known_issuers = known_issuers
        self.retry_policy = retry_policy

    def caller(self) -> Document:
        """The account and the permissions of the credentials."""
        response = self.request("GET", "/v1/whoami")
        document = response.json()
        if not isinstance(document, dict) or not _is_caller(document):
            raise self.foreign_response(response)
        return document

    def create_account(self, name: str | None = None) -> Document:
        return self._create("/v1/accounts", {"name": name} if name else None, _is_account)

    def account(self, account: int) -> Document:
        return self._checked_account(self.request("GET", f"/v1/accounts/{account}"), account)

    def change_account(self, account: int, change: Mapping[str, Any]) -> Document:
        body = json.dumps(change).encode()
        path = f"/v1/accounts/{account}"
        return self._checked_account(self.request("PATCH", path, body, "application/json"), account)

    def accounts(self) -> list[Document]:
        return self._list("/v1/accounts", _is_account)

    def create_key(self, account: int, spec: Mapping[str, Any]) -> Document:
        """A new API key with its secret, which no other response contains."""

        def is_valid(document: Document) -> bool:
            return _is_key(document, account) and _has_secret(document["api_key"])

        return self._create(f"/v1/accounts/{account}/grants", spec, is_valid)

    def keys(self, account: int) -> list[Document]:
        return self._list(f"/v1/accounts/{account}/grants", lambda key: _is_key(key, account))

    def rotate_key(self, account: int, key_id: str, overlap_seconds: int) -> Document:
        """A new API key with its secret, and in `replaces` the old one."""

        def is_valid(document: Document) -> bool:
            old = document.get("replaces")
            return (
                _is_key(document, account)
                and _has_secret(document["api_key"])
                and isinstance(old, dict)
                and _is_key(old, account)
                and old["api_key"]["key"] == key_id
            )

        path = f"/v1/accounts/{account}/grants/{key_id}/rotate"
        return self._create(path, {"overlap_seconds": overlap_seconds}, is_valid)

    def revoke_key(self, account: int, key_id: str, *, with_descendants: bool) -> None:
        query = "?with_descendants=true" if with_descendants else ""
        self._delete(f"/v1/accounts/{account}/grants/{key_id}{query}")

    def create_trust(self, account: int, spec: Mapping[str, Any]) -> tuple[Document, bool]:
        """The trust policy, and whether it existed before."""

        def is_valid(document: Document) -> bool:
            return _is_trust(document, account) and document["id"] is not None

        response = self._post(f"/v1/accounts/{account}/trusts", spec, is_valid)
        document: Document = response.json()
        return document, response.headers.get("Monotron-Reused") == "true"

    def trusts(self, account: int) -> list[Document]:
        """The trust policies of an account. Those of the config file come first, without an id."""
        return self._list(f"/v1/accounts/{account}/trusts", lambda each: _is_trust(each, account))

    def test_sign_in(self, account: int, token: str) -> Document:
        """Whether the account accepts an identity token, and how it compares with the policies."""
        body = json.dumps({"id_token": token}).encode()
        path = f"/v1/accounts/{account}/trusts/test"
        response = self.request("POST", path, body, "application/json")
        document = response.json()
        if not isinstance(document, dict) or not _is_report(document):
            raise self.foreign_response(response)
        return document

    def delete_trust(self, account: int, trust_id: int) -> None:
        self._delete(f"/v1/accounts/{account}/trusts/{trust_id}")

    def _checked_account(self, response: HttpResponse, account: int) -> Document:
        document = response.json()
        if not isinstance(document, dict) or not _is_account(document):
            raise self.foreign_response(response)
        if document["id"] != account:
            raise self.foreign_response(response)
        return document

    def _create(self, path: str, spec: Mapping[str, Any] | None, is_valid: IsValid) -> Document:
        document: Document = self._post(path, spec, is_valid).json()
        return document

    def _post(self, path: str, spec: Mapping[str, Any] | None, is_valid: IsValid) -> HttpResponse:
        """The response, whose document is valid."""
        body = None if spec is None else json.dumps(spec).encode()
        try:
            response = self.request("POST", path, body, "application/json", retry=False)
            document = response.json()
            if not isinstance(document, dict) or not is_valid(document):
                raise self.foreign_response(response)
        except NoResponse as failure:
            raise NoResponse(
                failure.cause,
                "it may have been created nevertheless; list what exists before you retry",
                code=failure.code,
            ) from None
        return response

    def _list(self, path: str, is_valid: IsValid) -> list[Document]:
        return read_list(self, path, path.rpartition("/")[2], is_valid)

    def _delete(self, path: str) -> None:
        response = self.request("DELETE", path)
        if response.body:  # a login page responds 200, too
            raise self.foreign_response(response)


def _is_caller(document: Document) -> bool:
    account = document.get("account")
    return (
        isinstance(account, dict)
        and _is_id(account.get("id"))
        and isinstance(account.get("name"), str | None)
        and isinstance(document.get("principal"), str)
        and _are_texts(document.get("scopes"))
        and _are_texts(document.get("names"))
    )


def _is_account(document: Document) -> bool:
    return (
        _is_id(document.get("id"))
        and isinstance(document.get("name"), str | None)
        and isinstance(document.get("disabled"), bool)
    )


def _is_key(document: Document, account: int) -> bool:
    key = document.get("api_key")
    return (
        document.get("account_id") == account
        and isinstance(key, dict)
        and _is_id(key.get("id"))
        and isinstance(key.get("key"), str)
        and KEY_ID.fullmatch(key["key"]) is not None
        and _are_texts(document.get("scopes"))
        and _are_texts(document.get("names"))
        and isinstance(document.get("created_by"), str)
        and all(
            isinstance(document.get(member), str | None)
            for member in ("description", "expires_at", "last_used_at", "created_at")
        )
    )


def _has_secret(key: Document) -> bool:
    secret = key.get("secret")
    return isinstance(secret, str) and key_id_of(secret) == key["key"]


def _is_trust(document: Document, account: int) -> bool:
    claims = document.get("claims")
    return (
        document.get("account_id") == account
        and (document.get("id") is None or _is_id(document["id"]))
        and isinstance(document.get("issuer"), str)
        and isinstance(claims, dict)
        and all(map(_are_claim_values, claims.values()))
        and _are_texts(document.get("allow_events", []))
        and isinstance(document.get("accept_unprotected", False), bool)
        and _are_texts(document.get("scopes"))
        and _are_texts(document.get("names"))
        and all(
            isinstance(document.get(member), str | None) for member in ("created_by", "description")
        )
    )


def _is_report(document: Document) -> bool:
    trusts = document.get("trusts")
    rights = (
        isinstance(document.get("principal"), str)
        and _are_texts(document.get("scopes"))
        and _are_texts(document.get("names"))
    )
    return (
        (rights if document.get("accepted") is True else document.get("accepted") is False)
        and isinstance(document.get("reason"), str | None)
        and isinstance(trusts, list)
        and all(
            isinstance(each, dict)
            and (each.get("id") is None or _is_id(each["id"]))
            and isinstance(each.get("matches"), bool)
            and isinstance(each.get("reason"), str | None)
            for each in trusts
        )
    )


def _are_claim_values(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(each, str | int | None) for each in values)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= INT64_MAX
