"""HTML of single values. The results are escaped: templates write them with `raw`. Pure: no I/O."""

import re
from urllib.parse import quote

from tornado.escape import xhtml_escape

from monotron.model.timestamps import rfc3339_from_ms

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"

_INLINE_MARKDOWN = re.compile(
    r"`(?P<code>[^`]+)`|\*(?P<em>[^*\s][^*]*)\*|\[(?P<link>[^\]]*)\]\([^)]*\)"
)


def isolated(text: str) -> str:
    """A text of a caller. Its direction does not affect the text around it."""
    return f"<bdi>{xhtml_escape(text)}</bdi>"


def short(text: str) -> str:
    """A text of a caller in a table. The style sheet cuts it off, but it is complete."""
    escaped = xhtml_escape(text)
    return f'<bdi class="short" title="{escaped}">{escaped}</bdi>'


def time(milliseconds: int) -> str:
    """A time in UTC, to the minute."""
    text = rfc3339_from_ms(milliseconds)
    shown = f"{text[:10]} {text[11:16]}"
    return f'<time datetime="{text}" title="{text}">{shown}</time>'


def inline_markdown(text: str) -> str:
    """The Markdown of an error: code and emphasis. Of a link, only the text remains."""
    parts, end = [], 0
    for match in _INLINE_MARKDOWN.finditer(text):
        parts.append(xhtml_escape(text[end : match.start()]))
        tag, content = match.lastgroup or "", match[match.lastgroup or 0]
        element = "cite" if tag == "link" else tag
        parts.append(f"<{element}>{xhtml_escape(content)}</{element}>")
        end = match.end()
    return "".join(parts) + xhtml_escape(text[end:])


def as_sentence(text: str) -> str:
    """The text with a capital letter. Not escaped."""
    return text[:1].upper() + text[1:]


def plain_isolated(text: str) -> str:
    """A text of a caller where HTML elements are impossible, such as a title. Not escaped."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def path_of(*segments: str) -> str:
    """A path from texts, each percent-encoded as one segment."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)
