"""The checks of a store after a power failure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.checker import violations
from faults.disk import Operation
from faults.history import History, Peek, Put
from faults.power import Cut, cuts
from faults.version_cut_check import check_versions_after_cut, versions_until
from faults.version_loads import VersionLoads
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Allocation, Reuse, SeriesKey
from monotron.store import Store, open_store

ACCOUNT = 1
"""The account of all requests on a server without credentials."""


@dataclass
class Survived:
    """Totals over all power failures."""

    answered: int = 0
    """The values that callers knew, none of which was lost."""
    in_doubt: int = 0
    """The tokens without a response."""
    applied: int = 0
    """How many of these had a value."""
    versions: int = 0
    """The versions that callers knew, none of which was lost."""
    versions_in_doubt: int = 0
    versions_applied: int = 0

    def __str__(self) -> str:
        return (
            f"{self.answered} acknowledged values and {self.versions} versions, none lost; "
            f"{self.in_doubt} and {self.versions_in_doubt} in doubt, of which {self.applied} and "
            f"{self.versions_applied} were applied"
        )


def check_cuts(
    operations: Sequence[Operation],
    history: History,
    versions: VersionLoads,
    folder: Path,
    *,
    number: int,
    seed: int,
) -> Survived:
    """Simulate this many random power failures, and check that nothing is lost."""
    survived = Survived()
    for cut in cuts(operations, number, seed):
        known = until(history, cut.moment)
        survived.answered += len(known.acknowledged())
        survived.in_doubt += len(known.unresolved())
        store = after(cut, folder)
        try:
            for load in versions:
                known_versions = versions_until(load.history, cut.moment)
                of_name = check_versions_after_cut(store, load.name, known_versions)
                survived.versions += of_name.answered
                survived.versions_in_doubt += of_name.in_doubt
                survived.versions_applied += of_name.applied
            check_after_cut(store, known)
        finally:
            store.close()
        survived.applied += known.counted_in_doubt()
    return survived


def until(history: History, moment: float) -> History:
    """Return what callers knew at the moment. Running requests are in doubt."""
    known = History()
    for put in history.puts:
        if put.called < moment:
            copy = Put(put.key, put.token, put.reuse, put.called)
            if put.returned < moment:
                copy.returned, copy.value = put.returned, put.value
                copy.reused, copy.refused = put.reused, put.refused
            known.puts.append(copy)
    for peek in history.peeks:
        if peek.returned < moment:
            known.peeks.append(Peek(peek.key, peek.called, peek.returned, peek.token, peek.value))
    return known


def check_after_cut(store: Store, history: History) -> None:
    """Retry all requests in doubt, and compare the history with the rows."""
    before = {key: set(rows(store, key)) for key in history.series()}
    for key in history.series():
        assert acknowledged(history, key) - before[key] == set(), f"lost from {key}"
        in_doubt = {put.token for put in history.puts if put.key == key and put.unknown}
        assert {token for token, _ in before[key] - acknowledged(history, key)} <= in_doubt
    for key, token in sorted(history.unresolved()):
        reuse = "current" if key.isupper() else "any"
        put = history.put(key, token, reuse)
        request = AllocationRequest(SeriesKey(ACCOUNT, key), token, Reuse(reuse), "anyone")
        [allocation] = store.allocate([request])
        assert isinstance(allocation, Allocation)
        history.answered(put, allocation.entry.value, allocation.reused)
    assert violations(history) == []
    for key in history.series():
        values = [value for _, value in rows(store, key)]
        assert values == list(range(len(values), 0, -1))
    assert [each for slice in store.audit(alone=True) for each in slice.findings] == []


def acknowledged(history: History, key: str) -> set[tuple[str, int]]:
    return {(put.token, put.value) for put in history.puts if put.key == key and put.value}


def rows(store: Store, key: str) -> list[tuple[str | None, int]]:
    rows = store.ledger_page(SeriesKey(ACCOUNT, key), None, 100_000) or []
    return [(row.entry.token, row.entry.value) for row in rows]


def after(cut: Cut, folder: Path) -> Store:
    """Open the store as a server does after the power failure."""
    place = folder / "after"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    cut.put(place / "monotron.db")
    return open_store(f"sqlite:///{place}/monotron.db")
