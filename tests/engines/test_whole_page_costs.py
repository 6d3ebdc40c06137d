"""A page reads as little in a large account as in a small one.

`/access` reads what `test_auth_record_costs.py` measures. `/status` also counts the names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from contract.asking import ask_any
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.store import Store, open_store
from monotron.store.sqlite.store import SqliteStore
from support.http import Client
from support.pages import HTML, check_page
from support.profiler import profiling, queries
from support.server_thread import ServerThread

FEW, MANY = 160, 1600
"""The numbers of names, of versions of `shop`, of series, and of entries of `build`. Even the small
one is larger than a page, and than the first batch of a cursor of MongoDB."""

BATCH = 64

PATHS = ("/", "/names/shop", "/names/shop/0.0.9", "/series", "/series/build", "/?after=n-1")


def fill(store: Store, start: int, end: int) -> None:
    """Create series and entries, and then names and versions, with these numbers."""
    batches = [range(first, min(first + BATCH, end)) for first in range(start, end, BATCH)]
    for numbers in batches:
        entries = [ask_any(f"t{number}", SeriesKey(1, "build")) for number in numbers]
        series = [ask_any("t", SeriesKey(1, f"s-{number}")) for number in numbers]
        store.allocate([*entries, *series])
    for numbers in batches:
        for name, token in ("shop", "t{}"), ("n-{}", "t"):
            store.releases.decide(
                [
                    Assign(VersionName(1, name.format(each)), token.format(each), VersionRequest())
                    for each in numbers
                ]
            )


def load(client: Client, path: str) -> None:
    check_page(client.request("GET", path, headers=HTML))


def costs(store: Store, client: Client, cost: Callable[[Callable[[], None]], int]) -> None:
    """Check that no page costs more if the store contains more."""
    fill(store, 0, FEW)
    few = [cost(partial(load, client, path)) for path in PATHS]
    fill(store, FEW, MANY)
    many = [cost(partial(load, client, path)) for path in PATHS]
    for path, small, large in zip(PATHS, few, many, strict=True):
        assert 0 < large <= 1.1 * small, (path, small, large)


def test_sqlite_executes_no_more_instructions(
    counted_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteStore, "open", lambda _, **__: counted_store)
    with ServerThread("sqlite://") as server, server.client() as client:
        costs(counted_store, client, counted_store.instructions)


def test_mongodb_examines_no_more_documents(profiled: Any, database_url: str) -> None:
    def cost(use: Callable[[], None]) -> int:
        profiled["system.profile"].drop()
        with profiling(profiled):
            use()
        commands = queries(profiled)
        for command in commands:
            assert command["planSummary"].startswith("IXSCAN"), command
            assert "hasSortStage" not in command, command
        return sum(command["docsExamined"] for command in commands)

    store = open_store(database_url)
    with ServerThread(database_url) as server, server.client() as client:
        costs(store, client, cost)
    store.close()
