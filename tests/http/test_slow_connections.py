"""Clients that do not read, and many connections, are limited."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from monotron.web import acceptor, connections
from monotron.web.connections import ClientStream
from support.in_process import serving
from support.server import Server

HOST = "Host: 127.0.0.1\r\n"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the server closes a connection."""
    event = asyncio.Event()
    close_fd = ClientStream.close_fd

    def close(stream: ClientStream) -> None:
        close_fd(stream)
        event.set()

    monkeypatch.setattr(ClientStream, "close_fd", close)
    return event


BUFFER_BYTES = 4096


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that receives only a few bytes before it is read. The server has small buffers."""
    create = ClientStream.__init__

    def create_with_small_buffer(
        stream: ClientStream, connection: socket.socket, *arguments: Any
    ) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        create(stream, connection, *arguments)

    monkeypatch.setattr(ClientStream, "__init__", create_with_small_buffer)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        connection.setblocking(False)
        yield connection


class Clock:
    """Advances the time of the running event loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real_time = loop.time
        self._seconds = 0.0
        monkeypatch.setattr(loop, "time", lambda: real_time() + self._seconds)

    def advance(self, seconds: float) -> None:
        self._seconds += seconds


async def turns() -> None:
    """Let the event loop run everything that is due."""
    for _ in range(10):
        await asyncio.sleep(0)


async def receive_all(stream: ClientStream, client: socket.socket, size: int) -> None:
    loop = asyncio.get_running_loop()
    while size:
        size -= len(await loop.sock_recv(client, size))
    await turns()


def test_a_client_that_reads_nothing_is_disconnected(
    closed: asyncio.Event, unread: socket.socket
) -> None:
    async def scenario() -> None:
        async with serving(send_seconds=0.05) as (_, port):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(unread, ("127.0.0.1", port))
            request = f"GET /v1/series/{'x' * 4000} HTTP/1.1\r\n{HOST}\r\n"
            writing = loop.create_task(loop.sock_sendall(unread, request.encode() * 10_000))
            await closed.wait()
            writing.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_client_that_reads_nothing_is_disconnected_after_30_s(
    closed: asyncio.Event, unread: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving() as (_, port):
            clock = Clock(monkeypatch)
            loop = asyncio.get_running_loop()
            blocked = asyncio.Event()
            write = ClientStream.write

            def watched_write(stream: ClientStream, data: bytes) -> asyncio.Future[None]:
                written = write(stream, data)
                if stream.writing():
                    blocked.set()
                return written

            monkeypatch.setattr(ClientStream, "write", watched_write)
            await loop.sock_connect(unread, ("127.0.0.1", port))
            request = f"GET /v1/series/{'x' * 4000} HTTP/1.1\r\n{HOST}\r\n"
            writing = loop.create_task(loop.sock_sendall(unread, request.encode() * 10_000))
            await blocked.wait()
            clock.advance(25)
            await turns()
            assert not closed.is_set()
            clock.advance(5)
            await turns()
            assert closed.is_set()
            writing.cancel()

    asyncio.run(scenario())


def test_the_time_limit_starts_again_with_each_part_that_was_received(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So a backup may take longer than the time limit, and a response may not."""
    part = bytes(1 << 22)

    async def scenario() -> list[bool]:
        clock = Clock(monkeypatch)
        server_side, client = socket.socketpair()
        client.setblocking(False)
        is_closed = asyncio.Event()
        stream = ClientStream(server_side, 30, is_closed.set)
        closed = []
        for seconds in (20, 20):
            stream.write(part)
            clock.advance(seconds)
            await turns()
            closed.append(stream.closed())
            await receive_all(stream, client, len(part))
        stream.write(part)
        for _ in range(2):
            stream.write(part)
            clock.advance(20)
            await turns()
        await is_closed.wait()
        client.close()
        return closed

    assert asyncio.run(scenario()) == [False, False]


def test_a_client_that_receives_a_response_in_time_stays_connected(
    closed: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving() as (_, port):
            clock = Clock(monkeypatch)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(3):
                writer.write(f"GET /v1 HTTP/1.1\r\n{HOST}\r\n".encode())
                await reader.readuntil(b"API v1\n")
                clock.advance(connections.SEND_SECONDS - 5)
                await turns()
                assert not closed.is_set()
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sent", "answer", "seconds"),
    [
        ("", b"", 30),
        (f"GET /v1 HTTP/1.1\r\n{HOST}X-A: ", b"", 30),
        (f"GET /v1 HTTP/1.1\r\n{HOST}\r\n", b"API v1\n", 30),
        (
            f"PUT /v1/series/k HTTP/1.1\r\n{HOST}Expect: 100-continue\r\n"
            "Content-Length: 9\r\n\r\n4",
            b"HTTP/1.1 100 (Continue)\r\n\r\n",
            10,
        ),
    ],
    ids=["nothing", "half a header", "idle after a request", "half a body"],
)
def test_a_slow_client_is_disconnected_after_the_time_limit(
    closed: asyncio.Event, monkeypatch: pytest.MonkeyPatch, sent: str, answer: bytes, seconds: int
) -> None:
    async def scenario() -> None:
        async with serving() as (_, port):
            clock = Clock(monkeypatch)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent.encode())
            assert (await reader.readuntil(answer) if answer else b"").endswith(answer)
            await turns()
            clock.advance(seconds - 5)
            await turns()
            assert not closed.is_set()
            clock.advance(5)
            await turns()
            assert closed.is_set()
            writer.close()

    asyncio.run(scenario())


class TestManyConnections:
    def test_the_next_connection_waits_until_another_one_is_closed(self) -> None:
        async def scenario() -> None:
            async with serving(connections=2) as (_, port):
                opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
                for _, writer in opened:
                    writer.write(f"GET /v1 HTTP/1.1\r\n{HOST}\r\n".encode())
                for reader, _ in opened[:2]:
                    assert b"API v1" in await reader.readuntil(b"API v1\n")
                waiting = [asyncio.ensure_future(r.readuntil(b"API v1\n")) for r, _ in opened[2:]]
                await turns()
                assert not any(each.done() for each in waiting)
                opened[0][1].close()
                await waiting[0]
                assert not waiting[1].done()
                opened[1][1].close()
                await waiting[1]
                for _, writer in opened[2:]:
                    writer.close()

        asyncio.run(asyncio.wait_for(scenario(), 30))

    def test_a_paused_server_can_be_stopped(self) -> None:
        async def scenario() -> None:
            async with serving(connections=1) as (_, port):
                opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
                opened[0][1].write(f"GET /v1 HTTP/1.1\r\n{HOST}\r\n".encode())
                await opened[0][0].readuntil(b"API v1\n")
            for _, writer in opened:
                writer.close()

        asyncio.run(asyncio.wait_for(scenario(), 30))

    def test_the_maximum_is_logged_once_per_minute(self, caplog: pytest.LogCaptureFixture) -> None:
        now = 1000.0

        async def scenario() -> None:
            nonlocal now
            accepting = acceptor.Acceptor([], lambda *_: None, 1, monotonic=lambda: now)
            with socket.socket() as connection:
                for number, seconds in ((1, 0), (1, 59), (2, 1), (2, 30)):
                    now += seconds
                    accepting._accept(connection, None)
                    accepting.connection_closed()
                    assert len(caplog.records) == number

        asyncio.run(scenario())
        assert "Raise the limit of open files" in caplog.text

    def test_a_server_with_few_descriptors_survives_more_connections(self) -> None:
        program = (
            "import resource, sys; from monotron.cli.main import main; "
            "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); sys.exit(main())"
        )
        with Server("sqlite://", program=("-c", program)) as server:
            with server.client() as first:
                assert first.request("PUT", "/v1/series/k/1").json()["value"] == 1
                with ExitStack() as stack:
                    for _ in range(100):
                        stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                    assert first.request("PUT", "/v1/series/k/2").json()["value"] == 2
                with server.client() as another:
                    assert another.request("PUT", "/v1/series/k/3").json()["value"] == 3
            assert "48 connections are open, which is the maximum" in server.log()
            assert "Too many open files" not in server.log()

    @pytest.mark.parametrize(
        ("descriptors", "expected"), [(64, 48), (1024, 768), (16384, 16128), (1 << 20, 16128)]
    )
    def test_connections_leave_descriptors_for_the_store(
        self, monkeypatch: pytest.MonkeyPatch, descriptors: int, expected: int
    ) -> None:
        monkeypatch.setattr(acceptor.resource, "getrlimit", lambda _: (descriptors, descriptors))
        assert acceptor.max_connections() == expected

    @pytest.mark.parametrize(
        ("soft", "hard", "expected"),
        [(1024, 4096, 4096), (1024, 1 << 20, 16384), (1 << 17, 1 << 20, None)],
    )
    def test_the_soft_limit_is_raised_but_never_lowered(
        self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, expected: int | None
    ) -> None:
        limits = []
        monkeypatch.setattr(acceptor.resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(acceptor.resource, "setrlimit", lambda _, limit: limits.append(limit))
        acceptor.raise_descriptor_limit()
        assert limits == ([] if expected is None else [(expected, hard)])
