"""The longest pause of an event loop: the processor time of its thread between two turns."""

from __future__ import annotations

import asyncio
import time

from bench.browsers import HEADERS
from monotron.config import Settings
from monotron.server import running
from support.server import ROOT_ENV, Client


async def longest_pause_ms(store: str, path: str, requests: int) -> float:
    """Serve a store in this process, and request a page some times.

    Unlike time that passes, processor time does not depend on other processes.
    """
    loop = asyncio.get_running_loop()
    longest = before = 0.0

    def turn() -> None:
        nonlocal longest, before
        now = time.thread_time()
        longest, before = max(longest, now - before), now
        loop.call_soon(turn)

    settings = Settings.load({"store": store, "listen": "127.0.0.1:0"}, ROOT_ENV)
    async with running(settings) as url:
        await asyncio.to_thread(_read, url, path, 1)
        before = time.thread_time()
        turn()
        await asyncio.to_thread(_read, url, path, requests)
    return 1000 * longest


def _read(url: str, path: str, requests: int) -> None:
    with Client(url) as client:
        for _ in range(requests):
            response = client.request("GET", path, headers=HEADERS)
            assert response.status == 200, response
