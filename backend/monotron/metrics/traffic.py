"""The traffic of the last minutes: the number of requests, and how long they took."""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple, TypeAlias

from monotron.metrics.registry import SECONDS

PERIOD_SECONDS = 300.0
"""The length of the period, unless the process is younger."""

SAMPLE_SECONDS = 60.0
"""The time between two samples. The period is longer by up to this time. With four processes, a
sample takes up to 75 ms of a thread, which reads the files of all of them."""

BOUNDS = (*SECONDS, inf)

Counts: TypeAlias = Sequence[int]
"""The number of requests that took at most as long as each of `BOUNDS`."""


class Quantile(NamedTuple):
    """A duration in seconds: an estimate, and the bounds of the bucket that contains it."""

    estimate: float
    lower: float
    upper: float
    """Infinity if the duration is longer than the highest bound. The estimate is that bound."""


class Traffic(NamedTuple):
    """The requests of a period that ends now."""

    seconds: float
    """The length of the period."""
    requests: int
    p50: Quantile | None
    """None without requests."""
    p99: Quantile | None

    @property
    def per_minute(self) -> float:
        """The mean number of requests per minute. The first minute counts as a whole one."""
        return self.requests * 60 / max(60.0, self.seconds)


class TrafficHistory:
    """Samples of the counts since the start, from which the traffic of a period is computed."""

    def __init__(self, read: Callable[[], Counts], clock: Callable[[], float]) -> None:
        """*read* returns the current counts, and *clock* seconds."""
        self._read = read
        self._clock = clock
        number = int(PERIOD_SECONDS / SAMPLE_SECONDS) + 1
        self._samples: deque[tuple[float, Counts]] = deque(maxlen=number)

    def sample(self) -> None:
        """Take a sample if it is due. Call this more often than every `SAMPLE_SECONDS`."""
        now = self._clock()
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_SECONDS:
            self._samples.append((now, self._read()))

    def traffic(self) -> Traffic:
        """The traffic since the oldest sample."""
        self.sample()
        counts = self._read()
        started_at, before = self._samples[0]
        counted = [now - then for now, then in zip(counts, before, strict=True)]
        seconds, requests = self._clock() - started_at, counted[-1]
        if not requests:
            return Traffic(seconds, 0, None, None)
        return Traffic(seconds, requests, quantile(0.5, counted), quantile(0.99, counted))


def quantile(share: float, counts: Counts) -> Quantile:
    """The duration that this share of the requests does not exceed. There is at least one request.

    Estimated like PromQL's `histogram_quantile`: the durations of a bucket are assumed to be
    distributed evenly.
    """
    rank = share * counts[-1]
    position = next(place for place, number in enumerate(counts) if number >= rank)
    lower = BOUNDS[position - 1] if position else 0.0
    upper = BOUNDS[position]
    if upper == inf:
        return Quantile(lower, lower, inf)
    below = counts[position - 1] if position else 0
    part = (rank - below) / (counts[position] - below)
    return Quantile(lower + (upper - lower) * part, lower, upper)
