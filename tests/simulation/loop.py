"""An event loop in a simulated world: the part of asyncio that the batcher uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulation.world import World


class Future:
    """`asyncio.Future`: one result or error, and its callbacks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], object]] = []

    def done(self) -> bool:
        return self._done

    def result(self) -> Any:
        return self._result

    def exception(self) -> BaseException | None:
        return self._error

    def set_result(self, result: object) -> None:
        self._result = result
        self._finish()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._finish()

    def add_done_callback(self, callback: Callable[[Future], object]) -> None:
        if self._done:
            self._world.at(0.0, callback, self)
        else:
            self._callbacks.append(callback)

    def _finish(self) -> None:
        self._done = True
        for callback in self._callbacks:
            self._world.at(0.0, callback, self)


class Loop:
    """The running loop."""

    def __init__(self, world: World) -> None:
        self._world = world

    def time(self) -> float:
        return self._world.now

    def create_future(self) -> Future:
        return Future(self._world)

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        self._world.at(0.0, callback, *args)

    call_soon_threadsafe = call_soon
