"""Removes secrets from texts that may contain them by mistake, for example in a path.

API keys and identity tokens are recognized by their format, also percent-encoded, in base64 and in
hexadecimal. The root secret has no format, so it must be registered. It is removed from the log
only: in a response, a missing text would confirm a guess. Of the id of a badge, with which anyone
can read a version, the log contains the first 8 digits.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import unquote

MIN_SECRET_CHARACTERS = 8
"""Shorter secrets are not removed: they would also occur in texts without secrets."""

MAX_DECODINGS = 5
"""A text that is percent-encoded more often is hidden completely."""

HIDDEN = "***"

# They contain `%`, so that a secret is removed completely if only its end is percent-encoded.
_API_KEY = re.compile(r"(mtk_[a-z]_[0-9A-Za-z]{8}_)[0-9A-Za-z%]+")
_BADGE = re.compile(r"(/badges?/[0-9a-f]{8})[0-9a-f]{24}")
_IDENTITY_TOKEN = re.compile(r"eyJ[\w%-]+\.[\w%-]+\.[\w%-]*", re.ASCII)


def _base64_forms(data: bytes) -> set[str]:
    """The base64 of data that is part of a longer text, without the digits that depend on it."""
    forms = set()
    for offset in range(3):
        digits = b64encode(bytes(offset) + data + bytes(2)).decode()
        middle = digits[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        forms |= {middle, middle.translate(str.maketrans("+/", "-_"))}
    return forms


_ENCODED = {
    start: re.compile(rf"{re.escape(start)}[A-Za-z0-9+/=_%-]*")
    for part in (b"mtk_k_", b".eyJ")  # the second part of an identity token contains its claims
    for start in (*_base64_forms(part), part.hex(), part.hex().upper())
}
"""Patterns of API keys and identity tokens in base64 and hexadecimal, by their fixed part."""

_registered: dict[str, list[str]] = {}
"""The forms of each registered secret, longest first."""


def register_secret(secret: str) -> None:
    """Remove this secret from everything that is logged from now on."""
    if len(secret) >= MIN_SECRET_CHARACTERS:
        data = secret.encode()
        escaped = {repr(secret)[1:-1], json.dumps(secret)[1:-1], ascii(secret)[1:-1]}
        forms = {secret, data.hex(), data.hex().upper(), *escaped, *_base64_forms(data)}
        _registered[secret] = sorted(forms, key=len, reverse=True)


def redact(text: str) -> str:
    """Replace API key secrets and identity tokens with `***`."""
    return _in_all_encodings(text, _without_known_formats)


def redact_log(text: str) -> str:
    """Replace API key secrets, identity tokens, the registered secrets and, in paths, the ids of
    badges with `***`."""
    if len(text) < MIN_SECRET_CHARACTERS:
        return text
    return _in_all_encodings(text, _without_secrets)


def _in_all_encodings(text: str, clean: Callable[[str], str]) -> str:
    """Clean a text. If its percent-decoded form contains a secret, return that form, cleaned."""
    cleaned = clean(text)
    if "%" not in cleaned:
        return cleaned
    decoded = cleaned
    for _ in range(MAX_DECODINGS):
        encoded, decoded = decoded, unquote(decoded)
        if decoded == encoded:
            return cleaned
        if (clean_decoded := clean(decoded)) != decoded:
            cleaned = decoded = clean_decoded
    return HIDDEN


def _without_secrets(text: str) -> str:
    for forms in _registered.values():
        for form in forms:
            if form in text:
                text = text.replace(form, HIDDEN)
    if "/badge" in text:
        text = _BADGE.sub(rf"\1{HIDDEN}", text)
    return _without_known_formats(text)


def _without_known_formats(text: str) -> str:
    if "mtk_" in text:
        text = _API_KEY.sub(rf"\1{HIDDEN}", text)
    if "eyJ" in text:
        text = _IDENTITY_TOKEN.sub(f"eyJ{HIDDEN}", text)
    for start, pattern in _ENCODED.items():
        if start in text:
            text = pattern.sub(HIDDEN, text)
    return text
