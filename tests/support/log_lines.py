"""The log of a server in JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from support.http import Response
from support.server import Server


def lines_of(server: Server) -> list[dict[str, Any]]:
    """Return all lines that have been written."""
    return [json.loads(line) for line in server.log().splitlines()]


def line_of(server: Server, response: Response) -> dict[str, Any]:
    """Return the line of the request ID of the response."""
    with server.client() as client:
        assert client.request("GET", "/livez").status == 200  # earlier lines have been written then
    request_id = response.headers["X-Request-Id"]
    (line,) = [
        line
        for line in lines_of(server)
        if line["message"] == "request" and line["request_id"] == request_id
    ]
    return line


def has_request_of(server: Server, error: str) -> bool:
    """Whether the log of the server has the request that the text of an error names."""
    named = re.search(r"The server's log has the reason under the request id ([\w.-]+)\.", error)
    return named is not None and named[1] in server.log()
