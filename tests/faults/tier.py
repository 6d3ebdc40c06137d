"""How often each fault is injected: a few times in `make test`, many in `make faults`."""

from __future__ import annotations

import os

WHOLE = os.environ.get("MONOTRON_FAULTS") == "whole"
"""Whether faults are injected as often as the list in docs/faults.md states."""


def rounds(*, short: int, whole: int) -> int:
    """Return how often to inject a fault: *short* in `make test`, *whole* in `make faults`."""
    return whole if WHOLE else short


def limit(*, short: float, whole: float) -> float:
    """Return a time limit in seconds for each tier."""
    return whole if WHOLE else short


def soak_seconds(share: float = 1) -> float:
    """Return how long a soak lasts: its *share* of MONOTRON_SOAK_SECONDS, by default an hour.

    In `make test`, it lasts as long as its faults need.
    """
    return share * float(os.environ.get("MONOTRON_SOAK_SECONDS", 3600)) if WHOLE else 0
