"""How often each fault is done: a few times in `make test`, its full number in `make faults`."""

from __future__ import annotations

import os

WHOLE = os.environ.get("MONOTRON_FAULTS") == "whole"
"""Whether faults are done as often as the list of docs/faults.md says."""


def rounds(*, short: int, whole: int) -> int:
    """How often a test does its fault: *short* times in `make test`, *whole* in `make faults`."""
    return whole if WHOLE else short


def limit(*, short: float, whole: float) -> float:
    """The seconds after which a test is taken for stuck, of each tier."""
    return whole if WHOLE else short
