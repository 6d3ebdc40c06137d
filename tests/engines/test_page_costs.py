"""What pages read costs as much in a large account as in a small one."""

from __future__ import annotations

from typing import Any

from contract.asking import ask_any
from monotron.model.component_keys import FIRST_SUFFIXES
from monotron.model.semver import VersionName, sort_key_range
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Assign, GetNewest, VersionRequest, VersionResult
from monotron.store import Store, open_store
from support.profiler import profiling, queries

FEW, MANY = 1, 2
SIZES = {FEW: 40, MANY: 600}
"""The number of series, of entries of one of them, of names, and of releases of one of them."""

LIMIT = 10
MIDDLE = 20
"""The number of the series, entry and name from which the pages continue."""


def fill(store: Store, account: int) -> None:
    numbers = range(SIZES[account])
    for start in range(0, len(numbers), 60):
        part = numbers[start : start + 60]
        store.allocate([ask_any("a", SeriesKey(account, f"series-{n:03}")) for n in part])
        store.allocate([ask_any(f"t{n}", SeriesKey(account, "long")) for n in part])
        store.releases.decide(
            [Assign(VersionName(account, f"name-{n:03}"), "a", VersionRequest()) for n in part]
        )
        store.releases.decide(
            [Assign(VersionName(account, "long"), f"t{n}", VersionRequest()) for n in part]
        )


def read(store: Store, account: int) -> None:
    """Read what the pages show."""
    for prefix, after in ("", ""), ("series-", f"series-{MIDDLE:03}"):
        assert len(store.series_page(account, prefix, after, LIMIT)) == LIMIT
    ledger = SeriesKey(account, "long")
    for before in None, MIDDLE:
        assert len(store.ledger_page(ledger, before, LIMIT) or ()) == LIMIT
    assert (
        len(store.releases.page(VersionName(account, "long"), sort_key_range(), None, LIMIT))
        == LIMIT
    )
    names = store.releases.names(account, "", f"name-{MIDDLE:03}", LIMIT)
    requests = [GetNewest(VersionName(account, name), or_pre_release=True) for name in names]
    results = store.releases.decide(requests)
    assert [isinstance(result, VersionResult) for result in results] == [True] * LIMIT


def test_sqlite_executes_no_instructions_for_other_rows(counted_store: Any) -> None:
    costs = counted_store.costs(fill, read, (FEW, MANY))
    assert 0 < costs[1] < 1.05 * costs[0]


def test_mongodb_examines_few_other_documents(profiled: Any, database_url: str) -> None:
    store = open_store(database_url)
    fill(store, MANY)
    with profiling(profiled):
        read(store, MANY)
    store.close()
    examined = {
        (command["ns"].rpartition(".")[2], command["docsExamined"]) for command in queries(profiled)
    }
    assert {name for name, _ in examined} >= {"series", "entries", "names", "releases"}
    assert max(documents for _, documents in examined) <= LIMIT * len(FIRST_SUFFIXES)
