"""Threads that wait for a store."""

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Threads:
    """Run what they are given, in its order, and tell nobody of its end: it does that itself.

    A `ThreadPoolExecutor` makes a future for each call and takes four locks for it. That is 20 µs
    of each request that comes alone (docs/decisions/0004-commit-on-a-thread.md).
    """

    def __init__(self, number: int, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}_{each}") for each in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[], None]) -> None:
        """Have a thread make the call, which may not raise."""
        self._calls.put(call)

    def close(self) -> None:
        """Return when all that was given has run."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
