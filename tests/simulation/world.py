"""A world in which one seed determines what happens and when.

Time is a number, and future events are in a heap. Code that waits (a call of a store, the thread
that seals) is a task with its own greenlet. One task runs at a time: a task that waits passes
control to the next event. So real, blocking code runs step by step, and the same seed produces the
same steps.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any, ClassVar

from greenlet import getcurrent, greenlet

MAX_EVENTS = 300_000


class Killed(BaseException):
    """Raised in a waiting task after its server has crashed."""


class Task:
    """Code that may wait. *group*: the server that it belongs to, and is killed with."""

    __slots__ = ("deadline", "error", "group", "killed", "run", "ticket", "value", "worker")

    def __init__(self, run: Callable[[], object], group: object) -> None:
        self.run = run
        self.group = group
        self.worker: _Worker | None = None
        self.ticket = 0
        self.value: Any = None
        self.error: Exception | None = None
        self.killed = False
        self.deadline = inf


class _Worker:
    """A greenlet that runs one task after another, also those of later worlds."""

    idle: ClassVar[list[_Worker]] = []

    def __init__(self, own: greenlet | None = None) -> None:
        self.greenlet = own or greenlet(self._main)
        self.task: Task | None = None
        self.world: World | None = None

    def _main(self) -> None:
        while True:
            task, world = self.task, self.world
            assert task is not None
            assert world is not None
            try:
                if not task.killed:
                    task.run()
            except Killed:
                pass
            except BaseException:
                world.errors.append(traceback.format_exc())
            world.tasks.pop(task)
            self.task = self.world = None
            _Worker.idle.append(self)
            world._run_until(None)


class World:
    """The clock, the random numbers, and all future events."""

    def __init__(self, seed: int | str, *, verbose: bool = False) -> None:
        self.chance = random.Random(f"world {seed}")
        self.now = 0.0
        self.verbose = verbose
        self.current: Task | None = None
        self.starting: Any = None
        """The group of the threads that the code under test starts."""
        self.tasks: dict[Task, None] = {}
        self.errors: list[str] = []
        self.events = 0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._next: Task | None = None
        self._main = Task(lambda: None, None)
        self._main.worker = _Worker(getcurrent())

    def run(self, scenario: Callable[[], object]) -> None:
        """Run the scenario as a task until it ends, then end all other tasks."""
        main = self._main

        def whole() -> None:
            try:
                scenario()
            finally:
                self._next = main

        task = self.spawn(whole)
        self._run_until(main)
        if task in self.tasks:
            self.errors.append("the scenario never ends: no events remain, or there are too many")
        while self.tasks:
            self._heap.clear()
            self.events = 0
            for each in list(self.tasks):
                each.killed = True
                if each.worker is None:  # its start was one of the events
                    del self.tasks[each]
                else:
                    self.at(0.0, self.wake, each, each.ticket)
            self.at(1.0, self._resume, main)
            self._run_until(main)

    def at(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """Call *callback* in *delay* seconds. It must not wait."""
        self.events += 1
        heappush(self._heap, (self.now + delay, self.events, callback, args))

    def spawn(self, run: Callable[[], object], group: object = None) -> Task:
        """Start a task now."""
        task = Task(run, group)
        self.tasks[task] = None
        self.at(0.0, self._start, task)
        return task

    def kill(self, *groups: object) -> None:
        """End all tasks of these groups where they wait."""
        for task in self.tasks:
            if any(task.group is group for group in groups) and not task.killed:
                task.killed = True
                if task.worker is not None and task is not self.current:
                    self.at(0.0, self.wake, task, task.ticket)

    def waiting(self) -> tuple[Task, int]:
        """Return the task that is about to wait, and its ticket, which is valid for one `wake`."""
        task = self.current
        assert task is not None, "a callback of the world must not wait"
        if task.killed:
            raise Killed
        return task, task.ticket

    def wake(
        self, task: Task, ticket: int, value: object = None, error: Exception | None = None
    ) -> None:
        """Continue the task, if it still waits with this ticket."""
        if task.ticket == ticket and task in self.tasks:
            task.ticket += 1
            task.value, task.error = value, error
            self._next = task

    def wait(self) -> Any:
        """Run other events until the current task is woken. Return the value of `wake`."""
        task = self.current
        assert task is not None
        self._run_until(task)
        if task.killed:
            raise Killed
        error, task.error = task.error, None
        if error is not None:
            raise error
        return task.value

    def sleep(self, seconds: float) -> None:
        task, ticket = self.waiting()
        self.at(seconds, self.wake, task, ticket)
        self.wait()

    def note(self, text: str) -> None:
        if self.verbose:
            print(f"{self.now:12.6f} {text}")

    def _resume(self, task: Task) -> None:
        self._next = task

    def _start(self, task: Task) -> None:
        worker = _Worker.idle.pop() if _Worker.idle else _Worker()
        worker.task, worker.world = task, self
        task.worker = worker
        self._next = task

    def _run_until(self, me: Task | None) -> None:
        """Run events until *me* is woken. If it is None, run events until any task is woken."""
        self.current = None
        while True:
            task, self._next = self._next, None
            if task is not None:
                self.current = task
                if task is me:
                    return
                assert task.worker is not None
                task.worker.greenlet.switch()  # returns when this task, or its worker, is next
                return
            if not self._heap or self.events > MAX_EVENTS:
                self._next = self._main
                continue
            self.now, _, callback, args = heappop(self._heap)
            try:
                callback(*args)
            except Killed:
                pass
            except Exception:
                self.errors.append(traceback.format_exc())
