"""The line of a request in the log: level, account, and the explanation of an error."""

import logging
import time

from monotron import errors
from monotron.request_log import RequestLine
from monotron.web.handler import Handler

_DENIALS = (
    errors.Forbidden,
    errors.TokenReplayed,
    errors.AmbiguousAccount,
    errors.RepositoryRenamed,
    errors.TooManyRequests,
)
"""Errors whose first sentence explains why access was denied. It contains no personal data."""


def request_line(handler: Handler, route: str, seconds: float) -> RequestLine:
    """The line of a request that has just ended, after *seconds*."""
    request, error = handler.request, handler.error
    line = RequestLine(
        _level(handler),
        time.time(),
        request.method or "",
        route,
        request.path,
        handler.get_status(),
        1000 * seconds,
        handler.request_id,
        request.remote_ip or "",
        handler.principal.name,
        handler.account,
        handler.assigned,
    )
    return line if error is None else _explained(line, error)


def _level(handler: Handler) -> int:
    status = handler.get_status()
    if status < 400:
        return logging.DEBUG if handler.is_probe else logging.INFO
    # A server that shuts down is as intended, and its clients repeat the request.
    is_failure = status >= 500 and not isinstance(handler.error, errors.Draining)
    return logging.ERROR if is_failure else logging.WARNING


def _explained(line: RequestLine, error: errors.MonotronError) -> RequestLine:
    reason = error.reason
    if not reason and isinstance(error, _DENIALS):
        reason = error.detail.partition(". ")[0].removesuffix(".")
    line = line._replace(code=error.code, reason=reason, claim=error.claim)
    if error.identity is None:
        return line
    return line._replace(issuer=error.identity.issuer, project=error.identity.project)
