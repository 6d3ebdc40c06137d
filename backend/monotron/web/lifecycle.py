"""The states of a server process (serving, leaving, draining), its backups, and its probe."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from secrets import token_hex

from monotron.errors import MonotronError, StoreUnavailable


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

    @property
    def is_leaving(self) -> bool:
        """Whether the server is shutting down."""
        return self.draining or self.leaving

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


PROBE_SECONDS = 2.0
"""The time limit of the store for a probe."""


class StoreProbe:
    """Checks that the store accepts writes. Simultaneous callers share one check."""

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        self._ping = ping
        self._task: asyncio.Future[None] | None = None

    async def problem(self, timeout: float) -> MonotronError | None:
        """Return why the store accepts no writes; None if it accepts them.

        A store that does not respond within *timeout* seconds is unavailable.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._ping())
            self._task.add_done_callback(_retrieve_error)
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._task)
        except TimeoutError:
            return StoreUnavailable(f"The store did not respond within {timeout:g} s. Retry later.")
        except MonotronError as error:
            return error
        return None


def _retrieve_error(task: "asyncio.Future[None]") -> None:
    """Retrieve the error of a check whose callers no longer wait, so that asyncio logs none."""
    if not task.cancelled():
        task.exception()


@dataclass
class Backups:
    """The limits of backups: one at a time, and a time limit for its client."""

    max_seconds: float = 3600.0
    """Time limit for a client to receive a backup."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a copy is made and sent."""
