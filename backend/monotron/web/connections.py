"""The HTTP server: Tornado's, with limits, and with the option TCP_NODELAY on its connections."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from socket import socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.web import Application

from monotron.web.acceptor import Acceptor, max_connections
from monotron.web.handler import Handler

IDLE_SECONDS = 30.0
"""Time limit for a connection without a request, and for the headers of a request to arrive."""

SEND_SECONDS = 30.0
"""Time limit for a client to receive what was written: a response, or a part of a backup."""

MAX_HEADER_BYTES = 32768
"""Twice the maximum of an identity token, which is sent in a header."""

TLS_HANDSHAKE = 0x16
"""The first byte of a connection with TLS (RFC 8446 §5.1). No HTTP request begins with it."""

NO_TLS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

READ_BYTES = 8192
MAX_BUFFERED_BYTES = 1 << 20


class ListeningServer:
    """Serves an application on listening sockets."""

    def __init__(
        self,
        application: Application,
        listeners: Iterable[socket],
        *,
        idle_seconds: float = IDLE_SECONDS,
        send_seconds: float = SEND_SECONDS,
        connections: int | None = None,
    ) -> None:
        """Start accepting connections, without compression and forwarding headers.

        *connections*: the maximum number of open connections; None: as many as the descriptor limit
        allows.
        """
        self._server = HTTPServer(
            application,
            xheaders=False,
            decompress_request=False,
            idle_connection_timeout=idle_seconds,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=Handler.max_body_bytes,
            chunk_size=READ_BYTES,
        )
        self._send_seconds = send_seconds
        self._acceptor = Acceptor(listeners, self._serve, connections or max_connections())

    def _serve(self, connection: socket, address: Any) -> None:
        stream = ClientStream(connection, self._send_seconds, self._acceptor.connection_closed)
        self._server.handle_stream(stream, address)

    def stop_listening(self) -> None:
        """Close the listening sockets. Connections stay open."""
        self._acceptor.stop()

    async def close(self) -> None:
        """Close the listening sockets and all connections."""
        self.stop_listening()
        await self._server.close_all_connections()


class ClientStream(IOStream):
    """A stream that is closed if the client does not receive within a time limit what was written.

    Its option TCP_NODELAY is set once. Tornado sets the option after each response and clears it
    for the next one, so that several small writes share a packet. Monotron writes each response in
    one piece. So the two system calls per response would have no effect
    (docs/reports/2026-11-28-public-tornado.md).
    """

    def __init__(
        self, connection: socket, send_seconds: float, report_closed: Callable[[], None]
    ) -> None:
        """*report_closed* is called when the connection is closed."""
        super().__init__(connection, max_buffer_size=MAX_BUFFERED_BYTES, read_chunk_size=READ_BYTES)
        super().set_nodelay(True)
        self._send_seconds = send_seconds
        self._report_closed = report_closed
        self._is_new = True
        self._timeout: asyncio.TimerHandle | None = None

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read from the socket. A TLS handshake gets a response in plain HTTP immediately.

        TLS clients report it as a wrong version. Otherwise they would wait until the time limit.
        """
        size = super().read_from_fd(buf)
        if size and self._is_new:
            self._is_new = False
            if buf[0] == TLS_HANDSHAKE:
                with suppress(OSError):  # the client may have disconnected
                    self.socket.send(NO_TLS)
                return 0  # as if the client had closed the connection
        return size

    def set_nodelay(self, value: bool) -> None:
        """Do nothing: the option stays set."""

    def write(self, data: bytes | memoryview) -> "asyncio.Future[None]":
        """Write the data. The time limit starts if the client does not receive it immediately."""
        future = super().write(data)
        if self.writing():
            if self._timeout is None:
                loop = asyncio.get_running_loop()
                self._timeout = loop.call_later(self._send_seconds, self.close)
            future.add_done_callback(self._written)
        return future

    def _written(self, _: "asyncio.Future[None]") -> None:
        if self._timeout is not None and not self.writing():
            self._timeout.cancel()
            self._timeout = None

    def close_fd(self) -> None:
        """Close the socket. Called once by the base class."""
        super().close_fd()
        self._report_closed()
