"""What all log lines have in common: the time, and texts without secrets, escaped and bounded."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii

from monotron.redaction import redact_log

PIPE_BUF_BYTES = 4096
"""The maximum size of an atomic write to a pipe (POSIX, `write`): several processes may share one.
Lines about requests and audit events are not longer."""

_BYTES_PER_CHARACTER = 3
_MAX_ESCAPED_BYTES = 12
"""The size of a character outside of the Basic Multilingual Plane in JSON."""

_LIMITS = ((64, 256), (16, 64), (4, 32), (2, 16), (1, 8))
"""Maximum lengths of lists and texts, which `shortened` tries in this order."""

_MIN_MEMBERS = 8
"""Objects with as many members are never shortened."""

_PLAIN = re.compile(r"[!#-<>-~]+")
"""Texts that need no quotes in `name=value`."""


def timestamp(seconds: float) -> str:
    """Format seconds since the epoch, with milliseconds (RFC 3339). Whole seconds are cached."""
    return f"{_whole_seconds(int(seconds))}.{int(seconds * 1000) % 1000:03}Z"


@lru_cache(maxsize=2)
def _whole_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


def quoted(text: str, max_characters: int) -> str:
    """A text as a JSON string in ASCII, shortened.

    It has at most *max_characters*, and `_BYTES_PER_CHARACTER` times as many bytes.
    """
    if len(text) > max_characters:
        text = _cut(text, max_characters)
    line = encode_basestring_ascii(text)
    if len(line) > max_characters * _BYTES_PER_CHARACTER:
        line = encode_basestring_ascii(
            _cut(text, max_characters * _BYTES_PER_CHARACTER // _MAX_ESCAPED_BYTES)
        )
    return line


def shortened(members: Mapping[str, object], max_bytes: int) -> dict[str, object]:
    """Members of a log line without secrets, as JSON of at most *max_bytes* in ASCII.

    Texts, lists and objects in them are shortened if they are too long. `...` takes the place of
    what is missing.
    """
    for max_items, max_characters in _LIMITS:
        result = {
            name: _shortened(value, max_items, max_characters) for name, value in members.items()
        }
        if len(json.dumps(result)) <= max_bytes:
            break
    return result


def _shortened(value: object, max_items: int, max_characters: int) -> object:
    if isinstance(value, str):
        text = redact_log(value)
        return text if len(text) <= max_characters else _cut(text, max_characters)
    if isinstance(value, Mapping):
        items = list(value.items())
        max_members = max(max_items, _MIN_MEMBERS)
        short = {
            str(_shortened(name, max_items, max_characters)): _shortened(
                member, max_items, max_characters
            )
            for name, member in items[:max_members]
        }
        more = len(items) - max_members
        return {**short, "...": f"{more} more"} if more > 0 else short
    if isinstance(value, list | tuple):
        short_items = [_shortened(item, max_items, max_characters) for item in value[:max_items]]
        more = len(value) - max_items
        return [*short_items, f"... {more} more"] if more > 0 else short_items
    return value


def _cut(text: str, max_characters: int) -> str:
    return text[: max_characters - 3] + "..."


def as_text(members: Mapping[str, object]) -> str:
    """Members as ` name=value name=value`, in printable ASCII."""
    return "".join(f" {name}={_value_text(value)}" for name, value in members.items())


def _value_text(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value)
