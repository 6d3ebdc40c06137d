"""A TCP proxy on loopback, on its own thread. Subclasses inject faults."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

from support.stoppable import Stoppable

T = TypeVar("T")

TIMEOUT_SECONDS = 60
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Line:
    """One end of a connection of the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def send_no_more(self) -> None:
        """Close the sending half only."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Reset the connection, so that the other end sees an error."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        if connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Close it now, and discard unsent data."""
        self._writer.transport.abort()


class Deck:
    """Faults in random order, each as often as specified."""

    def __init__(self, chance: random.Random, cards: Sequence[str]) -> None:
        self._chance = chance
        self._cards = cards
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = self._chance.sample(self._cards, len(self._cards))
        return self._left.pop()


class Proxy(Stoppable):
    """Forwards connections in `serve` until it is closed."""

    def __init__(self, port: int, seed: object) -> None:
        """*port*: the local port that connections are forwarded to."""
        self._to_port = port
        self.chance = random.Random(f"{seed}")
        self.done: Counter[str] = Counter()
        """How often each fault was injected."""
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
        """Serve a connection until it ends. May raise the errors of a closed connection."""

    async def connect(self) -> Line:
        """Connect to the server behind the proxy."""
        line = Line(*await asyncio.open_connection("127.0.0.1", self._to_port))
        self._lines.add(line)
        return line

    async def passing(self) -> None:
        """Return immediately, or after the silence."""
        await self._passing.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a background task of the proxy."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def run(self, work: Coroutine[Any, Any, T], seconds: float = TIMEOUT_SECONDS) -> T:
        """Run a coroutine on the proxy's thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Delay all messages until the end of the block, without breaking connections."""
        self.done["silence"] += 1
        self._loop.call_soon_threadsafe(self._passing.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._passing.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self._lines.add(line)
        self.spawn(self._serve_until_closed(line))

    async def _serve_until_closed(self, client: Line) -> None:
        try:
            await self.serve(client)
        except (OSError, EOFError):  # one of the two ends is closed
            pass
        finally:
            client.close()

    def close(self) -> None:
        """Break all connections, and accept no more."""
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_SECONDS)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in self._lines:
            line.abort()
        await asyncio.sleep(0)  # closed connections end one turn later

    def stop(self) -> None:
        self.close()
