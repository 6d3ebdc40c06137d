"""HTTP for tests: a client that changes nothing in a request, and raw bytes over a socket."""

from __future__ import annotations

import json
import select
import socket
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

from support.stoppable import Stoppable


@dataclass(frozen=True)
class Response:
    """A response. The names in `headers` ignore case; the value of a missing header is None."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class _UncheckedConnection(HTTPConnection):
    """Sends every path unchanged, also those that http.client refuses."""

    def _validate_path(self, url: str) -> None:
        pass

    def _encode_request(self, request: str) -> bytes:
        return request.encode()


class Client(Stoppable):
    """One keep-alive connection to one server; not for several threads at the same time."""

    def __init__(self, url: str, timeout: float = 30, authorization: str | None = None) -> None:
        """Send *authorization*, if any, as the Authorization header of every request."""
        self._always = {"Authorization": authorization} if authorization else {}
        address = urlsplit(url)
        assert address.hostname is not None
        self.authority = address.netloc
        """The value of the `Host` header."""
        self._connection = _UncheckedConnection(address.hostname, address.port, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request and return the response. *path* is sent as UTF-8, without escaping.

        A request is never sent twice. Raises OSError or http.client.HTTPException if the
        connection breaks during a request. Reconnects if the server disconnected before it.
        """
        if self._is_disconnected():
            self.close()
        if isinstance(body, str):
            body = body.encode()
        try:
            self._connection.request(method, path, body, {**self._always, **(headers or {})})
            response = self._connection.getresponse()
            if response.length is None and not response.chunked:
                # http.client accepts truncated headers.
                raise IncompleteRead(b"")
            return Response(response.status, response.headers, response.read())
        except BaseException:
            # The rest of this response must not become that of the next request.
            self.close()
            raise

    def _is_disconnected(self) -> bool:
        if self._connection.sock is None:
            return False
        # Without a request, only the end of the stream can be readable.
        poll = select.poll()
        poll.register(self._connection.sock, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Disconnect. The next request connects again."""
        self._connection.close()

    def stop(self) -> None:
        self.close()


def basic(key: str, secret: str) -> str:
    """The Authorization header for a key and its secret (RFC 7617)."""
    return f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}"


def raw(port: int, data: bytes, timeout: float = 10) -> bytes:
    """Send *data* to 127.0.0.1. Return one response, or everything until the server disconnects.

    Raises TimeoutError if nothing arrives within *timeout* seconds.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        try:
            connection.sendall(data)
            while not _is_complete(received, data):
                if not (part := connection.recv(65536)):
                    break
                received += part
        except (BrokenPipeError, ConnectionResetError):
            # The server may disconnect before it has read all of a request that it refuses.
            received += _remaining(connection)
    return received


def _remaining(connection: socket.socket) -> bytes:
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except OSError:
        pass
    return received


def _is_complete(received: bytes, request: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    status_line, *lines = head.split(b"\r\n")
    status = status_line.split(b" ")[1:2]
    if status == [b"100"]:
        return _is_complete(body, request)
    if status in ([b"204"], [b"304"]) or request.startswith(b"HEAD "):
        return True
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False
