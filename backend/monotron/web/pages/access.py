"""`/access`: the API keys and the trust policies of an account, without secrets."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from monotron.auth.api_keys import ApiKey
from monotron.auth.oidc.issuers import ISSUER_NAMES
from monotron.auth.scopes import parse_scopes
from monotron.model.series import INT64_MAX
from monotron.web.pages.handler import PAGE_ROWS, PageHandler, shows
from monotron.web.pages.query import link
from monotron.web.query import Query, integer, parameter, text_of_name

PATH = "/access"

RIGHT_WORDS = {
    "series": ({"read": "read", "write": "assign", "delete": "delete"}, "versions and series"),
    "account": ({"read": "read"}, "the account"),
    "acl": (
        {"read": "list", "write": "create", "delete": "revoke"},
        "API keys and trust policies",
    ),
    "system": ({"read": "inspect", "write": "back up"}, "the store"),
}
"""For each resource: the verb of each operation, without those that are reserved, and a noun."""

ISSUER_WORDS = {ISSUER_NAMES["github"]: "GitHub", ISSUER_NAMES["gitlab.com"]: "GitLab.com"}


class Right(NamedTuple):
    """What a credential may do with one kind of resource: `read and assign versions and series`."""

    text: str
    names: Sequence[str] = ()
    """The names that it applies to; empty if it applies to all."""


class Claim(NamedTuple):
    """A requirement of a trust policy: a claim with one of the values."""

    name: str
    values: list[str]


class ApiKeyRow(NamedTuple):
    """An API key in the table. Times are in milliseconds since the epoch, UTC."""

    key: str
    description: str | None
    rights: list[Right]
    created_at: int
    created_by: str
    last_used_at: int | None
    expires_at: int | None
    is_expired: bool


class PolicyRow(NamedTuple):
    """A trust policy in the table."""

    title: str
    description: str | None
    issuer: str
    claims: list[Claim]
    events: list[str]
    """Events that it accepts in addition."""
    accepts_unprotected: bool
    rights: list[Right]
    created_by: str | None


class AccessList(NamedTuple):
    """A page of API keys, or of trust policies."""

    rows: Sequence[ApiKeyRow | PolicyRow]
    is_first: bool
    first_path: str
    next_path: str | None


@dataclass(frozen=True)
class AccessQuery(Query):
    """`GET /access`"""

    keys_after: str = parameter(text_of_name, "")
    policies_after: int = parameter(integer, 0)

    def path(self, **changes: str | int) -> str:
        """The path of the page with other parameters."""
        keys = str(changes.get("keys_after", self.keys_after))
        policies = changes.get("policies_after", self.policies_after)
        return link(
            PATH,
            keys_after=keys or None,
            policies_after=str(policies) if policies else None,
        )


def rights_of(
    scopes: Iterable[str], names: Sequence[str], *, own_names: bool = False
) -> list[Right]:
    """The rights that scopes grant. Name patterns restrict those on series.

    *own_names*: they are restricted to the names of a job's own repository.
    """
    held = parse_scopes(scopes)
    rights = []
    for resource, (verbs, noun) in RIGHT_WORDS.items():
        allowed = [verbs[each] for each in verbs if f"{each}:{resource}" in held]
        if not allowed:
            continue
        text = f"{_joined(allowed)} {noun}"
        if resource != "series":
            rights.append(Right(text))
        elif own_names:
            rights.append(Right(f"{text} with the names of its own repository, among", names))
        elif "*" in names:
            rights.append(Right(f"{text} with any name"))
        else:
            rights.append(Right(f"{text} with the names", names))
    return rights


def api_key_row(api_key: ApiKey, now: float) -> ApiKeyRow:
    """*now*: seconds since the epoch."""
    last_used, expires = api_key.last_used_at, api_key.expires_at
    return ApiKeyRow(
        api_key.key,
        api_key.description,
        rights_of(api_key.scopes, api_key.names.texts),
        api_key.created_at * 1000,
        api_key.creators[-1],
        None if last_used is None else last_used * 1000,
        None if expires is None else expires * 1000,
        expires is not None and expires <= now,
    )


def policy_row(id: int | None, body: Mapping[str, Any]) -> PolicyRow:
    """*id*: None for a trust policy of the config file. *body*: as the API returns it."""
    return PolicyRow(
        "Config file" if id is None else str(id),
        body.get("description"),
        ISSUER_WORDS.get(body["issuer"], body["issuer"]),
        [Claim(name, _values(value)) for name, value in body["claims"].items()],
        list(body.get("allow_events", ())),
        body.get("accept_unprotected", False),
        rights_of(body["scopes"], body["names"], own_names="names_from" in body),
        body["created_by"],
    )


def _values(value: object) -> list[str]:
    """The values of a claim as texts."""
    values = value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else json.dumps(each) for each in values]


def _joined(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


class AccessPageHandler(PageHandler):
    """`/access`: who may use the account, and what for."""

    section = "access"

    @shows("read:acl")
    async def get(self) -> None:
        query = AccessQuery.parse(self.request.query)
        services, by = self.services, self.principal
        after = min(max(0, query.policies_after), INT64_MAX)
        account, (keys, next_key), (policies, next_policy) = await asyncio.gather(
            services.accounts.get(self.account),
            services.api_keys.page(by, self.account, query.keys_after, PAGE_ROWS),
            services.trust_policies.page(by, self.account, after, PAGE_ROWS),
        )
        now = time.time()
        api_keys = AccessList(
            [api_key_row(each, now) for each in keys],
            not query.keys_after,
            query.path(keys_after=""),
            next_key and query.path(keys_after=next_key),
        )
        trust_policies = AccessList(
            [policy_row(id, body) for id, body in policies],
            not after,
            query.path(policies_after=0),
            next_policy and query.path(policies_after=next_policy),
        )
        self.reply_page(
            "access.html",
            "Access",
            account=account,
            api_keys=api_keys,
            trust_policies=trust_policies,
            shows_all=by.is_root,
        )


ROUTES = [(PATH, AccessPageHandler)]
