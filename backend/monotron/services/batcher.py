"""Lanes: requests that may share one step of the store wait for each other.

A lane has one call under way; what arrives meanwhile forms the next batch. So a request that
comes alone is served at once, and under load one fsync, or one round trip, serves many.
docs/decisions/0008-lanes-that-wait-for-company.md has the figures.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from monotron.errors import MonotronError, StoreUnavailable
from monotron.runtime import PRODUCTION, Runtime

log = logging.getLogger("monotron.services.batcher")

Request = TypeVar("Request")
Result = TypeVar("Result")

MAX_WAITING = 4096
"""Requests that may wait in all lanes together, before another is told to come again."""

GATHERING_TURNS = 12
"""Turns of the loop that an idle lane waits for company, once its last batch had some: those who
were answered together ask again within these, and a batch of one would keep them waiting."""

WAIT_SECONDS = 5.0
"""How long a request may wait for its turn. With the time that a step may take on any store, it
is answered within the time that a server drains."""

_Waiting: TypeAlias = tuple[Request, "asyncio.Future[Result]", float]
_Batch: TypeAlias = Sequence[tuple[Request, "asyncio.Future[Result]"]]


class Batcher(Generic[Request, Result]):
    """One kind of request, batched by lane onto one call of the store.

    *start* takes the requests of one lane in their order of arrival, and returns at once with
    the rest of the call, which answers each, in the same order, on a thread that *submit* finds.
    A `MonotronError` in an answer's place is raised to its own caller only, and one that the call
    raises to all of the batch. A lane has one call under way at a time, and all lanes together
    *max_concurrency*; the others wait for their turn. *afterwards* runs on the thread of each call,
    while those who were answered hear of it; what it raises is logged.
    """

    def __init__(
        self,
        start: Callable[[Sequence[Request]], Callable[[], Sequence[Result | MonotronError]]],
        submit: Callable[[Callable[[], None]], object],
        *,
        max_batch_size: int,
        max_concurrency: int,
        afterwards: Callable[[], None] = lambda: None,
        runtime: Runtime = PRODUCTION,
    ) -> None:
        self._start = start
        self._submit = submit
        self._largest_batch = max_batch_size
        self._calls_at_once = max_concurrency
        self._afterwards = afterwards
        self._running_loop = runtime.running_loop
        self._lanes: dict[Hashable, deque[_Waiting[Request, Result]]] = {}
        self._turns: deque[Hashable] = deque()
        self._under_way = 0
        self._waiting = 0
        self._in_company = False

    def ask(self, lane: Hashable, request: Request) -> "asyncio.Future[Result]":
        """Put the request into its lane. The future holds its answer, or raises its error."""
        if self._waiting >= MAX_WAITING:
            raise _too_many(f"{MAX_WAITING} requests are waiting for the store already")
        loop = self._running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        waiting = self._lanes.get(lane)
        if waiting is None:
            self._lanes[lane] = waiting = deque()
            loop.call_soon(self._gather, lane, GATHERING_TURNS if self._in_company else 0)
        waiting.append((request, answer, loop.time()))
        self._waiting += 1
        return answer

    def _gather(self, lane: Hashable, turns: int) -> None:
        """Let whatever has arrived by now, or does within some turns, join a lane's first batch."""
        if turns:
            self._running_loop().call_soon(self._gather, lane, turns - 1)
        else:
            self._queue(lane)

    def _queue(self, lane: Hashable) -> None:
        self._turns.append(lane)
        while self._turns and self._under_way < self._calls_at_once:
            self._next_batch(self._turns.popleft())

    def _next_batch(self, lane: Hashable) -> None:
        loop = self._running_loop()
        waiting = self._lanes[lane]
        batch: list[tuple[Request, asyncio.Future[Result]]] = []
        while waiting and len(batch) < self._largest_batch:
            request, answer, since = waiting.popleft()
            self._waiting -= 1
            if answer.done():  # its caller was cancelled
                continue
            if loop.time() - since > WAIT_SECONDS:
                answer.set_exception(_too_many(f"The store was busy for {WAIT_SECONDS:g} seconds"))
            else:
                batch.append((request, answer))
        if not batch:  # then none is waiting any more either
            del self._lanes[lane]
            return
        self._under_way += 1
        self._in_company = len(batch) > 1
        try:
            finish = self._start([request for request, _ in batch])
        except Exception as error:
            loop.call_soon(self._answer, lane, batch, error)
            return
        self._submit(partial(self._finish, loop, lane, batch, finish))

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        lane: Hashable,
        batch: "_Batch[Request, Result]",
        finish: Callable[[], Sequence[Result | MonotronError]],
    ) -> None:
        """On a thread: wait for the store, and tell the loop."""
        outcome: Sequence[Result | MonotronError] | Exception
        try:
            outcome = finish()
        except Exception as error:
            outcome = error
        # By the future of `run_in_executor` it would come two turns of the loop later.
        loop.call_soon_threadsafe(self._answer, lane, batch, outcome)
        try:
            self._afterwards()
        except Exception:  # the thread must live: a step that was started waits for it
            log.exception("what a step leaves for afterwards failed")

    def _answer(
        self,
        lane: Hashable,
        batch: "_Batch[Request, Result]",
        outcome: Sequence[Result | MonotronError] | Exception,
    ) -> None:
        self._under_way -= 1
        self._queue(lane)  # first: the engine works while the answers are written
        if isinstance(outcome, Exception):
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(outcome)
            return
        for (_, answer), result in zip(batch, outcome, strict=True):
            if answer.done():  # its caller was cancelled
                continue
            if isinstance(result, MonotronError):
                answer.set_exception(result)
            else:
                answer.set_result(result)


def _too_many(cause: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{cause}, so this request was not taken. Send the same request again in a moment."
    )
