"""SIGTERM and SIGINT while requests are in flight."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Self
from urllib.parse import quote

import pytest

from support.server import Client, Server, raw
from support.server_thread import ServerThread

SIGNALS = pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
EXIT_SECONDS = 25
CALLERS = 24
PUTS_BEFORE_THE_SIGNAL = 20
KEYS = ("one", "two", "three")


class Disconnected(Exception):
    """The server closed the connection before the first byte of a response."""


class Connection:
    """A keep-alive connection that distinguishes a truncated response from a missing one."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Disconnected from error

    def put(self, key: str, token: str) -> tuple[int, bool, dict[str, object]]:
        """Return status, whether the connection is kept alive, and the body of a response."""
        self.send(f"PUT /v1/series/{key}/{token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return self.response()

    def response(self) -> tuple[int, bool, dict[str, object]]:
        received = self._receive_until(b"\r\n\r\n", b"")
        head, _, body = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        while len(body) < int(headers["content-length"]):
            body += self._more(head + body)
        keep_alive = headers.get("connection", "").lower() != "close"
        return int(status_line.split(" ")[1]), keep_alive, json.loads(body)

    def wait_for_continue(self) -> None:
        received = self._receive_until(b"\r\n\r\n", b"")
        assert received.startswith(b"HTTP/1.1 100 "), received

    def _receive_until(self, end: bytes, received: bytes) -> bytes:
        while end not in received:
            received += self._more(received)
        return received

    def _more(self, received: bytes) -> bytes:
        try:
            part = self._socket.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            assert not received, f"an answer was cut: {received!r}"
            raise Disconnected
        return part


@dataclass
class Caller:
    """Puts new tokens, one after the other, until the server disconnects."""

    name: int
    key: str
    assigned: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    def call(self, port: int, all_are_calling: Barrier) -> None:
        with Connection(port) as connection:
            for n in count(1):
                if n == PUTS_BEFORE_THE_SIGNAL:
                    all_are_calling.wait()
                if not self._put(connection, f"{self.name}-{n}"):
                    return

    def _put(self, connection: Connection, token: str) -> bool:
        try:
            status, keep_alive, body = connection.put(self.key, token)
        except Disconnected:
            self.unanswered.append(token)
            return False
        if status == 200:
            value = body["value"]
            assert isinstance(value, int)
            self.assigned[token] = value
        else:
            assert (status, body["code"], body["applied"]) == (503, "draining", "no")
            self.refused.append(token)
        return keep_alive


def entries(client: Client, key: str) -> Iterator[tuple[str, int]]:
    """Return token and value of all entries, newest first."""
    before = ""
    while True:
        page = client.request("GET", f"/v1/entries/{quote(key)}?limit=1000{before}").json()
        for entry in page["entries"]:
            yield entry["token"], entry["value"]
        if page["next"] is None:
            return
        before = f"&before={page['next']}"


def acknowledged(key: str, callers: list[Caller]) -> dict[str, int]:
    """Return the acknowledged values of one series, by token."""
    assigned: dict[str, int] = {}
    for caller in callers:
        if caller.key == key:
            assigned |= caller.assigned
    return assigned


def refuses_connections(port: int) -> bool:
    try:
        raw(port, b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    except ConnectionRefusedError:
        return True
    except OSError:
        # Accepted by the kernel a moment before the server stopped listening.
        return False
    return False


def test_every_put_in_flight_is_answered_and_every_answer_holds(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'monotron.db'}"
    callers = [Caller(n, KEYS[n % len(KEYS)]) for n in range(CALLERS)]
    all_are_calling = Barrier(CALLERS + 1, timeout=60)
    with Server(store) as server, ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(caller.call, server.port, all_are_calling) for caller in callers]
        all_are_calling.wait()
        server.terminate()
        assert server.wait(EXIT_SECONDS) == 0
        for call in calls:
            call.result()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=10).close()

    with ServerThread(store) as successor, successor.client() as client:
        for key in KEYS:
            ledger = list(entries(client, key))
            assigned = {
                t: v for caller in callers if caller.key == key for t, v in caller.assigned.items()
            }
            # Nothing acknowledged is lost, and no value was assigned without a response.
            assert dict(ledger) == assigned
            assert len(ledger) == len(assigned)
            assert sorted(assigned.values()) == list(range(1, len(assigned) + 1))
            assert (
                client.request("PUT", f"/v1/series/{key}/next").json()["value"] == len(assigned) + 1
            )
        assert all(len(caller.assigned) >= PUTS_BEFORE_THE_SIGNAL - 1 for caller in callers)


@SIGNALS
def test_a_put_whose_body_is_arriving_is_answered_while_new_connections_are_refused(
    tmp_path: Path, ending: signal.Signals
) -> None:
    store = f"sqlite:///{tmp_path / 'monotron.db'}"
    with Server(store) as server, Connection(server.port) as connection:
        connection.send(
            b"PUT /v1/series/held/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        )
        # The server has read the headers: the request is in flight.
        connection.wait_for_continue()
        connection.send(b"01234")
        server.signal(ending)
        while not refuses_connections(server.port):
            assert server.running
        assert all(refuses_connections(server.port) for _ in range(20))
        connection.send(b"56789")
        status, _, body = connection.response()
        assert server.wait(EXIT_SECONDS) == 0

    with ServerThread(store) as successor, successor.client() as client:
        kept = client.request("GET", "/v1/series/held/T")
        if status == 200:
            assert kept.json() == body
        else:
            assert (status, body["code"], body["applied"]) == (503, "draining", "no")
            assert kept.status == 404


def test_idle_connections_do_not_delay_the_exit(tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path / 'monotron.db'}") as server, ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.port)) for _ in range(20)]
        for connection in connections[:10]:
            assert connection.put("idle", "T")[0] == 200
        server.terminate()
        assert server.wait(EXIT_SECONDS) == 0
        for connection in connections:
            with pytest.raises(Disconnected):
                connection.response()
        assert '"error"' not in server.log()
        assert "shutting down (0 requests in flight)" in server.log()


def test_clients_that_disconnected_within_their_bodies_do_not_delay_the_exit(
    tmp_path: Path,
) -> None:
    with Server(f"sqlite:///{tmp_path / 'monotron.db'}") as server, server.client() as client:
        for length in 10, 65_536, 65_537, 1_000_000:
            with Connection(server.port) as connection:
                connection.send(
                    b"PUT /v1/series/gone/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    b"Content-Length: %d\r\n\r\n01234" % length
                )
                assert client.request("GET", "/v1/series/gone").status == 404
        assert client.request("GET", "/v1/series/gone").status == 404
        server.terminate()
        assert server.wait(EXIT_SECONDS) == 0
        # An unanswered request would be logged as an error.
        assert '"error"' not in server.log()


def test_a_second_signal_does_not_end_the_drain_early(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'monotron.db'}"
    callers = [Caller(n, "twice") for n in range(8)]
    all_are_calling = Barrier(9, timeout=60)
    with Server(store) as server, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(caller.call, server.port, all_are_calling) for caller in callers]
        all_are_calling.wait()
        server.terminate()
        server.terminate()
        assert server.wait(EXIT_SECONDS) == 0
        for call in calls:
            call.result()
        assert "Traceback" not in server.log()

    with ServerThread(store) as successor, successor.client() as client:
        assert dict(entries(client, "twice")) == acknowledged("twice", callers)
