"""The service compared with other durable systems that can count.

Each peer is measured with several numbers of callers and compared at its best.
"""

from contextlib import ExitStack
from functools import partial

from bench.figures import Measurements
from bench.measuring import CONNECTIONS, HOT, SPREAD, SPREAD_OUT, Bench
from bench.parts.shapes import warm_up
from bench.peers.etcd import Etcd
from bench.peers.packages import install
from bench.peers.plain import PlainHttp, PlainThreads
from bench.peers.postgres import Postgres
from bench.peers.redis import Redis
from bench.processes import replica_set
from bench.table import TableRow
from support.server import Server

STORES = ("SQLite", "MongoDB")
CALLERS = (1, 16, 64)
P99_GOAL = 0.3
HOT_GOALS = {
    ("SQLite", "postgres"): 1.5,
    ("MongoDB", "postgres"): 1.2,
    ("SQLite", "etcd"): 4.0,
    ("MongoDB", "etcd"): 4.0,
    ("SQLite", "plain HTTP"): 4.0,
    ("MongoDB", "plain HTTP"): 4.0,
}
SPREAD_GOALS = {("MongoDB", "plain threads"): 1.5}


def run(bench: Bench) -> None:
    install()
    with ExitStack() as stack:
        nodes = stack.enter_context(replica_set(bench.folder))
        servers = {
            "SQLite": stack.enter_context(Server(f"sqlite:///{bench.folder}/peers.db")),
            "MongoDB": stack.enter_context(Server(nodes.url("peers"))),
        }
        peers = {
            "redis": stack.enter_context(Redis(bench.folder)),
            "etcd": stack.enter_context(Etcd(bench.folder)),
            "postgres": stack.enter_context(Postgres(bench.folder)),
            "plain HTTP": stack.enter_context(PlainHttp(nodes)),
            "plain threads": PlainThreads(nodes),
        }
        names = {name: peer.name for name, peer in peers.items()}
        for server in servers.values():
            warm_up(server)
        shapes = (
            ("one series", HOT, 1, HOT_GOALS, P99_GOAL),
            (f"{SPREAD:,} series", SPREAD_OUT, SPREAD, SPREAD_GOALS, None),
        )
        for shape, target, series, goals, p99_goal in shapes:
            measures = {}
            for store, server in servers.items():
                mongods = nodes if store == "MongoDB" else None
                measures[store] = bench.monotron(server, target, replica_set=mongods)
            for name, peer in peers.items():
                for callers in CALLERS:
                    measures[f"{name} {callers}"] = partial(
                        peer.measure, callers, series, bench.seconds
                    )
            _add_rows(bench, bench.alternate(measures), shape, names, goals, p99_goal)


def _add_rows(
    bench: Bench,
    measurements: Measurements,
    shape: str,
    names: dict[str, str],
    goals: dict[tuple[str, str], float],
    p99_goal: float | None,
) -> None:
    for store in STORES:
        figures = measurements.median(store)
        label = f"Monotron on {store}, {shape}, {CONNECTIONS} connections"
        bench.table.add(TableRow(label, figures.rps, "/s", figures=figures))
    for peer, name in names.items():
        measure_names = {callers: f"{peer} {callers}" for callers in CALLERS}
        best = max(CALLERS, key=lambda callers: measurements.median(measure_names[callers]).rps)
        others = ", ".join(
            f"{callers}: {measurements.median(measure).rps:,.0f}"
            for callers, measure in measure_names.items()
            if callers != best
        )
        figures = measurements.median(measure_names[best])
        unit = f"/s, best with {_callers(best)} ({others})"
        bench.table.add(TableRow(f"{name}, {shape}", figures.rps, unit, figures=figures))
        for store in STORES:
            goal = goals.get((store, peer))
            label = f"Monotron on {store} against {name}, {shape}"
            ratio, _ = measurements.ratio(store, measure_names[best])
            bench.table.add(TableRow(label, ratio, "of its best", goal, True))
            for callers in sorted({best, CONNECTIONS}) if p99_goal else ():
                ratio, _ = measurements.ratio(store, measure_names[callers], "p99_ms")
                peer_p99 = measurements.median(measure_names[callers]).p99_ms
                unit = f"of its p99 with {_callers(callers)} ({peer_p99:,.1f} ms)"
                bench.table.add(TableRow(f"{label}: p99", ratio, unit, p99_goal if goal else None))


def _callers(number: int) -> str:
    return f"{number} caller{'' if number == 1 else 's'}"
