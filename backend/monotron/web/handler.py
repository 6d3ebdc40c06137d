"""The base class of all handlers: access, query, response, errors."""

import logging
import re
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from secrets import token_hex
from types import TracebackType
from typing import Any, ClassVar, cast

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from monotron import audit_log, errors
from monotron.audit_log import Caller, Change
from monotron.auth.principal import Principal
from monotron.model.semver import parse_name
from monotron.model.series import SeriesKey, parse_key
from monotron.redaction import redact
from monotron.web.access import NO_ACCESS, Access
from monotron.web.formats import TEXT_TYPE, Format, json_text, preferred_format
from monotron.web.key_expiry import KEY_EXPIRES, announced_expiry
from monotron.web.permissions import NOTHING, declared_scope
from monotron.web.problem import CONTENT_TYPE, as_monotron_error, problem
from monotron.web.query import FormatQuery
from monotron.web.routes import Route
from monotron.web.services import Services

log = logging.getLogger("monotron.web")

MAX_HEADERS = 100
"""The maximum number of request headers."""

CHALLENGE = 'Bearer realm="monotron", Basic realm="monotron", charset="UTF-8"'
"""The supported authentication schemes (RFC 6750 §3, RFC 7617 §2.1)."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Handler(RequestHandler):
    """Base class of the handlers. A verb parses the request, calls a service, writes the result."""

    services: Services
    principal: Principal = NO_ACCESS.principal
    account: int = NO_ACCESS.account
    request_id = ""
    _key_expires: str | None = None
    assigned = ""
    """The value or version that a write assigned, for the log."""
    error: errors.MonotronError | None = None
    """The error of the response, for the log."""
    route_class: ClassVar[type[Route]] = Route
    """What matches the paths of the handler."""
    challenge: ClassVar[str] = CHALLENGE
    """The header `WWW-Authenticate` of responses to requests without valid credentials."""
    served_while_draining: ClassVar[bool] = False
    served_to_every_host: ClassVar[bool] = False
    """Whether an open server accepts every Host, and requests from proxies."""
    max_body_bytes: ClassVar[int] = 65536
    is_probe: ClassVar[bool] = False
    """Whether successful requests are logged with the level `debug` only."""

    _admitted: Access | None = None
    """The access of a request that was admitted, and has not left yet."""

    def initialize(self, account_text: str | None = None, admitted: Access | None = None) -> None:
        """*account_text* is the account in the path; None if the path contains none.

        *admitted*: the access of a request that was admitted before its body arrived.
        """
        self._account_text = account_text
        self._admitted = admitted
        self.services.lifecycle.request_started()

    def on_finish(self) -> None:
        if self._admitted is not None:
            self.services.access_control.leave(self._admitted.principal)
        self.services.lifecycle.request_finished()

    @property
    def writes(self) -> bool:
        """Whether the request can change something, so that errors need the member `applied`."""
        return self.request.method not in ("GET", "HEAD", "OPTIONS", "TRACE")

    def set_default_headers(self) -> None:
        # Tornado calls this method before `initialize`.
        self.services = self.settings["services"]
        self.request_id = self.request_id or self._new_request_id()
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        if self._key_expires is not None:
            self.set_header(KEY_EXPIRES, self._key_expires)
        self.set_header("X-Request-Id", self.request_id)

    def _new_request_id(self) -> str:
        headers = self.request.headers
        if "X-Request-Id" in headers:
            request_id = headers["X-Request-Id"]
            if _REQUEST_ID.fullmatch(request_id) and redact(request_id) == request_id:
                return request_id
        return f"{self.services.lifecycle.process_id}-{token_hex(8)}"

    def prepare(self) -> Awaitable[None] | None:
        if self.writes:
            audit_log.caller.set(Caller(self.request_id, self.request.remote_ip or ""))
        if len(list(self.request.headers.get_all())) > MAX_HEADERS:
            raise errors.InvalidRequest(
                f"The request has more than {MAX_HEADERS} headers. Send fewer."
            )
        if self.services.lifecycle.draining and not self.served_while_draining:
            raise errors.Draining(
                "The server is shutting down. Repeat the same request in a moment."
            )
        access_control = self.services.access_control
        if not self.served_to_every_host:
            access_control.check_origin(self.request)
        scope = declared_scope(type(self), self.request.method or "")
        if scope is None:
            raise HTTPError(405)
        self._declared_scope = scope
        if scope is NOTHING:
            return None
        if self._admitted is not None:
            return self._authorize(self._admitted)
        access = access_control.authenticate(self.request, self._account_text)
        return self._admit(access) if isinstance(access, Access) else self._wait_for(access)

    async def _wait_for(self, access: Awaitable[Access]) -> None:
        authorized = self._admit(await access)
        if authorized is not None:
            await authorized

    def _admit(self, access: Access) -> Awaitable[None] | None:
        self.principal, self.account = access.principal, access.account
        waiting = self.services.access_control.admit(access.principal)
        if waiting is not None:
            return self._authorize_later(waiting, access)
        self._admitted = access
        return self._authorize(access)

    async def _authorize_later(self, waiting: Awaitable[None], access: Access) -> None:
        await waiting
        self._admitted = access
        authorized = self._authorize(access)
        if authorized is not None:
            await authorized

    def _authorize(self, access: Access) -> Awaitable[None] | None:
        self.principal, self.account = access.principal, access.account
        self._key_expires = announced_expiry(access.principal)
        if self._key_expires is not None:
            self.set_header(KEY_EXPIRES, self._key_expires)
        return self.services.access_control.authorize(access, self.request, self.required_scope)

    def required_scope(self) -> str:
        """Return the scope that this request requires."""
        return self._declared_scope

    async def head(self, *args: str) -> None:
        """Respond like GET; Tornado omits the body (RFC 9110 §9.3.2)."""
        await cast(Awaitable[None], self.get(*args))

    def compute_etag(self) -> None:
        """Return None: responses are not cached."""

    def series_key(self, raw: str) -> SeriesKey:
        """Return the series of a percent-encoded key. Raises InvalidKey or Forbidden."""
        key = parse_key(raw)
        self.principal.require_key(key)
        return SeriesKey(self.account, key)

    def version_name(self, raw: str) -> str:
        """Return a percent-encoded name of versions. Raises InvalidName or Forbidden."""
        name = parse_name(raw)
        self.principal.require_name(name)
        return name

    def format_of(self, query: FormatQuery) -> Format:
        """Return the format requested by the query or, without one, by the Accept header."""
        if query.format is not None:
            return query.format
        headers = self.request.headers
        return preferred_format(headers["Accept"]) if "Accept" in headers else Format.JSON

    def reply(self, text: str, format: Format = Format.JSON) -> None:
        """Write a text that `monotron.web.formats` has formatted."""
        if format is not Format.JSON:
            self.set_header("Content-Type", TEXT_TYPE)
        self.write(text)

    def reply_json(self, value: object) -> None:
        self.write(json_text(value))

    def note_assignment(self, assigned: object, reused: bool) -> None:
        """Report what a write assigned, in the header `Monotron-Reused` and in the log."""
        self.set_header("Monotron-Reused", "true" if reused else "false")
        self.assigned = str(assigned)

    def audited(
        self, action: str, subject: str, id: str, **details: object
    ) -> AbstractContextManager[Change]:
        """Log a change that the principal makes as an audit event, after the block."""
        return audit_log.audited(self.principal.name, self.account, action, subject, id, **details)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        expected = isinstance(value, HTTPError | errors.MonotronError | StreamClosedError)
        if not expected or isinstance(value, errors.InternalError):
            log.error("request %s failed", self.request_id, exc_info=value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        _, cause, _ = kwargs.get("exc_info", (None, None, None))
        if isinstance(cause, HTTPError) and cause.status_code == 405:
            cause = self._method_not_allowed()
        error = as_monotron_error(cause, writes=self.writes)
        self.set_status(error.status)
        self.services.metrics.problem(error, writes=self.writes)
        if isinstance(error, errors.TooManyRequests):
            self.services.metrics.rate_limited(error.limit)
        self.error = error
        if error.status == 401:
            self.set_header("WWW-Authenticate", self.challenge)
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        if isinstance(error, errors.Draining):
            self.set_header("Connection", "close")
        self.finish_with(error)

    def finish_with(self, error: errors.MonotronError) -> None:
        """Send the body of an error. Status and other headers are set."""
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(problem(error, writes=self.writes))

    def _method_not_allowed(self) -> errors.MethodNotAllowed:
        verbs = ("GET", "PUT", "POST", "PATCH", "DELETE")
        supported = [verb for verb in verbs if declared_scope(type(self), verb) is not None]
        allowed = ", ".join(["GET", "HEAD", *supported[1:]] if "GET" in supported else supported)
        self.set_header("Allow", allowed)
        method = (self.request.method or "")[:16]
        return errors.MethodNotAllowed(f"{method} is not supported here. Allowed: {allowed}.")
