"""One real server a module, and what every answer of it owes its reader."""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Callable, Iterator
from http.client import parse_headers
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.credentials import UNLIMITED
from support.server import ROOT, ROOT_ENV, Client, Response, Server, raw

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What Python, a stack trace or a database would say, and a caller must not read.
INTERNALS = re.compile(
    r"Traceback|File \"|line \d+, in |\.py\b|site-packages|/(tmp|work|home|usr)/|sqlite|tornado",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A fresh SQLite file; a module that should run on other stores too says so itself."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"


@pytest.fixture(scope="module")
def server(store_url: str) -> Iterator[Server]:
    """A server on a fresh store, which must live to the end without one stack trace."""
    with Server(store_url) as server:
        yield server
        assert server.running
    assert "Traceback" not in server.log()


@pytest.fixture(scope="session")
def guarded_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file of the guarded server."""
    return tmp_path_factory.mktemp("guarded") / "monotron.db"


@pytest.fixture(scope="session")
def guarded(guarded_store: Path) -> Iterator[Server]:
    """A server with a root key and without rate limits, which all modules share."""
    with Server(f"sqlite:///{guarded_store}", args=UNLIMITED, env=ROOT_ENV) as server:
        yield server
        assert server.running
    assert "Traceback" not in server.log()


@pytest.fixture
def root(guarded: Server) -> Iterator[Client]:
    """A connection to the guarded server with its root key."""
    with guarded.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def stranger(guarded: Server) -> Iterator[Client]:
    """A connection to the guarded server without credentials, except those of a request."""
    with guarded.client() as client:
        yield client


@pytest.fixture
def send_to_guarded(guarded: Server) -> Callable[[bytes], list[Response]]:
    """Sends bytes to the guarded server, and returns the responses before it disconnects."""
    return lambda data: answers(raw(guarded.port, data), data)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """One keep-alive connection to the server."""
    with Client(server.url) as client:
        yield client


@pytest.fixture
def fresh_key() -> str:
    """A key that no other test uses; the same in a path as it is."""
    return f"key-{uuid4().hex}"


@pytest.fixture
def send(server: Server) -> Callable[[bytes], Response | None]:
    """Bytes as they are, and the answer to them; None if the server hung up without one."""

    def send(data: bytes) -> Response | None:
        found = answers(raw(server.port, data), data)
        return found[0] if found else None

    return send


@pytest.fixture
def send_until_closed(server: Server) -> Callable[[bytes], list[Response]]:
    """Bytes as they are, and all answers that come before the server hangs up, which it must."""

    def send_until_closed(data: bytes) -> list[Response]:
        received = b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            try:
                connection.sendall(data)
                while part := connection.recv(65536):
                    received += part
            except (BrokenPipeError, ConnectionResetError):
                pass
        return answers(received, data)

    return send_until_closed


@pytest.fixture
def problem() -> Callable[..., dict[str, Any]]:
    """Asserts that an answer is a problem document, and gives its content."""
    return check_problem


def check_problem(
    response: Response, status: int, *codes: str, applied: str | None = None
) -> dict[str, Any]:
    """The document, with one of the *codes*; with no `applied` member unless it is expected."""
    assert response.status == status, response
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json"
    check_headers(response)
    assert not INTERNALS.search(response.text)
    document = response.json()
    assert isinstance(document, dict)
    assert {"type", "title", "status", "detail", "code"} <= document.keys()
    assert document["status"] == status
    assert document["code"] in codes
    for member in ("type", "title", "detail"):
        assert isinstance(document[member], str)
        assert document[member]
    assert document.get("applied") == applied
    assert ("applied" in document) is (applied is not None)
    return document


def check_headers(response: Response) -> None:
    """What every answer carries, and what none does."""
    assert response.headers["Cache-Control"] == "no-store"
    assert REQUEST_ID.fullmatch(response.headers["X-Request-Id"])
    assert response.headers["Server"] is None


def answers(received: bytes, request: bytes) -> list[Response]:
    """The final responses in a stream of bytes, without `100 Continue`."""
    found = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, f"not a whole answer: {head!r}"
        status_line, _, fields = head.partition(b"\r\n")
        version, status = status_line.split(b" ")[:2]
        assert version == b"HTTP/1.1"
        if status == b"100":
            continue
        headers = parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
        length = 0 if request.startswith(b"HEAD ") else int(headers["Content-Length"] or 0)
        assert len(received) >= length, f"cut off after {len(received)} of {length} bytes"
        found.append(Response(int(status), headers, received[:length]))
        received = received[length:]
    return found
