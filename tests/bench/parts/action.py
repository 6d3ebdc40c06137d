"""A step of a workflow, from its process's start to its outputs, against bare imports."""

import statistics

from bench.measuring import Bench
from bench.steps import Steps
from bench.table import Row
from support.server import Server


def run(bench: Bench) -> None:
    with Server("sqlite://") as server:
        steps = Steps(server.url, bench.folder)
        for name, fresh in (
            ("the action", False),
            ("the action, for the first time on a runner", True),
        ):
            ratios, times = [], []
            for _ in range(max(15, 5 * bench.rounds)):
                bare = steps.imports()
                times.append(steps.action(fresh=fresh))
                ratios.append(times[-1] / bare)
            milliseconds = statistics.median(times) * 1000
            unit = f"of python3 importing urllib.request and json ({milliseconds:.0f} ms)"
            bench.table.add(Row(f"GitHub: {name}", statistics.median(ratios), unit, 2.0))
