"""A cache of values that are loaded on demand. Concurrent callers share one load."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

from monotron.auth.bounded_cache import BoundedCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class FreshCache(Generic[Key, Value]):
    """Loads values by key, and keeps them for some seconds."""

    def __init__(
        self,
        load: Callable[[Key], Awaitable[Value]],
        *,
        max_entries: int,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._values: BoundedCache[Key, Value] = BoundedCache(max_entries, monotonic=monotonic)
        self._loads: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key) -> Value:
        """The value of *key*. Raises the errors of the load, which are not kept."""
        value = self._values.get(key)
        if value is not None:
            return value
        task = self._loads.get(key)
        if task is None:
            task = asyncio.create_task(self._run(key))
            self._loads[key] = task
            task.add_done_callback(partial(self._loaded, key))
        return await asyncio.shield(task)

    def forget(self, key: Key) -> None:
        """Load the value of *key* anew.

        A load in progress may have read the old value. Later calls do not wait for it, and its
        result is not kept.
        """
        self._values.remove(key)
        self._loads.pop(key, None)

    async def _run(self, key: Key) -> Value:
        return await self._load(key)

    def _loaded(self, key: Key, task: "asyncio.Task[Value]") -> None:
        # Its error is retrieved also if no caller waits any more: asyncio would log it.
        failed = task.cancelled() or task.exception() is not None
        if self._loads.get(key) is not task:
            return
        del self._loads[key]
        if not failed:
            self._values.put(key, task.result(), seconds=self._seconds)
