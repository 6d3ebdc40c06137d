"""Limits the requests that one caller can have in progress at the same time."""

import asyncio
from collections import deque
from collections.abc import Awaitable

from monotron.errors import TooManyRequests

WAIT_SECONDS = 5.0
"""The maximum time for which a request waits for others of the same caller."""

RETRY_SECONDS = 1


class ConcurrencyLimiter:
    """Allows *max_concurrent* requests of a caller at a time; 0 is unlimited. The others wait."""

    def __init__(
        self, max_concurrent: int, subject: str = "requests with these credentials"
    ) -> None:
        """*subject* completes "Too many concurrent …" in the error."""
        self._max_concurrent = max_concurrent
        self._subject = subject
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def enter(self, caller: str) -> Awaitable[None] | None:
        """Start a request. The result must be awaited unless it is None.

        Raises TooManyRequests if the request had to wait too long. If it does not raise, and is not
        cancelled, `leave` must be called exactly once.
        """
        running = self._running.get(caller, 0)
        if self._max_concurrent and running >= self._max_concurrent:
            return self._wait(caller)
        self._running[caller] = running + 1
        return None

    def leave(self, caller: str) -> None:
        """End a request. The one that has waited longest takes its place."""
        waiting = self._waiting.get(caller)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting.pop(caller, None)
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]

    async def _wait(self, caller: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(caller)  # its turn came at the same moment
            raise
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return  # its turn came at the same moment
            raise TooManyRequests(
                f"Too many concurrent {self._subject} (limit: {self._max_concurrent}). Send fewer "
                "at a time, and repeat this one.",
                retry_after=RETRY_SECONDS,
                limit="concurrency",
            ) from None
