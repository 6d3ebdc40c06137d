"""The routes of all resources, and what is decided before a handler is chosen."""

import asyncio
import time
from collections.abc import Awaitable
from secrets import token_hex
from typing import Any, cast

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import PathMatches, Rule
from tornado.web import Application, RequestHandler

from monotron.auth.accounts import Accounts
from monotron.auth.api_keys import ApiKeys
from monotron.auth.trust_policies import TrustPolicies
from monotron.logging_setup import RequestLog
from monotron.services.attributes import AttributeService
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.web import accounts as accounts_web
from monotron.web import attributes as attributes_web
from monotron.web import series as series_web
from monotron.web import system
from monotron.web import trusts as trusts_web
from monotron.web import versions as versions_web
from monotron.web.access import AccessControl
from monotron.web.handler import CONSUMED_CONTENT_TYPE, BodyTooLarge, Handler, NotFound

ROUTES = [
    *series_web.ROUTES,
    *versions_web.ROUTES,
    *attributes_web.ROUTES,
    *accounts_web.ROUTES,
    *trusts_web.ROUTES,
    *system.ROUTES,
]

BODY_SECONDS = 10.0
"""How long a body may take to arrive, all of it."""

IDLE_SECONDS = 30.0
"""How long a connection may wait for a request, and its headers may take to arrive."""

LOOK_SECONDS = 1.0
"""How often idle connections are looked for."""


class RawPath(PathMatches):
    """Matches like `PathMatches`, but hands the groups on as they stand in the path.

    Tornado would decode them leniently: `%zz` would stay as it is, and mean the same as `%25zz`.
    """

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        match = self.regex.match(request.path)
        return None if match is None else {"path_args": match.groups()}


class MonotronApplication(Application):
    """The application, with what its handlers share."""

    def __init__(
        self,
        series: SeriesService,
        versions: VersionService,
        attributes: AttributeService,
        accounts: Accounts,
        grants: ApiKeys,
        trusts: TrustPolicies,
        admission: AccessControl,
        request_log: RequestLog | None,
    ) -> None:
        super().__init__(
            [Rule(RawPath(pattern), handler) for pattern, handler in ROUTES],
            default_handler_class=NotFound,
        )
        self.series = series
        self.versions = versions
        self.attributes = attributes
        self.accounts = accounts
        self.grants = grants
        self.trusts = trusts
        self.admission = admission
        self._request_log = request_log
        self.process_id = token_hex(4)
        """What the ids of requests begin with."""
        self.leaving = False
        """Not ready for more, but still serving: a load balancer is given time to notice."""
        self.draining = False
        """Nothing more is taken."""
        self.requests_under_way = 0
        self.awaited: dict[object, tuple[HTTPConnection, float]] = {}
        """Connections on which the next request has not come yet, and since when they wait."""
        self.auditing = asyncio.Lock()
        self._idle = asyncio.Event()
        self._probe: asyncio.Task[None] | None = None

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return _Request(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that was closed before its next request came."""
        self.awaited.pop(server_conn, None)

    def find_handler(  # type: ignore[override]  # Router says HTTPMessageDelegate
        self, request: HTTPServerRequest, **kwargs: Any
    ) -> HTTPMessageDelegate:
        headers = request.headers
        if "Content-Type" in headers:
            headers[CONSUMED_CONTENT_TYPE] = headers["Content-Type"]
            del headers["Content-Type"]
        length = headers.get("Content-Length")
        has_body = length != "0" and (length is not None or "Transfer-Encoding" in headers)
        delegate = super().find_handler(request, **kwargs)
        if not has_body:
            return delegate
        connection: Any = request.connection
        connection.set_body_timeout(BODY_SECONDS)
        taken = getattr(getattr(delegate, "handler_class", None), "largest_body", 0)
        connection.set_max_body_size(taken)
        if length is not None and length.isdecimal() and int(length) > taken:
            connection.set_max_body_size(int(length))
            return self.get_handler_delegate(request, BodyTooLarge, {"taken": taken})
        return _Arriving(self, delegate)

    def close_idle(self) -> None:
        """Close the connections on which no request has come for too long, again and again."""
        loop = asyncio.get_running_loop()
        # Each waits as long as any other, so the first to have begun is the first to be over.
        while self.awaited:
            server, (connection, since) = next(iter(self.awaited.items()))
            if loop.time() < since + IDLE_SECONDS:
                break
            del self.awaited[server]
            cast(Any, connection).close()
        loop.call_later(LOOK_SECONDS, self.close_idle)

    def probe(self) -> "asyncio.Task[None]":
        """A probe of the store; one at a time, however many ask."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self.series.ping())
        return self._probe

    def request_began(self) -> None:
        self.requests_under_way += 1

    def request_finished(self) -> None:
        self.requests_under_way -= 1
        if self.draining and not self.requests_under_way:
            self._idle.set()

    async def drain(self) -> None:
        """Take nothing more, and return when all that was taken has been answered."""
        self.draining = True
        if self.requests_under_way:
            await self._idle.wait()

    def log_request(self, handler: RequestHandler) -> None:
        if self._request_log is None:
            return
        request = handler.request
        self._request_log.add(
            time.time(),
            request.method or "",
            request.path,
            handler.get_status(),
            1000 * request.request_time(),
            handler.request_id if isinstance(handler, Handler) else "",
            handler.principal.name if isinstance(handler, Handler) else "",
            handler.gave if isinstance(handler, Handler) else "",
        )


class _Request(HTTPMessageDelegate):
    """A request from the moment that it is waited for, until its handler takes over.

    In Tornado's place, which would start a timer for each, and take the query apart and copy it.
    """

    def __init__(
        self, application: MonotronApplication, server: object, connection: HTTPConnection
    ) -> None:
        self._application = application
        self._server = server
        self._connection = connection
        self._delegate = HTTPMessageDelegate()  # which does nothing
        application.awaited[server] = connection, asyncio.get_running_loop().time()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._application.awaited.pop(self._server, None)
        line = cast(RequestStartLine, start_line)
        path, _, query = line.path.partition("?")
        request = HTTPServerRequest(
            connection=self._connection,
            server_connection=self._server,
            start_line=line._replace(path=path),
            headers=headers,
        )
        request.uri, request.query = line.path, query
        self._delegate = self._application.find_handler(request)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


class _Arriving(HTTPMessageDelegate):
    """Counts a request as under way while its body arrives: before that it has no handler."""

    def __init__(self, application: MonotronApplication, delegate: HTTPMessageDelegate) -> None:
        self._application = application
        self._delegate = delegate
        application.request_began()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()
        self._application.request_finished()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
        self._application.request_finished()
