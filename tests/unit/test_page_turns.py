"""Few pages are prepared at a time, and they pause while builds are served."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from monotron.web import page_turns
from monotron.web.page_turns import MAX_CONCURRENT_PAGES, PageTurns


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


class Pages:
    """Pages that are prepared until `end` is called."""

    def __init__(self, *, is_busy: bool = False) -> None:
        self.turns = PageTurns(lambda: is_busy)
        self.begun: list[int] = []
        self._ends: dict[int, asyncio.Event] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def arrive(self, *pages: int) -> None:
        for page in pages:
            self._ends[page] = asyncio.Event()
            self._tasks[page] = asyncio.create_task(self._prepare(page))
        await self.settle()

    async def end(self, *pages: int) -> None:
        for page in pages:
            self._ends[page].set()
            await self._tasks[page]
        await self.settle()

    async def cancel(self, page: int) -> None:
        self._tasks[page].cancel()
        await asyncio.gather(self._tasks[page], return_exceptions=True)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _prepare(self, page: int) -> None:
        async with self.turns.turn():
            self.begun.append(page)
            await self._ends[page].wait()


def test_pages_wait_in_order_of_arrival() -> None:
    async def scenario() -> None:
        pages = Pages()
        await pages.arrive(*range(MAX_CONCURRENT_PAGES + 3))
        assert pages.begun == list(range(MAX_CONCURRENT_PAGES))
        await pages.end(1, 0)
        assert pages.begun == list(range(MAX_CONCURRENT_PAGES + 2))

    run(scenario())


def test_cancelled_pages_leave_their_turns_to_others() -> None:
    async def scenario() -> None:
        pages = Pages()
        await pages.arrive(*range(MAX_CONCURRENT_PAGES + 2))
        await pages.cancel(MAX_CONCURRENT_PAGES)  # it was waiting
        await pages.cancel(0)
        assert pages.begun == [*range(MAX_CONCURRENT_PAGES), MAX_CONCURRENT_PAGES + 1]

    run(scenario())


def test_a_page_begins_after_a_pause_if_builds_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_turns, "PAUSE_FACTOR", 1e9)

    async def scenario(seconds: float) -> list[int]:
        monkeypatch.setattr(page_turns, "MAX_PAUSE_SECONDS", seconds)
        pages = Pages(is_busy=True)
        await pages.arrive(*range(MAX_CONCURRENT_PAGES + 1))
        await pages.end(0)
        await pages.settle()
        return pages.begun

    first = list(range(MAX_CONCURRENT_PAGES))
    assert asyncio.run(scenario(3600)) == first
    assert asyncio.run(scenario(0)) == [*first, MAX_CONCURRENT_PAGES]
