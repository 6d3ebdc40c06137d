"""Lanes: requests that may share one step of the store wait for each other.

A lane has one call under way; what arrives meanwhile forms the next batch. So a request that
comes alone is served at once, and under load one fsync, or one round trip, serves many.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from monotron.errors import MonotronError, StoreUnavailable

Request = TypeVar("Request")
Answer = TypeVar("Answer")

MOST_WAITING = 4096
"""Requests that may wait in all lanes together, before another is told to come again."""


class Lanes(Generic[Request, Answer]):
    """One kind of request, batched by lane onto one call of the store.

    *start* takes the requests of one lane in their order of arrival, and returns at once with
    the rest of the call, which runs on *executor* and answers each, in the same order. A
    `MonotronError` in an answer's place is raised to its own caller only, and one that the call
    raises to all of the batch. A lane has one call under way at a time.
    """

    def __init__(
        self,
        start: Callable[[Sequence[Request]], Callable[[], Sequence[Answer | MonotronError]]],
        executor: Executor,
        *,
        largest_batch: int,
    ) -> None:
        self._start = start
        self._executor = executor
        self._largest_batch = largest_batch
        self._lanes: dict[Hashable, deque[tuple[Request, asyncio.Future[Answer]]]] = {}
        self._waiting = 0

    def ask(self, lane: Hashable, request: Request) -> "asyncio.Future[Answer]":
        """Put the request into its lane. The future holds its answer, or raises its error."""
        if self._waiting >= MOST_WAITING:
            raise StoreUnavailable(
                f"{MOST_WAITING} requests are waiting for the store already, so this one was not "
                "taken. Send the same request again in a moment."
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        waiting = self._lanes.get(lane)
        if waiting is None:
            # The lane was idle. Let whatever else has arrived by now join the first batch.
            self._lanes[lane] = waiting = deque()
            loop.call_soon(self._next_batch, lane)
        waiting.append((request, answer))
        self._waiting += 1
        return answer

    def _next_batch(self, lane: Hashable) -> None:
        waiting = self._lanes[lane]
        if not waiting:
            del self._lanes[lane]
            return
        batch = [waiting.popleft() for _ in range(min(len(waiting), self._largest_batch))]
        self._waiting -= len(batch)
        loop = asyncio.get_running_loop()
        try:
            finish = self._start([request for request, _ in batch])
        except Exception as error:
            failed: asyncio.Future[Sequence[Answer | MonotronError]] = loop.create_future()
            failed.set_exception(error)
            loop.call_soon(self._answer, lane, batch, failed)
            return
        done = loop.run_in_executor(self._executor, finish)
        done.add_done_callback(lambda done: self._answer(lane, batch, done))

    def _answer(
        self,
        lane: Hashable,
        batch: Sequence[tuple[Request, "asyncio.Future[Answer]"]],
        done: "asyncio.Future[Sequence[Answer | MonotronError]]",
    ) -> None:
        self._next_batch(lane)  # first: the engine works while the answers are written
        error = done.exception()
        if error is not None:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(batch, done.result(), strict=True):
            if answer.done():  # its caller was cancelled
                continue
            if isinstance(result, MonotronError):
                answer.set_exception(result)
            else:
                answer.set_result(result)
