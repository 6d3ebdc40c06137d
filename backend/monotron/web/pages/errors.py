"""`/errors` and `/errors/{code}`: the documentation of errors. The `type` of problem documents
points here."""

from monotron.errors import MonotronError, PathNotFound, literal
from monotron.web.pages.error_guides import error_guides
from monotron.web.pages.failures import Link
from monotron.web.pages.handler import PageHandler
from monotron.web.pages.markup import as_sentence
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query

ERRORS = {
    error.code: error
    for error in sorted(MonotronError.__subclasses__(), key=lambda error: error.status)
}
"""All errors by code, in order of their status."""

PATHS = {error.title: f"/errors/{error.code}" for error in ERRORS.values()}
"""The pages of errors by title."""


class ErrorsHandler(PageHandler):
    """`/errors`: all errors."""

    section = "api"

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.reply_page("errors.html", "Errors", errors=ERRORS.values())


class ErrorHandler(PageHandler):
    """`/errors/{code}`: status, title, meaning, causes, fix and an example."""

    section = "api"
    back = Link("All errors", "/errors")

    @requires(NOTHING)
    async def get(self, code: str) -> None:
        Query.parse(self.request.query)
        error = ERRORS.get(code)
        if error is None:
            raise PathNotFound(
                f"Unknown error code {literal(code)}. Check the member `code` of the response."
            )
        meaning, fix = error.explanation()
        self.reply_page(
            "error.html",
            error.title,
            error=error,
            meaning=meaning,
            fix=as_sentence(fix),
            guide=error_guides()[code],
            paths=PATHS,
        )


class UnknownPageHandler(PageHandler):
    """Handles paths without a route, except those of the API, for browsers."""

    back = Link("All names", "/")

    @requires(NOTHING)
    def get(self, *_: str) -> None:
        raise PathNotFound("This page does not exist. In names and keys, `/` is written as `%2F`.")

    put = post = delete = patch = options = get


ROUTES = [("/errors", ErrorsHandler), ("/errors/{code}", ErrorHandler)]
