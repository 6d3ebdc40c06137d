"""Accounts and their keys."""

import re
from datetime import UTC, datetime
from typing import Any

from monotron.auth.grants import Accounts, Grant, Grants, Wanted
from monotron.auth.scopes import parse_scopes, spell
from monotron.errors import InvalidRequest
from monotron.model import MAX_LENGTH, has_control
from monotron.web.base import ACCOUNT, Handler
from monotron.web.parameters import whole_number
from monotron.web.requires import ROOT_KEY, requires

_MEMBERS = {"scopes", "label", "expires_at", "prefix"}


class AccountsHandler(Handler):
    """`/v1/accounts`: all tenants."""

    in_account = False

    @property
    def accounts(self) -> Accounts:
        return self.application.accounts

    @requires(ROOT_KEY)
    async def post(self) -> None:
        self.parameters()
        self.reply_json({"id": await self.accounts.create(self.principal)})

    @requires(ROOT_KEY)
    async def get(self) -> None:
        parameters = self.parameters("limit", "after")
        after = whole_number("after", parameters.after or "0")
        ids, next_after = await self.accounts.page(after, parameters.limit)
        self.reply_json(
            {
                "accounts": [{"id": id} for id in ids],
                "next": None if next_after is None else str(next_after),
            }
        )


class AccountHandler(Handler):
    """`/v1/accounts/{id}`: that it is there."""

    @requires("read:account")
    async def get(self) -> None:
        self.parameters()
        self.reply_json({"id": self.account})


class KeysHandler(Handler):
    """What the handlers of keys share."""

    @property
    def grants(self) -> Grants:
        return self.application.grants


class GrantsHandler(KeysHandler):
    """`/v1/accounts/{id}/grants`: the keys of an account."""

    @requires("write:acl")
    async def post(self) -> None:
        self.parameters()
        grant, secret = await self.grants.create(
            self.principal, self.account, _wanted(self.json_value())
        )
        self.reply_json(_members(grant, secret))

    @requires("read:acl")
    async def get(self) -> None:
        parameters = self.parameters("limit", "after")
        grants, after = await self.grants.page(self.account, parameters.after, parameters.limit)
        self.reply_json({"grants": [_members(grant) for grant in grants], "next": after})


class GrantHandler(KeysHandler):
    """`/v1/accounts/{id}/grants/{key}`: one key."""

    @requires("read:acl")
    async def get(self, key: str) -> None:
        self.parameters()
        self.reply_json(_members(await self.grants.of_account(self.account, key)))

    @requires("delete:acl")
    async def delete(self, key: str) -> None:
        self.parameters()
        await self.grants.revoke(self.account, key)
        self.application.admission.sign_in.forget(key)


def _wanted(body: object) -> Wanted:
    """What a new key should allow: a list of scopes, or an object with more."""
    wanted: dict[str, Any] = {"scopes": body} if isinstance(body, list) else {}
    if isinstance(body, dict):
        wanted = body
    unknown = wanted.keys() - _MEMBERS
    if unknown or not isinstance(wanted.get("scopes"), list):
        raise InvalidRequest(
            'The body must be a list of scopes, such as ["read,write:series"], or an object with '
            f"`scopes` and perhaps {', '.join(f'`{each}`' for each in sorted(_MEMBERS))}."
        )
    return Wanted(
        parse_scopes(wanted["scopes"]),
        _text(wanted, "prefix") or "",
        _text(wanted, "label"),
        _expiry(wanted.get("expires_at")),
    )


def _text(members: dict[str, Any], name: str) -> str | None:
    text = members.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > MAX_LENGTH or has_control(text):
        raise InvalidRequest(
            f"`{name}` must be a text of at most {MAX_LENGTH} characters, none of them a control "
            "character."
        )
    return text


def _expiry(value: object) -> int | None:
    """Seconds since the epoch, of an RFC 3339 time with its zone."""
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not re.match(r"[0-9]{4}-", value):
            raise ValueError
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        return int(time.astimezone(UTC).timestamp())  # not beyond the year 9999 there either
    except (ValueError, OverflowError):
        raise InvalidRequest(
            "`expires_at` must be a time with its zone, such as 2027-01-31T00:00:00Z."
        ) from None


def _members(grant: Grant, secret: str | None = None) -> dict[str, Any]:
    """The grant as the contract writes it; what was not asked for is left out."""
    key: dict[str, Any] = {"id": grant.id, "key": grant.key}
    if secret is not None:
        key["secret"] = secret
    members: dict[str, Any] = {
        "account_id": grant.account,
        "api_key": key,
        "scopes": spell(grant.scopes),
    }
    if grant.label is not None:
        members["label"] = grant.label
    if grant.prefix:
        members["prefix"] = grant.prefix
    if grant.expires_at is not None:
        members["expires_at"] = _time(grant.expires_at)
    if secret is None:
        members["created_at"] = _time(grant.created_at)
        last = grant.last_used_at
        members["last_used_at"] = None if last is None else _time(last)
    return members


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


ROUTES = [
    (r"/v1/accounts", AccountsHandler),
    (ACCOUNT, AccountHandler),
    (ACCOUNT + r"/grants", GrantsHandler),
    (ACCOUNT + r"/grants/([^/]*)", GrantHandler),
]
