"""Runs of the real stores in a simulated world, each decided by one seed.

`python -m simulation --seed 7 --verbose` runs one and prints what happened in it, and
`--seeds 300000` many. What is real and what is modelled, docs/faults.md tells.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from simulation.scenario import MONGO, SQLITE, Report, Simulation


def simulate(seed: int, *, verbose: bool = False) -> Report:
    """The run of a seed: one in three is of SQLite, the others are of MongoDB."""
    return Simulation(seed, SQLITE if seed % 3 == 2 else MONGO, verbose=verbose).run()


def run(seeds: Iterable[int]) -> tuple[list[Report], Counter[str]]:
    """The reports of those seeds in which something was wrong, and what happened in all."""
    failed = []
    happened: Counter[str] = Counter()
    with on_one_core():
        for seed in seeds:
            report = simulate(seed)
            happened += report.happened
            happened["seeds"] += 1
            if report.wrong:
                failed.append(report)
    return failed, happened


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this thread, and those it starts, on one core.

    The threads of a world run one at a time, and hand over half as fast again on the same one.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {sorted(before)[worker % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def told(report: Report) -> str:
    """What was wrong, and how to see it happen again."""
    again = f"PYTHONPATH=tests python -m simulation --seed {report.seed} --verbose"
    return "\n  ".join([f"seed {report.seed} fails; again with: {again}", *report.wrong])


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--verbose", action="store_true", help="print what happens, in --seed")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
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
        print(told(report))
    for what, times in happened.items():
        print(f"{times:>12,} {what}")
    print(f"{seconds:.0f} s of one core, {happened['seeds'] / seconds:.0f} seeds a second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
