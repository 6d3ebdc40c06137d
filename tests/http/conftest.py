"""Shared servers, and checks of what all responses have in common."""

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
from support.mongod import ReplicaSet
from support.server import ROOT, ROOT_ENV, Client, Response, Server, raw

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Traces of Python, a stack trace or a database, which a response must not contain.
INTERNALS = re.compile(
    r"Traceback|File \"|line \d+, in |\.py\b|site-packages|/(tmp|work|home|usr)/|sqlite|tornado",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a new SQLite file, for modules with a server of their own."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without credentials, which all modules share. Tests use fresh keys."""
    with Server(f"sqlite:///{tmp_path_factory.mktemp('open')}/monotron.db") as server:
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


@pytest.fixture(scope="module", params=["sqlite", "mongod"])
def guarded_store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of an empty store of each kind, for the servers of a module."""
    if request.param == "mongod":
        return str(request.getfixturevalue("module_database_url"))
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"


@pytest.fixture(scope="module")
def module_database_url(replica_set: ReplicaSet) -> Iterator[str]:
    """The URL of a database that does not exist before the module, and after it."""
    yield replica_set.url("module")
    with replica_set.client(w="majority") as client:
        client.drop_database("module")


@pytest.fixture(scope="module")
def guarded_store_server(guarded_store_url: str) -> Iterator[Server]:
    """A server of the module with a root key and without rate limits, on each store."""
    with Server(guarded_store_url, args=UNLIMITED, env=ROOT_ENV) as server:
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
    return lambda data: parse_responses(raw(guarded.port, data), data)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """One keep-alive connection to the server."""
    with Client(server.url) as client:
        yield client


@pytest.fixture
def fresh_key() -> str:
    """A key that no other test uses, and that needs no percent-encoding."""
    return f"key-{uuid4().hex}"


@pytest.fixture
def send(server: Server) -> Callable[[bytes], Response | None]:
    """Sends bytes unchanged, and returns the first response, if there is one."""

    def send(data: bytes) -> Response | None:
        responses = parse_responses(raw(server.port, data), data)
        return responses[0] if responses else None

    return send


@pytest.fixture
def send_until_closed(server: Server) -> Callable[[bytes], list[Response]]:
    """Sends bytes unchanged, and returns all responses until the server disconnects."""

    def send_until_closed(data: bytes) -> list[Response]:
        received = b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            try:
                connection.sendall(data)
                while part := connection.recv(65536):
                    received += part
            except (BrokenPipeError, ConnectionResetError):
                pass
        return parse_responses(received, data)

    return send_until_closed


@pytest.fixture
def problem() -> Callable[..., dict[str, Any]]:
    """Asserts that a response is a problem document, and returns the document."""
    return check_problem


def check_problem(
    response: Response, status: int, *codes: str, applied: str | None = None
) -> dict[str, Any]:
    """Return the document, which has one of the *codes* and the expected `applied`, if any."""
    assert response.status == status, response
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json"
    check_headers(response)
    assert not INTERNALS.search(response.text)
    document = response.json()
    assert isinstance(document, dict)
    assert {"type", "title", "status", "detail", "code"} <= document.keys()
    assert document["status"] == status
    assert document["code"] in codes
    assert document["type"] == f"/errors/{document['code']}"
    for member in ("title", "detail"):
        assert isinstance(document[member], str)
        assert document[member]
    assert document.get("applied") == applied
    assert ("applied" in document) is (applied is not None)
    return document


def check_headers(response: Response) -> None:
    """Check the headers that every response has, and those that no response has."""
    assert response.headers["Cache-Control"] == "no-store"
    assert REQUEST_ID.fullmatch(response.headers["X-Request-Id"])
    assert response.headers["Server"] is None
    assert response.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert response.headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert response.headers.get_all("Cross-Origin-Resource-Policy") == ["same-origin"]


def parse_responses(received: bytes, request: bytes) -> list[Response]:
    """Return the final responses in a stream of bytes, without `100 Continue`."""
    responses = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, f"incomplete response: {head!r}"
        status_line, _, fields = head.partition(b"\r\n")
        version, status = status_line.split(b" ")[:2]
        assert version == b"HTTP/1.1"
        if status == b"100":
            continue
        headers = parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
        length = 0 if request.startswith(b"HEAD ") else int(headers["Content-Length"] or 0)
        assert len(received) >= length, f"cut off after {len(received)} of {length} bytes"
        responses.append(Response(int(status), headers, received[:length]))
        received = received[length:]
    return responses
