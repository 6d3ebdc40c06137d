"""The wall clock of a simulated world. It jumps, also backwards and into other months."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from simulation.world import World

START = 1e9
"""2001-09-09, in seconds since the epoch."""
DAYS = (-400, -40, -20, -1, 0, 0, 1, 20, 40, 400)


class Clock:
    """The clock of the disk's server, and of each primary of a replica set."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._offset = START
        self._shown: list[tuple[float, float]] = [(0.0, START)]
        """When each offset began, and the offset."""

    def now(self) -> float:
        return self._offset + self._world.now

    def jump(self) -> None:
        """Set the clock to another day."""
        self._offset = START + 86_400 * self._world.chance.choice(DAYS)
        self._shown.append((self._world.now, self._offset))

    def dates(self, start: float, end: float) -> list[date]:
        """The dates that the clock has shown between two moments."""
        ends = [began for began, _ in self._shown[1:]] + [end]
        return [
            date_of(offset + moment)
            for (began, offset), ended in zip(self._shown, ends, strict=True)
            if began <= end and ended >= start
            for moment in (max(began, start), min(ended, end))
        ]


Dates = Callable[[float, float], Sequence[date]]
"""The dates that the clock of a store has shown between two moments."""


def date_of(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()
