"""What happens while the body of a request arrives, before its handler exists."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)

from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.errors import MonotronError
from monotron.web.access import Access, AccessControl
from monotron.web.lifecycle import Lifecycle

PAUSE_SECONDS = 0.1
"""The time between the end of a large body and the beginning of the caller's next one."""

NO_DELEGATE = HTTPMessageDelegate()
"""The delegate before the headers have been processed. It does nothing."""

_LENGTH = re.compile(r"[0-9]{1,4000}")  # Python rejects integers of more than 4,300 digits


def announced_length(headers: HTTPHeaders) -> int | None:
    """Return the Content-Length; None if there is none, or if Tornado has to check its format."""
    length = headers.get("Content-Length", "")
    return int(length) if _LENGTH.fullmatch(length) else None


class ReceivingBody(HTTPMessageDelegate):
    """Counts a request as in flight while its body arrives: it has no handler until then."""

    def __init__(self, lifecycle: Lifecycle, delegate: HTTPMessageDelegate) -> None:
        self._lifecycle = lifecycle
        self._delegate = delegate
        lifecycle.request_started()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()
        self._lifecycle.request_finished()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
        self._lifecycle.request_finished()


class LargeBody(HTTPMessageDelegate):
    """Reads the body of a request only if the request is authenticated and admitted."""

    def __init__(
        self,
        access_control: AccessControl,
        bodies: ConcurrencyLimiter,
        request: HTTPServerRequest,
        account_text: str | None,
        accept: Callable[[Access], HTTPMessageDelegate],
        reject: Callable[[MonotronError], HTTPMessageDelegate],
    ) -> None:
        """*bodies* limits the bodies that are read at a time for one caller.

        *accept* and *reject* return the delegate for the rest of the request.

        After the whole body, the delegate from *accept* is responsible for the admitted request.
        """
        self._access_control = access_control
        self._bodies = bodies
        self._request = request
        self._account_text = account_text
        self._accept = accept
        self._reject = reject
        self._delegate = NO_DELEGATE
        self._admitted: Access | None = None

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        try:
            access = await self._admit()
        except MonotronError as error:
            self._delegate = self._reject(error)
        else:
            self._admitted = access
            self._delegate = self._accept(access)
        received = self._delegate.headers_received(start_line, headers)
        if received is not None:
            await received

    async def _admit(self) -> Access:
        self._access_control.check_origin(self._request)
        access = self._access_control.authenticate(self._request, self._account_text)
        if not isinstance(access, Access):
            access = await access
        waiting = self._access_control.admit(access.principal)
        if waiting is not None:
            await waiting
        try:
            waiting = self._bodies.enter(access.principal.rate_limit_key)
            if waiting is not None:
                await waiting
        except MonotronError:
            self._access_control.leave(access.principal)
            raise
        return access

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        if self._admitted is not None:
            caller = self._admitted.principal.rate_limit_key
            self._admitted = None
            # Reading large bodies without a break would delay the requests of all others.
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._bodies.leave, caller)
        self._delegate.finish()

    def on_connection_close(self) -> None:
        if self._admitted is not None:
            self._bodies.leave(self._admitted.principal.rate_limit_key)
            self._access_control.leave(self._admitted.principal)
        self._delegate.on_connection_close()
