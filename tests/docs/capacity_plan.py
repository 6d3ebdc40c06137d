"""What a number of repositories requires, from measured costs and stated assumptions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from docs.bench_tables import MeasuredRow, MeasuredTables

REPOSITORIES = (300, 10_000, 1_000_000)
SECONDS_A_DAY = 86_400
DAYS_A_YEAR = 365
GB = 1e9


class Assumption(NamedTuple):
    """A number that was not measured."""

    value: float
    meaning: str


ASSUMPTIONS = {
    "builds": Assumption(10, "builds of a repository and day, on each of 365 days"),
    "peak factor": Assumption(10, "the rate of the busiest minute, divided by the mean rate"),
    "numbers": Assumption(1, "new numbers of a build"),
    "versions": Assumption(0.5, "new versions of a build"),
    "repeats": Assumption(
        2, "repeated requests of a build: other jobs, re-runs, other builds of the commit"
    ),
    "pages": Assumption(0.1, "page loads for each build, all of them `/names/{name}`"),
    "sign-ins": Assumption(
        2, "uses of a new identity token by a build: one for each job that writes"
    ),
    "series": Assumption(4, "series of a repository, old lines of its versions included"),
    "series in use": Assumption(2, "series of a repository that get new values"),
    "busy cores": Assumption(0.5, "the share of a core that may be in use at the peak"),
    "busiest node": Assumption(
        0.5, "the share of the busiest node in the processor time of all three"
    ),
    "index page": Assumption(
        16_384, "bytes of an index page in the cache of MongoDB; a new entry changes two"
    ),
    "oplog hours": Assumption(
        24, "hours of the peak that the oplog must hold, for members to catch up"
    ),
    "oplog of a release": Assumption(3, "bytes of a release in the oplog, in entries"),
}
"""By name. A row of the page for each."""


@dataclass(frozen=True)
class Cost:
    """The figures of a request: alone, and among those of 64 connections."""

    alone: MeasuredRow
    among: MeasuredRow


MONGODB_ROWS = {
    "numbers": (
        ("mongodb", "MongoDB, 3 nodes: new tokens, 10,000 series, 1 connection"),
        ("mongodb", "MongoDB, 3 nodes: new tokens, 10,000 series"),
    ),
    "versions": (
        ("names", "MongoDB: a new version of a name with 100,000, one connection: p50"),
        ("names", "MongoDB: new versions of 1,000 names, of 100,000 in the store"),
    ),
    "repeats": (
        ("names", "MongoDB: a repeated version of a name with 100,000, one connection: p50"),
        ("mongodb", "MongoDB, 3 nodes: a repeated token"),
    ),
    "pages": (
        ("pages", "MongoDB: /names/{name}, one connection: p50"),
        ("pages", "MongoDB: /names/{name}, one connection: p50"),
    ),
}
SQLITE_ROWS = {
    "numbers": (
        ("sqlite", "SQLite: new tokens, 10,000 series, 1 connection"),
        ("sqlite", "SQLite: new tokens, 10,000 series"),
    ),
    "versions": (
        ("sqlite", "SQLite: a new version, one connection: p50"),
        ("sqlite", "SQLite: new versions of 1,000 names"),
    ),
    "repeats": (
        ("names", "SQLite: a repeated version of a name with 100,000, one connection: p50"),
        ("sqlite", "SQLite: a repeated token"),
    ),
    "pages": (
        ("pages", "SQLite: /names/{name}, one connection: p50"),
        ("pages", "SQLite: /names/{name}, one connection: p50"),
    ),
}


USERS = ("event loop", "store threads", "mongod")


def sign_in(figures: MeasuredTables, store: str, connections: str) -> MeasuredRow:
    """What a new identity token adds to the processor time of a request, compared with an API key.

    *connections*: `1 connection` or `64 connections`.
    """
    key, token = (
        figures.row("costs", f"{store}: new tokens, each with {credential}, {connections}")
        for credential in ("an API key", "a new identity token")
    )
    added = {user: max(0.0, token.used(user) - key.used(user)) for user in USERS}
    return MeasuredRow(token.value, token.unit, cpu_us=added)


def sign_ins(figures: MeasuredTables, store: str) -> Cost:
    """What a new identity token adds to a request that is alone, and to one among others."""
    of = "MongoDB, 3 nodes" if store == "MongoDB" else store
    return Cost(sign_in(figures, of, "1 connection"), sign_in(figures, of, "64 connections"))


def costs(figures: MeasuredTables, store: str) -> dict[str, Cost]:
    """The costs of all kinds of requests to `SQLite` or `MongoDB`, and of sign-ins."""
    rows = SQLITE_ROWS if store == "SQLite" else MONGODB_ROWS
    of = {
        kind: Cost(figures.row(*alone), figures.row(*among))
        for kind, (alone, among) in rows.items()
    }
    return {**of, "sign-ins": sign_ins(figures, store)}


@dataclass(frozen=True)
class Bytes:
    """Bytes of one entry or release."""

    entry: float
    release: float
    head: float
    oplog: float


def measured_bytes(figures: MeasuredTables) -> Bytes:
    """The measured bytes on MongoDB."""
    names = (
        "MongoDB: on disk of a member, an entry",
        "MongoDB: on disk of a member, a release with its entry",
        "MongoDB: on disk of a member, a series",
        "MongoDB: oplog, an entry",
    )
    return Bytes(*(figures.row("costs", name).value for name in names))


NETWORK_ROWS = {
    "numbers": "new tokens, 10,000 series",
    "versions": "new versions of 1,000 names",
    "repeats": "a repeated token",
}
"""The requests whose bytes on the network were measured, by kind."""

WAYS = ("client and server", "server and primary", "members")


def network_bytes(figures: MeasuredTables, kind: str, way: str, connections: str) -> float:
    """The bytes of a request between the two ends of a way, in both directions.

    *connections*: `1 connection` or `64 connections`.
    """
    name = f"MongoDB, 3 nodes: {NETWORK_ROWS[kind]}, {connections}: between {way}"
    return figures.row("costs", name).value


@dataclass(frozen=True)
class Requirements:
    """What a number of repositories needs on MongoDB, and how much of it SQLite can serve.

    Pairs are lower and upper bounds: all requests in full batches, and each one alone.
    """

    requests: float
    """Per second at the peak."""

    machine_share: float
    """Of the time of the measured machine, with one server and all nodes, without pages and
    sign-ins."""

    writes: float
    """New numbers and versions per second at the peak."""

    server_cores: tuple[float, float]
    processes: tuple[int, int]
    mongod_cores: tuple[float, float]
    sign_in_cores: float
    """The part of MongoDB's cores that uses of identity tokens need."""

    cores_per_node: tuple[int, int]
    disk_gb: float
    """Of each member, a year."""

    cache_gb: float
    oplog_gb: float
    client_mbit: float
    """Without pages, and if each request is alone, like the other two."""

    primary_mbit: float
    members_mbit: float
    sqlite_cores: tuple[float, float]
    sqlite_disk_gb: float


def requirements(figures: MeasuredTables, repositories: int) -> Requirements:
    """Compute the requirements of a number of repositories."""
    a = {name: assumption.value for name, assumption in ASSUMPTIONS.items()}
    builds = repositories * a["builds"] / SECONDS_A_DAY
    rates = {kind: builds * a["peak factor"] * a[kind] for kind in (*MONGODB_ROWS, "sign-ins")}
    on_mongodb, on_sqlite = costs(figures, "MongoDB"), costs(figures, "SQLite")

    def bounds(of: Mapping[str, Cost], used: Callable[[MeasuredRow], float]) -> tuple[float, float]:
        among = sum(rates[kind] * used(cost.among) for kind, cost in of.items())
        alone = sum(rates[kind] * used(cost.alone) for kind, cost in of.items())
        # Identity tokens are not batched: among others, they can cost more than alone.
        return min(among, alone) / 1e6, max(among, alone) / 1e6

    server_cores = bounds(on_mongodb, lambda figure: figure.server_us)
    mongod_cores = bounds(on_mongodb, lambda figure: figure.used("mongod"))
    of_sign_ins = {"sign-ins": on_mongodb["sign-ins"]}
    used = measured_bytes(figures)
    days = builds * SECONDS_A_DAY * DAYS_A_YEAR
    per_build = a["numbers"] * used.entry + a["versions"] * used.release
    sqlite_entry = figures.row("costs", "SQLite: on disk, an entry").value
    sqlite_release = figures.row("costs", "SQLite: on disk, a release with its entry").value
    sqlite_per_build = a["numbers"] * sqlite_entry + a["versions"] * sqlite_release
    writes = rates["numbers"] + rates["versions"]
    of_oplog = rates["numbers"] + rates["versions"] * a["oplog of a release"]
    in_use = a["series in use"] * 2 * a["index page"]
    requests = sum(rates[kind] for kind in MONGODB_ROWS)

    def mbit(way: str, sign_ins: float) -> float:
        of = {kind: network_bytes(figures, kind, way, "1 connection") for kind in NETWORK_ROWS}
        return _mbit(sum(rates[kind] * of[kind] for kind in of) + sign_ins * of["numbers"])

    return Requirements(
        requests=requests,
        machine_share=sum(
            rates[kind] / on_mongodb[kind].among.rps for kind in ("numbers", "versions", "repeats")
        ),
        writes=writes,
        server_cores=server_cores,
        processes=(_processes(server_cores[0]), _processes(server_cores[1])),
        mongod_cores=mongod_cores,
        sign_in_cores=bounds(of_sign_ins, lambda figure: figure.used("mongod"))[1],
        cores_per_node=(_cores_per_node(mongod_cores[0]), _cores_per_node(mongod_cores[1])),
        disk_gb=days * per_build / GB,
        cache_gb=repositories * (a["series"] * used.head + in_use) / GB,
        oplog_gb=of_oplog * used.oplog * a["oplog hours"] * 3600 / GB,
        client_mbit=mbit("client and server", 0),
        primary_mbit=mbit("server and primary", rates["sign-ins"]),
        members_mbit=mbit("members", rates["sign-ins"]),
        sqlite_cores=bounds(on_sqlite, lambda figure: figure.server_us),
        sqlite_disk_gb=days * sqlite_per_build / GB,
    )


def _processes(cores: float) -> int:
    """At least two, so that one can fail or be updated."""
    return max(2, math.ceil(cores / ASSUMPTIONS["busy cores"].value))


def _cores_per_node(cores: float) -> int:
    return max(
        1, math.ceil(cores * ASSUMPTIONS["busiest node"].value / ASSUMPTIONS["busy cores"].value)
    )


def _mbit(bytes_a_second: float) -> float:
    return 8 * bytes_a_second / 1e6
