"""A caller of a simulated world, and the network between it and the servers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from simulation.servers import Reply, Server

if TYPE_CHECKING:
    from simulation.traffic import Traffic

Call = TypeVar("Call")


class Attempts(ABC, Generic[Call]):
    """Sends a request until it is answered, then the next one.

    `Call` is the record of one attempt.
    """

    def __init__(self, traffic: Traffic, name: str) -> None:
        self._traffic = traffic
        self._world = traffic.world
        self._chance = traffic.world.chance
        self._name = name
        self._attempt = 0

    @abstractmethod
    def next(self) -> None:
        """Choose a request, and make its first attempt with `_ask`."""

    @abstractmethod
    def _call(self) -> Call:
        """Record an attempt that begins now."""

    @abstractmethod
    def _deliver(self, server: Server, call: Call, reply: Reply) -> bool:
        """Pass the request to a server. Return false if no process is running."""

    @abstractmethod
    def _refused(self, call: Call) -> None:
        """Record that the attempt was not applied and never will be."""

    @abstractmethod
    def _received(self, call: Call, result: Any, error: BaseException | None) -> None:
        """Record the response, and continue with `next` or `_again`."""

    def _ask(self) -> None:
        chance, weather = self._chance, self._traffic.weather
        call = self._call()
        self._attempt += 1
        attempt = self._attempt
        if chance.random() < weather.request_lost:
            self._refused(call)  # known here, but not to the caller
        else:
            self._send(call, partial(self._answer, attempt, call))
        if chance.random() < weather.duplicate:
            self._traffic.copies += 1
            delay = chance.choice((0.02, 0.5, 20.0)) * chance.random()
            self._world.at(delay, self._send, self._call(), lambda *_: None)
        timeout = chance.choice((1.0, 1.0, 1.0, 20.0))
        if chance.random() < weather.impatience:
            timeout = 0.05
        self._world.at(timeout * chance.uniform(0.2, 1), self._timed_out, attempt)

    def _send(self, call: Call, reply: Reply) -> None:
        chance = self._chance
        server = chance.choice(self._traffic.servers)
        self._world.at(chance.expovariate(300), self._arrive, server, call, reply)

    def _arrive(self, server: Server, call: Call, reply: Reply) -> None:
        if not self._deliver(server, call, reply):
            self._refused(call)

    def _answer(self, attempt: int, call: Call, result: Any, error: BaseException | None) -> None:
        chance = self._chance
        if chance.random() >= self._traffic.weather.answer_lost:
            self._world.at(chance.expovariate(300), self._hear, attempt, call, result, error)

    def _hear(self, attempt: int, call: Call, result: Any, error: BaseException | None) -> None:
        if attempt == self._attempt:
            self._attempt += 1
            self._received(call, result, error)

    def _timed_out(self, attempt: int) -> None:
        if attempt == self._attempt:
            self._attempt += 1
            self._again()

    def _again(self) -> None:
        gave_up = self._chance.random() < self._traffic.weather.give_up
        self._rest(self.next if gave_up else self._ask)

    def _rest(self, then: Callable[[], object]) -> None:
        self._world.at(self._chance.expovariate(1 / self._traffic.habits.pause), then)
