"""The one table that gives an error its status, and the one place that writes problem+json."""

import json

from tornado.web import HTTPError

from monotron import errors
from monotron.redaction import redact

STATUS: dict[type[errors.MonotronError], int] = {
    errors.InvalidKey: 400,
    errors.InvalidToken: 400,
    errors.InvalidName: 400,
    errors.InvalidVersion: 400,
    errors.InvalidRequest: 400,
    errors.InvalidHost: 400,
    errors.Unauthenticated: 401,
    errors.TokenReplayed: 401,
    errors.Forbidden: 403,
    errors.SeriesNotFound: 404,
    errors.EntryNotFound: 404,
    errors.VersionNotFound: 404,
    errors.LineNotFound: 404,
    errors.GrantNotFound: 404,
    errors.AttributeNotFound: 404,
    errors.TrustNotFound: 404,
    errors.PathNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.SeriesExhausted: 409,
    errors.ValueWouldFall: 409,
    errors.AlreadyReleased: 409,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.TokenTaken: 422,
    errors.OutOfLine: 422,
    errors.InvalidBump: 422,
    errors.TooManyRequests: 429,
    errors.InternalError: 500,
    errors.StoreUnavailable: 503,
    errors.Draining: 503,
    errors.StorageFull: 507,
}

RETRY_AFTER_SECONDS = {errors.StoreUnavailable: 1, errors.Draining: 1}

CONTENT_TYPE = "application/problem+json"


def as_monotron_error(error: BaseException | None, *, writes: bool) -> errors.MonotronError:
    """Any exception as one of ours: Tornado's own by their status, the rest as a bug."""
    if isinstance(error, errors.MonotronError):
        return error
    if isinstance(error, HTTPError):
        if error.status_code == 404:
            return errors.PathNotFound(
                "Nothing is served at this path. Paths begin with /v1; a slash within a key or "
                "a token is written %2F."
            )
        if error.status_code == 405:
            return errors.MethodNotAllowed(
                "This path is there, but it does not take this method. The Allow header says "
                "which ones it takes."
            )
        if error.status_code < 500:
            return errors.InvalidRequest("The request is malformed, so it was not acted upon.")
    return errors.InternalError(
        "Monotron failed in a way that nobody foresaw. The server's log has the cause, under "
        "the id in the X-Request-Id header. The same request may be sent again.",
        applied="unknown" if writes else "no",
    )


def problem(error: errors.MonotronError, *, writes: bool) -> bytes:
    """The error as an RFC 9457 problem document; a write's says whether it was applied."""
    members: dict[str, object] = {
        "type": f"urn:monotron:problem:{error.code}",
        "title": error.title,
        "status": STATUS[type(error)],
        "detail": redact(error.detail),
        "code": error.code,
        **error.members(),
    }
    if writes:
        members["applied"] = error.applied
    return json.dumps(members, ensure_ascii=False).encode() + b"\n"
