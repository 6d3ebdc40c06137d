"""The templates of the pages and of badges. Everything that a template writes is escaped."""

import re
from pathlib import Path

from tornado.escape import xhtml_escape
from tornado.template import Loader

from monotron.web.pages import document_markup, markup

FOLDER = Path(__file__).parent

_SPECIAL = re.compile(rb"[&<>\"']")


def escaped(text: bytes) -> bytes | str:
    """Escape a text for HTML. A page writes hundreds of texts, most without such characters."""
    return xhtml_escape(text) if _SPECIAL.search(text) else text


_FUNCTIONS = {
    each.__name__: each
    for each in (
        markup.isolated,
        markup.time,
        markup.inline_markdown,
        markup.short,
        markup.marked,
        document_markup.document_blocks,
        document_markup.document_inline,
    )
}
"""What templates can call with `raw`, because the results are HTML."""

_LOADER = Loader(
    str(FOLDER / "templates"), autoescape="escaped", namespace=_FUNCTIONS | {"escaped": escaped}
)


def compile_all() -> None:
    """Compile the templates of all pages, so that no request waits until this is done."""
    for path in sorted((FOLDER / "templates").iterdir()):
        _LOADER.load(path.name)


def render(template: str, /, **values: object) -> bytes:
    """Render a template. Compiled templates are kept."""
    return _LOADER.load(template).generate(**values)
