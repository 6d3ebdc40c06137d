"""The service on MongoDB: with three nodes and one node, with one process and two."""

from bench.measuring import CONNECTIONS, HOT, PEEK, SPREAD, SPREAD_OUT, Bench
from bench.parts.shapes import shapes, versions, warm_up
from bench.peers.plain import PlainThreads
from bench.processes import replica_set
from support.mongod import ReplicaSet
from support.server import Server

GOALS = {"hot": 0.6}
VERSION_GOALS = (6.0, 2.5)
PLAIN_UPDATES_GOAL = 1.2


def run(bench: Bench) -> None:
    with replica_set(bench.folder) as nodes:
        with Server(nodes.url("empty")) as server:
            shapes(bench, "MongoDB, 3 nodes", server, GOALS, replica_set=nodes)
            _plain_updates(bench, server, nodes)
        with Server(nodes.url("versions")) as server:
            versions(bench, "MongoDB, 3 nodes", server, VERSION_GOALS)
        _processes(bench, nodes)
    with replica_set(bench.folder, members=1) as node, Server(node.url("one")) as server:
        shapes(bench, "MongoDB, 1 node", server, {}, replica_set=node)


def _plain_updates(bench: Bench, server: Server, nodes: ReplicaSet) -> None:
    """New tokens in many series, compared with the cheapest possible majority writes."""
    plain = PlainThreads(nodes)
    measurements = bench.alternate(
        {
            "plain": lambda: plain.measure(CONNECTIONS, SPREAD, bench.seconds),
            "monotron": bench.monotron(server, SPREAD_OUT, replica_set=nodes),
        }
    )
    rps = measurements.median("plain").rps
    unit = f"of {rps:,.0f}/s plain updates by {CONNECTIONS} threads, no HTTP"
    label = f"MongoDB, 3 nodes: new tokens, {SPREAD:,} series"
    bench.compare(measurements, "monotron", "plain", label, unit, PLAIN_UPDATES_GOAL)


def _processes(bench: Bench, nodes: ReplicaSet) -> None:
    """A server with two processes, compared with one process, on separate databases."""
    args = ("--processes", "2")
    with (
        Server(nodes.url("single")) as one,
        Server(nodes.url("double"), args=args) as two,
    ):
        warm_up(one)
        warm_up(two)
        for shape, target, goal in (
            ("new tokens, one series", HOT, 1.0),
            (f"new tokens, {SPREAD:,} series", SPREAD_OUT, 1.0),
            ("peek", PEEK, None),
        ):
            measurements = bench.alternate(
                {
                    "one": bench.monotron(one, target, replica_set=nodes),
                    "two": bench.monotron(two, target, replica_set=nodes, processes=2),
                }
            )
            cpu_text = measurements.median("one").cpu_text()
            label = f"MongoDB, 3 nodes, --processes 2: {shape}"
            bench.compare(
                measurements, "two", "one", label, f"of one process (its µs: {cpu_text})", goal
            )
