"""What was measured, and what it was bound by."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median_low

from bench.load import Result

BUSY = 0.8
"""The share of a core from which on a single thread bounds what it serves."""

SINGLE = ("event loop", "handler", "redis", "threads")
"""What cannot use more than one core."""


@dataclass(frozen=True)
class Figures:
    """What stands behind a ratio. *cpu_us*: processor time for one request, by who used it."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        result: Result,
        before: Mapping[str, float] | None = None,
        after: Mapping[str, float] | None = None,
    ) -> "Figures":
        """*before* and *after*: processor microseconds so far, by who used it."""
        cpu = {}
        if before and after:
            cpu = {name: (after[name] - before[name]) / result.requests for name in before}
            cpu["load"] = 1e6 * result.cpu_seconds / result.requests
        return cls(result.rps, result.p50_ms, result.p99_ms, cpu)

    def bound(self) -> str:
        """What bounds the figure, by where the processor time of a second went."""
        if not self.cpu_us:
            return ""
        cores = {name: used * self.rps / 1e6 for name, used in self.cpu_us.items()}
        busy = [name for name in SINGLE if cores.get(name, 0) > BUSY]
        if busy:
            return busy[0]
        total, all_cores = sum(cores.values()), os.cpu_count() or 1
        if total > BUSY * all_cores:
            return f"the cores ({total:.1f} of {all_cores})"
        most = max(cores, key=lambda name: cores[name])
        return f"waiting ({most}: {cores[most]:.2f} of a core)"

    def used(self) -> str:
        return ", ".join(f"{name} {used:.0f}" for name, used in self.cpu_us.items())


class Taken:
    """Measurements taken in turns: in each round each once, so that all share the weather."""

    def __init__(self, rounds: int, measures: Mapping[str, Callable[[], Figures]]) -> None:
        self._taken: dict[str, list[Figures]] = {name: [] for name in measures}
        for _ in range(rounds):
            for name, measure in measures.items():
                self._taken[name].append(measure())

    def median(self, name: str) -> Figures:
        """The round with the median of requests a second."""
        return _median(self._taken[name], [each.rps for each in self._taken[name]])

    def ratio(self, name: str, base: str, what: str = "rps") -> tuple[float, Figures]:
        """The median of the rounds' ratios, and the figures of *name* in that round."""
        pairs = zip(self._taken[name], self._taken[base], strict=True)
        ratios = [getattr(one, what) / getattr(other, what) for one, other in pairs]
        return median_low(ratios), _median(self._taken[name], ratios)


def _median(figures: list[Figures], ranks: list[float]) -> Figures:
    return figures[ranks.index(median_low(ranks))]
