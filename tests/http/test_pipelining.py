"""Requests sent before earlier ones are answered: each is answered, in order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from monotron.web.connections import MAX_BUFFERED_BYTES, READ_BYTES
from support.server import Server

PUT = "PUT /v1/series/{}/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{}\r\n"

PADDING_BYTES = READ_BYTES // 2
"""The size of a header that fills the buffer with few requests."""


@pytest.fixture
def connection(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        yield connection


def values(connection: socket.socket, count: int) -> list[int]:
    """Read *count* responses, and return the values of their entries."""
    with connection.makefile("rb") as responses:
        values: list[int] = []
        while len(values) < count:
            line = responses.readline()
            assert line, f"closed after {len(values)} responses"
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                body = responses.read(length)
                values.append(int(body.rpartition(b":")[2].rstrip(b"}\n ")))
    return values


@pytest.mark.parametrize(
    ("count", "padding"),
    [(2, 0), (1000, 0), (2 * MAX_BUFFERED_BYTES // PADDING_BYTES, PADDING_BYTES)],
)
def test_pipelined_requests_are_answered_in_order(
    connection: socket.socket, fresh_key: str, count: int, padding: int
) -> None:
    header = f"Padding: {padding * 'x'}\r\n"
    requests = "".join(PUT.format(fresh_key, number, header) for number in range(count)).encode()
    sender = threading.Thread(target=connection.sendall, args=(requests,))
    sender.start()
    assigned = values(connection, count)
    sender.join()
    assert assigned == list(range(1, count + 1))


def test_a_sender_of_more_than_the_buffer_holds_is_slowed_down(connection: socket.socket) -> None:
    padding = b"x" * PADDING_BYTES
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nPadding: %b\r\n\r\n" % padding
    count = 2 * MAX_BUFFERED_BYTES // len(request)
    sender = threading.Thread(target=connection.sendall, args=(request * count,))
    sender.start()
    answered = 0
    with connection.makefile("rb") as responses:
        while answered < count:
            line = responses.readline()
            assert line, f"closed after {answered} responses"
            answered += line.startswith(b"HTTP/1.1 200 ")
    sender.join()


def test_a_request_sent_while_another_is_in_flight_is_answered(
    connection: socket.socket, fresh_key: str
) -> None:
    for turn in range(50):
        for number in range(3):
            connection.sendall(PUT.format(fresh_key, f"{turn}-{number}", "").encode())
        assert values(connection, 3) == [3 * turn + 1, 3 * turn + 2, 3 * turn + 3]
