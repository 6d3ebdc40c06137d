"""An HTTP server on loopback that answers what a test tells it to, and remembers what it heard."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Heard:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Say:
    """An answer. *length* is what Content-Length says, where it is not the truth."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None

    @classmethod
    def json(cls, document: Any, status: int = 200, **headers: str) -> Say:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, json.dumps(document).encode(), {**kind, **named})

    @classmethod
    def problem(cls, status: int, code: str, detail: str, **headers: str) -> Say:
        document = {"status": status, "code": code, "detail": detail}
        return cls.json(document, status, Content_Type="application/problem+json", **headers)


HANG_UP = Say(status=0)
"""No answer: the connection is closed."""

Answering = Callable[[Heard], Say]


class StandIn:
    """Answers by *answering*, or by a list of answers in turn, of which the last one stays."""

    def __init__(self, answering: Answering | list[Say], tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self._answering = answering
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                heard = Heard(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                say = stand_in._answer(heard)
                if say is HANG_UP:
                    self.close_connection = True
                    return
                if "Date" in say.headers:
                    self.send_response_only(say.status)
                else:
                    self.send_response(say.status)
                for name, value in say.headers.items():
                    self.send_header(name, value)
                real = len(say.body)
                self.send_header("Content-Length", str(real if say.length is None else say.length))
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the client has heard enough
                    self.wfile.write(say.body)

            do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def _answer(self, heard: Heard) -> Say:
        self.heard.append(heard)
        if callable(self._answering):
            return self._answering(heard)
        return self._answering[min(len(self.heard), len(self._answering)) - 1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
