"""The links that benchmarks delay."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.delayed_links import DelayedLinks, _End

TIMEOUT_SECONDS = 30


@contextmanager
def echo() -> Iterator[int]:
    """The port of a server that returns what it receives on one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(TIMEOUT_SECONDS)


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client:
        yield client


def receive(client: socket.socket, size: int) -> bytes:
    with client.makefile("rb") as stream:
        return stream.read(size)


def test_all_bytes_arrive_in_order_and_are_counted_in_both_directions() -> None:
    data = b"".join(b"%08d" % number for number in range(100_000))
    with echo() as port, DelayedLinks([port]) as links, connection(links.ports[0]) as client:
        links.round_trip_ms = 2.0
        sender = threading.Thread(target=client.sendall, args=[data])
        sender.start()
        assert receive(client, len(data)) == data
        sender.join(TIMEOUT_SECONDS)
        assert links.sent_bytes == 2 * len(data)


@pytest.mark.parametrize("round_trip_ms", [0.5, 40.0])
def test_no_response_arrives_before_the_round_trip(round_trip_ms: float) -> None:
    with echo() as port, DelayedLinks([port]) as links, connection(links.ports[0]) as client:
        links.round_trip_ms = round_trip_ms
        started = time.monotonic()
        client.sendall(b"data")
        assert receive(client, 4) == b"data"
        assert time.monotonic() - started >= round_trip_ms / 1000


def test_the_end_of_a_connection_is_passed_on() -> None:
    with echo() as port, DelayedLinks([port]) as links, connection(links.ports[0]) as client:
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 5) == b"last"


def test_a_connection_to_a_port_without_a_server_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with DelayedLinks([port]) as links, connection(links.ports[0]) as client:
        assert client.recv(1) == b""


def test_a_client_that_has_left_keeps_no_connection_to_the_target() -> None:
    with socket.create_server(("127.0.0.1", 0)) as target, DelayedLinks([]) as links:
        target.settimeout(TIMEOUT_SECONDS)
        links._run(links._connect(_End(links), target.getsockname()[1]))
        accepted, _ = target.accept()
        with accepted:
            accepted.settimeout(TIMEOUT_SECONDS)
            assert accepted.recv(1) == b""
