"""Monotron without metrics: run as `python unmetered_server.py serve …`."""

from __future__ import annotations

import sys

from monotron.cli.main import main
from monotron.metrics.server import Metrics
from monotron.metrics.store import StoreMetrics

COUNTING: dict[type, tuple[str, ...]] = {
    Metrics: (
        "request",
        "problem",
        "rate_limited",
        "sign_in",
        "value_assigned",
        "version_assigned",
    ),
    StoreMetrics: ("call_ended", "batch_ended"),
}
"""The methods that requests call."""


def ignore(*_: object, **__: object) -> None:
    """Count nothing."""


if __name__ == "__main__":
    for metrics, names in COUNTING.items():
        for name in names:
            assert callable(getattr(metrics, name))
            setattr(metrics, name, ignore)
    sys.exit(main())
