"""The connections of the load generator, and the loop that serves them."""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

SILENCE_SECONDS = 30


class Connection:
    """A socket, with what came of the answer that it waits for, and since when it waits."""

    __slots__ = ("asked_at", "received", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = b""
        self.asked_at = 0.0


def _is_whole(answer: bytes) -> bool:
    if (end := answer.find(b"\r\n\r\n")) < 0:
        return False
    if (at := answer.find(b"Content-Length: ", 0, end)) < 0:
        at = answer.lower().find(b"content-length: ", 0, end)
    if at < 0:
        raise ValueError(f"an answer without a Content-Length: {answer[:end]!r}")
    return len(answer) >= end + 4 + int(answer[at + 16 : answer.index(b"\r\n", at)])


class Load:
    """The connections of one run, and what was counted so far.

    One loop over epoll and bare sockets: measured at half the processor time of asyncio's
    transports, and what is saved here is left to the server that is measured.
    """

    def __init__(self, port: int, next_request: Callable[[], bytes], count: int) -> None:
        self.port = port
        self.next_request = next_request
        self.left = count
        self.deadline = float("inf")
        self.pause = 0.0
        self.waiting: dict[int, Connection] = {}
        self.times = array("d")
        self.statuses: defaultdict[bytes, int] = defaultdict(int)
        self.errors = 0
        self.epoll = select.epoll()

    def connect(self) -> Connection:
        """Open one more connection; it asks nothing yet."""
        connection = Connection(self.port)
        number = connection.socket.fileno()
        self.epoll.register(number, select.EPOLLIN)
        self.waiting[number] = connection
        return connection

    def ask(self, connection: Connection) -> None:
        """Send the next request; without one, or after the deadline, hang up."""
        now = time.perf_counter()
        if self.left <= 0 or now >= self.deadline:
            self.hang_up(connection)
            return
        try:
            request = self.next_request()
        except StopIteration:
            self.left = 0
            self.hang_up(connection)
            return
        self.left -= 1
        connection.asked_at = now
        try:
            sent = connection.socket.send(request)
        except ConnectionError:
            # A connection that is broken says so again when it is read, and is counted there.
            return
        if sent < len(request):
            raise ValueError(f"{len(request)} bytes are too many to be sent at once")

    def hang_up(self, connection: Connection) -> None:
        """Close a connection for good."""
        del self.waiting[connection.socket.fileno()]
        connection.socket.close()

    def lose(self, connection: Connection) -> None:
        """Count a broken connection, and open another instead if that is possible."""
        self.errors += 1
        self.hang_up(connection)
        with suppress(OSError):
            self.ask(self.connect())

    def read(self) -> None:
        """Take answers and ask on, until no connection is left."""
        waiting, poll, clock = self.waiting, self.epoll.poll, time.perf_counter
        while waiting:
            if self.pause:
                time.sleep(self.pause)
            events = poll(SILENCE_SECONDS)
            if not events:
                raise TimeoutError(f"{len(waiting)} requests got no answer in {SILENCE_SECONDS} s")
            for number, _ in events:
                connection = waiting[number]
                if data := self.receive(connection):
                    self.times.append(clock() - connection.asked_at)
                    self.statuses[data[9:12]] += 1
                    self.ask(connection)

    def receive(self, connection: Connection) -> bytes | None:
        """The answer, if all of it has come; a connection that broke is replaced."""
        try:
            data = connection.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.lose(connection)
            return None
        if connection.received:
            data = connection.received + data
        if not _is_whole(data):
            connection.received = data
            return None
        connection.received = b""
        return data

    def close(self) -> None:
        """Hang up everywhere."""
        for connection in list(self.waiting.values()):
            self.hang_up(connection)
        self.epoll.close()
