"""The cost of versions in stores with many of them, compared with stores with few."""

from bench import store_calls
from bench.measuring import Bench
from bench.processes import replica_set, resident_mib
from bench.table import TableRow
from bench.targets import Target
from support.mongod import ReplicaSet
from support.server import Server

COST_GOAL = 1.25
"""Maximum p50 for a name with many releases, relative to a name with few."""

RATE_GOAL = 0.8
"""Minimum requests per second in a store with many names, relative to a store with few."""

MAX_MEMORY_MIB = 150
NAMES_IN_USE = 1_000
KINDS = (("a new", "version"), ("a repeated", "repeated version"))


def run(bench: Bench) -> None:
    _store(bench, "SQLite", *(f"sqlite:///{bench.folder}/names-{name}.db" for name in "ab"))
    with replica_set(bench.folder) as nodes:
        _store(bench, "MongoDB", nodes.url("a"), nodes.url("b"), nodes)


def _store(
    bench: Bench, store: str, empty_url: str, full_url: str, nodes: ReplicaSet | None = None
) -> None:
    releases, names = bench.arguments.releases, bench.arguments.names
    store_calls.create_releases_in_process(full_url, "full-0", releases, names)
    with Server(full_url) as full, Server(empty_url) as empty:
        for adjective, kind in KINDS:
            measurements = bench.alternate(
                {
                    key: bench.monotron(full, Target(kind, key=key), 1, nodes)
                    for key in ("few", "full")
                }
            )
            label = f"{store}: {adjective} version of a name with {releases:,}, one connection: p50"
            bench.compare(
                measurements, "full", "few", label, "of a name with few", COST_GOAL, "p50_ms"
            )
        target = Target("version", key="many", series=NAMES_IN_USE)
        measurements = bench.alternate(
            {
                "empty": bench.monotron(empty, target, replica_set=nodes),
                "full": bench.monotron(full, target, replica_set=nodes),
            }
        )
        label = f"{store}: new versions of {NAMES_IN_USE:,} names, of {names:,} in the store"
        bench.compare(measurements, "full", "empty", label, "of a store with few", RATE_GOAL)
        bench.table.add(
            TableRow(f"{store}: memory after these", resident_mib(full.pid), "MiB", MAX_MEMORY_MIB)
        )
