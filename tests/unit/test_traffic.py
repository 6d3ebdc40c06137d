"""The traffic of the last minutes, from the buckets of a histogram."""

from __future__ import annotations

from math import inf

import pytest

from monotron.metrics.registry import SECONDS
from monotron.metrics.traffic import SAMPLE_SECONDS, Quantile, TrafficHistory, quantile

BOUNDS = (*SECONDS, inf)


def cumulative(*durations: float) -> tuple[int, ...]:
    """The numbers of durations up to each bound."""
    return tuple(sum(duration <= bound for duration in durations) for bound in BOUNDS)


class Clock:
    """A history whose requests and time a test sets."""

    def __init__(self) -> None:
        self.durations: list[float] = []
        self.now = 1000.0
        self.history = TrafficHistory(lambda: cumulative(*self.durations), lambda: self.now)
        self.history.sample()

    def serve(self, number: int, seconds: float) -> None:
        """Serve this number of requests in *seconds*, with the samples of this time."""
        end = self.now + seconds
        while self.now + SAMPLE_SECONDS <= end:
            self.now += SAMPLE_SECONDS
            self.history.sample()
        self.now = end
        self.durations += [0.002] * number


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestQuantiles:
    @pytest.mark.parametrize(
        ("durations", "share", "expected"),
        [
            ([0.003] * 10, 0.5, Quantile(0.00375, 0.0025, 0.005)),
            ([0.0005] * 4, 0.5, Quantile(0.0005, 0, 0.001)),
            ([0.003] * 98 + [0.7] * 2, 0.99, Quantile(0.75, 0.5, 1)),
            ([0.003] * 98 + [0.7] * 2, 0.5, Quantile(0.0025 + 0.0025 * 50 / 98, 0.0025, 0.005)),
            ([60.0], 0.99, Quantile(10, 10, inf)),
        ],
    )
    def test_a_quantile_is_interpolated_in_its_bucket(
        self, durations: list[float], share: float, expected: Quantile
    ) -> None:
        assert quantile(share, cumulative(*durations)) == pytest.approx(expected)

    @pytest.mark.parametrize("share", [0.5, 0.99])
    def test_the_range_contains_the_true_quantile(self, share: float) -> None:
        durations = sorted(0.0007 * 1.13**number for number in range(90))
        found = quantile(share, cumulative(*durations))
        true = durations[round(share * len(durations)) - 1]
        assert found.lower < true <= found.upper
        assert found.lower <= found.estimate <= found.upper


class TestHistory:
    def test_requests_of_the_last_five_minutes_count(self, clock: Clock) -> None:
        clock.serve(1000, seconds=600)
        clock.serve(0, seconds=400)
        clock.serve(30, seconds=1)
        traffic = clock.history.traffic()
        assert 300 <= traffic.seconds < 300 + SAMPLE_SECONDS
        assert traffic.requests == 30
        assert traffic.per_minute == pytest.approx(30 * 60 / traffic.seconds)

    def test_requests_since_the_start_count_if_it_was_later(self, clock: Clock) -> None:
        clock.serve(50, seconds=100)
        traffic = clock.history.traffic()
        assert (traffic.seconds, traffic.requests) == (100, 50)
        assert traffic.per_minute == 30

    def test_the_first_minute_is_not_extrapolated(self, clock: Clock) -> None:
        clock.serve(3, seconds=2)
        assert clock.history.traffic().per_minute == 3

    def test_nothing_is_estimated_without_requests(self, clock: Clock) -> None:
        clock.serve(1, seconds=600)
        clock.serve(0, seconds=600)
        traffic = clock.history.traffic()
        assert (traffic.requests, traffic.per_minute) == (0, 0)
        assert traffic.p50 is None
        assert traffic.p99 is None

    def test_frequent_samples_do_not_shorten_the_period(self, clock: Clock) -> None:
        for _ in range(1000):
            clock.serve(1, seconds=1)
            clock.history.sample()
        assert clock.history.traffic().seconds >= 300
