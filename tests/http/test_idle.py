"""Connections on which nothing comes are closed, all of them by one look now and then."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets

from monotron import server as composition
from monotron.config import Settings
from monotron.logging_setup import RequestLog
from monotron.model.series import Allocation, Entry
from monotron.services.executor import StoreExecutor
from monotron.store import open_store
from monotron.web import app
from monotron.web.app import MonotronApplication
from monotron.web.streams import listen

REQUEST = b"PUT /v1/series/idle/T HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOK_SECONDS", 0.01)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[MonotronApplication, int]]:
    store = open_store("sqlite://")
    executor = StoreExecutor(store.max_concurrency)
    application = await composition._application(
        Settings.load({}, {}), store, executor, RequestLog("json", io.StringIO())
    )
    server = composition.http_server(application)
    (socket,) = bind_sockets(0, "127.0.0.1")
    stop_listening = listen(server, [socket])
    yield application, socket.getsockname()[1]
    stop_listening()
    await server.close_all_connections()
    executor.close()
    store.close()


@pytest.mark.parametrize("sent", [b"", REQUEST[:20], REQUEST, REQUEST + REQUEST[:30]], ids=len)
def test_a_connection_without_a_whole_request_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "IDLE_SECONDS", 0.05)

    async def scenario() -> bytes:
        async with serving() as (application, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            received = await reader.read()  # until it is closed
            writer.close()
            assert application.awaited == {}
            return received

    assert asyncio.run(scenario()).count(b'"value": 1') == (len(sent) >= len(REQUEST))


def test_a_request_that_takes_long_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "IDLE_SECONDS", 0.05)

    async def scenario() -> bytes:
        async with serving() as (application, port):
            held: asyncio.Future[Allocation] = asyncio.get_running_loop().create_future()
            asked = asyncio.Event()

            def hold(*_: object) -> asyncio.Future[Allocation]:
                asked.set()
                return held

            monkeypatch.setattr(application.series, "next", hold)
            busy, busy_writer = await asyncio.open_connection("127.0.0.1", port)
            busy_writer.write(REQUEST)
            await asked.wait()
            idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            assert await idle.read() == b""  # closed, though it came later
            held.set_result(Allocation(Entry(1, "idle", "T", 7), reused=False))
            answer = await busy.readuntil(b"}\n")
            for writer in (busy_writer, idle_writer):
                writer.close()
            return answer

    assert b'"value": 7}' in asyncio.run(scenario())


def test_the_end_of_the_headers_is_looked_for_by_an_expression_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else Tornado's own has changed, and is used, which takes ten times as long."""
    looked_for = []
    read = IOStream.read_until_regex

    def noted(stream: IOStream, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        looked_for.append(regex)
        return read(stream, regex, max_bytes)

    monkeypatch.setattr(IOStream, "read_until_regex", noted)

    async def scenario() -> None:
        async with serving() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            assert await reader.readuntil(b"\r\n\r\n")
            writer.close()

    asyncio.run(scenario())
    assert set(looked_for) == {b"\n\r?\n"}
