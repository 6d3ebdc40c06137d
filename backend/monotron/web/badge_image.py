"""The image of a badge: an SVG in the style of shields.io, with more contrast. Pure: no I/O."""

import re
import unicodedata

from monotron.web.pages.templates import render

FILLS = {"blue": "#0b63a5", "orange": "#a84300", "lightgrey": "#686868"}
"""The colors behind the white text, by the name of the similar color of shields.io."""

MAX_SHOWN = 64
"""The maximum number of characters of a label."""

_PADDING = 6
_FONT_PIXELS = 11

# Invisible characters that would change the order of other text, and those that XML forbids.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NOT_IN_XML = re.compile("[\ufffe\uffff]")

_ADVANCES = {
    0.29: "ijlI'|",
    0.38: ' ft.,:;!()[]/\\`J-r"',
    0.6: "abcdeghknopqsuvxyzEFLTPYZ0123456789?_$*{}<>+=~^#",
    0.72: "ABCDGHKNOQRSUVXw&",
    0.95: "mMW@%",
}
"""The approximate advance of characters in Verdana, in em. The text is fitted to the sum."""

_ADVANCE = {character: em for em, text in _ADVANCES.items() for character in text}


def badge_svg(label: str, message: str, color: str) -> bytes:
    """Render a badge. Without *label*, it only shows *message*. *color* is a name in `FILLS`."""
    label = plain(label)
    left, right = (_width(text) + 2 * _PADDING if text else 0 for text in (label, message))
    return render(
        "badge.svg",
        label=label,
        message=message,
        title=f"{label}: {message}" if label else message,
        left=left,
        right=right,
        padding=_PADDING,
        font_size=_FONT_PIXELS,
        fill=FILLS[color],
    )


def plain(text: str) -> str:
    """The text without marks of its direction, and without characters that XML forbids."""
    return _NOT_IN_XML.sub("\ufffd", _DIRECTION.sub("", text))


def _width(text: str) -> int:
    """The approximate width of a text, in pixels."""
    return round(_FONT_PIXELS * sum(map(_advance_of, text)))


def _advance_of(character: str) -> float:
    if character in _ADVANCE:
        return _ADVANCE[character]
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.1 if unicodedata.east_asian_width(character) in "WF" else 0.7
