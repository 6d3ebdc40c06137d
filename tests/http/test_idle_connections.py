"""Idle connections and slow requests are closed; requests in flight are not."""

from __future__ import annotations

import asyncio

import pytest

from monotron.model.series import Allocation, Entry
from monotron.web import app
from support.in_process import serving

REQUEST = b"PUT /v1/series/idle/T HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
IDLE_SECONDS = 0.05


@pytest.fixture(autouse=True)
def _short_body_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", IDLE_SECONDS)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        REQUEST[:20],
        REQUEST,
        REQUEST + REQUEST[:30],
        REQUEST[:-2] + b"Content-Length: 9\r\n\r\n4",
    ],
    ids=["nothing", "half a line", "one request", "one and a half requests", "half a body"],
)
def test_a_connection_without_a_complete_request_is_closed(sent: bytes) -> None:
    async def scenario() -> bytes:
        async with serving(idle_seconds=IDLE_SECONDS) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            received = await reader.read()  # until the server closes the connection
            writer.close()
            return received

    assert asyncio.run(scenario()).count(b'"value": 1') == sent.startswith(REQUEST)


def test_a_slow_request_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> bytes:
        async with serving(idle_seconds=IDLE_SECONDS) as (services, port):
            allocation: asyncio.Future[Allocation] = asyncio.get_running_loop().create_future()
            called = asyncio.Event()

            def wait(*_: object, initial: int) -> asyncio.Future[Allocation]:
                called.set()
                return allocation

            monkeypatch.setattr(services.series, "next", wait)
            busy, busy_writer = await asyncio.open_connection("127.0.0.1", port)
            busy_writer.write(REQUEST)
            await called.wait()
            idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            assert await idle.read() == b""  # closed, although it was opened later
            allocation.set_result(Allocation(Entry(1, "idle", "T", 7), reused=False))
            response = await busy.readuntil(b"}\n")
            for writer in (busy_writer, idle_writer):
                writer.close()
            return response

    assert b'"value": 7}' in asyncio.run(scenario())
