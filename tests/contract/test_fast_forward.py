"""The fast-forward of a store after a restore: nothing is assigned twice."""

from __future__ import annotations

import asyncio

import pytest
from semver import Version

from contract.asking import BY, OTHER, SERIES, ask, ledger, put, put_any
from contract.test_audit import adopt, assign_versions, findings
from monotron.errors import SeriesExhausted, ValueWouldFall
from monotron.model.semver import parse_line
from monotron.model.series import FAST_FORWARD, INT64_MAX, SeriesKey
from monotron.model.versions.requests import VersionRequest
from monotron.store import Store
from support.services import StoreServices


class TestSeries:
    def test_series_are_raised_and_get_a_ledger_entry(self, store: Store) -> None:
        for token in "abc":
            put_any(store, token)
        put(store, "a", series=OTHER)
        assert store.fast_forward(10).raised == 2
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), (None, 13)]
        assert store.ledger_page(SERIES, None, 1)[0].assigned_by == FAST_FORWARD  # type: ignore[index]
        assert put_any(store, "d") == 14
        assert put(store, "b", series=OTHER) == 12
        assert findings(store) == []

    def test_tokens_keep_their_values(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        store.fast_forward(10)
        assert [put_any(store, token) for token in "ab"] == [1, 2]
        assert store.peek([SERIES]) == [(*SERIES, None, 12)]

    @pytest.mark.parametrize("restart", [False, True])
    def test_deleted_series_are_raised_and_stay_deleted(self, store: Store, restart: bool) -> None:
        put(store, "a")
        store.delete(SERIES, restart=restart)
        store.attributes.merge(SERIES, "b", {"x": "1"})
        store.attributes.merge(OTHER, "b", {"x": "1"})
        assert store.fast_forward(10).raised == 2
        assert store.peek([SERIES, OTHER]) == [None, None]
        assert findings(store) == []
        assert put(store, "a") == (11 if restart else 12)
        assert put(store, "a", series=OTHER) == 11
        assert store.attributes.all(SERIES, "b") == {"x": "1"}
        assert store.attributes.all(OTHER, "b") == {"x": "1"}
        assert findings(store) == []

    def test_an_amount_of_0_changes_nothing(self, store: Store) -> None:
        put(store, "a")
        assign_versions(store, ("a", VersionRequest()))
        assert store.fast_forward(0) == (0, ())
        assert put(store, "b") == 2
        assert assign_versions(store, ("b", VersionRequest())) == ["0.0.2"]

    @pytest.mark.parametrize("stands", [INT64_MAX - 10, INT64_MAX - 3, INT64_MAX - 1, INT64_MAX])
    def test_series_stop_at_the_last_value(self, store: Store, stands: int) -> None:
        store.advance_to(SERIES, stands, BY)
        put(store, "a", series=OTHER)
        result = store.fast_forward(10)
        assert result.exhausted == (SERIES,)
        (answer,) = store.allocate([ask("a")])
        assert isinstance(answer, SeriesExhausted)
        assert put(store, "b", series=OTHER) == 12
        assert findings(store) == []

    def test_the_amount_may_be_the_highest_value(self, store: Store) -> None:
        put(store, "a")
        assign_versions(store, ("a", VersionRequest()))
        store.fast_forward(INT64_MAX)
        (answer,) = store.allocate([ask("b")])
        assert isinstance(answer, SeriesExhausted)
        assert findings(store) == []

    def test_a_second_fast_forward_raises_series_again(self, store: Store) -> None:
        for number in range(230):
            put(store, "a", series=SeriesKey(1, f"s{number}"))
        for times in range(1, 3):
            assert store.fast_forward(7).raised == 230
            (entry,) = store.peek([SeriesKey(1, "s129")])
            assert entry is not None
            assert entry.value == 1 + 7 * times
        assert findings(store) == []

    def test_series_that_only_look_like_components_are_raised_like_others(
        self, store: Store
    ) -> None:
        for key in ("x-major", "x-minor-v", "x-patch-v1", "x-minor-v01", "-minor-v1"):
            put(store, "a", series=SeriesKey(1, key))
        assert store.fast_forward(5).raised == 5
        assert put(store, "b", series=SeriesKey(1, "x-major")) == 7


class TestVersions:
    def test_the_next_major_was_never_assigned(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")), ("b", VersionRequest()))
        store.fast_forward(10)
        assert assign_versions(store, ("b", VersionRequest()), ("c", VersionRequest())) == [
            "0.1.1",
            "11.0.1",
        ]
        assert findings(store) == []

    def test_the_next_version_of_a_line_was_never_assigned(self, store: Store) -> None:
        assign_versions(
            store,
            ("a", VersionRequest("major")),
            ("b", VersionRequest("minor")),
            ("c", VersionRequest("major")),
        )
        store.fast_forward(10)
        line = [
            VersionRequest("patch", line=parse_line("1.1")),
            VersionRequest("minor", line=parse_line("1")),
        ]
        assert assign_versions(store, ("d", line[0]), ("e", line[1])) == ["1.1.12", "1.13.0"]

    def test_the_withdrawal_of_a_later_version_does_not_undo_it(self, store: Store) -> None:
        """The version on the raised line is the only one there, so the line does not count."""
        assign_versions(store, ("a", VersionRequest("major")))
        store.fast_forward(10)
        assert assign_versions(store, ("b", VersionRequest())) == ["12.0.1"]
        withdraw(store, "12.0.1")
        assert assign_versions(store, ("c", VersionRequest()), ("d", VersionRequest("major"))) == [
            "1.11.1",
            "13.0.0",
        ]
        assert findings(store) == []

    def test_the_withdrawal_of_the_raised_version_does_not_undo_it(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")))
        store.fast_forward(10)
        withdraw(store, "11.0.0")
        withdraw(store, "0.12.0")
        assert assign_versions(
            store,
            ("b", VersionRequest()),
            ("c", VersionRequest("minor")),
            ("d", VersionRequest("major")),
        ) == ["0.1.12", "0.13.0", "12.0.0"]

    def test_later_adoptions_and_their_withdrawals_do_not_undo_it(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")))
        store.fast_forward(10)
        for version in ("30.5.0", "11.7.0", "40.0.0"):
            adopt(store, version)
            withdraw(store, version)
        assert assign_versions(store, ("b", VersionRequest("major"))) == ["12.0.0"]
        assert findings(store) == []

    def test_a_calendar_name_continues_after_its_last_version_was_adopted(
        self, store: Store
    ) -> None:
        """The procedure of docs/operations.md."""
        (version,) = assign_versions(store, ("a", VersionRequest("calendar")))
        year, month, _ = map(int, version.split("."))
        store.fast_forward(10)
        with pytest.raises(ValueWouldFall):
            assign_versions(store, ("b", VersionRequest("calendar")))
        withdraw(store, f"{year + 11}.0.0")
        withdraw(store, f"{year}.{month + 11}.0")
        assert assign_versions(store, ("b", VersionRequest("calendar"))) == [f"{year}.{month}.13"]
        adopt(store, f"{year}.{month}.40")
        assert assign_versions(store, ("c", VersionRequest("calendar"))) == [f"{year}.{month}.41"]


def withdraw(store: Store, version: str) -> None:
    versions = StoreServices(store).versions
    asyncio.run(
        versions.withdraw(1, "shop", Version.parse(version), "wrong", ignore_commits=False, by=BY)
    )
