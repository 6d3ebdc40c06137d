"""A page of names costs as much in a large account as in a small one."""

from __future__ import annotations

from typing import Any

from contract.asking import ask_any
from monotron.model.component_keys import FIRST_SUFFIXES
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.store import Store, open_store
from support.profiler import profiling, queries

FEW, MANY = 1, 2
NAMES = {FEW: 40, MANY: 400}
"""The number of names of each account. Those with an odd number are only counted in series."""

LIMIT = 10


def fill(store: Store, account: int) -> None:
    names = [f"name-{number:03}" for number in range(NAMES[account])]
    with_version = names[::2]
    for start in range(0, len(with_version), 60):
        store.releases.decide(
            [
                Assign(VersionName(account, name), "a", VersionRequest(label="rc"))
                for name in with_version[start : start + 60]
            ]
        )
    keys = [f"{name}{suffix}" for name in names for suffix in (*FIRST_SUFFIXES, "-patch-v1.0")]
    for start in range(0, len(keys), 200):
        store.allocate([ask_any("a", SeriesKey(account, key)) for key in keys[start : start + 200]])


def read(store: Store, account: int) -> None:
    """Read the second page of a search."""
    names = store.releases.names(account, "name-", "name-009", LIMIT)
    assert names == [f"name-0{number}" for number in range(10, 10 + LIMIT)]


def test_sqlite_executes_no_instructions_for_other_names(counted_store: Any) -> None:
    costs = counted_store.costs(fill, read, (FEW, MANY))
    assert 0 < costs[1] < 1.05 * costs[0]


def test_mongodb_examines_few_other_names(profiled: Any, database_url: str) -> None:
    store = open_store(database_url)
    fill(store, MANY)
    with profiling(profiled):
        read(store, MANY)
    store.close()
    examined = {command["ns"].rpartition(".")[2]: command for command in queries(profiled)}
    for collection, most in ("names", LIMIT), ("series", LIMIT * len(FIRST_SUFFIXES)):
        command = examined[collection]
        assert command["planSummary"].startswith("IXSCAN"), command
        assert "hasSortStage" not in command, command
        assert command["docsExamined"] <= most, command
