"""Text of callers on one line of bounded length. Pure: no I/O."""

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)
"""Control characters, line separators, marks that change the direction of text, surrogates."""


def printable_line(text: str, max_length: int) -> str:
    """The text with a space for each run of control characters, cut to *max_length* characters."""
    return _UNPRINTABLE.sub(" ", text).strip()[:max_length].rstrip()
