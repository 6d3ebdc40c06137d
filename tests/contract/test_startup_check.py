"""The check of a store before a server uses it."""

from collections.abc import Sequence

import pytest

from contract.asking import high_water_marks
from contract.test_audit import audited
from monotron.errors import MonotronError, StartupError, StorageFull
from monotron.model.allocation import AllocationRequest
from monotron.model.series import INT64_MAX, Allocation, SeriesKey
from monotron.store import Store
from monotron.store.audit import AuditSlice
from monotron.store.startup_check import SERIES, check_store


def test_a_correct_store_passes_with_one_write_per_check(store: Store) -> None:
    for times in range(1, 4):
        check_store(store)
        assert high_water_marks(store, [SERIES]) == [times]
    assert audited(store) == AuditSlice((), series=1, entries=3)
    assert store.series_page(1, "", "", 10) == []


def test_a_store_with_exhausted_series_passes(store: Store) -> None:
    check_store(store)
    store.fast_forward(INT64_MAX)
    check_store(store)
    assert high_water_marks(store, [SERIES]) == [1]


def test_the_check_does_not_affect_other_accounts(store: Store) -> None:
    check_store(store)
    assert high_water_marks(store, [SeriesKey(1, SERIES.key)]) == [0]


@pytest.mark.parametrize("fault", ["counts twice", "repeats what is new", "forgets"])
def test_a_store_that_returns_wrong_values_is_refused(
    store: Store, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, calls = store.allocate, []

    def allocate(requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        calls.append(requests)
        if fault == "counts twice" and len(calls) == 2:
            requests = [requests[0]._replace(token="another")]
        given = sound(requests)
        if fault == "counts twice":
            return given
        reused = fault == "repeats what is new"
        return [each._replace(reused=reused) for each in given if isinstance(each, Allocation)]

    monkeypatch.setattr(store, "allocate", allocate)
    with pytest.raises(StartupError, match="returned wrong values"):
        check_store(store)


@pytest.mark.parametrize("raised", [False, True])
def test_a_store_that_fails_is_refused(
    store: Store, raised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(requests: Sequence[AllocationRequest]) -> list[Allocation | MonotronError]:
        error = StorageFull("The disk is full.")
        if raised:
            raise error
        return [error]

    monkeypatch.setattr(store, "allocate", allocate)
    with pytest.raises(StartupError, match=r"cannot assign values. The disk is full\."):
        check_store(store)
