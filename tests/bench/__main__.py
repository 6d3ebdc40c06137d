"""`make bench`: what a request costs, as ratios taken in one run on one machine.

The yardstick is a constant Tornado `RequestHandler`. Each figure is the median of several
rounds, and each round measures the yardstick and the service one after the other, so that a
machine that grows slow grows slow for both. No test asserts any of it.
"""

import argparse
import statistics
from contextlib import ExitStack
from dataclasses import replace

from bench import fill, plain
from bench.figures import Figures, Row, Table
from bench.load import Result, Target, run_in_process
from bench.processes import Yardstick, cpu_us, disk_folder, resident_mib
from bench.signing import Signing
from bench.steps import Steps
from harness.issuer import IssuerServer
from harness.mongod import ReplicaSet
from harness.server import Server

CONNECTIONS = 64
SPREAD = 10_000
HOT = Target("put")
SPREAD_OUT = Target("put", key="spread", series=SPREAD)

KINDS = {
    "new tokens, one series": HOT,
    "new tokens, one series, reuse=current": Target("put", reuse=None),
    f"new tokens, {SPREAD:,} series": SPREAD_OUT,
    "a repeated token": Target("repeat"),
    "peek": Target("peek"),
}
VERSION_GOALS = {"SQLite": (4.0, 1.5), "MongoDB": (6.0, 2.5)}
"""How much more than a series' PUT a new version may cost, and a repeated one than a peek."""

GOALS = {
    "SQLite": {"new tokens, one series": 0.85, f"new tokens, {SPREAD:,} series": 0.75, "peek": 0.7},
    "MongoDB": {"new tokens, one series": 0.5},
}


class Bench:
    """The measurements, in their order. Times in seconds."""

    def __init__(self, stack: ExitStack, arguments: argparse.Namespace) -> None:
        self.table = Table()
        self.rounds = arguments.rounds
        self.seconds = arguments.seconds
        self.entries = arguments.entries
        self.puts = arguments.puts
        self.releases = arguments.releases
        self.folder = stack.enter_context(disk_folder())
        self.yardstick = stack.enter_context(Yardstick())

    def sqlite(self) -> None:
        with Server(f"sqlite:///{self.folder}/empty.db") as server:
            empty = self.every_kind("SQLite", server)
            self.one_connection(server)
        self.versions("SQLite", f"sqlite:///{self.folder}/versions.db")
        full = f"sqlite:///{self.folder}/full.db"
        fill.in_process(full, self.entries, SPREAD)
        with Server(full) as server:
            self.growth("SQLite", server, empty)

    def mongodb(self) -> None:
        with ReplicaSet.start(self.folder) as replica_set:
            with Server(replica_set.url("empty")) as server:
                empty = self.every_kind("MongoDB", server)
                self.plain_updates(server, replica_set.url("plain"))
            self.versions("MongoDB", replica_set.url("versions"))
            fill.in_process(replica_set.url("full"), self.entries, SPREAD)
            with Server(replica_set.url("full")) as server:
                self.growth("MongoDB", server, empty)

    def memory(self) -> None:
        with Server(f"sqlite:///{self.folder}/memory.db") as server:
            self.load(server.port, HOT, 0.2)
            self.table.add(
                Row("SQLite: memory after start", resident_mib(server.pid), "MiB resident", 70)
            )
            target = Target("put", key="memory", series=100_000)
            run_in_process(server.port, CONNECTIONS, target, count=self.puts)
            self.table.add(
                Row(
                    f"SQLite: memory after {self.puts:,} PUTs over 100,000 series",
                    resident_mib(server.pid),
                    "MiB resident",
                    150,
                )
            )

    def credentials(self) -> None:
        """A PUT with a key, and with an identity token seen before, against one without."""
        signing = Signing(self.folder)
        with (
            IssuerServer() as issuer,
            Server(f"sqlite:///{self.folder}/open.db") as bare,
            signing.server(issuer, f"sqlite:///{self.folder}/closed.db") as server,
        ):
            for name, authorization, goal in (
                ("a key", signing.key(server), 0.9),
                ("an identity token seen before", signing.token(issuer), 0.85),
            ):
                target = replace(HOT, headers={"Authorization": authorization})
                self.load(server.port, target, 0.5)
                ratios, results = [], []
                for _ in range(self.rounds):
                    without = self.load(bare.port, HOT, self.seconds)
                    results.append(self.load(server.port, target, self.seconds))
                    ratios.append(results[-1].rps / without.rps)
                ratio = statistics.median_low(ratios)
                figures = Figures.of(results[ratios.index(ratio)])
                self.table.add(
                    Row(f"SQLite: with {name}", ratio, "of without", goal, True, figures)
                )
            cost = statistics.median(signing.verify_ms(issuer) for _ in range(self.rounds))
            self.table.add(Row("verifying a fresh identity token", cost, "ms", None))

    def action(self) -> None:
        """A step of a workflow, from its process's start to its outputs, against bare imports."""
        with Server("sqlite://") as server:
            steps = Steps(server.url, self.folder)
            for name, fresh in (
                ("the action", False),
                ("the action, for the first time on a runner", True),
            ):
                ratios, times = [], []
                for _ in range(max(15, 5 * self.rounds)):
                    bare = steps.imports()
                    times.append(steps.action(fresh=fresh))
                    ratios.append(times[-1] / bare)
                ratio = statistics.median(ratios)
                milliseconds = statistics.median(times) * 1000
                unit = f"of python3 importing urllib.request and json ({milliseconds:.0f} ms)"
                self.table.add(Row(f"GitHub: {name}", ratio, unit, 2.0))

    def every_kind(self, store: str, server: Server) -> dict[str, float]:
        """Each kind of request against the yardstick; answers the ratios."""
        ratios = {}
        for kind, target in KINDS.items():
            self.load(server.port, Target("put", target.series, target.key), 0.5)
            ratios[kind], figures = self.against_yardstick(server, target)
            goal = GOALS[store].get(kind)
            self.table.add(
                Row(f"{store}: {kind}", ratios[kind], "of the yardstick", goal, True, figures)
            )
        return ratios

    def growth(self, store: str, server: Server, empty: dict[str, float]) -> None:
        for kind, target in KINDS.items():
            ratio, figures = self.against_yardstick(server, target)
            self.table.add(
                Row(
                    f"{store} with {self.entries:,} entries: {kind}",
                    ratio / empty[kind],
                    "of an empty ledger",
                    0.75,
                    True,
                    figures,
                )
            )

    def versions(self, store: str, url: str) -> None:
        """One connection: a version against a number, and many releases against none."""
        fill.releases_in_process(url, "full", self.releases)
        with Server(url) as server:
            goals = VERSION_GOALS[store]
            pairs = (
                ("version", HOT, "a new version", "of a new value", goals[0]),
                ("repeated version", Target("peek"), "a repeated version", "of a peek", goals[1]),
            )
            for kind, base, name, unit, goal in pairs:
                of_base, of_empty, results = [], [], []
                for _ in range(self.rounds):
                    cheap = self.load(server.port, base, self.seconds, connections=1)
                    empty = self.load(server.port, Target(kind), self.seconds, connections=1)
                    target = Target(kind, key="full")
                    full = self.load(server.port, target, self.seconds, connections=1)
                    of_base.append(empty.p50_ms / cheap.p50_ms)
                    of_empty.append(full.p50_ms / empty.p50_ms)
                    results.append((empty, full))
                name = f"{store}: {name}, one connection: p50"
                for ratios, index, label, wanted, relation in (
                    (of_base, 0, name, goal, unit),
                    (of_empty, 1, f"{name}, {self.releases:,} releases", 1.25, "of the first's"),
                ):
                    ratio = statistics.median_low(ratios)
                    figures = Figures.of(results[ratios.index(ratio)][index])
                    self.table.add(Row(label, ratio, relation, wanted, figures=figures))

    def plain_updates(self, server: Server, url: str) -> None:
        """New tokens on many series against the cheapest majority write there could be."""
        ratios, results = [], []
        for _ in range(self.rounds):
            bare = plain.updates_per_second(url, CONNECTIONS, SPREAD, self.seconds)
            results.append(self.load(server.port, SPREAD_OUT, self.seconds))
            ratios.append(results[-1].rps / bare)
        ratio = statistics.median_low(ratios)
        result = results[ratios.index(ratio)]
        self.table.add(
            Row(
                f"MongoDB: new tokens, {SPREAD:,} series",
                ratio,
                f"of {result.rps / ratio:,.0f}/s plain updates by {CONNECTIONS} threads, no HTTP",
                0.4,
                True,
                Figures.of(result),
            )
        )

    def one_connection(self, server: Server) -> None:
        """A client that waits alone: its median answer against commit plus constant handler."""
        ratios, results = [], []
        for _ in range(self.rounds):
            commit = fill.commit_ms(self.folder)
            constant = self.load(self.yardstick.port, HOT, self.seconds, connections=1).p50_ms
            results.append(self.load(server.port, HOT, self.seconds, connections=1))
            ratios.append(results[-1].p50_ms / (commit + constant))
        ratio = statistics.median_low(ratios)
        self.table.add(
            Row(
                "SQLite: new tokens, one connection: p50",
                ratio,
                f"of commit and yardstick (last: {commit:.2f} + {constant:.2f} ms)",
                2.0,
                figures=Figures.of(results[ratios.index(ratio)]),
            )
        )

    def against_yardstick(self, server: Server, target: Target) -> tuple[float, Figures]:
        """The median ratio of requests a second, each round's taken one after the other."""
        ratios, figures = [], []
        for _ in range(self.rounds):
            constant = self.load(self.yardstick.port, target, self.seconds)
            before = cpu_us(server.pid)
            result = self.load(server.port, target, self.seconds)
            ratios.append(result.rps / constant.rps)
            figures.append(Figures.of(result, before, cpu_us(server.pid)))
        ratio = statistics.median_low(ratios)
        return ratio, figures[ratios.index(ratio)]

    def load(
        self, port: int, target: Target, seconds: float, connections: int = CONNECTIONS
    ) -> Result:
        result = run_in_process(port, connections, target, seconds=seconds)
        if result.errors or set(result.statuses) != {200}:
            raise RuntimeError(f"{target}: {result.errors} errors, statuses {result.statuses}")
        return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="sqlite, mongodb, memory, action, credentials"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--entries", type=int, default=1_000_000, help="in a ledger that is full")
    parser.add_argument("--puts", type=int, default=1_000_000, help="before memory is looked at")
    parser.add_argument("--releases", type=int, default=100_000, help="of a name that has many")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        bench = Bench(stack, arguments)
        parts = {"sqlite": bench.sqlite, "mongodb": bench.mongodb, "memory": bench.memory}
        parts |= {"action": bench.action, "credentials": bench.credentials}
        for part in arguments.parts or parts:
            parts[part]()
    bench.table.print()


if __name__ == "__main__":
    main()
