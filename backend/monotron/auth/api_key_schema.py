"""The JSON form of API keys: the body of a request for a new one, and the response."""

import re
from datetime import UTC, datetime
from typing import Any

from monotron.auth.api_keys import ApiKey, ApiKeySpec
from monotron.auth.rotation import MAX_OVERLAP_SECONDS
from monotron.auth.scopes import check_scope_list
from monotron.errors import InvalidRequest, literal
from monotron.model.name_patterns import ALL_NAMES, parse_name_patterns
from monotron.model.series import text_member
from monotron.model.timestamps import rfc3339

_MEMBERS = ("scopes", "description", "expires_at", "names")


def parse_api_key_spec(body: object) -> ApiKeySpec:
    """Parse a list of scopes, or an object with `scopes` and options. Raises InvalidRequest."""
    members: dict[str, Any] = {"scopes": body} if isinstance(body, list) else {}
    if isinstance(body, dict):
        members = body
    for name in members:
        if name not in _MEMBERS:
            raise InvalidRequest(
                f"Unknown member {literal(name)}. Allowed: {', '.join(f'`{m}`' for m in _MEMBERS)}."
            )
    scopes = members.get("scopes")
    if not isinstance(scopes, list):
        raise InvalidRequest(
            'The body must be a list of scopes, for example ["read,write:series"]. It may also be '
            "an object with `scopes` and optionally `description`, `expires_at` and `names`."
        )
    return ApiKeySpec(
        check_scope_list(scopes),
        parse_name_patterns(members["names"]) if "names" in members else ALL_NAMES,
        text_member(members, "description"),
        _parse_expiry(members["expires_at"]) if "expires_at" in members else "default",
    )


def _parse_expiry(value: object) -> int | None:
    """Seconds since the epoch, from an RFC 3339 time with a time zone; None for never."""
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not re.match(r"[0-9]{4}-", value):
            raise ValueError
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        return int(time.astimezone(UTC).timestamp())  # an OverflowError after the year 9999 in UTC
    except (ValueError, OverflowError):
        raise InvalidRequest(
            "`expires_at` must be a time with a time zone, for example 2027-01-31T00:00:00Z, or "
            "null for never."
        ) from None


def parse_overlap(body: dict[str, Any]) -> int:
    """The seconds for which a rotated API key stays valid. Raises InvalidRequest."""
    for name in body:
        if name != "overlap_seconds":
            raise InvalidRequest(f"Unknown member {literal(name)}. Allowed: `overlap_seconds`.")
    seconds = body.get("overlap_seconds")
    if type(seconds) is not int or not 0 <= seconds <= MAX_OVERLAP_SECONDS:
        raise InvalidRequest(
            f"`overlap_seconds` must be an integer from 0 to {MAX_OVERLAP_SECONDS}, for example "
            "604800 for 7 days. With 0, the old API key stops working immediately."
        )
    return seconds


def api_key_json(api_key: ApiKey, secret: str | None = None) -> dict[str, Any]:
    """The JSON object of an API key, as the HTTP contract defines it. Omits unset options."""
    key: dict[str, Any] = {"id": api_key.id, "key": api_key.key}
    if secret is not None:
        key["secret"] = secret
    members: dict[str, Any] = {
        "account_id": api_key.account,
        "api_key": key,
        "scopes": list(api_key.scopes),
        "names": list(api_key.names.texts),
        "created_by": api_key.creators[-1],
    }
    if api_key.description is not None:
        members["description"] = api_key.description
    if api_key.expires_at is not None:
        members["expires_at"] = rfc3339(api_key.expires_at)
    if secret is None:
        members["created_at"] = rfc3339(api_key.created_at)
        last = api_key.last_used_at
        members["last_used_at"] = None if last is None else rfc3339(last)
    return members
