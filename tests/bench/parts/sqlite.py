"""The service on an SQLite file."""

import statistics

from bench import store_calls
from bench.measuring import HOT, Bench
from bench.parts.shapes import VersionGoals, shapes, versions
from bench.table import TableRow
from support.server import Server

GOALS = {"hot": 0.85, "spread": 0.85, "peek": 0.7}
P99_GOAL = 1.5
VERSION_GOALS = VersionGoals(one_name=0.6, many_names=0.4, repeated=0.8, p50=1.5)


def run(bench: Bench) -> None:
    with Server(f"sqlite:///{bench.folder}/empty.db") as server:
        shapes(bench, "SQLite", server, GOALS, p99_goal=P99_GOAL)
        _one_connection(bench, server)
    with Server(f"sqlite:///{bench.folder}/versions.db") as server:
        versions(bench, "SQLite", server, VERSION_GOALS)


def _one_connection(bench: Bench, server: Server) -> None:
    """The median latency of a single client, compared with a commit plus the constant handler."""
    ratios, figures = [], []
    for _ in range(bench.rounds):
        commit = store_calls.commit_ms(bench.folder)
        constant = bench.constant(HOT, 1)().p50_ms
        figures.append(bench.monotron(server, HOT, 1)())
        ratios.append(figures[-1].p50_ms / (commit + constant))
    ratio = statistics.median_low(ratios)
    unit = f"of commit and constant handler (last: {commit:.2f} + {constant:.2f} ms)"
    label = "SQLite: new tokens, one connection: p50"
    bench.table.add(TableRow(label, ratio, unit, 2.0, figures=figures[ratios.index(ratio)]))
