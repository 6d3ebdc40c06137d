"""The files of the pages: style sheet, icon and robots.txt."""

from monotron.web.pages.templates import FOLDER
from monotron.web.static_files import StaticFileHandler


class StyleSheetHandler(StaticFileHandler):
    """`/static/monotron.css`"""

    file = FOLDER / "static" / "monotron.css"
    content_type = "text/css; charset=utf-8"


class IconHandler(StaticFileHandler):
    """`/favicon.ico`: browsers request this path without a link, too, and accept SVG."""

    file = FOLDER / "static" / "favicon.svg"
    content_type = "image/svg+xml"


class RobotsHandler(StaticFileHandler):
    """`/robots.txt`: search engines should not read anything."""

    file = FOLDER / "static" / "robots.txt"
    content_type = "text/plain; charset=utf-8"


ROUTES = [
    ("/static/monotron.css", StyleSheetHandler),
    ("/favicon.ico", IconHandler),
    ("/robots.txt", RobotsHandler),
]
