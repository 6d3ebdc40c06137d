"""Replacements for `threading` and `queue`. Waiting is an event of the simulated world."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from typing import Any

from simulation.world import Task, World


class Event:
    """`threading.Event`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._set = False
        self._waiting: list[tuple[Task, int]] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        for task, ticket in self._waiting:
            self._world.at(0.0, self._world.wake, task, ticket, True)
        self._waiting.clear()

    def wait(self, timeout: float | None = None) -> bool:
        if self._set:
            return True
        task, ticket = self._world.waiting()
        self._waiting.append((task, ticket))
        if timeout is not None:
            self._world.at(timeout, self._world.wake, task, ticket, False)
        return bool(self._world.wait())


class Lock:
    """`threading.Lock`, for tasks that may wait while they hold it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taken = False
        self._waiting: deque[Event] = deque()

    def acquire(self, blocking: bool = True) -> bool:
        if self._taken and not blocking:
            return False
        while self._taken:
            turn = Event(self._world)
            self._waiting.append(turn)
            turn.wait()
        self._taken = True
        return True

    def release(self) -> None:
        self._taken = False
        if self._waiting:
            self._waiting.popleft().set()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Queue:
    """`queue.SimpleQueue`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._items: deque[Any] = deque()
        self._more = Event(world)

    def put(self, item: object) -> None:
        self._items.append(item)
        self._more.set()

    def get_nowait(self) -> Any:
        if not self._items:
            raise queue.Empty
        return self._items.popleft()

    def get(self, timeout: float | None = None) -> Any:
        if not self._items:
            self._more = Event(self._world)
            self._more.wait(timeout)
        return self.get_nowait()


class Thread:
    """`threading.Thread`, of the server that is starting."""

    def __init__(self, world: World, run: Callable[[], object]) -> None:
        self._run_once = run
        self._ended = Event(world)
        world.spawn(self._run, world.starting)

    def join(self) -> None:
        self._ended.wait()

    def _run(self) -> None:
        self._run_once()
        self._ended.set()
