"""Problem documents (RFC 9457): the only place that writes application/problem+json."""

import json

from tornado.web import HTTPError

from monotron import errors
from monotron.redaction import redact

CONTENT_TYPE = "application/problem+json"


def as_monotron_error(error: BaseException | None, *, writes: bool) -> errors.MonotronError:
    """Convert any exception. Tornado's errors keep their status; the rest are internal errors.

    *writes*: the request may have changed something.
    """
    if isinstance(error, errors.MonotronError):
        return error
    if isinstance(error, HTTPError) and error.status_code < 500:
        return errors.InvalidRequest(
            "Malformed request. Nothing was changed. Correct its syntax, and send it again."
        )
    return errors.InternalError(
        "An unexpected error occurred in Monotron. The log entry of the request ID in the "
        "`X-Request-Id` header has the cause. The request may be repeated.",
        applied="unknown" if writes else "no",
    )


def problem(error: errors.MonotronError, *, writes: bool) -> bytes:
    """Write the problem document of an error; for a write it has the member `applied`."""
    members: dict[str, object] = {
        "type": f"/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": redact(error.detail),
        "code": error.code,
        **error.members(),
    }
    if writes:
        members["applied"] = error.applied
    return json.dumps(members, ensure_ascii=False).encode() + b"\n"
