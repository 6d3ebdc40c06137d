"""What a token says before anybody vouches for it, read so that it can be read in one way only.

Strict where Python's own readers are lenient: base64url without padding and without stray bits
(RFC 7515 §2), JSON without a member twice (RFC 8725 §2.4: Python keeps the last) and without NaN.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

MAX_TOKEN = 8192
"""In characters. GitHub's are about 1,500 long, GitLab's about 2,000."""

# `eyJ` is `{"`. The signature may be empty: such a token claims to need none, and is refused.
_COMPACT = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class MalformedToken(ValueError):
    """This is no token, or no JSON, that can be read in one way only."""


class UnverifiedToken(NamedTuple):
    """Header and claims of a token that nobody has verified yet."""

    header: dict[str, Any]
    claims: dict[str, Any]


def looks_like_identity_token(text: str) -> bool:
    """Whether a bearer string is to be verified as an identity token rather than as a key."""
    return len(text) <= MAX_TOKEN and _COMPACT.fullmatch(text) is not None


def read_unverified(unverified_token: str) -> UnverifiedToken:
    """Header and claims, both JSON objects. `MalformedToken`."""
    if not looks_like_identity_token(unverified_token):
        raise MalformedToken("three segments of base64url are expected")
    header, claims, signature = unverified_token.split(".")
    _decode(signature)
    return UnverifiedToken(read_object(_decode(header)), read_object(_decode(claims)))


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8. `MalformedToken` also if it, or one within it, has a member twice."""
    try:
        found = json.loads(
            data.decode(), object_pairs_hook=_members, parse_constant=_no_such_number
        )
    except MalformedToken:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedToken("it is no JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise MalformedToken("it is no JSON object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedToken("it has a member twice")
    return members


def _no_such_number(name: str) -> None:
    raise MalformedToken(f"{name} is no number in JSON")


def _decode(segment: str) -> bytes:
    padded = segment + "=" * (-len(segment) % 4)
    try:
        data = urlsafe_b64decode(padded)
    except ValueError as error:
        raise MalformedToken("it is no base64url") from error
    if urlsafe_b64encode(data).decode() != padded:
        raise MalformedToken("it is not the shortest base64url of its bytes")
    return data
