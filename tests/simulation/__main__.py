"""Run the real stores in simulated worlds. One seed determines everything in a world.

`python -m simulation --seed 7 --verbose` runs one world and prints what happens in it.
`--seeds 300000` runs many. docs/faults.md explains what is real and what is modeled.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable

from simulation.scenario import MONGO, SQLITE, Report, Simulation


def simulate(seed: int, *, verbose: bool = False) -> Report:
    """Run the world of a seed: every third is SQLite, the others are MongoDB."""
    return Simulation(seed, SQLITE if seed % 3 == 2 else MONGO, verbose=verbose).run()


def run(seeds: Iterable[int]) -> tuple[list[Report], Counter[str]]:
    """Return the reports of the failed seeds, and the statistics of all."""
    failed = []
    happened: Counter[str] = Counter()
    for seed in seeds:
        report = simulate(seed)
        happened += report.happened
        happened["seeds"] += 1
        if report.wrong:
            failed.append(report)
    return failed, happened


def describe(report: Report) -> str:
    """Return what was wrong, and the command that reproduces it."""
    command = f"PYTHONPATH=tests python -m simulation --seed {report.seed} --verbose"
    return "\n  ".join([f"seed {report.seed} fails, reproduce with: {command}", *report.wrong])


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed only")
    parser.add_argument("--verbose", action="store_true", help="with --seed: print what happens")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many [default: 10000]")
    parser.add_argument("--first", type=int, default=0, help="first seed [default: 0]")
    options = parser.parse_args()
    began = time.process_time()
    if options.seed is None:
        failed, happened = run(range(options.first, options.first + options.seeds))
    else:
        report = simulate(options.seed, verbose=options.verbose)
        failed, happened = [report] if report.wrong else [], report.happened
        happened["seeds"] = 1
    seconds = time.process_time() - began
    for report in failed:
        print(describe(report))
    for event, times in happened.items():
        print(f"{times:>12,} {event}")
    print(f"{seconds:.0f} s of one core, {happened['seeds'] / seconds:.0f} seeds per second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
