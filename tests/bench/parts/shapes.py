"""All shapes of requests on one store, each against the yardstick under the same requests."""

from bench.load import Target
from bench.measuring import (
    CONNECTIONS,
    HOT,
    PEEK,
    REPEAT,
    SPREAD,
    SPREAD_OUT,
    Bench,
    load,
)
from support.mongod import ReplicaSet
from support.server import Server

NUMBERS_OF_CONNECTIONS = (1, 16, 64, 256)
CONSTANT = "of the constant handler"
KINDS = {
    "hot": ("new tokens, one series", HOT),
    "current": ("new tokens, one series, reuse=current", Target("put", reuse=None)),
    "spread": (f"new tokens, {SPREAD:,} series", SPREAD_OUT),
    "repeat": ("a repeated token", REPEAT),
    "peek": ("peek", PEEK),
}
SLOW_START_SECONDS = 0.5


def shapes(
    bench: Bench,
    store: str,
    server: Server,
    goals: dict[str, float],
    *,
    p99_goal: float | None = None,
    replica_set: ReplicaSet | None = None,
) -> None:
    """Rows for every kind at 64 connections, and for new tokens at every number of them."""
    warm_up(server)
    measures = {}
    for connections in NUMBERS_OF_CONNECTIONS:
        for kind, (_, target) in KINDS.items():
            if connections == CONNECTIONS or kind in ("hot", "spread"):
                ours = bench.ours(server, target, connections, replica_set)
                measures[f"constant {kind} {connections}"] = bench.constant(target, connections)
                measures[f"{kind} {connections}"] = ours
    taken = bench.in_turns(measures)
    for kind, (words, _) in KINDS.items():
        label = f"{store}: {words}"
        name = f"{kind} {CONNECTIONS}"
        base = f"constant {name}"
        bench.against(taken, name, base, label, CONSTANT, goals.get(kind))
        if kind in ("hot", "spread"):
            unit = f"{CONSTANT}'s"
            bench.against(taken, name, base, f"{label}: p99", unit, p99_goal, "p99_ms")
    for connections in NUMBERS_OF_CONNECTIONS:
        for kind in ("hot", "spread"):
            if connections != CONNECTIONS:
                ending = "" if connections == 1 else "s"
                label = f"{store}: {KINDS[kind][0]}, {connections} connection{ending}"
                name = f"{kind} {connections}"
                bench.against(taken, name, f"constant {name}", label, CONSTANT)


def warm_up(server: Server) -> None:
    for target in (HOT, SPREAD_OUT):
        load(server.port, target, SLOW_START_SECONDS)


def versions(bench: Bench, store: str, server: Server, goals: tuple[float, float]) -> None:
    """One connection: a version against a number, a repeated one against a peek."""
    pairs = {
        "a new version": (Target("version"), HOT, "of a new value's", goals[0]),
        "a repeated version": (Target("repeated version"), PEEK, "of a peek's", goals[1]),
    }
    load(server.port, Target("repeated version"), 0.1, 1)
    for name, (target, base, unit, goal) in pairs.items():
        taken = bench.in_turns(
            {"base": bench.ours(server, base, 1), "version": bench.ours(server, target, 1)}
        )
        label = f"{store}: {name}, one connection: p50"
        bench.against(taken, "version", "base", label, unit, goal, "p50_ms")
    both = {"put": bench.ours(server, HOT), "version": bench.ours(server, Target("version"))}
    taken = bench.in_turns(both)
    bench.against(taken, "version", "put", f"{store}: new versions of one name", "of new values")
