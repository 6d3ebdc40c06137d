"""A TCP proxy on loopback, on a thread of its own, for others to be unkind in."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakSet

T = TypeVar("T")

PATIENCE_SECONDS = 60
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Line:
    """One end of a connection, as the proxy has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def send_no_more(self) -> None:
        """Close this half, and still listen."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Close both halves at once, so that the other end is told of a broken connection."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        if connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Close it now, whatever was not sent yet."""
        self._writer.transport.abort()


class Deck:
    """Fates in random order, each of which comes up as often as it should."""

    def __init__(self, chance: random.Random, cards: Sequence[str]) -> None:
        self._chance = chance
        self._cards = cards
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = self._chance.sample(self._cards, len(self._cards))
        return self._left.pop()


class Proxy(ABC):
    """Passes on what comes, in `serve`, until it is closed."""

    def __init__(self, port: int, seed: object) -> None:
        """Between whoever connects to it and *port* of this machine."""
        self._to_port = port
        self.chance = random.Random(f"{seed}")
        self.done: Counter[str] = Counter()
        """How often each fault was done."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lines: WeakSet[Line] = WeakSet()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._passing = asyncio.Event()
        self._passing.set()
        self._server = self.run(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"

    @abstractmethod
    async def serve(self, client: Line) -> None:
        """Look after a connection until it is over; any end of either side may be raised."""

    async def connect(self) -> Line:
        """A connection to what is behind the proxy."""
        line = Line(*await asyncio.open_connection("127.0.0.1", self._to_port))
        self._lines.add(line)
        return line

    async def passing(self) -> None:
        """Return at once, but where there is silence when it is over."""
        await self._passing.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work of the proxy that goes on by itself, and ends with it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def run(self, work: Coroutine[Any, Any, T], seconds: float = PATIENCE_SECONDS) -> T:
        """What the work on the proxy's own thread returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Nothing passes, no connection breaks; what was sent meanwhile arrives afterwards."""
        self.done["silence"] += 1
        self._loop.call_soon_threadsafe(self._passing.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._passing.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self._lines.add(line)
        self.spawn(self._look_after(line))

    async def _look_after(self, client: Line) -> None:
        try:
            await self.serve(client)
        except (OSError, EOFError):  # one of both has hung up, or was made to
            pass
        finally:
            client.close()

    def close(self) -> None:
        """Break all connections, and let nobody in any more."""
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in self._lines:
            line.abort()
        await asyncio.sleep(0)  # what was closed has ended one turn later

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
