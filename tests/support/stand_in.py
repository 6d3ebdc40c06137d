"""An HTTP server on loopback that returns prepared replies and records the requests."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.stoppable import Stoppable


@dataclass(frozen=True)
class ReceivedRequest:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """A reply. *length* replaces the true Content-Length."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None

    @classmethod
    def json(cls, document: Any, status: int = 200, **headers: str) -> Reply:
        content_type = {"Content-Type": "application/json; charset=utf-8"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(document).encode(), {**content_type, **named})

    @classmethod
    def problem(cls, status: int, code: str, detail: str, **headers: str) -> Reply:
        document = {"status": status, "code": code, "detail": detail}
        return cls.json(document, status, Content_Type="application/problem+json", **headers)


HANG_UP = Reply(status=0)
"""No reply: the connection is closed."""


class StandIn(Stoppable):
    """Replies with the result of a function, or with a list in turn, whose last reply repeats."""

    def __init__(
        self,
        replies: Callable[[ReceivedRequest], Reply] | list[Reply],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[ReceivedRequest] = []
        self._replies = replies
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def handle_request(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = dict(self.headers.items())
                reply = stand_in._reply(ReceivedRequest(self.command, self.path, headers, body))
                if reply is HANG_UP:
                    self.close_connection = True
                    return
                if "Date" in reply.headers:
                    self.send_response_only(reply.status)
                else:
                    self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                length = len(reply.body) if reply.length is None else reply.length
                self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # a client may stop reading
                    self.wfile.write(reply.body)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_request  # noqa: N815 - http.server's

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def _reply(self, request: ReceivedRequest) -> Reply:
        self.requests.append(request)
        if callable(self._replies):
            return self._replies(request)
        return self._replies[min(len(self.requests), len(self._replies)) - 1]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
