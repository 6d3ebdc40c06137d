"""Monotron without metrics: run as `python unmetered_server.py serve …`."""

from __future__ import annotations

import sys

from monotron import metrics
from monotron.cli.main import main

COUNTING = (
    "request",
    "problem",
    "rate_limited",
    "sign_in",
    "value_assigned",
    "version_assigned",
    "call_ended",
    "batch_ended",
)
"""The methods of `Metrics` that requests call."""


def ignore(*_: object, **__: object) -> None:
    """Count nothing."""


if __name__ == "__main__":
    for name in COUNTING:
        assert callable(getattr(metrics.Metrics, name))
        setattr(metrics.Metrics, name, ignore)
    sys.exit(main())
