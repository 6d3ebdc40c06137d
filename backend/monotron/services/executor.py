"""The only bridge from the event loop to threads that wait for a store."""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Sized
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeAlias, TypeVar

from monotron.services.batcher import WAIT_SECONDS, store_is_busy
from monotron.services.observer import NO_OBSERVER, StoreObserver, operation_of

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_Calls: TypeAlias = "SimpleQueue[Callable[[], None] | None]"

Submit: TypeAlias = Callable[[Callable[[], None]], None]
"""Runs a call, which must not raise, on a thread."""


class StoreExecutor:
    """Runs the blocking calls of a store on threads.

    Each batcher has a thread of its own. A batch that has begun can lock the store until its thread
    finishes it, so it must not wait for a thread whose call waits for the store.
    """

    def __init__(self, max_concurrency: int, observer: StoreObserver = NO_OBSERVER) -> None:
        """*max_concurrency*: the maximum number of calls at a time, besides batches and probes."""
        self.observer = observer
        self._free = asyncio.Semaphore(max_concurrency)
        self._calls = ThreadGroup(max_concurrency + 1, "call")  # one more for probes
        self._batches: list[ThreadGroup] = []

    async def run(
        self,
        call: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run a call on a thread and return its result.

        Raises `StoreUnavailable` if no thread becomes free within `WAIT_SECONDS`. If the caller is
        cancelled, the call continues, and its result is dropped.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise store_is_busy(f"The store was busy for {WAIT_SECONDS:g} seconds") from None
        running = self._calls.run(partial(call, *args, **kwargs))
        running.add_done_callback(partial(self._ended, operation_of(call), time.monotonic()))
        # A call cannot be cancelled: its thread is busy until it ends.
        return await asyncio.shield(running)

    def _ended(self, operation: str, started: float, running: "asyncio.Future[Result]") -> None:
        self._free.release()
        error = running.exception()
        self.observer.call_ended(operation, time.monotonic() - started, error)

    async def probe(self, call: Callable[[], Result]) -> Result:
        """Run a call immediately, even if the maximum number of other calls is running."""
        return await self._calls.run(call)

    def batch_thread(self, operation: str) -> Submit:
        """Return a function that runs the calls of one batcher on a thread of its own."""
        thread = ThreadGroup(1, operation)
        self._batches.append(thread)
        return thread.submit

    def close(self) -> None:
        """Wait until all submitted calls have run, then end the threads."""
        for thread in self._batches:
            thread.close()
        self._calls.close()


class ThreadGroup:
    """A few threads that run calls in the order in which they were submitted.

    A `ThreadPoolExecutor` creates a future per call and acquires four locks for it, which delays a
    request that arrives alone (docs/decisions/0004-commit-on-a-thread.md).
    """

    def __init__(self, max_threads: int, name: str) -> None:
        """Threads are started when they are first needed."""
        self._max_threads = max_threads
        self._name = name
        self._queue: _Calls = SimpleQueue()
        self._threads: list[threading.Thread] = []
        # The threads refer to the queue, not to the group. So the group can be collected, and
        # this finalizer ends them.
        weakref.finalize(self, _end, self._queue, self._threads)

    def submit(self, call: Callable[[], None]) -> None:
        """Run the call, which must not raise, on a thread."""
        self._queue.put(call)
        if len(self._threads) < self._max_threads:
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(
                target=_run_calls, args=(self._queue,), name=name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def run(self, call: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Run the call on a thread. The future returns its result or raises its exception."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def run() -> None:
            try:
                result = call()
            except Exception as error:
                loop.call_soon_threadsafe(_set_exception, future, error)
            else:
                loop.call_soon_threadsafe(_set_result, future, result)

        self.submit(run)
        return future

    def close(self) -> None:
        """Wait until all submitted calls have run, then end the threads."""
        _end(self._queue, self._threads)
        for thread in self._threads:
            thread.join()


def _run_calls(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()


def _end(calls: _Calls, threads: Sized) -> None:
    for _ in range(len(threads)):
        calls.put(None)


def _set_result(future: "asyncio.Future[Result]", result: Result) -> None:
    if not future.done():  # the caller was cancelled
        future.set_result(result)


def _set_exception(future: "asyncio.Future[Result]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
