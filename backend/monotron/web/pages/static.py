"""The files of the pages: style sheet, icon and robots.txt."""

from functools import cache
from typing import ClassVar

from tornado.web import RequestHandler

from monotron.web.handler import Handler
from monotron.web.pages.templates import FOLDER
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query


class StaticFileHandler(Handler):
    """Base class of the handlers of files. Browsers keep a file, and check that it is current."""

    file: ClassVar[str]
    content_type: ClassVar[str]

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        content = _content(self.file)
        self.set_header("Content-Type", self.content_type)
        self.set_header("Cache-Control", "no-cache")
        self.write(content)

    def compute_etag(self) -> str | None:  # type: ignore[override]
        """Return the entity tag: Tornado answers 304 to a request with this one."""
        return RequestHandler.compute_etag(self)


class StyleSheetHandler(StaticFileHandler):
    """`/static/monotron.css`"""

    file = "monotron.css"
    content_type = "text/css; charset=utf-8"


class IconHandler(StaticFileHandler):
    """`/favicon.ico`: browsers request this path without a link, too, and accept SVG."""

    file = "favicon.svg"
    content_type = "image/svg+xml"


class RobotsHandler(StaticFileHandler):
    """`/robots.txt`: search engines should not read anything."""

    file = "robots.txt"
    content_type = "text/plain; charset=utf-8"


@cache
def _content(file: str) -> bytes:
    return (FOLDER / "static" / file).read_bytes()


ROUTES = [
    ("/static/monotron.css", StyleSheetHandler),
    ("/favicon.ico", IconHandler),
    ("/robots.txt", RobotsHandler),
]
