"""The time of `monotron --help`, compared with a Python that imports click."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.measuring import Bench
from bench.table import TableRow

MONOTRON = str(Path(sys.executable).with_name("monotron"))


def run(bench: Bench) -> None:
    ratios, times = [], []
    for _ in range(max(15, 5 * bench.rounds)):
        click = _seconds(sys.executable, "-c", "import click")
        times.append(_seconds(MONOTRON, "--help"))
        ratios.append(times[-1] / click)
    unit = f"of python3 importing click ({statistics.median(times) * 1000:.0f} ms)"
    bench.table.add(TableRow("CLI: monotron --help", statistics.median(ratios), unit, 1.5))


def _seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started
