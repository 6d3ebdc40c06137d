"""Parses commit messages on a few threads, so that no caller can use all of them."""

import asyncio
from collections.abc import Callable
from functools import partial
from weakref import WeakValueDictionary

from monotron.model.conventional_commits import CommitDecision
from monotron.services.executor import ThreadGroup
from monotron.services.versions.planner import decide

MAX_THREADS = 2


class MessageParser:
    """Parses at most two texts at a time, and one of each caller. The others wait."""

    def __init__(self, parse: Callable[[bytes], CommitDecision] = decide) -> None:
        self._parse = parse
        self._threads = ThreadGroup(MAX_THREADS, "messages")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def parse(self, text: bytes, caller: str) -> CommitDecision:
        """Return the bump that the commit messages require. Raises InvalidBump."""
        lock = self._locks.setdefault(caller, asyncio.Lock())
        async with lock:
            return await self._threads.run(partial(self._parse, text))
