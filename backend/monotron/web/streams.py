"""How connections are taken, and their bytes read and sent."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import add_accept_handler

READ_BYTES = 8192
"""How much is read at a time. By default 64 KiB are cleared for some hundred bytes."""

MAX_BUFFERED_BYTES = 1 << 20

_TORNADO_HEAD = b"\r?\n\r?\n"
_HEAD = b"\n\r?\n"
"""Ends where the one above ends, and begins with a byte that can be looked for."""


class RequestStream(IOStream):
    """A connection, without what Tornado does for each request on it and no request needs.

    docs/decisions/0007-requests-taken-by-our-own-delegate.md has the figures.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, max_buffer_size=MAX_BUFFERED_BYTES, read_chunk_size=READ_BYTES)
        super().set_nodelay(True)

    def set_nodelay(self, value: bool) -> None:
        """Nothing: an answer is written in one piece, and is never held back."""

    def _handle_events(self, fd: Any, events: int) -> None:
        if events == IOLoop.READ and self._read_buffer_size == 0 and not self._busy():
            # The next request, before Tornado waits for it. Where something is in the buffer, it
            # stops listening and begins again a moment later, two system calls each time.
            self._handle_read()
        else:
            super()._handle_events(fd, events)

    def _busy(self) -> bool:
        return self.closed() or self.reading() or self.writing()

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        return super().read_until_regex(_HEAD if regex == _TORNADO_HEAD else regex, max_bytes)


def listen(server: HTTPServer, sockets: Sequence[socket.socket]) -> Callable[[], None]:
    """Let *server* serve whoever connects, until what is returned is called."""

    def take(connection: socket.socket, address: Any) -> None:
        server.handle_stream(RequestStream(connection), address)

    handlers = [add_accept_handler(each, take) for each in sockets]

    def stop() -> None:
        while handlers:
            handlers.pop()()
        for each in sockets:
            each.close()

    return stop
