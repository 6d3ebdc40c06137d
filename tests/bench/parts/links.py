"""The cost of distance: members of a replica set in different regions."""

from collections.abc import Callable

from bench.figures import Figures
from bench.linked_nodes import LinkedNodes
from bench.measuring import CONNECTIONS, HOT, REPEAT, SPREAD, SPREAD_OUT, Bench, load
from bench.targets import Target
from support.server import Server

ROUND_TRIPS_MS = (0, 1, 10, 100)
MAX_ROUNDS = 3
MAX_SECONDS = 3.0
"""Bounds, because all kinds are measured with each round trip: about four minutes in all."""

SETTLE_SECONDS = 0.2
"""Load after each change of the delay, which is not measured."""

NEAR = {
    "new tokens, one series, 1 connection": (HOT, 1),
    "new tokens, one series": (HOT, CONNECTIONS),
    f"new tokens, {SPREAD:,} series": (SPREAD_OUT, CONNECTIONS),
    "new versions of one name": (Target("version"), CONNECTIONS),
    "a repeated token": (REPEAT, CONNECTIONS),
}
FAR = {"new tokens, one series, server in another region": (HOT, CONNECTIONS)}


def run(bench: Bench) -> None:
    bench.rounds = min(rounds := bench.rounds, MAX_ROUNDS)
    bench.seconds = min(seconds := bench.seconds, MAX_SECONDS)
    with (
        LinkedNodes.on_disk(bench.folder) as nodes,
        Server(nodes.near_url("near")) as near,
        Server(nodes.far_url("far")) as far,
    ):
        for kind, (target, connections) in NEAR.items():
            _distances(bench, nodes, near, kind, target, connections)
        for kind, (target, connections) in FAR.items():
            _distances(bench, nodes, far, kind, target, connections)
    bench.rounds, bench.seconds = rounds, seconds


def _distances(
    bench: Bench, nodes: LinkedNodes, server: Server, kind: str, target: Target, connections: int
) -> None:
    """Add a row for each round trip between the members."""

    def measure(round_trip_ms: int) -> Callable[[], Figures]:
        measured = bench.monotron(server, target, connections, nodes)

        def at_this_distance() -> Figures:
            nodes.links.round_trip_ms = round_trip_ms
            load(server.port, target, SETTLE_SECONDS, connections)
            return measured()

        return at_this_distance

    measurements = bench.alternate({label(ms): measure(ms) for ms in ROUND_TRIPS_MS})
    nodes.links.round_trip_ms = 0
    for milliseconds in ROUND_TRIPS_MS:
        name = f"MongoDB, 3 nodes, {label(milliseconds)}: {kind}"
        bench.compare(measurements, label(milliseconds), label(0), name, f"of {label(0)}")


def label(round_trip_ms: int) -> str:
    """The round trip between two members, as text."""
    return f"{round_trip_ms} ms"
