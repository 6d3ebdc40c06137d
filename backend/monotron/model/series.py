"""Series keys, tokens, values and entries: types and parsing. Pure: no I/O."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from monotron.errors import InvalidKey, InvalidRequest, InvalidToken, MonotronError

INT64_MAX = 9223372036854775807
"""The last value of a series."""

MAX_LENGTH = 256
"""The maximum length of a key or token, in Unicode characters."""

ANYONE = "anyone"
"""The value of `assigned_by` on a server without credentials."""

FAST_FORWARD = "fast-forward"
"""The value of `assigned_by` of the entries of a fast-forward."""

_UNRESERVED = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,255}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_PRINTABLE_ASCII = re.compile(r"[^!-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Reuse(Enum):
    """Which tokens get their previous value again."""

    CURRENT = "current"
    """The current token of the series."""
    ANY = "any"
    """Every token of the series."""


SYSTEM_ACCOUNT = 0
"""Owns the series that Monotron itself uses. No credentials belong to it."""

FIRST_ACCOUNT = 1
"""Exists without a record. The root key belongs to it."""


class SeriesKey(NamedTuple):
    """A series: its account, and its key, which is unique in the account."""

    account: int
    key: str


class Entry(NamedTuple):
    """A token and the value assigned to it.

    The token is None if the value was not assigned, but the series was advanced to it.
    """

    account: int
    key: str
    token: str | None
    value: int


class SeriesHead(NamedTuple):
    """The state of a series."""

    generation: int = 0
    """Identifies the lifetime of the series. 0 if nothing is stored about the series."""
    value: int = 0
    """The high-water mark, also of a deleted series."""
    token: str | None = None
    """The current token. None if the series was deleted, or advanced to its value."""
    active: bool = False
    """Whether the series exists: it has entries in this generation."""

    def at(self, value: int, token: str | None) -> "SeriesHead":
        """The head after *value* was assigned to *token*."""
        return SeriesHead(self.generation or 1, value, token, active=True)


class Allocation(NamedTuple):
    """The result of an `AllocationRequest`."""

    entry: Entry
    reused: bool
    """Whether the value had been assigned to the token before."""


class LedgerEntry(NamedTuple):
    """An entry, when it was created, and by which credential."""

    entry: Entry
    created_at: int
    """Milliseconds since the epoch, UTC."""
    assigned_by: str | None
    """The name of the principal, or None if it is unknown."""


def parse_key(raw: str) -> str:
    """Decode the percent-encoded key of a series. Raises `InvalidKey` if it is invalid."""
    return _parse_name(raw, "key", InvalidKey)


def parse_token(raw: str) -> str:
    """Decode a percent-encoded token. Raises `InvalidToken` if it is invalid."""
    return _parse_name(raw, "token", InvalidToken)


def _parse_name(raw: str, word: str, error: type[MonotronError]) -> str:
    if _UNRESERVED.fullmatch(raw):  # the usual case: a commit hash or the name of a project
        return raw
    text = percent_decode(raw, word, error)
    if not text:
        raise error(f"The {word} is empty. Use 1 to {MAX_LENGTH} characters.")
    if len(text) > MAX_LENGTH:
        raise error(
            f"The {word} has {len(text)} characters. At most {MAX_LENGTH} are allowed. Shorten it, "
            "or use a hash of it."
        )
    if text in (".", ".."):
        raise error(
            f"The {word} is {text!r}. Many clients and proxies interpret it as a directory. Use "
            f"another {word}."
        )
    return text


def percent_decode(raw: str, word: str, error: type[MonotronError]) -> str:
    """Decode percent escapes (RFC 3986) once and strictly. A `+` stays a `+`.

    Raises *error*, unless *raw* is printable ASCII with complete escapes that decode to UTF-8
    without control characters. *word* names the text in the error: "key", "token".
    """
    if _NOT_PRINTABLE_ASCII.search(raw):
        raise error(
            f"The {word} contains an unencoded character that is not printable ASCII. "
            "Percent-encode its UTF-8 bytes, for example é as %C3%A9."
        )
    if _BROKEN_ESCAPE.search(raw):
        raise error(
            f"The {word} contains a % without two hexadecimal digits. Write a percent sign as %25."
        )
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise error(
            f"The {word} is not UTF-8 after percent-decoding. Encode it as UTF-8 before you "
            "percent-encode it."
        ) from None
    if _CONTROL.search(text):
        raise error(
            f"The {word} contains a control character (U+0000 to U+001F, U+007F to U+009F). "
            "Remove it. A line break at the end is the usual cause."
        )
    return text


def has_control(text: str) -> bool:
    """Whether the text contains a control character."""
    return _CONTROL.search(text) is not None


def text_member(members: Mapping[Any, Any], name: str) -> str | None:
    """The member of a JSON object that holds free text, or None if it is absent.

    Raises `InvalidRequest` if it is too long, not a string, or contains a control character.
    """
    text = members.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > MAX_LENGTH or has_control(text):
        raise InvalidRequest(
            f"`{name}` must be a string without control characters. At most {MAX_LENGTH} "
            "characters are allowed."
        )
    return text


def parse_value(value: object) -> int:
    """The value to advance a series to. Raises `InvalidRequest` unless it is a positive int64."""
    if type(value) is not int:  # isinstance would accept a bool
        raise InvalidRequest(
            f"`value` must be an integer from 1 to {INT64_MAX}. Write it without quotes, decimal "
            "point or exponent."
        )
    if not 1 <= value <= INT64_MAX:
        raise InvalidRequest(f"`value` must be from 1 to {INT64_MAX}.")
    return value
