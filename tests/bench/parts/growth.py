"""The cost of requests to full stores, compared with empty ones."""

import time

from bench import bulk, checkpoints
from bench.measuring import HOT, PEEK, REPEAT, SPREAD, SPREAD_OUT, Bench
from bench.parts.shapes import warm_up
from bench.processes import replica_set, resident_mib
from bench.table import TableRow
from bench.targets import Target
from support.mongod import ReplicaSet
from support.server import Server

RATE_GOAL = 0.8
"""Minimum requests per second, relative to an empty store: a request costs at most 25% more."""

MAX_START_SECONDS = 2.0
MAX_MEMORY_MIB = 150
CACHE_GB = 2.0
"""Cache of each member: MongoDB's default on a machine with 5 GB."""

CHECKPOINTS = 15
"""Number of checkpoints per store and set of series."""


def run(bench: Bench) -> None:
    folder, arguments = bench.folder, bench.arguments
    urls = {name: f"sqlite:///{folder}/growth-{name}.db" for name in ("empty", "full")}
    _store(bench, "SQLite", urls, arguments.entries)
    _checkpoints(bench, urls)
    with replica_set(folder, cache_gb=CACHE_GB) as nodes:
        urls = {name: nodes.url(name) for name in urls}
        _store(bench, "MongoDB", urls, arguments.entries // 10, nodes)


def _store(
    bench: Bench, store: str, urls: dict[str, str], entries: int, nodes: ReplicaSet | None = None
) -> None:
    series = bench.arguments.series
    label = f"{store}, {series:,} series and {entries:,} entries"
    started = time.monotonic()
    bulk.in_process(urls["full"], series, entries)
    print(f"(filled in {time.monotonic() - started:.0f} s)", flush=True)
    with Server(urls["empty"]) as empty:
        started = time.monotonic()
        with Server(urls["full"]) as full:
            seconds = time.monotonic() - started
            bench.table.add(
                TableRow(f"{label}: start to listening", seconds, "s", MAX_START_SECONDS)
            )
            _requests(bench, label, empty, full, nodes)
            used = resident_mib(full.pid)
            bench.table.add(
                TableRow(f"{label}: memory after these", used, "MiB resident", MAX_MEMORY_MIB)
            )


def _requests(
    bench: Bench, label: str, empty: Server, full: Server, nodes: ReplicaSet | None
) -> None:
    warm_up(empty)
    warm_up(full)
    all_series = Target("put", key="spread", series=bench.arguments.series)
    for shape, base, target in (
        ("new tokens, one series", HOT, HOT),
        ("new tokens, 10,000 series", SPREAD_OUT, SPREAD_OUT),
        ("new tokens, all series in turn", SPREAD_OUT, all_series),
        ("a repeated token", REPEAT, REPEAT),
        ("peek", PEEK, PEEK),
    ):
        measurements = bench.alternate(
            {
                "empty": bench.monotron(empty, base, replica_set=nodes),
                "full": bench.monotron(full, target, replica_set=nodes),
            }
        )
        bench.compare(
            measurements, "full", "empty", f"{label}: {shape}", "of an empty one", RATE_GOAL
        )


def _checkpoints(bench: Bench, urls: dict[str, str]) -> None:
    """The cause of the difference on SQLite: checkpoints, which delay all responses."""
    for series, keys in (("one series", ["bench-0"]), ("10,000 series", _spread(SPREAD))):
        for name in ("empty", "full"):
            cost = checkpoints.measure(urls[name], keys, CHECKPOINTS)
            label = f"SQLite, {name}: checkpoint after 512 new tokens, {series}"
            unit = f"ms, {cost.pages:,.0f} pages, {cost.us_per_token:.0f} µs a token"
            bench.table.add(TableRow(label, cost.ms, unit))


def _spread(series: int) -> list[str]:
    return [f"spread-{number}" for number in range(series)]
