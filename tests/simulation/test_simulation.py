"""Whatever goes wrong in a simulated world, the stores keep their promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.__main__ import run, told
from simulation.scenario import Report

SEEDS = 10_000
CHUNK = 1_000
TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_whatever_goes_wrong_the_promises_are_kept(first: int) -> None:
    failed, happened = run(range(first, first + CHUNK))
    assert not failed, "\n".join(told(report) for report in failed)
    for what, at_least in {
        "values given": 10_000,
        "attempts in doubt": 1_000,
        "late copies": 500,
        "crashes": 200,
        "elections": 500,
        "servers cut off": 50,
        "writes rolled back": 100,
        "commits that failed": 50,
    }.items():
        assert happened[what] >= at_least, what


@pytest.mark.parametrize("seed", [6, 8])
def test_a_seed_is_the_same_world_every_time(seed: int) -> None:
    first, second = (_trace(seed, hashes) for hashes in ("1", "2"))
    assert first == second
    assert first.count("asked for") > 3


def test_a_seed_that_fails_says_how_to_run_it_again() -> None:
    assert told(Report(7, by_checker=["value 2 is missing"])).splitlines() == [
        "seed 7 fails; again with: PYTHONPATH=tests python -m simulation --seed 7 --verbose",
        "  value 2 is missing",
    ]


def _trace(seed: int, hashes: str) -> str:
    """What a process of its own prints, whose texts have other hashes."""
    command = [sys.executable, "-m", "simulation", "--seed", str(seed), "--verbose"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": hashes}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *trace, _ = ran.stdout.splitlines()  # the last line tells how long it took
    return "\n".join(trace)
