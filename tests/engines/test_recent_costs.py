"""Reading the newest assignments costs as much in a large account as in a small one."""

from __future__ import annotations

from typing import Any

from contract.asking import ask_any
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.store import Store, open_store
from monotron.store.recent import MAX_OMITTED
from support.profiler import profiling, queries

FEW, MANY = 1, 2
SERIES = {FEW: 30, MANY: 600}
"""The number of series, and of names with a version, of each account."""

LIMIT = 10


def fill(store: Store, account: int) -> None:
    """Create series, and then names, each with a value or version. Delete one series."""
    numbers = range(SERIES[account])
    create_series(store, account, SERIES[account])
    for start in range(0, len(numbers), 60):
        store.releases.decide(
            [
                Assign(VersionName(account, f"name-{number}"), "a", VersionRequest())
                for number in numbers[start : start + 60]
            ]
        )
    store.delete(SeriesKey(account, "series-7"), restart=False)


def create_series(store: Store, account: int, count: int) -> None:
    for start in range(0, count, 60):
        store.allocate(
            [
                ask_any("a", SeriesKey(account, f"series-{number}"))
                for number in range(start, min(start + 60, count))
            ]
        )


def read(store: Store, account: int) -> None:
    """Read the newest values and versions."""
    assert len(store.recent(account, LIMIT, lambda _: True)) == LIMIT
    assert len(store.releases.recent(account, LIMIT, lambda _: True)) == LIMIT


def test_sqlite_executes_no_instructions_for_older_assignments(counted_store: Any) -> None:
    costs = counted_store.costs(fill, read, (FEW, MANY))
    assert 0 < costs[1] < 1.2 * costs[0]


def test_mongodb_examines_few_older_assignments(profiled: Any, database_url: str) -> None:
    store = open_store(database_url)
    fill(store, MANY)
    with profiling(profiled):
        read(store, MANY)
    store.close()
    for command in queries(profiled):
        assert command["planSummary"].startswith("IXSCAN"), command
        assert "hasSortStage" not in command, command
        assert command["docsExamined"] <= 101, command  # the first batch of a cursor


def test_mongodb_examines_at_most_2000_series_that_are_omitted(
    profiled: Any, database_url: str
) -> None:
    store = open_store(database_url)
    create_series(store, FEW, MAX_OMITTED + 500)
    with profiling(profiled):
        assert store.recent(FEW, LIMIT, lambda key: key == "series-0") == []
    store.close()
    examined = sum(command["docsExamined"] for command in queries(profiled))
    assert MAX_OMITTED <= examined <= MAX_OMITTED + LIMIT
