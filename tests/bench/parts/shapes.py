"""All kinds of requests to one store, each compared with the constant handler."""

from typing import NamedTuple

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
NAMES = 1_000


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


class VersionGoals(NamedTuple):
    """Ratios of versions to values, as versions.md requires them."""

    one_name: float
    many_names: float
    repeated: float
    p50: float
    """Of a new version, one connection: the maximum."""


def versions(bench: Bench, store: str, server: Server, goals: VersionGoals) -> None:
    """Add rows: new and repeated versions, compared with new and repeated values."""
    pairs = {
        "new versions of one name": (Target("version"), HOT, goals.one_name),
        f"new versions of {NAMES:,} names": (
            Target("version", NAMES),
            Target("put", NAMES, key="names"),
            goals.many_names,
        ),
        "a repeated version": (Target("repeated version"), REPEAT, goals.repeated),
    }
    for target, base, _ in pairs.values():
        load(server.port, target, WARM_UP_SECONDS)
        load(server.port, base, WARM_UP_SECONDS)
    for name, (target, base, goal) in pairs.items():
        measurements = bench.alternate(
            {"value": bench.monotron(server, base), "version": bench.monotron(server, target)}
        )
        label = f"{store}: {name}"
        bench.compare(measurements, "version", "value", label, "of the values", goal)
    measurements = bench.alternate(
        {
            "value": bench.monotron(server, HOT, 1),
            "version": bench.monotron(server, Target("version"), 1),
        }
    )
    label = f"{store}: a new version, one connection: p50"
    unit = "of a new value's"
    bench.compare(measurements, "version", "value", label, unit, goals.p50, "p50_ms")
