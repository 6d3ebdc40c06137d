"""Unverified tokens and other JSON of issuers, parsed so that only one reading is possible.

Stricter than Python's own parsers: base64url without padding and without stray bits (RFC 7515 §2),
JSON without duplicate members (RFC 8725 §2.4: Python keeps the last one) and without NaN.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from monotron.model import strict_json
from monotron.model.strict_json import InvalidJson

MAX_TOKEN_CHARACTERS = 16384
"""GitHub's tokens have about 1,500 characters, GitLab's about 2,000. Custom properties of a
repository (GitHub) and the groups of a user (GitLab) make them longer."""

# `eyJ` is `{"`. The signature may be empty: such a token claims to need none, and is rejected.
_COMPACT = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class MalformedToken(ValueError):
    """Not a token or JSON object that can be read in only one way."""


class UnverifiedToken(NamedTuple):
    """Header and claims of a token whose signature has not been verified."""

    header: dict[str, Any]
    claims: dict[str, Any]


def looks_like_identity_token(text: str) -> bool:
    """Whether to verify a bearer string as an identity token instead of as an API key."""
    return len(text) <= MAX_TOKEN_CHARACTERS and _COMPACT.fullmatch(text) is not None


def read_unverified(unverified_token: str) -> UnverifiedToken:
    """Header and claims, both JSON objects. Raises MalformedToken."""
    if not looks_like_identity_token(unverified_token):
        raise MalformedToken("expected three segments of base64url")
    header, claims, signature = unverified_token.split(".")
    _decode(signature)
    return UnverifiedToken(read_object(_decode(header)), read_object(_decode(claims)))


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8. Raises MalformedToken, also for duplicate members at any depth."""
    try:
        value = strict_json.parse(data, allow_lone_surrogates=True)
    except InvalidJson as error:
        raise MalformedToken(str(error)) from error
    if not isinstance(value, dict):
        raise MalformedToken("not a JSON object")
    return value


def _decode(segment: str) -> bytes:
    padded = segment + "=" * (-len(segment) % 4)
    try:
        data = urlsafe_b64decode(padded)
    except ValueError as error:
        raise MalformedToken("not valid base64url") from error
    if urlsafe_b64encode(data).decode() != padded:
        raise MalformedToken("not the canonical base64url of its bytes")
    return data
