"""SIGTERM and SIGINT while requests are under way."""

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

SIGNALS = pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
EXIT_SECONDS = 25
CALLERS = 24
PUTS_BEFORE_THE_SIGNAL = 20
KEYS = ("one", "two", "three")


class HungUp(Exception):
    """The server closed the connection before a byte of an answer."""


class Connection:
    """A keep-alive connection that can tell an answer cut short from none at all."""

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
            raise HungUp from error

    def put(self, key: str, token: str) -> tuple[int, bool, dict[str, object]]:
        """Status, whether the connection lives on, and the body of a whole answer."""
        self.send(f"PUT /v1/series/{key}/{token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return self.answer()

    def answer(self) -> tuple[int, bool, dict[str, object]]:
        received = self._receive_until(b"\r\n\r\n", b"")
        head, _, body = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        while len(body) < int(headers["content-length"]):
            body += self._more(head + body)
        lives_on = headers.get("connection", "").lower() != "close"
        return int(status_line.split(" ")[1]), lives_on, json.loads(body)

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
            raise HungUp
        return part


@dataclass
class Caller:
    """Puts new tokens, one after the other, until the server hangs up."""

    name: int
    key: str
    given: dict[str, int] = field(default_factory=dict)
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
            status, lives_on, body = connection.put(self.key, token)
        except HungUp:
            self.unanswered.append(token)
            return False
        if status == 200:
            value = body["value"]
            assert isinstance(value, int)
            self.given[token] = value
        else:
            assert (status, body["code"], body["applied"]) == (503, "draining", "no")
            self.refused.append(token)
        return lives_on


def entries(client: Client, key: str) -> Iterator[tuple[str, int]]:
    """Token and value, newest first."""
    before = ""
    while True:
        page = client.request("GET", f"/v1/entries/{quote(key)}?limit=1000{before}").json()
        for entry in page["entries"]:
            yield entry["token"], entry["value"]
        if page["next"] is None:
            return
        before = f"&before={page['next']}"


def given_in(key: str, callers: list[Caller]) -> dict[str, int]:
    """What was acknowledged in one series: value by token."""
    given: dict[str, int] = {}
    for caller in callers:
        if caller.key == key:
            given |= caller.given
    return given


def refuses_connections(port: int) -> bool:
    try:
        raw(port, b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    except ConnectionRefusedError:
        return True
    except OSError:
        # Accepted by the kernel a moment before the server closed its door.
        return False
    return False


@SIGNALS
def test_every_put_under_way_is_answered_and_every_answer_holds(
    tmp_path: Path, ending: signal.Signals
) -> None:
    store = f"sqlite:///{tmp_path / 'monotron.db'}"
    callers = [Caller(n, KEYS[n % len(KEYS)]) for n in range(CALLERS)]
    all_are_calling = Barrier(CALLERS + 1, timeout=60)
    with Server(store) as server, ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(caller.call, server.port, all_are_calling) for caller in callers]
        all_are_calling.wait()
        server.signal(ending)
        assert server.wait(EXIT_SECONDS) == 0
        for call in calls:
            call.result()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=10).close()

    with Server(store) as server, server.client() as client:
        for key in KEYS:
            ledger = list(entries(client, key))
            given = {
                t: v for caller in callers if caller.key == key for t, v in caller.given.items()
            }
            # Nothing acknowledged is lost, and nothing was counted without an answer.
            assert dict(ledger) == given
            assert len(ledger) == len(given)
            assert sorted(given.values()) == list(range(1, len(given) + 1))
            assert client.request("PUT", f"/v1/series/{key}/next").json()["value"] == len(given) + 1
        assert all(len(caller.given) >= PUTS_BEFORE_THE_SIGNAL - 1 for caller in callers)


@SIGNALS
def test_a_put_whose_body_is_on_its_way_is_answered_and_nobody_else_is_let_in(
    tmp_path: Path, ending: signal.Signals
) -> None:
    store = f"sqlite:///{tmp_path / 'monotron.db'}"
    with Server(store) as server, Connection(server.port) as connection:
        connection.send(
            b"PUT /v1/series/held/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        )
        # It has read the head now: the request is under way.
        connection.wait_for_continue()
        connection.send(b"01234")
        server.signal(ending)
        while not refuses_connections(server.port):
            assert server.running
        assert all(refuses_connections(server.port) for _ in range(20))
        connection.send(b"56789")
        status, _, body = connection.answer()
        assert server.wait(EXIT_SECONDS) == 0

    with Server(store) as server, server.client() as client:
        kept = client.request("GET", "/v1/series/held/T")
        if status == 200:
            assert kept.json() == body
        else:
            assert (status, body["code"], body["applied"]) == (503, "draining", "no")
            assert kept.status == 404


def test_idle_connections_do_not_hold_the_server(tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path / 'monotron.db'}") as server, ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.port)) for _ in range(20)]
        for connection in connections[:10]:
            assert connection.put("idle", "T")[0] == 200
        server.terminate()
        assert server.wait(EXIT_SECONDS) == 0
        for connection in connections:
            with pytest.raises(HungUp):
                connection.answer()
        assert '"error"' not in server.log()


@pytest.mark.parametrize("length", [10, 65_536, 65_537, 1_000_000])
def test_a_caller_that_hung_up_within_its_body_does_not_hold_the_server(
    tmp_path: Path, length: int
) -> None:
    with Server(f"sqlite:///{tmp_path / 'monotron.db'}") as server, server.client() as client:
        with Connection(server.port) as connection:
            connection.send(
                b"PUT /v1/series/gone/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Content-Length: %d\r\n\r\n01234" % length
            )
            assert client.request("GET", "/v1/series/gone").status == 404
        assert client.request("GET", "/v1/series/gone").status == 404
        server.terminate()
        assert server.wait(EXIT_SECONDS) == 0
        # It says so when it had to give up on a request.
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

    with Server(store) as server, server.client() as client:
        assert dict(entries(client, "twice")) == given_in("twice", callers)
