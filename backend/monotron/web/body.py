"""JSON request bodies."""

import json
import re
from typing import Any

from tornado.httputil import HTTPServerRequest

from monotron.errors import InvalidRequest, UnsupportedMediaType

CONSUMED_CONTENT_TYPE = "X-Consumed-Content-Type"
"""The request header that Content-Type is moved to, so that Tornado does not parse forms."""

_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)


def json_body(request: HTTPServerRequest, example: str) -> Any:
    """Return the body, one strict JSON value. Raises InvalidRequest or UnsupportedMediaType.

    *example* is a valid body for error messages.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    content_type = request.headers.get(CONSUMED_CONTENT_TYPE, "application/json")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(
            f"Unsupported Content-Encoding `{encoding[:64]}`. Send the body uncompressed."
        )
    if not _JSON_TYPE.fullmatch(content_type):
        raise UnsupportedMediaType(
            "The body must be sent as JSON. Set `Content-Type: application/json` "
            "(curl: `--json DATA`)."
        )
    if not request.body:
        raise InvalidRequest(f"Missing body. Send JSON, for example `{example}`.")
    try:
        value = json.loads(
            request.body.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_reject_constant,
        )
        json.dumps(value, ensure_ascii=False).encode()  # rejects unpaired surrogates
    except (ValueError, RecursionError):
        raise InvalidRequest(
            f"The body is not valid JSON. Send one value, for example `{example}`."
        ) from None
    return value


def json_object(request: HTTPServerRequest, example: str) -> dict[str, Any]:
    """Return the body, one strict JSON object."""
    value = json_body(request, example)
    if not isinstance(value, dict):
        raise InvalidRequest(f"The body must be a JSON object, for example `{example}`.")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
