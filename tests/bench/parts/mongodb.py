"""The service on MongoDB: with three nodes and one node, with one process and two."""

from bench.measuring import CONNECTIONS, HOT, PEEK, REPEAT, SPREAD, SPREAD_OUT, Bench
from bench.parts.shapes import KINDS, VersionGoals, shapes, versions, warm_up
from bench.peers.plain import PlainThreads
from bench.processes import replica_set
from support.mongod import ReplicaSet
from support.server import Server

GOALS = {"hot": 0.65, "spread": 0.5}
VERSION_GOALS = VersionGoals(one_name=0.5, many_names=0.3, repeated=0.7, p50=1.8)
PLAIN_UPDATES_GOAL = 1.5
ONE_UPDATE_GOAL = 1.8
TWO_PROCESSES_GOALS = {"hot": 0.45, "spread": 0.8}
ONE_NODE_GOALS = {"repeat": 0.7, "peek": 0.7}


def run(bench: Bench) -> None:
    with replica_set(bench.folder) as nodes:
        with Server(nodes.url("empty")) as server:
            shapes(bench, "MongoDB, 3 nodes", server, GOALS, replica_set=nodes)
            _plain_updates(bench, server, nodes)
            _one_connection(bench, server, nodes)
        with Server(nodes.url("versions")) as server:
            versions(bench, "MongoDB, 3 nodes", server, VERSION_GOALS)
        _processes(bench, nodes)
        with (
            replica_set(bench.folder, members=1) as node,
            Server(node.url("one")) as one,
            Server(nodes.url("three")) as three,
        ):
            _one_node(bench, one, three)
            shapes(bench, "MongoDB, 1 node", one, {}, replica_set=node)


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


def _one_connection(bench: Bench, server: Server, nodes: ReplicaSet) -> None:
    """A new value for a single client, compared with the cheapest possible majority write."""
    plain = PlainThreads(nodes)
    measurements = bench.alternate(
        {
            "plain": lambda: plain.measure(1, 1, bench.seconds),
            "monotron": bench.monotron(server, HOT, 1, nodes),
        }
    )
    label = "MongoDB, 3 nodes: new tokens, one series, one connection: p50"
    unit = f"of a plain update ({measurements.median('plain').p50_ms:.1f} ms)"
    bench.compare(measurements, "monotron", "plain", label, unit, ONE_UPDATE_GOAL, "p50_ms")


def _one_node(bench: Bench, one: Server, three: Server) -> None:
    """Reads on a set with one member, compared with three members."""
    for server in (one, three):
        warm_up(server)
    for kind, target in (("repeat", REPEAT), ("peek", PEEK)):
        measurements = bench.alternate(
            {"three": bench.monotron(three, target), "one": bench.monotron(one, target)}
        )
        label = f"MongoDB, 1 node: {KINDS[kind][0]}"
        bench.compare(measurements, "one", "three", label, "of three nodes", ONE_NODE_GOALS[kind])


def _processes(bench: Bench, nodes: ReplicaSet) -> None:
    """A server with two processes, compared with one process, on separate databases."""
    args = ("--processes", "2")
    with (
        Server(nodes.url("single")) as one,
        Server(nodes.url("double"), args=args) as two,
    ):
        warm_up(one)
        warm_up(two)
        for kind in ("hot", "spread", "peek"):
            shape, target = KINDS[kind]
            measurements = bench.alternate(
                {
                    "one": bench.monotron(one, target, replica_set=nodes),
                    "two": bench.monotron(two, target, replica_set=nodes, processes=2),
                }
            )
            cpu_text = measurements.median("one").cpu_text()
            label = f"MongoDB, 3 nodes, --processes 2: {shape}"
            bench.compare(
                measurements,
                "two",
                "one",
                label,
                f"of one process (its µs: {cpu_text})",
                TWO_PROCESSES_GOALS.get(kind),
            )
