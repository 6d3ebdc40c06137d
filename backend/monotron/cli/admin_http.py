"""Accounts, keys and trusts at a service, over its API. Its answers are read strictly."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from monotron.auth.key_format import key_id_of
from monotron.cli.admin_backend import Document, Keeper
from monotron_ci.client import LAST, Client
from monotron_ci.errors import NoResponse
from monotron_ci.http import HttpResponse

KEY_NAME = re.compile(r"mtk_k_[0-9A-Za-z]{8}")

Fits = Callable[[dict[str, Any]], bool]


class Service(Client, Keeper):
    """What makes something is sent once: an answer that got lost may have made it."""

    def create_account(self) -> Document:
        return self._made("/v1/accounts", None, _is_account)

    def accounts(self) -> list[Document]:
        return self._all("/v1/accounts", _is_account)

    def create_key(self, account: int, wanted: Document) -> Document:
        def fits(given: dict[str, Any]) -> bool:
            return _is_key(given, account) and _has_secret(given["api_key"])

        return self._made(f"/v1/accounts/{account}/grants", wanted, fits)

    def keys(self, account: int) -> list[Document]:
        return self._all(f"/v1/accounts/{account}/grants", lambda given: _is_key(given, account))

    def revoke_key(self, account: int, key: str) -> None:
        self._delete(f"/v1/accounts/{account}/grants/{key}")

    def create_trust(self, account: int, wanted: Document) -> Document:
        def fits(given: dict[str, Any]) -> bool:
            return _is_trust(given, account) and given["id"] is not None

        return self._made(f"/v1/accounts/{account}/trusts", wanted, fits)

    def trusts(self, account: int) -> list[Document]:
        return self._all(f"/v1/accounts/{account}/trusts", lambda given: _is_trust(given, account))

    def delete_trust(self, account: int, id: int) -> None:
        self._delete(f"/v1/accounts/{account}/trusts/{id}")

    def _made(self, path: str, wanted: Document | None, fits: Fits) -> Document:
        body = None if wanted is None else json.dumps(wanted).encode()
        try:
            answer = self._ask("POST", path, body, "application/json", again=False)
            given = answer.json()
            if not isinstance(given, dict) or not fits(given):
                raise self._not_ours(answer)
        except NoResponse as failure:
            raise NoResponse(
                failure.cause,
                "It may have been made all the same: list what there is before you ask again.",
                code=failure.code,
            ) from None
        return given

    def _all(self, path: str, fits: Fits) -> list[Document]:
        """All pages, in the time that there is."""
        name = path.rpartition("/")[2]
        found: list[Document] = []
        after: str | None = None
        while True:
            query = {"limit": "100", **({"after": after} if after else {})}
            answer = self._ask("GET", f"{path}?{urlencode(query)}")
            page = answer.json()
            listed = page.get(name) if isinstance(page, dict) else None
            if not isinstance(listed, list):
                raise self._not_ours(answer)
            if not all(isinstance(each, dict) and fits(each) for each in listed):
                raise self._not_ours(answer)
            found += listed
            last, after = after, page.get("next")
            if after is None:
                return found
            if not isinstance(after, str) or not after or after == last:
                raise self._not_ours(answer)

    def _delete(self, path: str) -> None:
        answer: HttpResponse = self._ask("DELETE", path)
        if answer.body:  # a sign-in page answers 200 too
            raise self._not_ours(answer)


def _is_account(given: dict[str, Any]) -> bool:
    return _is_id(given.get("id"))


def _is_key(given: dict[str, Any], account: int) -> bool:
    key = given.get("api_key")
    return (
        given.get("account_id") == account
        and isinstance(key, dict)
        and _is_id(key.get("id"))
        and isinstance(key.get("key"), str)
        and KEY_NAME.fullmatch(key["key"]) is not None
        and _has_scopes(given)
        and all(
            isinstance(given.get(name), str | None)
            for name in ("prefix", "description", "expires_at", "last_used_at", "created_at")
        )
    )


def _has_secret(key: dict[str, Any]) -> bool:
    secret = key.get("secret")
    return isinstance(secret, str) and key_id_of(secret) == key["key"]


def _is_trust(given: dict[str, Any], account: int) -> bool:
    claims = given.get("claims")
    return (
        given.get("account_id") == account
        and (given.get("id") is None or _is_id(given["id"]))
        and isinstance(given.get("issuer"), str)
        and isinstance(claims, dict)
        and all(isinstance(values, str) or _are_texts(values) for values in claims.values())
        and _are_texts(given.get("allow_events", []))
        and _has_scopes(given)
        and all(isinstance(given.get(name), str | None) for name in ("prefix", "description"))
    )


def _has_scopes(given: dict[str, Any]) -> bool:
    return _are_texts(given.get("scopes"))


def _are_texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) for each in given)


def _is_id(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= LAST
