"""Requests that do not wait for answers: each is answered, in its turn."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop

from monotron.web.streams import MAX_BUFFERED_BYTES, READ_BYTES, RequestStream
from support.server import Server

PUT = "PUT /v1/series/pipelined/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as running:
        yield running


@pytest.fixture
def connection(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connected:
        yield connected


def values(connection: socket.socket, number: int) -> list[int]:
    """Those of so many answers, whose entries end with their values."""
    with connection.makefile("rb") as answers:
        found: list[int] = []
        while len(found) < number:
            line = answers.readline()
            assert line, f"closed after {len(found)} answers"
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                body = answers.read(length)
                found.append(int(body.rpartition(b":")[2].rstrip(b"}\n ")))
    return found


@pytest.mark.parametrize("number", [2, 1000, 2 * MAX_BUFFERED_BYTES // len(PUT) // 8])
def test_requests_sent_in_one_go_are_answered_in_order(
    connection: socket.socket, number: int
) -> None:
    requests = "".join(PUT.format(f"{number}-{each}") for each in range(number)).encode()
    sender = threading.Thread(target=connection.sendall, args=(requests,))
    sender.start()
    given = values(connection, number)
    sender.join()
    assert given == list(range(given[0], given[0] + number))


def test_more_than_is_kept_of_a_connection_waits_outside(connection: socket.socket) -> None:
    """A sender of far more than a buffer holds is slowed down, not cut off."""
    padding = b"x" * (READ_BYTES // 2)
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nPadding: %b\r\n\r\n" % padding
    number = 2 * MAX_BUFFERED_BYTES // len(request)
    sender = threading.Thread(target=connection.sendall, args=(request * number,))
    sender.start()
    answered = 0
    with connection.makefile("rb") as answers:
        while answered < number:
            line = answers.readline()
            assert line, f"closed after {answered} answers"
            answered += line.startswith(b"HTTP/1.1 200 ")
    sender.join()


def test_the_next_request_is_kept_while_one_is_under_way(connection: socket.socket) -> None:
    for round_ in range(50):
        for each in range(3):
            connection.sendall(PUT.format(f"{round_}-{each}").encode())
        given = values(connection, 3)
        assert given == [given[0], given[0] + 1, given[0] + 2]


def test_an_early_request_is_kept_and_a_flood_is_not() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        stream = RequestStream(ours)
        stream.set_close_callback(lambda: None)  # from now on it listens, though nobody reads
        early = PUT.format("early").encode()
        theirs.send(early)
        await turns()
        assert stream._read_buffer_size == len(early)
        assert stream._state == IOLoop.READ | IOLoop.ERROR

        with pytest.raises(BlockingIOError):  # noqa: PT012  # until the system takes no more
            while True:
                theirs.send(b"x" * READ_BYTES)
                await turns()
        assert stream._read_buffer_size <= len(early) + 2 * READ_BYTES
        assert not stream.closed()
        assert await stream.read_until_regex(rb"\r?\n\r?\n") == early
        stream.close()
        theirs.close()

    async def turns() -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    asyncio.run(scenario())
