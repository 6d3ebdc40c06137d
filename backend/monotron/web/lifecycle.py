"""The states of a server process (serving, leaving, draining), its backups, and its probe."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from secrets import token_hex


class Lifecycle:
    """Counts the requests in flight, and knows whether new ones are accepted."""

    def __init__(self) -> None:
        self.process_id = token_hex(4)
        """The prefix of the request ids of this process."""
        self.started_at = int(time.time())
        """Seconds since the epoch."""
        self.leaving = False
        """Not ready, but still serving, so that load balancers can notice."""
        self.draining = False
        """New requests are rejected."""
        self.in_flight = 0
        self._idle = asyncio.Event()

    def request_started(self) -> None:
        self.in_flight += 1

    def request_finished(self) -> None:
        self.in_flight -= 1
        if self.draining and not self.in_flight:
            self._idle.set()

    async def drain(self) -> None:
        """Reject new requests, and return when those in flight have been answered."""
        self.draining = True
        if self.in_flight:
            await self._idle.wait()


class StoreProbe:
    """Checks that the store accepts writes. Simultaneous callers share one check."""

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        self._ping = ping
        self._task: asyncio.Future[None] | None = None

    async def check(self, timeout: float) -> None:
        """Return if the store responds. Raises TimeoutError after *timeout* seconds."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._ping())
        await asyncio.wait_for(asyncio.shield(self._task), timeout)


@dataclass
class Backups:
    """The limits of backups: one at a time, and a time limit for its client."""

    max_seconds: float = 3600.0
    """Time limit for a client to receive a backup."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a copy is made and sent."""
