"""The metrics of this process, and of all processes that share a folder."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from monotron.metrics_folder import VARIABLE

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""The upper bounds of histograms of durations."""


class Registry:
    """Creates metrics with the prefix `monotron_`, and reads them."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.counter = partial(Counter, namespace="monotron", registry=self._registry)
        self.gauge = partial(Gauge, namespace="monotron", registry=self._registry)
        self.histogram = partial(Histogram, namespace="monotron", registry=self._registry)

    def late_gauge(self, name: str, documentation: str) -> Callable[[], Gauge]:
        """Return a function that returns a gauge, which is exported after the first call.

        The processes share its value: the last one that was set.
        """
        return lru_cache(maxsize=None)(
            partial(self.gauge, name, documentation, multiprocess_mode="mostrecent")
        )

    @property
    def has_files(self) -> bool:
        """Whether several processes share their values in files."""
        return VARIABLE in os.environ

    def export(self) -> bytes:
        """The values of all processes in the Prometheus text format."""
        registry = self._registry
        if self.has_files:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def histograms(self) -> Iterable[Metric]:
        """The histograms of all processes."""
        if not self.has_files:
            return self._registry.collect()
        files = [str(file) for file in Path(os.environ[VARIABLE]).glob("histogram_*.db")]
        found: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return found


def start_at_zero(counter: Counter, *labels: Sequence[str]) -> None:
    """Export these combinations of labels before they are counted.

    Prometheus would not notice the first increment of a time series that does not exist before it.
    """
    for values in labels:
        counter.labels(*values)
