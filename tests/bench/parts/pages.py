"""Web pages of a large store: their duration, and what they cost the builds."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bench import store_calls
from bench.browsers import BROWSERS, HEADERS, browsers, page_target
from bench.figures import Figures
from bench.measuring import HOT, PEEK, Bench
from bench.pauses import longest_pause_ms
from bench.processes import replica_set
from bench.table import TableRow
from support.mongod import ReplicaSet
from support.server import ROOT_ENV, Server

NAMES = 10_000
ENTRIES = 1_000_000
PAGE_GOAL = 5.0
"""Maximum p50 of a page, relative to a peek."""

SHARE_GOAL = 0.8
"""Minimum PUTs per second beside browsers, relative to PUTs alone."""

PAUSE_GOAL_MS = 10.0
PAUSE_REQUESTS = 50


def run(bench: Bench) -> None:
    _store(bench, "SQLite", f"sqlite:///{bench.folder}/pages.db")
    with replica_set(bench.folder) as nodes:
        _store(bench, "MongoDB", nodes.url("pages"), nodes)


def _store(bench: Bench, store: str, url: str, nodes: ReplicaSet | None = None) -> None:
    releases = bench.arguments.releases
    store_calls.create_releases_in_process(url, "full-0", releases, NAMES, ENTRIES)
    measure(bench, store, url, nodes)


def measure(bench: Bench, store: str, url: str, nodes: ReplicaSet | None = None) -> None:
    """Add the rows of a store that was filled."""
    releases = bench.arguments.releases
    paths = {
        "/": "/",
        "/names/{name}": "/names/full-0",
        "/names/{name}/{version}": f"/names/full-0/1.0.{releases // 2}",
        "/series": "/series",
        "/series/{key}": "/series/bench-0",
        "/status": "/status",
        "/access": "/access",
    }
    with Server(url, env=ROOT_ENV) as server:
        _durations(bench, store, server, paths, nodes)
        _beside_browsers(bench, store, server, list(paths.values()), nodes)
    for name, path in paths.items():
        pause = asyncio.run(longest_pause_ms(url, path, PAUSE_REQUESTS))
        label = f"{store}: longest pause of the event loop: {name}"
        bench.table.add(TableRow(label, pause, "ms of processor time", PAUSE_GOAL_MS))


def _durations(
    bench: Bench, store: str, server: Server, paths: dict[str, str], nodes: ReplicaSet | None
) -> None:
    measures = {"peek": bench.monotron(server, replace(PEEK, headers=HEADERS), 1, nodes)}
    measures |= {
        name: bench.monotron(server, page_target([path]), 1, nodes) for name, path in paths.items()
    }
    measurements = bench.alternate(measures)
    for name in paths:
        label, unit = f"{store}: {name}, one connection", "of a peek"
        bench.compare(measurements, name, "peek", f"{label}: p50", unit, PAGE_GOAL, "p50_ms")
        # Unlike durations, it depends little on other processes.
        label += ": processor time of the server"
        bench.compare(measurements, name, "peek", label, unit, None, "server_us")


def _beside_browsers(
    bench: Bench, store: str, server: Server, paths: list[str], nodes: ReplicaSet | None
) -> None:
    alone = bench.monotron(server, replace(HOT, headers=HEADERS), replica_set=nodes)

    def beside() -> Figures:
        with browsers(server.port, paths):
            return alone()

    measurements = bench.alternate({"alone": alone, "beside": beside})
    label = f"{store}: new tokens, one series, beside {BROWSERS} browsers"
    bench.compare(measurements, "beside", "alone", label, "of new tokens alone", SHARE_GOAL)
