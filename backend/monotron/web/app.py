"""The application: routes, body limits, request log."""

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import Rule
from tornado.web import Application, RequestHandler

from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.errors import MonotronError
from monotron.web import (
    accounts,
    attributes,
    badges,
    metrics,
    pages,
    recent,
    series,
    system,
    trusts,
    versions,
)
from monotron.web.access import Access
from monotron.web.body import CONSUMED_CONTENT_TYPE
from monotron.web.client_address import ClientAddresses
from monotron.web.fallback import RejectedBodyHandler, UnknownPathHandler, body_too_large
from monotron.web.handler import Handler
from monotron.web.openapi import document
from monotron.web.pages import templates
from monotron.web.pages.errors import UnknownPageHandler
from monotron.web.receiving import NO_DELEGATE, LargeBody, ReceivingBody, announced_length
from monotron.web.request_line import request_line
from monotron.web.routes import Route, is_page
from monotron.web.services import Services

API_ROUTES = [
    *series.ROUTES,
    *versions.ROUTES,
    *recent.ROUTES,
    *attributes.ROUTES,
    *badges.ROUTES,
    *accounts.ROUTES,
    *trusts.ROUTES,
    *system.ROUTES,
    *metrics.ROUTES,
    *document.ROUTES,
]
"""The routes that openapi.yaml describes."""

ROUTES = [*API_ROUTES, *pages.ROUTES]

Routes: TypeAlias = Sequence[tuple[str, type[Handler]]]
"""Templates of paths and their handlers."""

BODY_SECONDS = 10.0
"""Time limit for a whole body to arrive."""

MAX_ANONYMOUS_BODY_BYTES = 65536
"""Larger bodies, and those of unknown size, are read only after authentication."""

MAX_LARGE_BODIES = 1
"""The number of these that are read at a time for one caller, and in `PAUSE_SECONDS` after it."""


def make_app(services: Services) -> Application:
    """Build the application from its services."""
    templates.compile_all()
    return MonotronApplication(services, ROUTES)


def make_metrics_app(services: Services) -> Application:
    """Build an application that serves nothing but `/metrics`, without credentials."""
    return MonotronApplication(services, [("/metrics", metrics.OpenMetricsHandler)])


class MonotronApplication(Application):
    """Tornado's application with strict paths and bounded bodies."""

    def __init__(self, services: Services, routes: Routes) -> None:
        super().__init__(
            [Rule(handler.route_class(template), handler) for template, handler in routes],
            default_handler_class=UnknownPathHandler,
            services=services,
        )
        self._services = services
        self._paths = {handler: Route(template).path for template, handler in routes}
        self._large_bodies = ConcurrencyLimiter(MAX_LARGE_BODIES)

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return _Request(self, self._services.client_addresses, server_conn, request_conn)

    def get_handler_delegate(  # type: ignore[override]  # the declared type is private
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        *args: Any,
        **kwargs: Any,
    ) -> HTTPMessageDelegate:
        """Limit the body of a request before its handler is created."""
        if target_class is UnknownPathHandler and is_page(request):
            target_class = UnknownPageHandler
        headers = request.headers
        if "Content-Type" in headers:
            headers[CONSUMED_CONTENT_TYPE] = headers["Content-Type"]
            del headers["Content-Type"]
        length = announced_length(headers)
        if length == 0 or not ("Content-Length" in headers or "Transfer-Encoding" in headers):
            return super().get_handler_delegate(request, target_class, *args, **kwargs)
        connection = cast(HTTP1Connection, request.connection)
        connection.set_body_timeout(BODY_SECONDS)
        limit = cast(type[Handler], target_class).max_body_bytes
        if length is not None and length > limit:
            connection.set_max_body_size(length)
            return self._rejection(request, body_too_large(limit))
        connection.set_max_body_size(limit)
        if (limit if length is None else length) <= MAX_ANONYMOUS_BODY_BYTES:
            delegate = super().get_handler_delegate(request, target_class, *args, **kwargs)
            return ReceivingBody(self._services.lifecycle, delegate)
        return LargeBody(
            self._services.access_control,
            self._large_bodies,
            request,
            kwargs.get("target_kwargs", {}).get("account_text"),
            partial(self._admitted, request, target_class, kwargs),
            partial(self._rejection, request),
        )

    def _admitted(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        kwargs: Mapping[str, Any],
        access: Access,
    ) -> HTTPMessageDelegate:
        target_kwargs = {**kwargs.get("target_kwargs", {}), "admitted": access}
        delegate = super().get_handler_delegate(
            request, target_class, **{**kwargs, "target_kwargs": target_kwargs}
        )
        return ReceivingBody(self._services.lifecycle, delegate)

    def _rejection(self, request: HTTPServerRequest, error: MonotronError) -> HTTPMessageDelegate:
        return super().get_handler_delegate(request, RejectedBodyHandler, {"error": error})

    def log_request(self, handler: RequestHandler) -> None:
        request, handler = handler.request, cast(Handler, handler)
        seconds = request.request_time()
        route = self._paths.get(type(handler), "other")
        self._services.metrics.request(route, request.method or "", handler.get_status(), seconds)
        if self._services.request_log is not None:
            self._services.request_log.add(request_line(handler, route, seconds))


class _Request(HTTPMessageDelegate):
    """Creates a request without Tornado's parsing of the query, a third of the time of a request.

    `monotron.web.query` parses it strictly, and caches the result.
    """

    def __init__(
        self,
        application: Application,
        client_addresses: ClientAddresses,
        server: object,
        connection: HTTPConnection,
    ) -> None:
        self._application = application
        self._client_addresses = client_addresses
        self._server = server
        self._connection = connection
        self._delegate = NO_DELEGATE

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        line = cast(RequestStartLine, start_line)
        path, _, query = line.path.partition("?")
        request = HTTPServerRequest(
            connection=self._connection,
            server_connection=self._server,
            start_line=RequestStartLine(line.method, path, line.version),
            headers=headers,
        )
        request.uri, request.query = line.path, query
        request.remote_ip = self._client_addresses.address(request.remote_ip or "", headers)
        self._delegate = self._application.find_handler(request)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
