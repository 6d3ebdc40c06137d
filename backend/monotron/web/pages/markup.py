"""HTML of single values. The results are escaped: templates write them with `raw`. Pure: no I/O."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote

from tornado.escape import xhtml_escape

from monotron.model.timestamps import rfc3339_from_ms
from monotron.web.pages.invisible import INVISIBLE, description

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"

_INLINE_MARKDOWN = re.compile(
    r"`(?P<code>[^`]+)`|\*(?P<em>[^*\s][^*]*)\*|\[(?P<link>[^\]]*)\]\([^)]*\)"
)


def isolated(text: str) -> str:
    """A text of a caller. Its direction does not affect the text around it."""
    return f"<bdi>{marked(text)}</bdi>"


def short(text: str) -> str:
    """A text of a caller in a table. The style sheet cuts it off, but it is complete."""
    title = xhtml_escape(text)
    shown = title if _is_plain(text) else marked(text)
    return f'<bdi class="short" title="{title}">{shown}</bdi>'


def marked(text: str) -> str:
    """A text in which invisible characters have marks, which are not copied with the text.

    Each one is isolated, so that it does not change the direction of others.
    """
    if _is_plain(text):
        return xhtml_escape(text)
    parts, end = [], 0
    for match in INVISIBLE.finditer(text):
        parts += [xhtml_escape(text[end : match.start()]), _mark(match[0])]
        end = match.end()
    return "".join(parts) + xhtml_escape(text[end:])


def _is_plain(text: str) -> bool:
    """Whether no character of the text can be invisible."""
    return text.isascii() and text.isprintable()


def _mark(character: str) -> str:
    code = f"{ord(character):04X}"
    # HTML parsers replace some control characters. Nothing is lost: the mark states which it is.
    kept = character if character > "\x9f" else ""
    title = description(character)
    return f'<span class="invisible" data-code="{code}" title="{title}">{kept}</span>'


def time(milliseconds: int) -> str:
    """A time in UTC, to the minute."""
    text = rfc3339_from_ms(milliseconds)
    shown = f"{text[:10]} {text[11:16]}"
    return f'<time datetime="{text}" title="{text}">{shown}</time>'


def inline_markdown(text: str, paths: Mapping[str, str] = MappingProxyType({})) -> str:
    """The Markdown of an error: code, emphasis, and links to files in docs, which are named only.

    *paths*: where emphasized titles link to.
    """
    parts, end = [], 0
    for match in _INLINE_MARKDOWN.finditer(text):
        parts.append(xhtml_escape(text[end : match.start()]))
        tag, content = match.lastgroup or "", match[match.lastgroup or 0]
        if tag == "link":
            parts.append(f"<cite>docs/{xhtml_escape(content)}</cite>")
        elif content in paths:
            parts.append(f'<a href="{paths[content]}">{xhtml_escape(content)}</a>')
        else:
            parts.append(f"<{tag}>{xhtml_escape(content)}</{tag}>")
        end = match.end()
    return "".join(parts) + xhtml_escape(text[end:])


def as_sentence(text: str) -> str:
    """The text with a capital letter. Not escaped."""
    return text[:1].upper() + text[1:]


def plain_isolated(text: str) -> str:
    """A text of a caller where HTML elements are impossible, such as a title. Not escaped."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


@lru_cache(maxsize=1000)
def path_of(*segments: str) -> str:
    """A path from texts, each percent-encoded as one segment. The rows of a page share some."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)
