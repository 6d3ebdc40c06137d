"""The time of a workflow step from process start to outputs, compared with its imports."""

import statistics

from bench.action_steps import ActionSteps
from bench.measuring import Bench
from bench.table import TableRow
from support.server import Server


def run(bench: Bench) -> None:
    with Server("sqlite://") as server:
        steps = ActionSteps(server.url, bench.folder)
        for name, fresh in (
            ("the action", False),
            ("the action, for the first time on a runner", True),
        ):
            ratios, times = [], []
            for _ in range(max(15, 5 * bench.rounds)):
                imports = steps.imports()
                times.append(steps.action(fresh=fresh))
                ratios.append(times[-1] / imports)
            milliseconds = statistics.median(times) * 1000
            unit = f"of python3 importing urllib.request and json ({milliseconds:.0f} ms)"
            bench.table.add(TableRow(f"GitHub: {name}", statistics.median(ratios), unit, 2.0))
