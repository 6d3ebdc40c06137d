"""Characters that cannot be seen, or that change how others are shown. Pure: no I/O.

Two names that differ only in such characters look alike, and a right-to-left override shows the
rest of a line backwards (CVE-2021-42574). Therefore pages show a mark in their place.
"""

import re
import unicodedata

_ALWAYS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Controls, directional formatting, spaces other than U+0020, fillers, tags and non-characters."""

_JOINERS = "\u200c\u200d\ufe0f"
"""Parts of emoji and of several scripts. They have no effect beside ASCII characters."""

_NOT_ASCII = "[^\x00-\x7f]"

INVISIBLE = re.compile(f"[{_ALWAYS}]|(?<!{_NOT_ASCII})[{_JOINERS}]|[\u200c\u200d](?!{_NOT_ASCII})")
"""Matches one character that pages mark."""


def description(character: str) -> str:
    """The code point and the name: `U+200B ZERO WIDTH SPACE`."""
    name = unicodedata.name(character, "control character")
    return f"U+{ord(character):04X} {name}"


def yaml_escape(character: str) -> str:
    """The character in a double-quoted string of YAML (YAML 1.2.2, section 5.7)."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
