"""Whether it stays flat: full stores beside empty ones, request by request in turns."""

import time

from bench import bulk, checkpoints, fill
from bench.measuring import HOT, PEEK, REPEAT, SPREAD, SPREAD_OUT, Bench
from bench.parts.shapes import warm_up
from bench.processes import replica_set, resident_mib
from bench.table import Row
from bench.targets import Target
from support.mongod import ReplicaSet
from support.server import Server

RATE_GOAL = 0.8
"""Of an empty store's requests a second: each request costs a quarter more at most."""

COST_GOAL = 1.25
START_SECONDS = 2.0
MEMORY_MIB = 150
CACHE_GB = 2.0
"""Of each member: as much as MongoDB would take by itself of a machine with 5 GB."""
CHECKPOINTS = 15
"""On each store, of each kind."""


def run(bench: Bench) -> None:
    folder, arguments = bench.folder, bench.arguments
    urls = {name: f"sqlite:///{folder}/growth-{name}.db" for name in ("empty", "full", "names")}
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
    began = time.monotonic()
    bulk.in_process(urls["full"], series, entries)
    print(f"(filled in {time.monotonic() - began:.0f} s)", flush=True)
    with Server(urls["empty"]) as empty:
        began = time.monotonic()
        with Server(urls["full"]) as full:
            seconds = time.monotonic() - began
            bench.table.add(Row(f"{label}: start to listening", seconds, "s", START_SECONDS))
            _requests(bench, label, empty, full, nodes)
            used = resident_mib(full.pid)
            bench.table.add(Row(f"{label}: memory after these", used, "MiB resident", MEMORY_MIB))
    _names(bench, store, urls["names"])


def _requests(
    bench: Bench, label: str, empty: Server, full: Server, nodes: ReplicaSet | None
) -> None:
    warm_up(empty)
    warm_up(full)
    every = Target("put", key="spread", series=bench.arguments.series)
    for words, base, target in (
        ("new tokens, one series", HOT, HOT),
        ("new tokens, 10,000 series", SPREAD_OUT, SPREAD_OUT),
        ("new tokens, all series in turn", SPREAD_OUT, every),
        ("a repeated token", REPEAT, REPEAT),
        ("peek", PEEK, PEEK),
    ):
        taken = bench.in_turns(
            {
                "empty": bench.ours(empty, base, replica_set=nodes),
                "full": bench.ours(full, target, replica_set=nodes),
            }
        )
        bench.against(taken, "full", "empty", f"{label}: {words}", "of an empty one", RATE_GOAL)


def _checkpoints(bench: Bench, urls: dict[str, str]) -> None:
    """Where the difference on SQLite is from: pages of the log, moved while nobody is answered."""
    for words, keys in (("one series", ["bench-0"]), ("10,000 series", _spread(SPREAD))):
        for name in ("empty", "full"):
            moved = checkpoints.measure(urls[name], keys, CHECKPOINTS)
            label = f"SQLite, {name}: moving the log of 512 new tokens, {words}"
            pages = f"ms, {moved.pages:,.0f} pages, {moved.us_a_token:.0f} µs a token"
            bench.table.add(Row(label, moved.ms, pages))


def _spread(series: int) -> list[str]:
    return [f"spread-{number}" for number in range(series)]


def _names(bench: Bench, store: str, url: str) -> None:
    """Versions of a name that has many, against one that has few, one connection."""
    releases = bench.arguments.releases
    fill.releases_in_process(url, "full", releases)
    with Server(url) as server:
        for words, kind in (("a new", "version"), ("a repeated", "repeated version")):
            taken = bench.in_turns(
                {key: bench.ours(server, Target(kind, key=key), 1) for key in ("few", "full")}
            )
            label = f"{store}: {words} version of a name with {releases:,}, one connection: p50"
            bench.against(taken, "full", "few", label, "of the first's", COST_GOAL, "p50_ms")
