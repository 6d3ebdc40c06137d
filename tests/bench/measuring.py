"""What all parts of the bench measure with."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.figures import Figures, Taken
from bench.load import Result, Target, run_in_process
from bench.processes import cpu_us, pids, tree_us
from bench.table import Row, Table
from support.mongod import ReplicaSet
from support.server import Server

CONNECTIONS = 64
SPREAD = 10_000
HOT = Target("put")
SPREAD_OUT = Target("put", key="spread", series=SPREAD)
REPEAT = Target("repeat")
PEEK = Target("peek")


class Bench:
    """A run: its table, its folder, the port of its yardstick, and how much is wanted."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, yardstick: int) -> None:
        self.table = Table()
        self.folder = folder
        self.yardstick = yardstick
        self.arguments = arguments
        self.rounds: int = arguments.rounds
        self.seconds: float = arguments.seconds

    def in_turns(self, measures: Mapping[str, Callable[[], Figures]]) -> Taken:
        return Taken(self.rounds, measures)

    def constant(self, target: Target, connections: int = CONNECTIONS) -> Callable[[], Figures]:
        """The yardstick under the same requests, which it does not look at."""
        return lambda: Figures.of(load(self.yardstick, target, self.seconds, connections))

    def ours(
        self,
        server: Server,
        target: Target,
        connections: int = CONNECTIONS,
        replica_set: ReplicaSet | None = None,
        processes: int = 1,
    ) -> Callable[[], Figures]:
        """A server under load, and where its processor time goes, and that of its nodes."""

        def measure() -> Figures:
            before = _cpu(server, replica_set, processes)
            result = load(server.port, target, self.seconds, connections)
            return Figures.of(result, before, _cpu(server, replica_set, processes))

        return measure

    def against(
        self,
        taken: Taken,
        name: str,
        base: str,
        label: str,
        unit: str,
        goal: float | None = None,
        what: str = "rps",
    ) -> float:
        """A row for the ratio of two; more is better of requests a second, less of times."""
        ratio, figures = taken.ratio(name, base, what)
        self.table.add(Row(label, ratio, unit, goal, what == "rps", figures))
        return ratio


def load(port: int, target: Target, seconds: float, connections: int = CONNECTIONS) -> Result:
    """A load of nothing but successes, or RuntimeError."""
    result = run_in_process(port, connections, target, seconds=seconds)
    if result.errors or set(result.statuses) != {200}:
        raise RuntimeError(f"{target}: {result.errors} errors, statuses {result.statuses}")
    return result


def _cpu(server: Server, replica_set: ReplicaSet | None, processes: int) -> dict[str, float]:
    """Processor microseconds so far."""
    if processes > 1:
        used = {f"{processes} servers": tree_us(server.pid)}
    else:
        used = dict(zip(("event loop", "store threads"), cpu_us(server.pid), strict=True))
    if replica_set is not None:
        used["mongod"] = sum(map(tree_us, pids(replica_set)))
    return used
