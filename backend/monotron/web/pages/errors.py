"""`/errors/{code}`: the documentation of an error. The `type` of problem documents points here."""

from monotron.errors import MonotronError, PathNotFound, literal
from monotron.web.pages.handler import PageHandler
from monotron.web.pages.markup import as_sentence
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query

ERRORS = {error.code: error for error in MonotronError.__subclasses__()}


class ErrorHandler(PageHandler):
    """`/errors/{code}`: status, title, meaning and fix."""

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
            "error.html", error.title, error=error, meaning=meaning, fix=as_sentence(fix)
        )


class UnknownPageHandler(PageHandler):
    """Handles paths without a route, except those of the API, for browsers."""

    @requires(NOTHING)
    def get(self, *_: str) -> None:
        raise PathNotFound("This page does not exist. In names and keys, `/` is written as `%2F`.")

    put = post = delete = patch = options = get


ROUTES = [("/errors/{code}", ErrorHandler)]
