"""Servers of a simulated world: a real batcher and a real store, without HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.series import ANYONE, INT64_MAX, Reuse, SeriesKey
from monotron.model.versions.requests import Request
from monotron.runtime import Runtime
from monotron.services.batcher import Batcher
from monotron.store.interface import Store
from simulation.loop import Future
from simulation.world import World

ACCOUNT = 1
Reply = Callable[[Any, BaseException | None], object]
"""Receives the result or the error, or is never called."""


class Process:
    """A server process, from start to crash."""

    def __init__(
        self, world: World, runtime: Runtime, name: str, open_store: Callable[[], Store]
    ) -> None:
        self._name = name
        self.alive = True
        self._calls = 0
        self.max_calls = 0
        """The largest number of calls at a time, besides those of batches."""
        world.starting = self
        self.store = open_store()
        max_batch_size = self.store.max_batch_size

        def submit(call: Callable[[], None]) -> None:
            world.spawn(call, self)

        self.allocations: Batcher[AllocationRequest, Any] = Batcher(
            self.store.begin_allocate, submit, max_batch_size=max_batch_size, runtime=runtime
        )
        self.peeks: Batcher[SeriesKey, Any] = Batcher(
            lambda keys: partial(self.store.peek, keys),
            submit,
            max_batch_size=max_batch_size,
            runtime=runtime,
        )
        self.versions: Batcher[Request, Any] = Batcher(
            self.store.releases.begin_decide,
            submit,
            max_batch_size=max_batch_size,
            runtime=runtime,
        )

    def __str__(self) -> str:
        return self._name

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call that is not batched."""
        self._calls += 1
        self.max_calls = max(self.max_calls, self._calls)
        try:
            yield
        finally:
            self._calls -= 1


class Server:
    """A server that restarts after every crash."""

    def __init__(
        self,
        world: World,
        runtime: Runtime,
        number: int,
        open_store: Callable[[], Store],
        crashed: Callable[[], None],
    ) -> None:
        """*crashed*: called after a crash, when the tasks of the process have ended."""
        self._world = world
        self._runtime = runtime
        self._number = number
        self._open_store = open_store
        self._crashed = crashed
        self._starts = 0
        self.process: Process | None = None
        self.start()

    @property
    def store(self) -> Store:
        assert self.process is not None
        return self.process.store

    def start(self) -> None:
        if self.process is None:
            self._starts += 1
            name = f"server {self._number}.{self._starts}"
            self.process = Process(self._world, self._runtime, name, self._open_store)

    def crash(self) -> None:
        """End the process immediately, and start another one after a while."""
        process, self.process = self.process, None
        if process is None:
            return
        self._world.note(f"{process} crashes")
        process.alive = False
        self._world.kill(process)
        self._crashed()
        self._world.at(self._world.chance.expovariate(10), self.start)

    def put(self, key: str, token: str, reuse: str, reply: Reply, up_to: int = INT64_MAX) -> bool:
        """Send a request. Return false if no process is running."""
        process = self.process
        if process is None:
            return False
        series = SeriesKey(ACCOUNT, key)
        request = AllocationRequest(series, token, Reuse(reuse), ANYONE, up_to)
        self._ask(process, partial(process.allocations.add, request), reply)
        return True

    def decide(self, request: Request, reply: Reply) -> bool:
        """Send a request for a version. Return false if no process is running."""
        process = self.process
        if process is None:
            return False
        self._ask(process, partial(process.versions.add, request), reply)
        return True

    def decide_alone(self, request: Request, reply: Reply) -> bool:
        """Send a request that must be the only one of its batch."""

        def decide(store: Store) -> Any:
            (result,) = store.releases.decide([request])
            if isinstance(result, MonotronError):
                raise result
            return result

        return self.run(decide, reply)

    def peek(self, key: str, reply: Reply) -> bool:
        process = self.process
        if process is None:
            return False
        series = SeriesKey(ACCOUNT, key)
        self._ask(process, partial(process.peeks.add, series), reply)
        return True

    def run(self, call: Callable[[Store], object], reply: Reply) -> bool:
        """Make a call that is not batched."""
        process = self.process
        if process is None:
            return False
        future = Future(self._world)

        def run() -> None:
            try:
                with process.call():
                    future.set_result(call(process.store))
            except Exception as error:
                future.set_exception(error)

        self._world.spawn(run, process)
        self._ask(process, lambda: future, reply)
        return True

    def _ask(self, process: Process, ask: Callable[[], Any], reply: Reply) -> None:
        try:
            future = ask()
        except Exception as error:
            reply(None, error)
            return

        def answer(done: Future) -> None:
            if process.alive:
                error = done.exception()
                reply(None if error else done.result(), error)

        future.add_done_callback(answer)
