"""The longest time without a response that a benchmark measures."""

from __future__ import annotations

import socket
import threading

import pytest

from bench.gaps import interrupt
from bench.targets import Target

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
TIMEOUT_SECONDS = 30


def test_the_time_after_the_last_response_is_a_gap() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_SECONDS)

        def serve_once() -> None:
            connection, _ = server.accept()
            server.close()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(RESPONSE)

        thread = threading.Thread(target=serve_once)
        port = server.getsockname()[1]
        thread.start()
        result = interrupt(port, Target("put"), 0.2, 1, lambda: None)
        thread.join(TIMEOUT_SECONDS)
    assert result.requests == 1
    assert result.gap_ms > 0


def test_nothing_is_killed_if_the_load_cannot_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    kills: list[int] = []
    with pytest.raises(ConnectionRefusedError):
        interrupt(port, Target("put"), 60, 1, lambda: kills.append(port))
    assert kills == []
