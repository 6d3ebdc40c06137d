"""Measurements that all parts of the benchmark share."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.figures import Figures, Measurements
from bench.load import Result, Target, run_in_process
from bench.processes import cpu_us, pids, tree_us
from bench.table import Table, TableRow
from support.mongod import ReplicaSet
from support.server import Server

CONNECTIONS = 64
SPREAD = 10_000
HOT = Target("put")
SPREAD_OUT = Target("put", key="spread", series=SPREAD)
REPEAT = Target("repeat")
PEEK = Target("peek")


class Bench:
    """A run of the benchmark: table, folder, port of the constant handler, and arguments."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, constant_port: int) -> None:
        self.table = Table()
        self.folder = folder
        self.constant_port = constant_port
        self.arguments = arguments
        self.rounds: int = arguments.rounds
        self.seconds: float = arguments.seconds

    def alternate(self, measures: Mapping[str, Callable[[], Figures]]) -> Measurements:
        """Take all measurements, alternately, in each round."""
        return Measurements(self.rounds, measures)

    def constant(self, target: Target, connections: int = CONNECTIONS) -> Callable[[], Figures]:
        """A measurement of the constant handler, which ignores the content of requests."""
        return lambda: Figures.of(load(self.constant_port, target, self.seconds, connections))

    def monotron(
        self,
        server: Server,
        target: Target,
        connections: int = CONNECTIONS,
        replica_set: ReplicaSet | None = None,
        processes: int = 1,
    ) -> Callable[[], Figures]:
        """A measurement of a server under load, with its processor time and that of its nodes."""

        def measure() -> Figures:
            before = _cpu(server, replica_set, processes)
            result = load(server.port, target, self.seconds, connections)
            return Figures.of(result, before, _cpu(server, replica_set, processes))

        return measure

    def compare(
        self,
        measurements: Measurements,
        name: str,
        base: str,
        label: str,
        unit: str,
        goal: float | None = None,
        metric: str = "rps",
    ) -> float:
        """Add a row with a ratio. Higher is better for requests per second, lower for times."""
        ratio, figures = measurements.ratio(name, base, metric)
        self.table.add(TableRow(label, ratio, unit, goal, metric == "rps", figures))
        return ratio


def load(port: int, target: Target, seconds: float, connections: int = CONNECTIONS) -> Result:
    """Put load on a port. Raises RuntimeError unless all requests succeed."""
    result = run_in_process(port, connections, target, seconds=seconds)
    if result.errors or set(result.statuses) != {200}:
        raise RuntimeError(f"{target}: {result.errors} errors, statuses {result.statuses}")
    return result


def _cpu(server: Server, replica_set: ReplicaSet | None, processes: int) -> dict[str, float]:
    """Total processor time in microseconds, by user."""
    if processes > 1:
        used = {f"{processes} servers": tree_us(server.pid)}
    else:
        used = dict(zip(("event loop", "store threads"), cpu_us(server.pid), strict=True))
    if replica_set is not None:
        used["mongod"] = sum(map(tree_us, pids(replica_set)))
    return used
