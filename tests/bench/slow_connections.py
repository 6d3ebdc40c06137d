"""Opens connections that never finish, until its standard input is closed.

A third of them sends a part of a header, a third a part of a body, and a third reads nothing of a
large response, the newest entries of the series `bench-0`.
"""

from __future__ import annotations

import resource
import socket
import sys
from contextlib import AbstractContextManager, suppress

from bench.processes import running

PARTIAL_HEADER = b"PUT /v1/series/slow/T HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "
PARTIAL_BODY = b"PUT /v1/versions/slow/T HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\na"
UNREAD = b"GET /v1/entries/bench-0?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
"""Its response is larger than the buffers of the system."""
BUFFER_BYTES = 4096


def slow_connections(port: int, count: int) -> AbstractContextManager[None]:
    """Keep *count* connections open during the block, from another process."""
    return running("slow_connections", str(port), str(count))


def _open(port: int, start: bytes) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    connection.connect(("127.0.0.1", port))
    connection.settimeout(0.05)
    with suppress(OSError):  # the server reads no more
        connection.sendall(start)
    return connection


def main() -> None:
    """Run `slow_connections` in this process."""
    port, count = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    starts = (PARTIAL_HEADER, PARTIAL_BODY, UNREAD)
    connections = [_open(port, starts[number % 3]) for number in range(count)]
    print("open", flush=True)
    sys.stdin.read()
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main()
