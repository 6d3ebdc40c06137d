"""TCP connections on loopback that take time, as if their ends were in different regions."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from support.stoppable import Stoppable

T = TypeVar("T")

STOP_SECONDS = 10
MIN_STEP_SECONDS = 1e-9
"""Between two events of a connection: the event loop does not order timers of equal times."""


class DelayedLinks(Stoppable):
    """Forwards connections to `ports[i]` to a port each, and counts the bytes.

    What arrives is sent half a round trip later, in both directions. The bandwidth is not limited.
    The event loop runs on its own thread, and waits with `select`, because `epoll` rounds up to
    whole milliseconds.
    """

    def __init__(self, targets: Sequence[int]) -> None:
        self.round_trip_ms = 0.0
        """The delay of what arrives from now on. May be changed at any time."""

        self.sent_bytes = 0
        """The bytes that arrived, in both directions, over all links."""

        self.loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        self.ends: set[_End] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._servers = [self._run(self._listen(target)) for target in targets]
        self.ports: list[int] = [server.sockets[0].getsockname()[1] for server in self._servers]

    def stop(self) -> None:
        """Break all connections, and close the listening sockets."""
        self._run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_SECONDS)
        self.loop.close()

    def connect(self, client: _End, target: int) -> None:
        """Connect a client to the target port, or close its connection."""
        task = self.loop.create_task(self._connect(client, target))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, client: _End, target: int) -> None:
        server = _End(self)
        try:
            await self.loop.create_connection(lambda: server, "127.0.0.1", target)
        except OSError:  # the target does not listen
            client.transport.abort()
            return
        if client not in self.ends:  # it has left meanwhile
            server.transport.abort()
            return
        client.peer, server.peer = server, client
        client.transport.resume_reading()

    async def _listen(self, target: int) -> asyncio.Server:
        return await self.loop.create_server(lambda: _End(self, target), "127.0.0.1", 0)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._connecting:
            task.cancel()
        for end in list(self.ends):
            end.transport.abort()
        while self.ends or self._connecting:
            await asyncio.sleep(0)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(STOP_SECONDS)


class _End(asyncio.Protocol):
    """One of the two connections of a link."""

    transport: asyncio.Transport
    peer: _End | None = None

    def __init__(self, links: DelayedLinks, target: int | None = None) -> None:
        """*target*: the port that a new client is connected to; None for the other connection."""
        self._links = links
        self._target = target
        self._last = 0.0
        self._has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._links.ends.add(self)
        if self._target is not None:
            transport.pause_reading()
            self._links.connect(self, self._target)

    def data_received(self, data: bytes) -> None:
        self._links.sent_bytes += len(data)
        self._later(lambda peer: peer.transport.write(data))

    def eof_received(self) -> bool:
        self._has_ended = True
        self._later(lambda peer: peer.end())
        return True  # the other direction remains open

    def end(self) -> None:
        """Send no more, and close the connection if its client has also ended."""
        if self._has_ended:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        self._links.ends.discard(self)
        self._later(lambda peer: peer.transport.close())

    def _later(self, do: Callable[[_End], None]) -> None:
        """Do something with the peer after half a round trip, in the order of the calls."""
        if (peer := self.peer) is not None:
            loop = self._links.loop
            due = loop.time() + self._links.round_trip_ms / 2000
            self._last = max(due, self._last + MIN_STEP_SECONDS)
            loop.call_at(self._last, do, peer)
