"""Backups: one at a time, with a time limit, without blocking other requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.in_process import InProcess, serving

HOST = "Host: 127.0.0.1\r\n"
SIZE = 1 << 25
"""More than the buffers of a connection."""


@asynccontextmanager
async def serving_large_copy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InProcess]:
    """Serve a store whose copy has `SIZE` bytes."""
    async with serving() as server:

        async def backup(target: Path) -> None:
            with target.open("wb") as file:
                file.truncate(SIZE)

        monkeypatch.setattr(server.services.series, "backup", backup)
        yield server


class Backup:
    """A request for a backup, whose body is not read unless `body` is called."""

    @classmethod
    async def start(cls, port: int) -> Backup:
        self = cls()
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        self._writer.write(f"POST /v1/system/backup HTTP/1.1\r\n{HOST}\r\n".encode())
        self.head = await self._reader.readuntil(b"\r\n\r\n")
        self.status = int(self.head.split(b" ")[1])
        return self

    async def body(self, size: int) -> bytes:
        return await self._reader.readexactly(size)

    def disconnect(self) -> None:
        self._writer.close()


def run(scenario: Callable[[], object]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


async def ended(server: InProcess) -> None:
    """Wait until no backup is running."""
    async with server.services.backups.lock:
        pass


def test_a_second_backup_is_refused_until_the_first_one_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with serving_large_copy(monkeypatch) as server:
            first = await Backup.start(server.port)
            second = await Backup.start(server.port)
            assert (first.status, second.status) == (200, 429)
            assert b"\r\nRetry-After: " in second.head
            assert await first.body(SIZE) == bytes(SIZE)
            assert not server.services.backups.lock.locked()
            third = await Backup.start(server.port)
            assert third.status == 200
            for each in (first, second, third):
                each.disconnect()
            await ended(server)

    run(scenario)


def test_a_client_that_disconnects_ends_its_backup(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with serving_large_copy(monkeypatch) as server:
            (await Backup.start(server.port)).disconnect()
            await ended(server)
            assert server.services.lifecycle.in_flight == 0
            again = await Backup.start(server.port)
            assert again.status == 200
            again.disconnect()
            await ended(server)

    run(scenario)
    assert not caplog.records


def test_a_client_that_exceeds_the_time_limit_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with serving_large_copy(monkeypatch) as server:
            server.services.backups.max_seconds = 0
            slow = await Backup.start(server.port)
            with pytest.raises(asyncio.IncompleteReadError):
                await slow.body(SIZE)
            slow.disconnect()
            await ended(server)

    run(scenario)
    (record,) = caplog.records
    assert record.getMessage().endswith("its client did not receive it within 0 s")


def test_other_requests_are_answered_while_the_file_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_read = threading.Event()
    open_path = Path.open

    class SlowFile:
        def __init__(self, path: Path) -> None:
            self._file = open_path(path, "rb")

        def __enter__(self) -> SlowFile:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def read(self, size: int) -> bytes:
            assert may_read.wait(30)
            return self._file.read(size)

    async def scenario() -> None:
        async with serving_large_copy(monkeypatch) as server:
            monkeypatch.setattr("monotron.web.backup.open_copy", SlowFile)
            backup = asyncio.create_task(Backup.start(server.port))
            while not server.services.backups.lock.locked():
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GET /v1 HTTP/1.1\r\n{HOST}\r\n".encode())
            assert b"API v1" in await reader.readuntil(b"API v1\n")
            may_read.set()
            assert (await backup).status == 200
            (await backup).disconnect()
            writer.close()
            await ended(server)

    run(scenario)
