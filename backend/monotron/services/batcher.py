"""Group commit: requests that arrive during a store call form the next batch.

A batcher has at most one call in progress. A request that arrives alone is served immediately, and
under load one fsync, or one round trip, serves many requests. Figures:
docs/decisions/0008-lanes-that-wait-for-company.md.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from monotron.errors import MonotronError, StoreUnavailable
from monotron.runtime import PRODUCTION, Runtime
from monotron.services.observer import NO_OBSERVER, StoreObserver

log = logging.getLogger("monotron.services.batcher")

Request = TypeVar("Request")
Result = TypeVar("Result")

MAX_WAITING = 4096
"""The maximum number of requests that wait in one queue. Further requests are refused."""

IDLE_TURNS = 12
"""Turns of the event loop that an idle batcher waits after a batch of several requests. Clients
that were answered together send their next requests within these turns, and a batch of one would
delay all others."""

WAIT_SECONDS = 5.0
"""How long a request may wait for its turn. Together with the time limit of one store call, it is
shorter than the time that a server takes to drain."""

Finish: TypeAlias = Callable[[], Sequence[Result | MonotronError]]


class _Waiting(NamedTuple, Generic[Request, Result]):
    request: Request
    future: "asyncio.Future[Result]"
    since: float
    """The loop's time at which the request arrived."""


class Batcher(Generic[Request, Result]):
    """Batches requests of one kind into calls of a store: one queue, one call at a time."""

    def __init__(
        self,
        begin: Callable[[Sequence[Request]], "Finish[Result]"],
        submit: Callable[[Callable[[], None]], object],
        *,
        max_batch_size: int,
        operation: str = "",
        observer: StoreObserver = NO_OBSERVER,
        after: Callable[[], None] = lambda: None,
        runtime: Runtime = PRODUCTION,
    ) -> None:
        """Create an idle batcher.

        *begin* receives the requests of a batch in order of arrival and must not block. It returns
        a callable that blocks until the results are available, one per request, in the same order.
        *submit* runs that callable on a thread. A `MonotronError` among the results is raised to
        the caller of that request only; an exception raised by either callable is raised to all
        callers of the batch. *after* runs on the same thread after each call, while the results
        are delivered; its exceptions are logged. *observer* receives time and size of each call,
        with the name *operation*.
        """
        self._begin = begin
        self._submit = submit
        self._max_batch_size = max_batch_size
        self._after = after
        self._operation = operation
        self._observer = observer
        self._running_loop = runtime.running_loop
        self._queue: deque[_Waiting[Request, Result]] = deque()
        self._is_idle = True
        self._last_batch_was_shared = False

    def add(self, request: Request) -> "asyncio.Future[Result]":
        """Queue the request. The future returns its result or raises its error.

        Raises `StoreUnavailable` if `MAX_WAITING` requests are waiting already.
        """
        if len(self._queue) >= MAX_WAITING:
            raise store_is_busy(f"{MAX_WAITING} requests are already waiting for the store")
        loop = self._running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append(_Waiting(request, future, loop.time()))
        if self._is_idle:
            self._is_idle = False
            turns = IDLE_TURNS if self._last_batch_was_shared else 0
            loop.call_soon(self._start_after, turns)
        return future

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a call."""
        return len(self._queue)

    @property
    def is_busy(self) -> bool:
        """Whether a call is in progress, or about to start."""
        return not self._is_idle

    def _start_after(self, turns: int) -> None:
        """Start the first batch after this number of turns of the loop."""
        if turns:
            self._running_loop().call_soon(self._start_after, turns - 1)
        else:
            self._start_batch()

    def _start_batch(self) -> None:
        loop = self._running_loop()
        batch = self._next_batch(loop.time())
        if not batch:
            self._is_idle = True
            return
        self._last_batch_was_shared = len(batch) > 1
        started_at = loop.time()
        try:
            finish = self._begin([waiting.request for waiting in batch])
        except Exception as error:
            loop.call_soon(self._end_batch, batch, started_at, error)
            return
        self._submit(partial(self._run, loop, batch, started_at, finish))

    def _next_batch(self, now: float) -> list[_Waiting[Request, Result]]:
        """Remove the next requests from the queue. An empty batch means an empty queue."""
        batch: list[_Waiting[Request, Result]] = []
        while self._queue and len(batch) < self._max_batch_size:
            waiting = self._queue.popleft()
            if waiting.future.done():  # the caller was cancelled
                continue
            if now - waiting.since > WAIT_SECONDS:
                waiting.future.set_exception(
                    store_is_busy(f"The store was busy for {WAIT_SECONDS:g} seconds")
                )
            else:
                batch.append(waiting)
        return batch

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: Sequence[_Waiting[Request, Result]],
        started_at: float,
        finish: "Finish[Result]",
    ) -> None:
        """On a thread: wait for the store, and pass the results to the loop."""
        outcome: Sequence[Result | MonotronError] | Exception
        try:
            outcome = finish()
        except Exception as error:
            outcome = error
        # The future of `run_in_executor` would deliver the results two turns of the loop later.
        loop.call_soon_threadsafe(self._end_batch, batch, started_at, outcome)
        try:
            self._after()
        except Exception:  # the thread must not end, because the next batch needs it
            log.exception("maintenance after a batch failed, its results are valid")

    def _end_batch(
        self,
        batch: Sequence[_Waiting[Request, Result]],
        started_at: float,
        outcome: Sequence[Result | MonotronError] | Exception,
    ) -> None:
        ended_at = self._running_loop().time()
        self._start_batch()  # first: the engine works while the results are delivered
        error = outcome if isinstance(outcome, Exception) else None
        self._observer.batch_ended(self._operation, len(batch), ended_at - started_at, error)
        if isinstance(outcome, Exception):
            for waiting in batch:
                if not waiting.future.done():
                    waiting.future.set_exception(outcome)
            return
        for waiting, result in zip(batch, outcome, strict=True):
            if waiting.future.done():  # the caller was cancelled
                continue
            if isinstance(result, MonotronError):
                waiting.future.set_exception(result)
            else:
                waiting.future.set_result(result)


def store_is_busy(cause: str) -> StoreUnavailable:
    """The error of a request that was refused before it reached the store."""
    return StoreUnavailable(
        f"{cause}, so this request was not processed. Retry the same request in a moment."
    )
