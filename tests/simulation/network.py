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
from typing import TYPE_CHECKING, Any, NamedTuple

from pymongo.errors import NetworkTimeout, PyMongoError, ServerSelectionTimeoutError

from simulation.failures import (
    EXPIRED,
    INTERRUPTED,
    NOT_PRIMARY,
    OUT_OF_DISK_SPACE,
    TIMED_OUT,
    UNSATISFIABLE,
    lost,
    no_such_transaction,
    not_primary,
    server_error,
    write_concern_error,
)
from simulation.replica import Replica
from simulation.server_transactions import Reference, ServerTransactions
from simulation.world import Task, World

if TYPE_CHECKING:
    from simulation.sessions import ClientSession

DEFAULT_SECONDS = 30.0
"""How long the driver waits for a server, unless a shorter time limit is set."""


@dataclass(slots=True)
class Faults:
    """The probability of each fault of a command."""

    request_lost: float = 0.0
    answer_lost: float = 0.0
    late: float = 0.0
    """It seems lost, and is applied up to 20 seconds later."""
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
    REFUSED = "refused"
    DOUBTFUL = "doubtful"
    FULL = "full"


class Reply(NamedTuple):
    """The response to a command that was applied."""

    result: object
    """If it is an exception, the driver raises it."""
    wait_for: int | None = None
    """The index that must be committed before the response is sent."""
    time: int | None = None
    """The cluster time of the response."""


class Command(NamedTuple):
    """A command of the driver."""

    name: str
    apply: Callable[[], Reply | float]
    """Applies it on the primary. Returns seconds if it cannot be applied yet."""
    session: ClientSession | None = None
    reference: Reference | None = None
    """The transaction that it belongs to."""
    writes: bool = False
    """Whether its response reports a write concern."""
    wait_limit: float | None = None
    """The time limit of the write concern in seconds."""


class _Call(NamedTuple):
    """A command on its way, and the task that waits for it."""

    command: Command
    fate: Fate
    task: Task
    ticket: int
    deadline: float


class Network:
    """The network between one server and the replica set."""

    def __init__(
        self,
        world: World,
        replica: Replica,
        transactions: ServerTransactions,
        sent: Callable[[], object],
    ) -> None:
        """*sent*: called when a command is sent. It may schedule a fault."""
        self.world = world
        self.replica = replica
        self.transactions = transactions
        self.faults = Faults()
        self.cut_until = 0.0
        self.acknowledge_immediately = False
        """What a driver with w:1 does, for a deliberately broken store."""
        self._primary_at = 0.0
        """When the driver finds a primary, after a response that there is none."""
        self._sent = sent
        self._fates: list[tuple[Fate, float]] = []

    def suffer(self, faults: Faults) -> None:
        """Set the probabilities of faults."""
        self.faults = faults
        often = (
            (Fate.REQUEST_LOST, faults.request_lost),
            (Fate.ANSWER_LOST, faults.answer_lost),
            (Fate.LATE, faults.late),
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

    def is_former_primary(self) -> bool:
        """Return whether the next transaction runs on a primary that has a successor."""
        return self.replica.members > 1 and self.world.chance.random() < self.faults.stale / 3

    def stale_index(self) -> int:
        """Return the index of a majority read: that of the primary, or of a former one."""
        replica, chance = self.replica, self.world.chance
        if self.faults.stale and replica.members > 1 and chance.random() < self.faults.stale:
            return replica.committed(chance.expovariate(1.0))
        return replica.committed()

    def call(self, command: Command) -> Any:
        """Send a command, and wait for its response."""
        world, chance = self.world, self.world.chance
        task, ticket = world.waiting()
        self._sent()
        fate = self._fate(command)
        if world.verbose:
            world.note(f"{task.group} {command.name} {command.reference or ''} ({fate.value})")
        deadline = min(task.deadline, world.now + DEFAULT_SECONDS)
        timeout = deadline - world.now
        way = chance.expovariate(1 / self.faults.slow)
        reachable_at = max(self.cut_until, self._primary_at)
        if world.now < reachable_at:
            way += reachable_at - world.now + chance.uniform(0.0, 0.5)
        if timeout <= way:
            error: PyMongoError = ServerSelectionTimeoutError("no server")
            world.at(max(0.0, timeout), world.wake, task, ticket, None, error)
            return world.wait()
        if fate is Fate.REQUEST_LOST:
            error = lost(chance) if chance.random() < 0.7 else ServerSelectionTimeoutError("none")
            world.at(min(timeout, way * 3), world.wake, task, ticket, None, error)
            return world.wait()
        if fate is Fate.LATE:
            world.at(way, world.wake, task, ticket, None, lost(chance))
            way = chance.choice((0.05, 1.0, 20.0)) * chance.random()
        world.at(way, self._arrive, _Call(command, fate, task, ticket, deadline))
        return world.wait()

    def _fate(self, command: Command) -> Fate:
        luck = self.world.chance.random()
        for fate, below in self._fates:
            if luck < below:
                return fate
        return Fate.FINE

    def _arrive(self, call: _Call) -> None:
        """Apply a command on the primary."""
        command, fate = call.command, call.fate
        refusal = None
        if not self.replica.has_primary:
            refusal = not_primary()
            self._primary_at = self.replica.elected_at
        if fate is Fate.REFUSED:
            refusal = self._refusal(command)
        elif fate is Fate.FULL:
            refusal = server_error(OUT_OF_DISK_SPACE)
        if refusal is not None:
            self._respond(call, Reply(refusal))
            return
        try:
            reply = command.apply()
        except PyMongoError as error:
            reply = Reply(error)
        if isinstance(reply, float):
            if self.world.now + reply > call.deadline:
                self._respond(call, Reply(server_error(EXPIRED)))
            else:
                self.world.at(reply, self._arrive, call)
        else:
            self._respond(call, reply)

    def _respond(self, call: _Call, reply: Reply) -> None:
        """Wait for a majority, then send the response."""
        world, chance, fate = self.world, self.world.chance, call.fate
        wait_for = None if self.acknowledge_immediately else reply.wait_for
        if fate is Fate.DOUBTFUL and call.command.writes and wait_for is not None:
            # It does not wait any longer, and its write may still be rolled back.
            reply, wait_for = Reply(self._doubtful(reply)), None
        way = chance.expovariate(1 / self.faults.slow)
        left = max(0.0, call.deadline - world.now)
        limit = call.command.wait_limit
        if wait_for is not None:
            wait = self.replica.commit_in(wait_for)
            if limit is not None and wait > limit:
                reply, wait_for, wait = Reply(write_concern_error(TIMED_OUT)), None, limit
            way += wait
        if way > left or fate is Fate.ANSWER_LOST:
            error: PyMongoError = NetworkTimeout("too late")
            if way <= left:
                error = lost(chance)
            elif call.command.writes and chance.random() < 0.5:
                error = write_concern_error(EXPIRED)
            world.at(min(way, left), world.wake, call.task, call.ticket, None, error)
            return
        epoch = None if wait_for is None else self.replica.epoch
        world.at(way, self._answer, call, reply, epoch)

    def _answer(self, call: _Call, reply: Reply, epoch: int | None) -> None:
        """Deliver the response, if the primary is still in office and the network is not cut."""
        world = self.world
        if world.now < self.cut_until:
            left = max(0.0, call.deadline - world.now)
            world.at(left, world.wake, call.task, call.ticket, None, NetworkTimeout("cut"))
            return
        error = reply.result if isinstance(reply.result, PyMongoError) else None
        if epoch not in (None, self.replica.epoch):
            error = not_primary()
        elif call.command.session is not None and reply.time is not None:
            time = self.replica.cluster_time(reply.time)
            call.command.session.advance_operation_time(time)
        world.wake(call.task, call.ticket, None if error else reply.result, error)

    def _refusal(self, command: Command) -> PyMongoError:
        """Return the error of a command that was not applied. It may abort its transaction."""
        chance, reference = self.world.chance, command.reference
        code = chance.choice((*NOT_PRIMARY, EXPIRED, INTERRUPTED))
        if reference is not None and chance.random() < 0.5:
            self.transactions.kill(reference.session)
        if code in NOT_PRIMARY:
            return not_primary()
        return server_error(code)

    def _doubtful(self, reply: Reply) -> PyMongoError:
        if isinstance(reply.result, PyMongoError):
            # A commit without a transaction. It is final only if a majority has what this primary
            # knows, so this error has no label.
            return no_such_transaction()
        codes = (TIMED_OUT, UNSATISFIABLE, INTERRUPTED, EXPIRED, 91, 11602)
        code = self.world.chance.choice(codes)
        return not_primary() if code in NOT_PRIMARY else write_concern_error(code)
