"""What asyncio would log, such as errors of tasks that no one retrieved."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any


def logged_by_asyncio(scenario: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
    """Run the scenario and all tasks that it leaves. Return the contexts of what asyncio logs."""
    logged: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
        await scenario()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        gc.collect()

    asyncio.run(run())
    return logged
