"""Threads that wait for a store."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Sized
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")

_Calls: TypeAlias = "SimpleQueue[Callable[[], None] | None]"


class StoreExecutor:
    """Run what they are given, in its order, and tell nobody of its end: it does that itself.

    A `ThreadPoolExecutor` makes a future for each call and takes four locks for it, which a
    request that comes alone waits for (docs/decisions/0004-commit-on-a-thread.md).
    """

    def __init__(self, most: int, name: str) -> None:
        """At most so many; each is started when it is first needed."""
        self._most = most
        self._name = name
        self._calls: _Calls = SimpleQueue()
        self._threads: list[threading.Thread] = []
        # Not by __del__: threads hold the queue only, and end with whoever gave to it.
        weakref.finalize(self, _end, self._calls, self._threads)

    def submit(self, call: Callable[[], None]) -> None:
        """Have a thread make the call, which may not raise."""
        self._calls.put(call)
        if len(self._threads) < self._most:
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(target=_run, args=(self._calls,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def call(self, call: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Have a thread make the call. The future holds what it returns, or raises its error."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def run() -> None:
            try:
                result = call()
            except Exception as error:
                loop.call_soon_threadsafe(_fail, future, error)
            else:
                loop.call_soon_threadsafe(_answer, future, result)

        self.submit(run)
        return future

    def close(self) -> None:
        """Return when all that was given has run."""
        _end(self._calls, self._threads)
        for thread in self._threads:
            thread.join()


def _run(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()


def _end(calls: _Calls, threads: Sized) -> None:
    for _ in range(len(threads)):
        calls.put(None)


def _answer(future: "asyncio.Future[Result]", result: Result) -> None:
    if not future.done():  # its caller was cancelled
        future.set_result(result)


def _fail(future: "asyncio.Future[Result]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
