"""The log of a server in JSON."""

from __future__ import annotations

import json
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
