"""A cache whose concurrent callers share one load."""

from __future__ import annotations

import asyncio

from monotron.auth.fresh_cache import FreshCache
from support.asyncio_log import logged_by_asyncio


def test_an_error_of_a_load_without_callers_is_not_logged_by_asyncio() -> None:
    async def scenario() -> None:
        responds = asyncio.Event()

        async def load(_: str) -> str:
            await responds.wait()
            raise ValueError

        cache = FreshCache(load, max_entries=1, seconds=1)
        caller = asyncio.ensure_future(cache.get("key"))
        await asyncio.sleep(0)
        cache.forget("key")
        caller.cancel()
        await asyncio.wait([caller])
        responds.set()

    assert logged_by_asyncio(scenario) == []
