"""The stores keep their guarantees in simulated worlds with faults of all kinds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.__main__ import describe, run
from simulation.scenario import Report

SEEDS = 2_000
"""Many more than are needed: most broken stores are detected in the first world that has the right
faults. `make faults PARTS=simulator` runs 300,000."""
CHUNK = 500
TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_guarantees_hold_in_every_simulated_world(first: int) -> None:
    failed, happened = run(range(first, first + CHUNK))
    assert not failed, "\n".join(describe(report) for report in failed)
    for event, at_least in {
        "values assigned": 5_000,
        "versions assigned": 1_000,
        "versions in doubt": 1_000,
        "versions withdrawn": 50,
        "jumps of the clock": 500,
        "attempts in doubt": 500,
        "late copies": 250,
        "crashes": 100,
        "elections": 250,
        "servers cut off": 25,
        "writes rolled back": 25,
        "abandoned transactions": 100,
        "commits that failed": 25,
    }.items():
        assert happened[event] >= at_least, event


@pytest.mark.parametrize("seed", [6, 8])
def test_a_seed_always_produces_the_same_world(seed: int) -> None:
    first, second = (_trace(seed, hashes) for hashes in ("1", "2"))
    assert first == second
    assert first.count(" requested ") > 3


def test_a_failed_seed_is_reported_with_the_command_that_reproduces_it() -> None:
    assert describe(Report(7, by_checker=["value 2 is missing"])).splitlines() == [
        "seed 7 fails, reproduce with: PYTHONPATH=tests python -m simulation --seed 7 --verbose",
        "  value 2 is missing",
    ]


def _trace(seed: int, hashes: str) -> str:
    """Return the output of a separate process with another hash seed."""
    command = [sys.executable, "-m", "simulation", "--seed", str(seed), "--verbose"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hashes}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *trace, _ = ran.stdout.splitlines()  # the last line is the duration
    return "\n".join(trace)
