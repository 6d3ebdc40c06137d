"""An https URL of a port that responds to plain HTTP only is reported without a retry."""

from __future__ import annotations

import socket
import threading
import urllib.request

import pytest

from monotron_ci.errors import NoResponse, Unreachable
from monotron_ci.http import RetryPolicy, send
from support.stand_in import Reply, StandIn


def error_of(url: str, retries: int = 1) -> tuple[NoResponse, list[str]]:
    """The error of a request, and the retries before it."""
    announced: list[str] = []
    policy = RetryPolicy(retries=retries, sleep=lambda _: None, on_retry=announced.append)
    with pytest.raises(NoResponse) as raised:
        send(urllib.request.Request(url.replace("http:", "https:")), policy)
    return raised.value, announced


def test_a_port_without_tls_is_reported_immediately_and_gets_no_request() -> None:
    with StandIn([Reply(200)]) as stand_in:
        error, retries = error_of(stand_in.url)
        url = stand_in.url.replace("http:", "https:")
    assert error.cause == f"{url} does not use TLS. It responds to plain HTTP only."
    assert "use http://localhost" in error.hint
    assert not isinstance(error, Unreachable)
    assert (retries, stand_in.requests) == ([], [])


def test_an_interrupted_handshake_is_retried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def close() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                connection.recv(65536)
                connection.close()

        thread = threading.Thread(target=close)
        thread.start()
        error, retries = error_of(f"https://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()
    assert "does not use TLS" not in error.cause
    assert isinstance(error, Unreachable)
    assert len(retries) == 1
