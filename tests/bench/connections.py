"""The connections of the load generator, and the loop that serves them."""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

RESPONSE_TIMEOUT_SECONDS = 30


class LoadConnection:
    """A socket, the part of the response received so far, and the time of the request."""

    __slots__ = ("received", "requested_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = b""
        self.requested_at = 0.0


def _is_complete(response: bytes) -> bool:
    if (end := response.find(b"\r\n\r\n")) < 0:
        return False
    if (at := response.find(b"Content-Length: ", 0, end)) < 0:
        at = response.lower().find(b"content-length: ", 0, end)
    if at < 0:
        raise ValueError(f"a response without Content-Length: {response[:end]!r}")
    return len(response) >= end + 4 + int(response[at + 16 : response.index(b"\r\n", at)])


class LoadGenerator:
    """The connections of one run, and its counters.

    One loop over epoll and plain sockets uses half the processor time of asyncio's transports
    (measured). The time saved here is available to the measured server.
    """

    def __init__(self, port: int, next_request: Callable[[], bytes], count: int) -> None:
        self.port = port
        self.next_request = next_request
        self.remaining = count
        self.deadline = float("inf")
        self.pause = 0.0
        self.connections: dict[int, LoadConnection] = {}
        self.times = array("d")
        self.statuses: defaultdict[bytes, int] = defaultdict(int)
        self.errors = 0
        self.epoll = select.epoll()

    def connect(self) -> LoadConnection:
        """Open another connection. It sends nothing yet."""
        connection = LoadConnection(self.port)
        number = connection.socket.fileno()
        self.epoll.register(number, select.EPOLLIN)
        self.connections[number] = connection
        return connection

    def send_next(self, connection: LoadConnection) -> None:
        """Send the next request. Disconnect if no request is left or the deadline has passed."""
        now = time.perf_counter()
        if self.remaining <= 0 or now >= self.deadline:
            self.disconnect(connection)
            return
        try:
            request = self.next_request()
        except StopIteration:
            self.remaining = 0
            self.disconnect(connection)
            return
        self.remaining -= 1
        connection.requested_at = now
        try:
            sent = connection.socket.send(request)
        except ConnectionError:
            # Reading from a broken connection fails as well, and counts the error.
            return
        if sent < len(request):
            raise ValueError(f"a request of {len(request)} bytes does not fit into one send")

    def disconnect(self, connection: LoadConnection) -> None:
        """Close a connection permanently."""
        del self.connections[connection.socket.fileno()]
        connection.socket.close()

    def replace(self, connection: LoadConnection) -> None:
        """Count a broken connection as an error, and open another one if possible."""
        self.errors += 1
        self.disconnect(connection)
        with suppress(OSError):
            self.send_next(self.connect())

    def read(self) -> None:
        """Receive responses and send next requests until no connection is left."""
        connections, poll, clock = self.connections, self.epoll.poll, time.perf_counter
        while connections:
            if self.pause:
                time.sleep(self.pause)
            events = poll(RESPONSE_TIMEOUT_SECONDS)
            if not events:
                raise TimeoutError(
                    f"{len(connections)} requests got no response in {RESPONSE_TIMEOUT_SECONDS} s"
                )
            for number, _ in events:
                connection = connections[number]
                if response := self.receive(connection):
                    self.times.append(clock() - connection.requested_at)
                    self.statuses[response[9:12]] += 1
                    self.send_next(connection)

    def receive(self, connection: LoadConnection) -> bytes | None:
        """Return the response if it is complete, else None. Replace a broken connection."""
        try:
            data = connection.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.replace(connection)
            return None
        if connection.received:
            data = connection.received + data
        if not _is_complete(data):
            connection.received = data
            return None
        connection.received = b""
        return data

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.connections.values()):
            self.disconnect(connection)
        self.epoll.close()
