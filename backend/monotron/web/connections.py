"""The HTTP server: Tornado's, with limits, and with the option TCP_NODELAY on its connections."""

from collections.abc import Iterable
from socket import socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import add_accept_handler
from tornado.web import Application

from monotron.web.handler import Handler

IDLE_SECONDS = 30.0
"""Time limit for a connection without a request, and for the headers of a request to arrive."""

MAX_HEADER_BYTES = 32768
"""Twice the maximum of an identity token, which is sent in a header."""

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
    ) -> None:
        """Start accepting connections, without compression and forwarding headers."""
        self._server = HTTPServer(
            application,
            xheaders=False,
            decompress_request=False,
            idle_connection_timeout=idle_seconds,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=Handler.max_body_bytes,
            chunk_size=READ_BYTES,
        )
        self._listeners = [
            (listener, add_accept_handler(listener, self._serve)) for listener in listeners
        ]

    def _serve(self, connection: socket, address: Any) -> None:
        stream = NoDelayStream(
            connection, max_buffer_size=MAX_BUFFERED_BYTES, read_chunk_size=READ_BYTES
        )
        self._server.handle_stream(stream, address)

    def stop_listening(self) -> None:
        """Close the listening sockets. Connections stay open."""
        while self._listeners:
            listener, remove_handler = self._listeners.pop()
            remove_handler()
            listener.close()

    async def close(self) -> None:
        """Close the listening sockets and all connections."""
        self.stop_listening()
        await self._server.close_all_connections()


class NoDelayStream(IOStream):
    """A stream with the option TCP_NODELAY, which is set once.

    Tornado sets the option after each response and clears it for the next one, so that several
    small writes share a packet. Monotron writes a response at once. So the two system calls per
    response would have no effect (docs/reports/2026-11-28-public-tornado.md).
    """

    def __init__(self, connection: socket, *, max_buffer_size: int, read_chunk_size: int) -> None:
        super().__init__(
            connection, max_buffer_size=max_buffer_size, read_chunk_size=read_chunk_size
        )
        super().set_nodelay(True)

    def set_nodelay(self, value: bool) -> None:
        """Do nothing: the option stays set."""
