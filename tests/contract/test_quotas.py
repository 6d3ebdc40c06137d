"""Quotas of accounts: the number of series, and the bytes of attributes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from contract.asking import high_water_marks
from monotron.errors import QuotaExceeded
from monotron.model.allocation import AllocationRequest
from monotron.model.quotas import Quotas
from monotron.model.series import SYSTEM_ACCOUNT, Reuse, SeriesKey
from monotron.store import Store, open_store

QUOTAS = Quotas(series=3, attribute_bytes=100)
A, B, C, D = (SeriesKey(1, name) for name in "abcd")
OTHER = SeriesKey(2, "a")


@pytest.fixture
def limited(durable_url: str) -> Iterator[Store]:
    store = open_store(durable_url, quotas=QUOTAS)
    yield store
    store.close()


def request(series: SeriesKey, token: str) -> AllocationRequest:
    return AllocationRequest(series, token, Reuse.ANY, "someone")


def values(store: Store, *series: SeriesKey, token: str = "t") -> list[int | None]:
    """The values of one batch. None: the quota of the account is exceeded."""
    results = store.allocate([request(each, token) for each in series])
    assert all(isinstance(each, QuotaExceeded) or hasattr(each, "entry") for each in results)
    return [None if isinstance(each, QuotaExceeded) else each.entry.value for each in results]


def keys(store: Store, account: int = 1) -> list[str]:
    return [entry.key for entry in store.series_page(account, "", "", 100)]


class TestSeries:
    def test_a_full_account_gets_no_further_series(self, limited: Store) -> None:
        assert values(limited, A, B, C) == [1, 1, 1]
        assert values(limited, D) == [None]
        (error,) = limited.allocate([request(D, "t")])
        assert isinstance(error, QuotaExceeded)
        assert error.applied == "no"
        assert str(error) == (
            "Account 1 has 3 series, and 3 are allowed. Delete series that are not used, or ask "
            "the operator to raise `series_per_account`."
        )
        assert keys(limited) == ["a", "b", "c"]

    def test_existing_series_of_a_full_account_continue(self, limited: Store) -> None:
        values(limited, A, B, C)
        assert values(limited, D, A, B, token="u") == [None, 2, 2]
        assert values(limited, A, D) == [1, None]
        assert limited.advance_to(C, 7, "someone").entry.value == 7

    def test_a_batch_creates_series_in_order_up_to_the_quota(self, limited: Store) -> None:
        assert values(limited, D, C, B, A, D) == [1, 1, 1, None, 1]
        assert keys(limited) == ["b", "c", "d"]

    def test_the_refused_series_do_not_count(self, limited: Store) -> None:
        values(limited, A, B, C, D)
        values(limited, D)
        limited.delete(A, restart=False)
        assert values(limited, D) == [1]

    @pytest.mark.parametrize("restart", [False, True])
    def test_a_deletion_makes_room_once(self, limited: Store, restart: bool) -> None:
        values(limited, A, B, C)
        for _ in range(2):
            limited.delete(A, restart=restart)
        assert values(limited, D) == [1]
        assert values(limited, A) == [None]
        limited.delete(D, restart=restart)
        assert values(limited, A, token="new") == [1 if restart else 2]
        assert values(limited, D) == [None]

    def test_an_advance_counts_a_new_series(self, limited: Store) -> None:
        values(limited, A, B)
        limited.advance_to(C, 5, "someone")
        with pytest.raises(QuotaExceeded):
            limited.advance_to(D, 5, "someone")
        assert high_water_marks(limited, [D]) == [0]

    def test_each_account_has_its_own_quota(self, limited: Store) -> None:
        values(limited, A, B, C)
        assert values(limited, D, OTHER) == [None, 1]

    def test_the_series_of_the_server_itself_are_not_limited(self, limited: Store) -> None:
        own = [SeriesKey(SYSTEM_ACCOUNT, name) for name in "abcde"]
        assert values(limited, *own) == 5 * [1]

    def test_attributes_alone_are_no_series(self, limited: Store) -> None:
        for each in (A, B, C, D):
            limited.attributes.merge(each, "t", {"n": "v"})
        assert values(limited, A, B, C, D) == [1, 1, 1, None]
        assert limited.attributes.all(D, "t") == {"n": "v"}

    def test_threads_do_not_exceed_the_quota(self, limited: Store) -> None:
        def create(number: int) -> list[int | None]:
            return values(limited, SeriesKey(1, f"s{number}"))

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(create, range(12)))
        assert sorted(results, key=str) == 3 * [[1]] + 9 * [[None]]
        assert len(keys(limited)) == 3

    def test_a_raise_of_all_series_changes_no_number(self, limited: Store) -> None:
        values(limited, A, B)
        limited.fast_forward(10)
        assert values(limited, C, D) == [1, None]

    def test_the_audit_finds_nothing_in_a_full_account(self, limited: Store) -> None:
        values(limited, A, B, C, D)
        limited.attributes.merge(A, "t", {"n": "v"})
        limited.delete(A, restart=False)
        assert not [finding for part in limited.audit(alone=True) for finding in part.findings]


class TestAttributes:
    """Each attribute counts its token, its name and its value."""

    def test_attributes_are_accepted_up_to_the_quota(self, limited: Store) -> None:
        limited.attributes.merge(A, "t", {"n": "x" * 98})
        with pytest.raises(QuotaExceeded) as refused:
            limited.attributes.merge(B, "t", {"m": ""})
        assert refused.value.applied == "no"
        assert str(refused.value) == (
            "Account 1 would have 102 bytes of attributes, and 100 are allowed. Remove "
            "attributes, delete series that are not used, or ask the operator to raise "
            "`attribute_bytes_per_account`."
        )
        assert limited.attributes.all(B, "t") == {}

    def test_bytes_are_counted_and_not_characters(self, limited: Store) -> None:
        with pytest.raises(QuotaExceeded):
            limited.attributes.merge(A, "t", {"n": "ü" * 50})
        limited.attributes.merge(A, "t", {"n": "ü" * 49})

    def test_a_refused_merge_sets_nothing(self, limited: Store) -> None:
        limited.attributes.merge(A, "t", {"a": "1"})
        with pytest.raises(QuotaExceeded):
            limited.attributes.merge(A, "t", {"a": "2", "b": "x" * 100})
        assert limited.attributes.all(A, "t") == {"a": "1"}

    def test_a_replacement_counts_its_difference(self, limited: Store) -> None:
        for length in (98, 1, 98, 98):
            limited.attributes.merge(A, "t", {"n": length * "x"})
        with pytest.raises(QuotaExceeded):
            limited.attributes.merge(A, "t", {"n": 99 * "x"})

    @pytest.mark.parametrize("name", ["n", None])
    def test_a_removal_makes_room_once(self, limited: Store, name: str | None) -> None:
        limited.attributes.merge(A, "t", {"n": "x" * 98})
        assert limited.attributes.remove(A, "t", name)
        assert not limited.attributes.remove(A, "t", name)
        limited.attributes.merge(B, "t", {"n": "x" * 98})
        with pytest.raises(QuotaExceeded):
            limited.attributes.merge(A, "t", {"n": ""})

    @pytest.mark.parametrize("token", ["t", "u"])
    def test_a_deletion_of_the_series_makes_room_once(self, limited: Store, token: str) -> None:
        values(limited, A)
        limited.attributes.merge(A, token, {"n": "x" * 50})
        limited.attributes.merge(B, token, {"n": "x" * 46})
        for _ in range(2):
            limited.delete(A, restart=True)
        limited.attributes.merge(A, token, {"n": "x" * 50})
        with pytest.raises(QuotaExceeded):
            limited.attributes.merge(D, token, {"n": ""})

    def test_a_series_of_attributes_alone_can_be_deleted(self, limited: Store) -> None:
        limited.attributes.merge(A, "t", {"n": "x" * 98})
        limited.delete(A, restart=False)
        limited.attributes.merge(B, "t", {"n": "x" * 98})

    def test_each_account_has_its_own_bytes(self, limited: Store) -> None:
        limited.attributes.merge(A, "t", {"n": "x" * 98})
        limited.attributes.merge(OTHER, "t", {"n": "x" * 98})

    def test_threads_do_not_exceed_the_bytes(self, limited: Store) -> None:
        def merge(number: int) -> bool:
            try:
                limited.attributes.merge(SeriesKey(1, f"s{number}"), "t", {"n": "x" * 30})
            except QuotaExceeded:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(merge, range(12))) == 3


class TestUsage:
    def test_the_usage_is_counted_without_quotas(self, durable_url: str) -> None:
        with closing(open_store(durable_url)) as store:
            values(store, A, B, C, D)
            store.attributes.merge(A, "t", {"n": "x" * 200})
        quotas = Quotas(series=5, attribute_bytes=210)
        with closing(open_store(durable_url, quotas=quotas)) as store:
            assert values(store, SeriesKey(1, "e"), SeriesKey(1, "f")) == [1, None]
            store.attributes.merge(A, "t", {"n": "x" * 208})
            with pytest.raises(QuotaExceeded):
                store.attributes.merge(A, "t", {"n": "x" * 209})

    def test_an_account_above_a_lowered_quota_keeps_what_it_has(self, durable_url: str) -> None:
        with closing(open_store(durable_url)) as store:
            values(store, A, B, C, D)
            store.attributes.merge(A, "t", {"n": "x" * 200})
        with closing(open_store(durable_url, quotas=QUOTAS)) as store:
            assert values(store, A, token="u") == [2]
            store.attributes.merge(A, "t", {"n": "x" * 199})
            store.delete(A, restart=False)
            assert values(store, A) == [None]
