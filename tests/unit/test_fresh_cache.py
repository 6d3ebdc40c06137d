"""A cache whose concurrent callers share one load."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from monotron.auth.fresh_cache import FreshCache


def test_an_error_of_a_load_without_callers_is_not_logged_by_asyncio() -> None:
    logged: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
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
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        gc.collect()

    asyncio.run(scenario())
    assert logged == []
