"""Handlers for requests that no other handler accepts: unknown paths and rejected bodies."""

import asyncio
import re
import sys
from typing import NoReturn

from tornado.web import stream_request_body

from monotron import errors
from monotron.web.handler import Handler
from monotron.web.permissions import NOTHING, requires
from monotron.web.receiving import announced_length

_UNENCODED_SLASH = re.compile(r"(/v1(?:/accounts/[^/]*)?/(?:series|versions)/)(.+)/([^/]+)")

MAX_DISCARDED_BYTES = 1 << 20
"""Larger bodies are rejected without reading them."""

DISCARD_SECONDS = 1.0
"""The time limit for reading a body that is discarded."""


class UnknownPathHandler(Handler):
    """Handles every path without a route."""

    @requires(NOTHING)
    def get(self, *_: str) -> None:
        detail = "Unknown path. The API is under /v1. In names and tokens write `/` as `%2F`."
        if match := _UNENCODED_SLASH.fullmatch(self.request.path[:256]):
            start, name, token = match.groups()
            detail += f" Did you mean `{start}{name.replace('/', '%2F')}/{token}`?"
        raise errors.PathNotFound(detail)

    put = post = delete = patch = options = get


@stream_request_body
class RejectedBodyHandler(Handler):
    """Replaces the handler of a request whose body is rejected before it is read.

    A body of moderate size is read and discarded first, for at most a second: a client that is
    still writing when the connection closes may lose the response.
    """

    def initialize(  # type: ignore[override]  # only the application creates this handler
        self, error: errors.MonotronError
    ) -> None:
        """Respond with *error*. Not counted as in flight: no work is lost."""
        self._error = error
        self._answered = False

    def on_finish(self) -> None:
        self._answered = True

    def prepare(self) -> None:
        super().prepare()
        headers = self.request.headers
        if "Expect" in headers or (announced_length(headers) or 0) > MAX_DISCARDED_BYTES:
            self._reject()
        asyncio.get_running_loop().call_later(DISCARD_SECONDS, self._reject_if_waiting)

    def data_received(self, chunk: bytes) -> None:
        """Discard the chunk."""

    def _reject(self, *_: str) -> NoReturn:
        raise self._error

    def _reject_if_waiting(self) -> None:
        if not self._answered:
            try:
                self._reject()
            except errors.MonotronError:
                self.send_error(self._error.status, exc_info=sys.exc_info())

    get = put = post = delete = patch = requires(NOTHING)(_reject)


def body_too_large(limit_bytes: int) -> errors.BodyTooLarge:
    """Return the error for a request that announces a larger body than its handler accepts."""
    return errors.BodyTooLarge(
        f"The body is larger than {limit_bytes} bytes. Send a smaller one. With `bump=auto`, the "
        "commits since the last version are enough."
    )
