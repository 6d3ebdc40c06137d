"""The rows of the engine: every change of every series, in the order of their commits.

They are compared with the guarantees of a store: a batch assigns the values above the last one, and
with `reuse=any` to tokens without a value in this generation. A new generation keeps the high-water
mark unless a restart was requested. The rows are also compared with the responses to callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from faults.history import History
from monotron.model.series import INT64_MAX
from simulation.disk import Disk
from simulation.version_traffic import PREFIX


@dataclass(slots=True)
class Generation:
    """The values that a series assigned until it was deleted."""

    high_water_mark: int
    """The high-water mark at its start."""
    value: int
    assigned: dict[int, str | None] = field(default_factory=dict)
    at: dict[int, float] = field(default_factory=dict)
    """When each value was applied, before or after its commit."""
    exists: bool = False

    def values(self) -> dict[str, int]:
        """The latest value of each token."""
        return {token: value for value, token in self.assigned.items() if token is not None}


class Refusal(NamedTuple):
    """A response that refused a request because the high-water mark is too high."""

    key: str
    at_least: int
    """The high-water mark that justifies it."""
    called: float
    returned: float


class Truth:
    """The generations of all series."""

    def __init__(self, restarted: set[str]) -> None:
        """*restarted*: the series that a delete with restart was requested for."""
        self._restarted = restarted
        self._ids: dict[str, object] = {}
        self.generations: dict[str, list[Generation]] = {}
        self._values: dict[str, list[tuple[float, float, int]]] = {}
        """When each high-water mark of a series was applied and committed, and the mark."""
        self.wrong: list[str] = []

    def step(
        self,
        key: str,
        generation_id: object,
        value: int,
        fresh: list[tuple[int, str | None]],
        at: float,
        *,
        exists: bool,
        committed_at: float | None = None,
    ) -> None:
        """Record a commit that assigned *fresh*, after which the series was at *value*.

        *at*: when it was applied. *committed_at*: when a majority had it, if that was later.
        """
        generations = self.generations.setdefault(key, [])
        committed = at if committed_at is None else committed_at
        self._values.setdefault(key, []).append((at, committed, value))
        if self._ids.get(key) != generation_id:
            high_water_mark = (
                value - len(fresh) if not generations and None not in dict(fresh).values() else 0
            )
            if generations:
                high_water_mark = value
                if exists:
                    self.wrong.append(f"{key} returned to another generation at {value}")
                may_restart = key in self._restarted and not value
                # Component series restart when a version is withdrawn: version_truth.py.
                may_restart = may_restart or key.startswith(PREFIX)
                if value != generations[-1].value and not may_restart:
                    self.wrong.append(
                        f"{key} was deleted at {generations[-1].value} and kept {value}"
                    )
            if high_water_mark and not generations:
                self.wrong.append(f"{key} starts with {high_water_mark + 1}")
            self._ids[key] = generation_id
            generations.append(Generation(high_water_mark, high_water_mark))
        self._assign(key, generations[-1], value, fresh, at)
        generations[-1].exists = exists

    def _assign(
        self,
        key: str,
        generation: Generation,
        value: int,
        fresh: list[tuple[int, str | None]],
        at: float,
    ) -> None:
        known = set(generation.assigned.values()) - {None}
        for number, token in fresh:
            if number != generation.value + 1 and token is not None:
                self.wrong.append(f"{key} assigned {number} after {generation.value}")
            if number in generation.assigned or number < generation.value:
                self.wrong.append(f"{key} assigned {number} again, to {token!r}")
            if token in known and not (key.isupper() or key.startswith(PREFIX)):
                self.wrong.append(f"{key} assigned another value to {token!r}: {number}")
            is_current = token is not None and token == generation.assigned.get(generation.value)
            if is_current and not key.startswith(PREFIX):
                self.wrong.append(f"{key} assigned {number} to its current token {token!r}")
            known.add(token)
            generation.assigned[number], generation.at[number] = token, at
            generation.value = number
        if value != generation.value or type(value) is not int or not 0 <= value <= INT64_MAX:
            self.wrong.append(f"{key} is at {value!r}, and assigned {generation.value} last")

    def check_responses(self, history: History, base: dict[str, int]) -> Iterator[str]:
        """Yield responses to callers that contradict the rows."""
        new: set[tuple[str, int, float]] = set()
        for put in history.puts:
            if put.value is None:
                continue
            value = put.value + base.get(put.key, 0)
            applied_at = [
                generation.at[value]
                for generation in self.generations.get(put.key, ())
                if generation.assigned.get(value, ...) == put.token
            ]
            if not applied_at:
                yield f"{put.key} returned {value} for {put.token!r}, which it never assigned"
            elif not put.reused:
                now = [at for at in applied_at if put.called <= at <= put.returned]
                if not now:
                    yield f"{put.key} reported the older {value} of {put.token!r} as new"
                elif (put.key, value, now[0]) in new and len(applied_at) == 1:
                    yield f"{put.key} reported {value} of {put.token!r} as new twice"
                else:
                    new.add((put.key, value, now[0]))
        attempts = Counter((put.key, put.token) for put in history.puts if not put.refused)
        for key in history.series():
            assigned = Counter(
                token
                for generation in self.generations.get(key, ())
                for token in generation.assigned.values()
            )
            for token, times in assigned.items():
                if token is not None and times > attempts[key, token]:
                    requests = attempts[key, token]
                    yield f"{key} assigned {times} values to {token!r} for {requests} requests"
        for peek in history.peeks:
            value = peek.value + base.get(peek.key, 0)
            generations = self.generations.get(peek.key, ())
            if peek.token is not None and not any(
                generation.assigned.get(value) == peek.token for generation in generations
            ):
                yield f"{peek.key} returned {peek.token!r} at {value}, which it never assigned"

    def check_refusals(self, refusals: list[Refusal]) -> Iterator[str]:
        """Yield refusals whose reason was not true at any moment between request and response."""
        for key, at_least, called, returned in refusals:
            values = self._values.get(key, [])
            # A mark can be read once it is applied, and until the next one is committed: only then
            # can anyone know of the next one.
            replaced_at = [committed for _, committed, _ in values[1:]] + [inf]
            visible = [
                value
                for (applied, _, value), end in zip(values, replaced_at, strict=False)
                if applied <= returned and called < end
            ]
            if all(value < at_least for value in visible):
                yield f"{key} was refused at {returned:.6f} because of {at_least}, before it had it"


def of_disk(disk: Disk, restarted: set[str]) -> Truth:
    truth = Truth(restarted)
    for row in disk.log:
        truth.step(row.key, row.generation, row.value, row.fresh, row.at, exists=row.is_active)
    return truth
