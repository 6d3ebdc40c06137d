"""The words of the contract: key, token, value, entry. Parsing and comparing, no I/O."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from monotron.errors import InvalidKey, InvalidRequest, InvalidToken, MonotronError

INT64_MAX = 9223372036854775807
"""The last value that a series can give."""

MAX_LENGTH = 256
"""Of a key and of a token, in Unicode characters."""

MAX_ATTRIBUTE = 8192
"""Of an attribute's value, in bytes of UTF-8."""

ANYBODY = "anybody"
"""By whom values are given while nobody needs credentials."""

_UNRESERVED = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,255}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_A_TARGET = re.compile(r"[^!-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Reuse(Enum):
    """Which tokens a step remembers: the current one, any that the series ever saw, or none."""

    CURRENT = "current"
    ANY = "any"
    NEVER = "never"
    """For versions, whose tokens may have a number that is of no use any more."""


class SeriesKey(NamedTuple):
    """A series, by the account that owns it and its name there."""

    account: int
    key: str


class Entry(NamedTuple):
    """The fact that *token* was given *value*. A raise has no token."""

    account: int
    key: str
    token: str | None
    value: int


class Allocation(NamedTuple):
    """The answer to a PUT: an entry, and whether it had been given before."""

    entry: Entry
    reused: bool


class LedgerEntry(NamedTuple):
    """An entry, when it was given, and by which credential."""

    entry: Entry
    created_at: int
    """Milliseconds since the epoch, UTC."""
    assigned_by: str | None
    """None for what was given before this was recorded."""


def parse_key(raw: str) -> str:
    """The key that stands percent-encoded in a path, exactly; else `InvalidKey`."""
    return _parse_name(raw, "key", InvalidKey)


def parse_token(raw: str) -> str:
    """The token that stands percent-encoded in a path, exactly; else `InvalidToken`."""
    return _parse_name(raw, "token", InvalidToken)


def _parse_name(raw: str, word: str, error: type[MonotronError]) -> str:
    if _UNRESERVED.fullmatch(raw):  # most of them: a commit, a project's name
        return raw
    text = percent_decode(raw, word, error)
    if not text:
        raise error(f"The {word} is empty. A {word} is 1 to {MAX_LENGTH} characters long.")
    if len(text) > MAX_LENGTH:
        raise error(
            f"The {word} is {len(text)} characters long, and at most {MAX_LENGTH} are taken. "
            "A hash of it would do as well."
        )
    if text in (".", ".."):
        raise error(
            f"The {word} is {text!r}, which many clients and proxies take for a folder. "
            f"Choose another {word}."
        )
    return text


def percent_decode(raw: str, word: str, error: type[MonotronError]) -> str:
    """Decode once and strictly: ASCII in, whole escapes, UTF-8 out, no control characters.

    *word* names the thing in the error. A `+` stays one (RFC 3986).
    """
    if _NOT_IN_A_TARGET.search(raw):
        raise error(
            f"The {word} holds a raw character that is not printable ASCII. "
            "Percent-encode its UTF-8 bytes, for example é as %C3%A9."
        )
    if _BROKEN_ESCAPE.search(raw):
        raise error(
            f"The {word} holds a % that is not followed by two hexadecimal digits. "
            "Write a percent sign as %25."
        )
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise error(
            f"The {word} is not UTF-8 once its percent escapes are decoded. "
            "Encode it as UTF-8 before percent-encoding it."
        ) from None
    if _CONTROL.search(text):
        raise error(
            f"The {word} holds a control character (U+0000 to U+001F, U+007F to U+009F). "
            f"Leave it out; a line break at the end of the {word} is the usual cause."
        )
    return text


def has_control(text: str) -> bool:
    """Whether it holds a control character."""
    return _CONTROL.search(text) is not None


def text_member(members: Mapping[Any, Any], name: str) -> str | None:
    """A member of a JSON object that is a text for people, or is not there."""
    text = members.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > MAX_LENGTH or has_control(text):
        raise InvalidRequest(
            f"`{name}` must be a text of at most {MAX_LENGTH} characters, none of them a control "
            "character."
        )
    return text


def parse_value(value: object) -> int:
    """The value to raise a series to: a JSON integer from 1 to `INT64_MAX`."""
    if type(value) is not int:  # a bool is an int to isinstance
        raise InvalidRequest(
            f"`value` must be an integer from 1 to {INT64_MAX}, without quotes, point or exponent."
        )
    if not 1 <= value <= INT64_MAX:
        raise InvalidRequest(f"`value` must be from 1 to {INT64_MAX}.")
    return value


def parse_attribute_name(raw: str) -> str:
    """The name of an attribute that stands percent-encoded in a path; else `InvalidRequest`."""
    return _attribute_name(percent_decode(raw, "attribute's name", InvalidRequest))


def parse_attribute(raw: bytes) -> str:
    """The value of an attribute, from a body that is nothing else; else `InvalidRequest`."""
    try:
        return _attribute(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest(
            "The value of an attribute is text, and the body is not UTF-8. Encode it, for example "
            "as Base64 if it is binary."
        ) from None


def parse_attributes(members: Mapping[str, object]) -> dict[str, str]:
    """Attributes by name, from a JSON object of strings; else `InvalidRequest`."""
    return {_attribute_name(name): _attribute(value) for name, value in members.items()}


def _attribute_name(name: str) -> str:
    if not 1 <= len(name) <= MAX_LENGTH:
        raise InvalidRequest(
            f"The name of an attribute is 1 to {MAX_LENGTH} characters long; here one is of "
            f"{len(name)}."
        )
    if _CONTROL.search(name) or _SURROGATE.search(name):
        raise InvalidRequest(
            f"The name {name!r} of an attribute holds a control character, or half of a character. "
            "Leave it out."
        )
    return name


def _attribute(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(
            "The value of an attribute must be a string. Put a number into quotes, and anything "
            "larger into a string of JSON."
        )
    if _SURROGATE.search(value):
        raise InvalidRequest(
            "The value of an attribute holds half of a surrogate pair, which is no character. "
            "Write both halves."
        )
    if len(value.encode("utf-8")) > MAX_ATTRIBUTE:
        raise InvalidRequest(
            f"The value of an attribute is at most {MAX_ATTRIBUTE} bytes of UTF-8 long. Keep what "
            "is larger elsewhere, and its address here."
        )
    return value
