"""Limits what pages cost the builds: few pages at a time, with pauses while builds are served."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

MAX_CONCURRENT_PAGES = 2
"""One slow page does not delay all others."""

PAUSE_FACTOR = 3.0
"""The length of a pause, relative to the duration of the page before it."""

MAX_PAUSE_SECONDS = 0.2


class PageTurns:
    """Lets pages read and be rendered in order of arrival."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        """*is_busy* returns whether the store serves requests of builds."""
        self._is_busy = is_busy
        self._free = asyncio.Semaphore(MAX_CONCURRENT_PAGES)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Run the block when it is the turn of its page."""
        loop = asyncio.get_running_loop()
        await self._free.acquire()
        started = loop.time()
        try:
            yield
        finally:
            if self._is_busy():
                pause = min(MAX_PAUSE_SECONDS, PAUSE_FACTOR * (loop.time() - started))
                loop.call_later(pause, self._free.release)
            else:
                self._free.release()
