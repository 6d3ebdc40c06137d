"""What all handlers share: admission, parameters, answers, errors."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Awaitable
from functools import lru_cache
from itertools import count
from json.encoder import encode_basestring
from time import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from tornado.httputil import HTTPHeaders, format_timestamp
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from monotron import errors
from monotron.auth.principal import ANONYMOUS, Principal
from monotron.model.series import Entry, SeriesKey, parse_key
from monotron.services.series import SeriesService
from monotron.web.permissions import NOTHING, needs, requires
from monotron.web.problem import (
    CONTENT_TYPE,
    RETRY_AFTER_SECONDS,
    STATUS,
    as_monotron_error,
    problem,
)
from monotron.web.query import (
    Format,
    Parameters,
    parse_query,
    preferred_format,
    variable_prefix,
)

if TYPE_CHECKING:
    from monotron.web.app import MonotronApplication

log = logging.getLogger("monotron.web")

ACCOUNT = r"/v1/accounts/([^/]*)"
"""How the paths of one account begin."""

ANY_ACCOUNT = r"/v1(?:/accounts/([^/]*))?"
"""How paths begin that are for the caller's own account unless they name one."""

MAX_HEADERS = 100

CHALLENGE = 'Bearer realm="monotron", Basic realm="monotron", charset="UTF-8"'
"""What a client may sign in with (RFC 6750 §3, RFC 7617 §2.1)."""

CONSUMED_CONTENT_TYPE = "X-Consumed-Content-Type"
"""Where a request's Content-Type is put, so that Tornado does not take the body for a form."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_request_numbers = count(1)


class Handler(RequestHandler):
    """A handler's verb is a sentence: parse, call, write."""

    application: "MonotronApplication"
    request_id = ""
    principal: Principal = ANONYMOUS
    """Who asks, once that is known."""
    account: int
    """The account that the request is for."""
    gave = ""
    """The value or version that a write gave, for the log."""
    admitted_while_draining: ClassVar[bool] = False
    in_account: ClassVar[bool] = True
    """Whether the path begins with an account, or could."""
    largest_body: ClassVar[int] = 65536
    """In bytes."""

    def initialize(self) -> None:
        self.application.request_began()

    def on_finish(self) -> None:
        self.application.request_finished()

    @property
    def series(self) -> SeriesService:
        return self.application.series

    @property
    def by(self) -> str:
        """Who asks, as it is kept beside what is given."""
        return self.principal.name

    def prepare(self) -> Awaitable[None] | None:
        if sum(1 for _ in self.request.headers.get_all()) > MAX_HEADERS:
            raise errors.InvalidRequest(
                f"The request has more than {MAX_HEADERS} headers, so it was not acted upon. "
                "Send the few that are needed."
            )
        if self.application.draining and not self.admitted_while_draining:
            raise errors.Draining(
                "The server is shutting down and took nothing more. Send the same request "
                "again: to its successor, or in a moment."
            )
        needed = needs(type(self), self.request.method or "")
        if needed is None:
            raise HTTPError(405)
        return self.application.admission.admit(self, needed)

    async def head(self, *args: str) -> None:
        """What GET would answer, without the body (RFC 9110 §9.3.2)."""
        await cast(Awaitable[None], self.get(*args))

    def clear(self) -> None:
        """Reset status, headers and body of the answer.

        Instead of Tornado's, which formats the date anew for each request and names itself.
        """
        if not self.request_id:
            given = self.request.headers.get("X-Request-Id")
            if given is None or not _REQUEST_ID.fullmatch(given):
                given = f"{self.application.process_id}-{next(_request_numbers):x}"
            self.request_id = given
        self._headers = HTTPHeaders(
            {
                "Content-Type": "application/json",
                "Date": _http_date(int(time())),
                "Cache-Control": "no-store",
                "X-Request-Id": self.request_id,
            }
        )
        self._write_buffer = []
        self.set_status(200)

    def compute_etag(self) -> None:
        """None: an answer is never stored."""

    def parameters(self, *allowed: str) -> Parameters:
        """The query, which may hold these parameters and no other."""
        return parse_query(self.request.query, allowed)

    def needed(self, scope: str) -> str:
        """What this very request needs, where its verb needs *scope*."""
        return scope

    def series_key(self, raw: str) -> SeriesKey:
        """The series whose key stands percent-encoded in the path."""
        key = parse_key(raw)
        self.principal.require_name(key)
        return SeriesKey(self.account, key)

    def json_object(self, example: str = '{"value": 41}') -> dict[str, Any]:
        """The body, which must be one JSON object."""
        value = self.json_value()
        if not isinstance(value, dict):
            raise errors.InvalidRequest(f"The body must be a JSON object, such as {example}.")
        return value

    def json_value(self) -> Any:
        """The body, which must be JSON without a member that stands twice in an object."""
        encoding = self.request.headers.get("Content-Encoding", "identity")
        content_type = self.request.headers.get(CONSUMED_CONTENT_TYPE, "application/json")
        if encoding.lower() != "identity":
            raise errors.UnsupportedMediaType(
                "The body is compressed, which is not read here. Send it as it is, without "
                "Content-Encoding."
            )
        if not re.fullmatch(r"application/([\w.+-]+\+)?json\s*(;.*)?", content_type, re.IGNORECASE):
            raise errors.UnsupportedMediaType(
                "The body must be JSON: send it with Content-Type: application/json "
                "(curl: --json DATA, or -H 'Content-Type: application/json')."
            )
        try:
            value = json.loads(
                self.request.body.decode("utf-8"),
                object_pairs_hook=_without_repetition,
                parse_constant=_no_constant,
            )
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
            return value
        except (ValueError, RecursionError):
            raise errors.InvalidRequest("The body is not one well-formed JSON value.") from None

    def format_of(self, parameters: Parameters) -> Format:
        """The format that the query or else the Accept header asks for."""
        if parameters.format is not None:
            return parameters.format
        accept = self.request.headers.get("Accept")
        return preferred_format(accept) if accept else Format.JSON

    def reply_json(self, value: object) -> None:
        """Write a JSON document."""
        self.write(json.dumps(value, ensure_ascii=False) + "\n")

    def reply(self, entry: Entry, reused: bool, parameters: Parameters) -> None:
        """Write the entry in the format that was asked for."""
        if self.writes:
            self.gave = str(entry.value)
        format = self.format_of(parameters)
        prefix = variable_prefix(parameters)
        if format is Format.JSON:
            self.write(entry_json(entry) + "\n")
            return
        self._headers["Content-Type"] = "text/plain; charset=utf-8"
        if format is Format.TEXT:
            self.write(f"{entry.value}\n")
        else:
            self.write(
                f"{prefix}VALUE={entry.value}\n"
                f"{prefix}BUILD_NUMBER={entry.value}\n"
                f"{prefix}REUSED={'true' if reused else 'false'}\n"
            )

    @property
    def writes(self) -> bool:
        """Whether the request would change something, so that an error must say if it did."""
        return self.request.method not in ("GET", "HEAD", "OPTIONS", "TRACE")

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
        error = as_monotron_error(cause, writes=self.writes)
        self.set_status(STATUS[type(error)])
        self.set_header("Content-Type", CONTENT_TYPE)
        if isinstance(error, errors.MethodNotAllowed):
            self.set_header("Allow", ", ".join(self._allowed()))
        if isinstance(error, errors.Unauthenticated | errors.TokenReplayed):
            self.set_header("WWW-Authenticate", CHALLENGE)
        if isinstance(error, errors.TooManyRequests):
            self.set_header("Retry-After", str(error.retry_after))
        if type(error) in RETRY_AFTER_SECONDS:
            self.set_header("Retry-After", str(RETRY_AFTER_SECONDS[type(error)]))
        if isinstance(error, errors.Draining):
            self.set_header("Connection", "close")
        self.finish(problem(error, writes=self.writes))

    def _allowed(self) -> list[str]:
        verbs = [verb for verb in ("GET", "PUT", "POST", "DELETE") if self._takes(verb)]
        return ["GET", "HEAD", *verbs[1:]] if verbs[:1] == ["GET"] else verbs

    def _takes(self, verb: str) -> bool:
        return getattr(type(self), verb.lower()) is not getattr(RequestHandler, verb.lower())


class NotFound(Handler):
    """Every path that no route matches, for everybody."""

    @requires(NOTHING)
    def get(self, *_: str) -> None:
        raise HTTPError(404)

    put = post = delete = patch = options = get


@stream_request_body
class BodyTooLarge(Handler):
    """Stands in for any handler when a request announces a larger body than is taken.

    A body of moderate size is let through into nothing first, if it comes within a moment: a
    client that is still writing when the connection closes may lose the answer.
    """

    _MAX_DROPPED = 1 << 20
    _MOMENT = 1.0

    def initialize(self, taken: int = Handler.largest_body) -> None:
        """*taken* is how large a body may be, in bytes.

        Not counted as under way: it has no work, and is not told when its client leaves.
        """
        self._taken = taken

    def on_finish(self) -> None:
        """Nor is its end."""

    def prepare(self) -> None:
        super().prepare()
        headers = self.request.headers
        if "Expect" in headers or int(headers["Content-Length"]) > self._MAX_DROPPED:
            self._refuse()
        asyncio.get_running_loop().call_later(self._MOMENT, self._refuse_if_waiting)

    def data_received(self, chunk: bytes) -> None:
        """Dropped."""

    def _refuse(self, *_: str) -> None:
        raise errors.BodyTooLarge(
            f"The body is larger than the {self._taken} bytes that are taken here. Nothing needs "
            "one of that size; of a long history, the commits since the last version will do."
        )

    def _refuse_if_waiting(self) -> None:
        if not self._finished:
            try:
                self._refuse()
            except errors.BodyTooLarge:
                self.send_error(413, exc_info=sys.exc_info())

    get = put = post = delete = patch = requires(NOTHING)(_refuse)


def entry_json(entry: Entry) -> str:
    """The entry as the contract writes it: four members, in this order."""
    account, key, token, value = entry
    quoted = "null" if token is None else encode_basestring(token)
    return (
        f'{{"creator_id": {account}, "key": {encode_basestring(key)}, '
        f'"token": {quoted}, "value": {value}}}'
    )


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return format_timestamp(second)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
