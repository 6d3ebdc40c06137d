"""The JSON forms of keys: what a new one should allow, and what is told of one."""

import re
from datetime import UTC, datetime
from typing import Any

from monotron.auth.api_keys import ApiKey, ApiKeySpec
from monotron.auth.scopes import parse_scopes, spell
from monotron.errors import InvalidRequest
from monotron.model.series import text_member

_MEMBERS = {"scopes", "label", "expires_at", "prefix"}


def parse_wanted(body: object) -> ApiKeySpec:
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
    return ApiKeySpec(
        parse_scopes(wanted["scopes"]),
        text_member(wanted, "prefix") or "",
        text_member(wanted, "label"),
        _expiry(wanted.get("expires_at")),
    )


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


def grant_json(grant: ApiKey, secret: str | None = None) -> dict[str, Any]:
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
