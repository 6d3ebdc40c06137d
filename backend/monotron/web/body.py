"""JSON request bodies."""

import re
from typing import Any

from tornado.httputil import HTTPServerRequest

from monotron.errors import InvalidRequest, UnsupportedMediaType
from monotron.model import strict_json
from monotron.model.strict_json import InvalidJson

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
        return strict_json.parse(request.body)
    except InvalidJson as error:
        raise InvalidRequest(
            f"The body cannot be read as JSON: {error}. Send one value, for example `{example}`."
        ) from None


def json_object(request: HTTPServerRequest, example: str) -> dict[str, Any]:
    """Return the body, one strict JSON object."""
    value = json_body(request, example)
    if not isinstance(value, dict):
        raise InvalidRequest(f"The body must be a JSON object, for example `{example}`.")
    return value
