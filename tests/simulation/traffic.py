"""Callers of a simulated world that request values of series.

The key of a series shows its kind: `any-…` and `new-…` are requested with `reuse=any`, `CURRENT-…`
with `reuse=current`. `edge-…` starts a little below the last possible value. `mortal-…` is deleted
and raised sometimes, so its history is not that of one counter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from faults.history import History, Put
from monotron.errors import InternalError, MonotronError, SeriesExhausted, ValueWouldFall
from monotron.model.allocation import AllocationRequest
from monotron.model.series import ANYONE, INT64_MAX, Allocation, Reuse, SeriesKey
from monotron.store.interface import Store
from simulation.attempts import Attempts
from simulation.habits import Habits, Weather
from simulation.servers import ACCOUNT, Reply, Server
from simulation.threads import Event
from simulation.truth import Refusal
from simulation.world import World

EDGE = "edge-0"
BELOW_THE_EDGE = INT64_MAX - 4


class Limited(NamedTuple):
    """An attempt, and the highest value that it can use."""

    put: Put
    up_to: int


class Traffic:
    """All callers together, until they have requested so many values."""

    def __init__(
        self, world: World, servers: Sequence[Server], weather: Weather, habits: Habits
    ) -> None:
        self.world = world
        self.servers = servers
        self.weather = weather
        self.habits = habits
        self.history = History(lambda: world.now)
        self.mortal = History(lambda: world.now)
        self.wrong: list[str] = []
        self.refusals: list[Refusal] = []
        self.highest: dict[str, int] = {EDGE: BELOW_THE_EDGE}
        """The highest value of each series that a caller knows."""
        self.tokens: dict[str, list[str]] = {}
        self.restarted: set[str] = set()
        self.left = habits.requests
        self.over = Event(world)
        self.copies = 0
        self._callers = 0
        self._births = 0

    def begin(self, callers: int) -> None:
        for number in range(callers):
            self.start(Caller(self, f"c{number}").next)
        for _ in range(self.habits.births):
            self.world.at(self.world.chance.uniform(0, 1.0), self._birth)

    def past(self, store: Store) -> None:
        """Assign values without faults."""
        key = self.habits.keys[0]
        reuse = reuse_of(key)
        tokens = [f"past.{number}" for number in range(self.habits.past)]
        puts = [self.record(key).put(key, token, reuse) for token in tokens]
        series = SeriesKey(ACCOUNT, key)
        results = store.allocate(
            [AllocationRequest(series, each, Reuse(reuse), ANYONE) for each in tokens]
        )
        for put, result in zip(puts, results, strict=True):
            assert isinstance(result, Allocation)
            self.record(key).answered(put, result.entry.value, result.reused)
        self.tokens[key] = tokens

    def record(self, key: str) -> History:
        return self.mortal if key.startswith("mortal") else self.history

    def advance(self, series: SeriesKey, by: int, store: Store) -> None:
        """Advance a series by a few values, unless other callers are faster."""
        (entry,) = store.peek([series])
        value = (entry.value if entry else 0) + by
        called = self.world.now
        try:
            store.advance_to(series, value, ANYONE)
        except ValueWouldFall:
            self.refusals.append(Refusal(series.key, value + 1, called, self.world.now))

    def ended(self) -> None:
        self._callers -= 1
        if not self._callers:
            self.over.set()

    def start(self, caller: Callable[[], object]) -> None:
        """Start a caller, which calls `ended` at its end."""
        self._callers += 1
        self.world.at(self.world.chance.expovariate(50), caller)

    def _birth(self) -> None:
        """Start a new series with several concurrent callers."""
        key = f"new-{self._births}"
        self._births += 1
        for number in range(3):
            self.start(Caller(self, f"{key}-{number}", key).next)


class Caller(Attempts[Limited]):
    """Requests a token until it gets the value, then the next token."""

    def __init__(self, traffic: Traffic, name: str, key: str | None = None) -> None:
        """*key*: request two values of this series, and end."""
        super().__init__(traffic, name)
        self._only = key
        self._left = 2
        self._count = 0
        self._key = self._token = ""
        self._up_to = INT64_MAX

    def next(self) -> None:
        traffic, chance = self._traffic, self._chance
        if (self._left if self._only else traffic.left) <= 0:
            traffic.ended()
            return
        if self._only:
            self._left -= 1
        else:
            traffic.left -= 1
        self._key = key = self._only or chance.choice(traffic.habits.keys)
        if chance.random() < traffic.habits.peek:
            self._peek(key)
            return
        if key.startswith("mortal") and chance.random() < traffic.habits.changes:
            self._end_or_raise(key)
            return
        used = traffic.tokens.setdefault(key, [])
        if key.startswith("mortal"):
            self._token = f"m{chance.randrange(2 if key == 'mortal-r' else 4)}"
        elif used and chance.random() < traffic.habits.again:
            recent = used[-4:] if chance.random() < traffic.habits.recent else used
            self._token = chance.choice(recent)
        else:
            self._count += 1
            self._token = f"{self._name}.{self._count}"
        used.append(self._token)
        self._up_to = INT64_MAX
        if chance.random() < traffic.habits.limit:
            self._up_to = min(INT64_MAX, traffic.highest.get(key, 0) + chance.randint(1, 2))
        self._ask()

    def _call(self) -> Limited:
        key, token = self._key, self._token
        return Limited(self._traffic.record(key).put(key, token, reuse_of(key)), self._up_to)

    def _deliver(self, server: Server, call: Limited, reply: Reply) -> bool:
        put, up_to = call
        return server.put(put.key, put.token, put.reuse, reply, up_to)

    def _refused(self, call: Limited) -> None:
        self._traffic.record(call.put.key).refused(call.put)

    def _received(self, call: Limited, result: Any, error: BaseException | None) -> None:
        put, up_to = call
        traffic = self._traffic
        record = traffic.record(put.key)
        self._world.note(f"{self._name} requested {put.key} {put.token}: {result or error!r}")
        if error is None:
            value = result.entry.value
            if value > up_to and not result.reused:
                traffic.wrong.append(f"{put.key} assigned {value}, and {up_to} was the limit")
            traffic.highest[put.key] = max(value, traffic.highest.get(put.key, 0))
            record.answered(put, self._value(put.key, value), result.reused)
            self._rest(self.next)
            return
        if isinstance(error, InternalError) or not isinstance(error, MonotronError):
            traffic.wrong.append(f"{put.key} {put.token}: {error!r}")
        elif error.applied == "no":
            record.refused(put)
        if isinstance(error, SeriesExhausted):
            traffic.refusals.append(Refusal(put.key, up_to, put.called, self._world.now))
        if isinstance(error, SeriesExhausted | InternalError):
            self._rest(self.next)
        else:
            self._again()

    def _value(self, key: str, value: Any) -> Any:
        """Return the value of the history, which starts at 1 also near the last value."""
        if type(value) is not int or not 0 <= value <= INT64_MAX:
            self._traffic.wrong.append(f"{key}: {value!r} is not a value from 1 to 2^63 - 1")
        return value - BELOW_THE_EDGE if key == EDGE else value

    def _peek(self, key: str) -> None:
        self._attempt += 1
        attempt = self._attempt
        record = self._traffic.record(key)
        peek = record.peek(key)

        def seen(entry: Any, error: BaseException | None) -> None:
            if attempt == self._attempt:
                self._attempt += 1
                if error is None and entry is None:
                    record.seen(peek, None, 0)
                elif error is None:
                    record.seen(peek, entry.token, self._value(key, entry.value))
                self._rest(self.next)

        def give_up() -> None:
            if attempt == self._attempt:
                self._attempt += 1
                self.next()

        if not self._chance.choice(self._traffic.servers).peek(key, seen):
            self._rest(give_up)
        self._world.at(2.0, give_up)

    def _end_or_raise(self, key: str) -> None:
        """Delete or raise a mortal series. Its rows show the result."""
        self._attempt += 1
        attempt, chance = self._attempt, self._chance
        series = SeriesKey(ACCOUNT, key)
        what = chance.random()
        restart = key.startswith("mortal-r") and what < 0.7
        if what < 0.8:
            if restart:
                self._traffic.restarted.add(key)
            call: Any = partial(_delete, series, restart)
        else:
            call = partial(self._traffic.advance, series, chance.randint(1, 3))

        def done(_: object, error: BaseException | None) -> None:
            if isinstance(error, InternalError):
                self._traffic.wrong.append(f"{key}: {error!r}")
            if attempt == self._attempt:
                self._attempt += 1
                self._rest(self.next)

        if not chance.choice(self._traffic.servers).run(call, done):
            self._rest(partial(done, None, None))
        self._world.at(2.0, done, None, None)


def reuse_of(key: str) -> str:
    return "current" if key.isupper() else "any"


def _delete(series: SeriesKey, restart: bool, store: Any) -> None:
    store.delete(series, restart=restart)
