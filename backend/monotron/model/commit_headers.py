"""The header of a commit message: its type, and what people write around the type.

Each pattern starts at the beginning of the header, and its repetitions are possessive, so that the
running time is linear.
"""

import re
from typing import NamedTuple

_TICKET = (
    r"\[(?:[A-Z][A-Z0-9_]*+-[0-9]++|#[0-9]++)\]:?"
    r"|[A-Z][A-Z0-9_]*+-[0-9]++(?::| \|)"
    r"|#[0-9]++(?::| \||(?= ))"
    r"|\(#[0-9]++\):?"
)
_EMOJI = (
    "[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\U000e0020-\U000e007f"
    "\u200d\u20e3\ufe0f]++|:[a-z0-9_+-]++:"
)
AROUND = rf"(?:(?:{_TICKET}|{_EMOJI}) *+)*+"
SCOPE = r"\([^()\n]++\)"
_TYPE_END = rf"(?:(?P<early>!){SCOPE}|(?:{SCOPE})?(?P<late>!)?)(?:: .|：.)"

_MARK = re.compile("[:：✨💥]")
_HEADER = re.compile(rf"(?P<around>{AROUND})(?P<type>[\w-]++){_TYPE_END}")
_STRICT_HEADER = re.compile(rf"(?P<type>[\w-]++)(?:{SCOPE})?(?P<late>!)?: .")
_UNTYPED = re.compile(rf"(?P<around>{AROUND})(?P<text>.*)", re.DOTALL)

LISTED_HEADER = re.sub(r"\?P<\w+>", "?:", rf"{AROUND}[a-z][a-z0-9_-]*+{_TYPE_END}")
"""The header of a commit in a list. Its type is in lower case, unlike the first word of prose."""

_FEATURE = re.compile("✨|:sparkles:")
_BREAKING = re.compile("💥|:boom:")
_GITMOJI = re.compile(f"{_FEATURE.pattern}|{_BREAKING.pattern}")


class Header(NamedTuple):
    """What a header says about the bump."""

    type: str = ""
    """The type in lower case. Empty if the header is not conventional."""
    is_breaking: bool = False
    is_feature: bool = False
    """Whether a gitmoji introduces a feature. If there is a type, it decides instead."""
    has_ignored_breaking_emoji: bool = False
    has_ignored_feature_emoji: bool = False


PLAIN_HEADER = Header()


def parse_header(line: str, *, strict: bool = False) -> Header:
    """Parse the first line of a message. With *strict*, nothing can precede the type."""
    if strict:
        match = _STRICT_HEADER.match(line)
        return Header(match["type"].lower(), bool(match["late"])) if match else PLAIN_HEADER
    if not _MARK.search(line):
        return PLAIN_HEADER
    if match := _HEADER.match(line):
        around, type, early, late = match.group("around", "type", "early", "late")
        is_marked = bool(early or late)
        if not around:
            return Header(type.lower(), is_marked)
        is_breaking = _BREAKING.search(around) is not None and not is_marked
        is_feature = _FEATURE.search(around) is not None
        return Header(type.lower(), is_marked, False, is_breaking, is_feature)
    if _GITMOJI.search(line) and (match := _UNTYPED.match(line)) and match["text"]:
        around = match["around"]
        return Header("", bool(_BREAKING.search(around)), bool(_FEATURE.search(around)))
    return PLAIN_HEADER
