"""All kinds of requests to one store, each compared with the constant handler."""

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

CONNECTION_COUNTS = (1, 16, 64, 256)
CONSTANT_UNIT = "of the constant handler"
KINDS = {
    "hot": ("new tokens, one series", HOT),
    "current": ("new tokens, one series, reuse=current", Target("put", reuse=None)),
    "spread": (f"new tokens, {SPREAD:,} series", SPREAD_OUT),
    "repeat": ("a repeated token", REPEAT),
    "peek": ("peek", PEEK),
}
WARM_UP_SECONDS = 0.5


def shapes(
    bench: Bench,
    store: str,
    server: Server,
    goals: dict[str, float],
    *,
    p99_goal: float | None = None,
    replica_set: ReplicaSet | None = None,
) -> None:
    """Add rows for all kinds with 64 connections, and for new tokens with each connection count."""
    warm_up(server)
    measures = {}
    for connections in CONNECTION_COUNTS:
        for kind, (_, target) in KINDS.items():
            if connections == CONNECTIONS or kind in ("hot", "spread"):
                monotron = bench.monotron(server, target, connections, replica_set)
                measures[f"constant {kind} {connections}"] = bench.constant(target, connections)
                measures[f"{kind} {connections}"] = monotron
    measurements = bench.alternate(measures)
    for kind, (description, _) in KINDS.items():
        label = f"{store}: {description}"
        name = f"{kind} {CONNECTIONS}"
        base = f"constant {name}"
        bench.compare(measurements, name, base, label, CONSTANT_UNIT, goals.get(kind))
        if kind in ("hot", "spread"):
            unit = f"{CONSTANT_UNIT}'s"
            bench.compare(measurements, name, base, f"{label}: p99", unit, p99_goal, "p99_ms")
    for connections in CONNECTION_COUNTS:
        for kind in ("hot", "spread"):
            if connections != CONNECTIONS:
                plural = "" if connections == 1 else "s"
                label = f"{store}: {KINDS[kind][0]}, {connections} connection{plural}"
                name = f"{kind} {connections}"
                bench.compare(measurements, name, f"constant {name}", label, CONSTANT_UNIT)


def warm_up(server: Server) -> None:
    """Send requests before the first measurement."""
    for target in (HOT, SPREAD_OUT):
        load(server.port, target, WARM_UP_SECONDS)


def versions(bench: Bench, store: str, server: Server, goals: tuple[float, float]) -> None:
    """Add rows: new versions compared with new values, and repeated versions with peeks."""
    pairs = {
        "a new version": (Target("version"), HOT, "of a new value's", goals[0]),
        "a repeated version": (Target("repeated version"), PEEK, "of a peek's", goals[1]),
    }
    load(server.port, Target("repeated version"), 0.1, 1)
    for name, (target, base, unit, goal) in pairs.items():
        measurements = bench.alternate(
            {"base": bench.monotron(server, base, 1), "version": bench.monotron(server, target, 1)}
        )
        label = f"{store}: {name}, one connection: p50"
        bench.compare(measurements, "version", "base", label, unit, goal, "p50_ms")
    both = {
        "put": bench.monotron(server, HOT),
        "version": bench.monotron(server, Target("version")),
    }
    measurements = bench.alternate(both)
    bench.compare(
        measurements, "version", "put", f"{store}: new versions of one name", "of new values"
    )
