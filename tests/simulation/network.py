"""The network between a server and a simulated replica set, and its faults.

A command takes time to arrive and is applied atomically. It is answered when a majority has what it
wrote or read, if the same primary is still in office.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from math import inf
from typing import Any

from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from simulation.replica import Replica
from simulation.world import Task, World


@dataclass(slots=True)
class Faults:
    """The probability of each fault of a command."""

    request_lost: float = 0.0
    answer_lost: float = 0.0
    late: float = 0.0
    """It seems lost, and is applied up to 20 seconds later."""
    half_done: float = 0.0
    """The primary fails between two writes of one command."""
    refused: float = 0.0
    """The server rejects it without applying it."""
    doubtful: float = 0.0
    """The server applies it, and reports that a majority may not have it."""
    full: float = 0.0
    """The server has no disk space left."""
    stale: float = 0.0
    """A committed read is answered from an older state."""
    slow: float = 0.002
    """The mean latency in seconds."""


class Fate(Enum):
    FINE = "fine"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    LATE = "late"
    HALF_DONE = "half done"
    REFUSED = "refused"
    DOUBTFUL = "doubtful"
    FULL = "full"


Outcome = tuple[object, int | None, int | None]
"""The result, the index that must be committed first, and the cluster time to return."""

Run = Callable[[float], Outcome | float]
"""Applies a command, with at most so many of its writes, or returns the seconds until it can be
applied."""


class Network:
    """The network between one server and the replica set."""

    def __init__(self, world: World, replica: Replica, sent: Callable[[], object]) -> None:
        """*sent*: called when a command is sent. It may schedule a fault."""
        self.world = world
        self._sent = sent
        self.replica = replica
        self.faults = Faults()
        self._fates: list[tuple[Fate, float]] = []
        self.cut_until = 0.0
        self.acknowledge_at_once = False
        """What a driver with w:1 does, for a deliberately broken store."""

    def suffer(self, faults: Faults) -> None:
        """Set the probabilities of faults."""
        self.faults = faults
        often = (
            (Fate.REQUEST_LOST, faults.request_lost),
            (Fate.ANSWER_LOST, faults.answer_lost),
            (Fate.LATE, faults.late),
            (Fate.HALF_DONE, faults.half_done),
            (Fate.REFUSED, faults.refused),
            (Fate.DOUBTFUL, faults.doubtful),
            (Fate.FULL, faults.full),
        )
        below = accumulate(each for _, each in often)
        self._fates = [
            (fate, sum_) for (fate, each), sum_ in zip(often, below, strict=True) if each
        ]

    @contextmanager
    def timeout(self, seconds: float) -> Iterator[None]:
        """`pymongo.timeout`."""
        task = self.world.current
        assert task is not None
        before, task.deadline = task.deadline, min(task.deadline, self.world.now + seconds)
        try:
            yield
        finally:
            task.deadline = before

    def call(
        self, name: str, run: Run, session: Session | None = None, *, bulk: bool = False
    ) -> Any:
        """Send a command, and wait for its response."""
        world, chance = self.world, self.world.chance
        task, ticket = world.waiting()
        self._sent()
        fate = self._fate()
        if world.verbose:
            world.note(f"{task.group} {name} ({fate.value})")
        timeout = min(task.deadline, world.now + 30.0) - world.now
        way = chance.expovariate(1 / self.faults.slow)
        if fate is Fate.REQUEST_LOST:
            world.at(min(timeout, way * 3), world.wake, task, ticket, None, _broken(chance))
        elif world.now < self.cut_until:
            error = ServerSelectionTimeoutError("cut off")
            world.at(timeout, world.wake, task, ticket, None, error)
        else:
            if fate is Fate.LATE:
                world.at(way, world.wake, task, ticket, None, _broken(chance))
                way = chance.choice((0.05, 1.0, 20.0)) * chance.random()
            deadline = world.now + timeout
            world.at(way, self._arrive, fate, run, session, bulk, task, ticket, deadline)
        return world.wait()

    def _fate(self) -> Fate:
        luck = self.world.chance.random()
        for fate, below in self._fates:
            if luck < below:
                return fate
        return Fate.FINE

    def _arrive(
        self,
        fate: Fate,
        run: Run,
        session: Session | None,
        bulk: bool,
        task: Task,
        ticket: int,
        deadline: float,
    ) -> None:
        world, replica, chance = self.world, self.replica, self.world.chance
        refusal = None if replica.has_primary else NotPrimaryError("not primary")
        if fate is Fate.REFUSED:
            refusal = _refusal(chance)
        elif fate is Fate.FULL:
            refusal = OperationFailure("no space", 14031)
        if refusal is not None:
            world.at(self.faults.slow, world.wake, task, ticket, None, refusal)
            return
        outcome = run(chance.randrange(3) if fate is Fate.HALF_DONE else inf)
        if isinstance(outcome, float):
            world.at(outcome, self._arrive, Fate.FINE, run, session, bulk, task, ticket, deadline)
            return
        result, wait_for, time = outcome
        if fate is Fate.DOUBTFUL and wait_for is not None:
            # It does not wait any longer, and its write may still be rolled back.
            result, wait_for = _doubtful(result, bulk=bulk), None
        way = chance.expovariate(1 / self.faults.slow)
        if wait_for is not None and not self.acknowledge_at_once:
            way += replica.commit_in(wait_for)
        left = max(0.0, deadline - world.now)
        if way > left or fate in (Fate.ANSWER_LOST, Fate.HALF_DONE):
            error: PyMongoError = _broken(chance) if way <= left else NetworkTimeout("too late")
            world.at(min(way, left), world.wake, task, ticket, None, error)
            return
        epoch = None if wait_for is None or self.acknowledge_at_once else replica.epoch
        world.at(way, self._answer, result, time, epoch, session, task, ticket)

    def _answer(
        self,
        result: object,
        time: int | None,
        epoch: int | None,
        session: Session | None,
        task: Task,
        ticket: int,
    ) -> None:
        if epoch not in (None, self.replica.epoch):
            error: PyMongoError = NotPrimaryError("stepped down")
        else:
            if session is not None and time is not None:
                session.operation_time = max(time, session.operation_time or 0)
            if not isinstance(result, PyMongoError):
                self.world.wake(task, ticket, result)
                return
            error = result
        self.world.wake(task, ticket, None, error)


class Session:
    def __init__(self, **_: object) -> None:
        self.operation_time: int | None = None
        self.after = 0

    def advance_operation_time(self, time: int) -> None:
        self.after = time

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _doubtful(result: object, *, bulk: bool) -> PyMongoError:
    if not bulk:
        return WTimeoutError("waiting for replication timed out", 64)
    details = result.details if isinstance(result, BulkWriteError) else {"writeErrors": []}
    return BulkWriteError({**(details or {}), "writeConcernErrors": [{"code": 64}]})


def _broken(chance: Any) -> PyMongoError:
    kind = chance.choice((AutoReconnect, NetworkTimeout, ServerSelectionTimeoutError))
    return kind("lost")  # type: ignore[no-any-return]


def _refusal(chance: Any) -> PyMongoError:
    code = chance.choice((91, 189, 11600, 11602, 13435, 50))
    return NotPrimaryError("no") if code == 189 else OperationFailure("no", code)
