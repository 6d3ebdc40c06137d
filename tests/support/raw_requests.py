"""Requests as bytes, which no client library would send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.server import Client, Response

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], Response | None]
SendUntilClosed = Callable[[bytes], list[Response]]

KEY_OR_TOKEN = ("invalid_key", "invalid_token")
WRITES = (b"PUT", b"DELETE", b"POST")

ADVANCE_BODY = b'{"value": 41}'
SMUGGLED = b"PUT /v1/series/<key>/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

PUT = b"PUT /v1/series/<key>/T"
PUT_CURRENT = b"PUT /v1/series/<key>/before"
GET = b"GET /v1/series/<key>"
GET_ENTRY = b"GET /v1/series/<key>/before"
ADVANCE = b"PUT /v1/series/<key>"
DELETE = b"DELETE /v1/series/<key>"
LIST = b"GET /v1/series"
LEDGER = b"GET /v1/entries/<key>"
ROUTES = (PUT, PUT_CURRENT, GET, GET_ENTRY, ADVANCE, DELETE, LIST, LEDGER)


@dataclass
class SeriesProbe:
    """A series at 1, and a snapshot of everything on the server."""

    client: Client
    key: str

    def __post_init__(self) -> None:
        assert self.put("before") == 1
        self._snapshot = self._everything()

    def put(self, token: str) -> int:
        response = self.client.request("PUT", f"/v1/series/{self.key}/{token}")
        assert response.status == 200, response
        return response.json()["value"]

    def insert_key(self, template: bytes) -> bytes:
        """Replace `<key>` in a request."""
        return template.replace(b"<key>", self.key.encode())

    def _everything(self) -> list[Any]:
        ledger = self.client.request("GET", f"/v1/entries/{self.key}")
        everything = [ledger.json()]
        after = ""
        while True:
            response = self.client.request("GET", f"/v1/series?limit=1000{after}")
            assert response.status == 200, response
            everything.append(response.json()["series"])
            if (next_after := response.json()["next"]) is None:
                return everything
            after = f"&after={next_after}"

    def assert_untouched(self) -> None:
        """Check that no series changed, and that this one still assigns values."""
        assert self._everything() == self._snapshot
        assert self.put("after") == 2


def http(
    method: bytes, target: bytes, *headers: bytes, body: bytes = b"", host: bytes = b"127.0.0.1"
) -> bytes:
    """Build a request. Only the arguments can make it invalid."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, *headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def check_bad_request(response: Response | None) -> None:
    """Check for a 400, of the HTTP parser (without a document) or of a handler."""
    assert response is not None
    assert response.status == 400
    assert response.body == b"" or "code" in response.json()
    assert b"Traceback" not in response.body
