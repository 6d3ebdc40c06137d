"""Measured figures, and the resource that bounds them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median_low

from bench.load import Result

MIN_BUSY_SHARE = 0.8
"""A thread that uses more than this share of a core is the bottleneck."""

SINGLE_CORE_USERS = ("event loop", "handler", "redis", "threads")
"""Users of processor time that cannot use more than one core."""


@dataclass(frozen=True)
class Figures:
    """Throughput and latencies of one measurement.

    *cpu_us*: processor time per request in microseconds, by user (thread or process).
    """

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
        """*before* and *after*: total processor time in microseconds, by user."""
        cpu = {}
        if before and after:
            cpu = {name: (after[name] - before[name]) / result.requests for name in before}
            cpu["load"] = 1e6 * result.cpu_seconds / result.requests
        return cls(result.rps, result.p50_ms, result.p99_ms, cpu)

    @property
    def event_loop_us(self) -> float:
        """Processor time per request of the event loop, in microseconds."""
        return self.cpu_us["event loop"]

    @property
    def server_us(self) -> float:
        """Processor time per request of all threads of the server, in microseconds."""
        return self.event_loop_us + self.cpu_us["store threads"]

    @property
    def service_us(self) -> float:
        """Processor time per request of servers and nodes of MongoDB, in microseconds."""
        return self.cpu_us["servers"] + self.cpu_us["mongod"]

    def bottleneck(self) -> str:
        """The bottleneck, derived from the processor time per second of each user."""
        if not self.cpu_us:
            return ""
        cores = {name: used * self.rps / 1e6 for name, used in self.cpu_us.items()}
        busy = [name for name in SINGLE_CORE_USERS if cores.get(name, 0) > MIN_BUSY_SHARE]
        if busy:
            return busy[0]
        total, all_cores = sum(cores.values()), os.cpu_count() or 1
        if total > MIN_BUSY_SHARE * all_cores:
            return f"the cores ({total:.1f} of {all_cores})"
        most = max(cores, key=lambda name: cores[name])
        return f"waiting ({most}: {cores[most]:.2f} of a core)"

    def cpu_text(self) -> str:
        """Processor time per request of each user, as text."""
        return ", ".join(f"{name} {used:.0f}" for name, used in self.cpu_us.items())


class Measurements:
    """Alternating measurements: each round takes each of them once.

    A machine that becomes slower therefore affects all of them.
    """

    def __init__(self, rounds: int, measures: Mapping[str, Callable[[], Figures]]) -> None:
        self._rounds: dict[str, list[Figures]] = {name: [] for name in measures}
        for _ in range(rounds):
            for name, measure in measures.items():
                self._rounds[name].append(measure())

    def median(self, name: str) -> Figures:
        """The figures of the round with the median of requests per second."""
        return _median(self._rounds[name], [figures.rps for figures in self._rounds[name]])

    def ratio(self, name: str, base: str, metric: str = "rps") -> tuple[float, Figures]:
        """The median of the ratios of all rounds, and the figures of *name* in that round."""
        pairs = zip(self._rounds[name], self._rounds[base], strict=True)
        ratios = [getattr(one, metric) / getattr(other, metric) for one, other in pairs]
        return median_low(ratios), _median(self._rounds[name], ratios)


def _median(figures: list[Figures], ranks: list[float]) -> Figures:
    return figures[ranks.index(median_low(ranks))]
