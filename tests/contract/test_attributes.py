"""The guarantees of every store for attributes. Runs unchanged on all stores."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from contract.asking import BY, OTHER, SERIES, high_water_marks, ledger, put, put_any
from monotron.errors import InvalidRequest, SeriesExhausted, ValueWouldFall
from monotron.model.attributes import MAX_ATTRIBUTES
from monotron.model.series import INT64_MAX, Entry, SeriesKey
from monotron.store import Store, open_store

ODD_WORDS = [
    "$set",
    "$$NOW",
    "a.b",
    "a.$.b",
    "_id",
    "name",
    "é",
    "e\u0301",
    "🚀" * 256,
    "\u202e",
    "null",
    '"',
    "\\",
    " ",
    "0",
    "[]",
]


def many(number: int, prefix: str = "") -> dict[str, str]:
    return {f"{prefix}{each:03}": f"value {each}" for each in range(number)}


class TestMerge:
    def test_a_new_token_has_no_attributes(self, store: Store) -> None:
        assert store.attributes.all(SERIES, "a") == {}
        put(store, "a")
        assert store.attributes.all(SERIES, "a") == {}

    def test_a_merge_sets_attributes_and_returns_all(self, store: Store) -> None:
        put(store, "a")
        given = {"branch": "main", "author": "Ada"}
        assert store.attributes.merge(SERIES, "a", given) == given
        assert store.attributes.all(SERIES, "a") == given

    def test_a_merge_replaces_attributes_of_the_same_name_only(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1", "y": "1"})
        expected = {"x": "1", "y": "2", "z": "2"}
        assert store.attributes.merge(SERIES, "a", {"y": "2", "z": "2"}) == expected
        assert store.attributes.all(SERIES, "a") == expected

    def test_attributes_are_ordered_by_the_code_points_of_their_names(self, store: Store) -> None:
        names = ["b", "a", "B", "é", "a/b", "🚀", "a.b", "\uffee", "z"]
        answered = [store.attributes.merge(SERIES, "a", {name: "v"}) for name in names]
        assert list(answered[-1]) == list(store.attributes.all(SERIES, "a")) == sorted(names)
        assert list(store.attributes.merge(SERIES, "a", {})) == sorted(names)

    def test_a_merge_may_be_repeated(self, store: Store) -> None:
        for _ in range(3):
            assert store.attributes.merge(SERIES, "a", {"x": "1"}) == {"x": "1"}

    def test_an_empty_merge_changes_nothing(self, store: Store) -> None:
        assert store.attributes.merge(SERIES, "a", {}) == {}
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert store.attributes.merge(SERIES, "a", {}) == {"x": "1"}

    def test_tokens_series_and_accounts_have_attributes_of_their_own(self, store: Store) -> None:
        places = [(SERIES, "a"), (SERIES, "b"), (OTHER, "a"), (SeriesKey(2, SERIES.key), "a")]
        for number, place in enumerate(places):
            store.attributes.merge(*place, {"x": str(number)})
        found = [store.attributes.all(*place) for place in places]
        assert found == [{"x": str(number)} for number in range(len(places))]

    @pytest.mark.parametrize("word", ODD_WORDS)
    def test_names_and_values_are_returned_unchanged(self, store: Store, word: str) -> None:
        series, token = SeriesKey(1, word), word
        expected = {word: word, "other": ""}
        assert store.attributes.merge(series, token, expected) == dict(sorted(expected.items()))
        assert store.attributes.all(series, token) == expected
        assert store.attributes.remove(series, token, word)
        assert store.attributes.all(series, token) == {"other": ""}

    @pytest.mark.parametrize("value", ["", "\x00", "a\x00b", "\r\n\t\x1b\x7f", "é" * 4096])
    def test_a_value_may_contain_any_text(self, store: Store, value: str) -> None:
        store.attributes.merge(SERIES, "a", {"x": value})
        assert store.attributes.all(SERIES, "a") == {"x": value}

    def test_names_that_only_look_alike_are_different(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e"]
        given = {name: str(number) for number, name in enumerate(alike)}
        assert store.attributes.merge(SERIES, "a", given) == given
        assert store.attributes.remove(SERIES, "a", "e")
        del given["e"]
        assert store.attributes.all(SERIES, "a") == given


class TestMaximum:
    def test_the_maximum_number_of_attributes_is_kept(self, store: Store) -> None:
        full = dict.fromkeys(many(MAX_ATTRIBUTES), "é" * 4096)
        assert store.attributes.merge(SERIES, "a", full) == full
        assert store.attributes.all(SERIES, "a") == full
        assert store.attributes.merge(SERIES, "a", {"000": "other"})["000"] == "other"

    def test_a_merge_of_too_many_attributes_changes_nothing(self, store: Store) -> None:
        with pytest.raises(InvalidRequest, match=r"65 attributes.* At most 64"):
            store.attributes.merge(SERIES, "a", many(MAX_ATTRIBUTES + 1))
        assert store.attributes.all(SERIES, "a") == {}

    def test_a_merge_beyond_the_maximum_changes_nothing(self, store: Store) -> None:
        full = many(MAX_ATTRIBUTES)
        store.attributes.merge(SERIES, "a", full)
        with pytest.raises(InvalidRequest):
            store.attributes.merge(SERIES, "a", {"000": "changed", "more": "x"})
        assert store.attributes.all(SERIES, "a") == full

    def test_a_removed_attribute_makes_room(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", many(MAX_ATTRIBUTES))
        store.attributes.remove(SERIES, "a", "000")
        assert len(store.attributes.merge(SERIES, "a", {"more": "x"})) == MAX_ATTRIBUTES

    def test_the_maximum_applies_to_each_token(self, store: Store) -> None:
        for token in "abc":
            store.attributes.merge(SERIES, token, many(MAX_ATTRIBUTES, token))
        assert store.attributes.all(SERIES, "b") == many(MAX_ATTRIBUTES, "b")


class TestRemove:
    def test_one_attribute_is_removed_by_its_name(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1", "y": "2"})
        assert store.attributes.remove(SERIES, "a", "x")
        assert store.attributes.all(SERIES, "a") == {"y": "2"}

    def test_all_attributes_of_a_token_are_removed(self, store: Store) -> None:
        for token in "ab":
            store.attributes.merge(SERIES, token, {"x": "1", "y": "2"})
        assert store.attributes.remove(SERIES, "a", None)
        assert store.attributes.all(SERIES, "a") == {}
        assert store.attributes.all(SERIES, "b") == {"x": "1", "y": "2"}

    def test_removing_a_missing_attribute_returns_false(self, store: Store) -> None:
        for name in ("x", None):
            assert not store.attributes.remove(SERIES, "a", name)
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert not store.attributes.remove(SERIES, "a", "y")
        assert not store.attributes.remove(SERIES, "b", None)
        assert [store.attributes.remove(SERIES, "a", None) for _ in range(2)] == [True, False]

    def test_a_removed_attribute_can_be_set_again(self, store: Store) -> None:
        for number in range(3):
            store.attributes.merge(SERIES, "a", {"x": str(number), "y": "1"})
            assert store.attributes.all(SERIES, "a") == {"x": str(number), "y": "1"}
            store.attributes.remove(SERIES, "a", None if number else "x")


class TestSeries:
    """Attributes do not affect the values and entries of a series."""

    def test_a_series_with_attributes_only_does_not_exist(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert store.peek([SERIES]) == [None]
        assert high_water_marks(store, [SERIES]) == [0]
        assert store.entry(SERIES, "a") is None
        assert store.entry(SERIES, None) is None
        assert store.ledger_page(SERIES, None, 10) is None
        assert store.series_page(1, "", "", 10) == []

    def test_the_first_value_is_1_and_keeps_the_attributes(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert [put_any(store, token) for token in "aba"] == [1, 2, 1]
        assert ledger(store) == [("a", 1), ("b", 2)]
        assert store.attributes.all(SERIES, "a") == {"x": "1"}

    def test_an_advance_keeps_the_attributes(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert not store.advance_to(SERIES, 41, BY).reused
        assert put(store, "a") == 42
        with pytest.raises(ValueWouldFall):
            store.advance_to(SERIES, 41, BY)
        assert store.attributes.all(SERIES, "a") == {"x": "1"}

    def test_attributes_do_not_affect_the_next_value(self, store: Store) -> None:
        values = []
        for token in "abcab":
            values.append(put_any(store, token))
            store.attributes.merge(SERIES, token, {token: "1"})
            store.attributes.remove(SERIES, "a", None)
        assert values == [1, 2, 3, 1, 2]
        assert put(store, "c") == 3  # still the current one
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3)]

    def test_a_refused_merge_leaves_a_new_series_at_1(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            store.attributes.merge(SERIES, "a", many(65))
        assert put(store, "a") == 1

    def test_an_exhausted_series_can_have_attributes(self, store: Store) -> None:
        store.advance_to(SERIES, INT64_MAX, BY)
        assert store.attributes.merge(SERIES, "a", {"x": "1"}) == {"x": "1"}
        with pytest.raises(SeriesExhausted):
            put(store, "a")

    def test_a_deleted_series_can_have_attributes_and_keeps_its_high_water_mark(
        self, store: Store
    ) -> None:
        put(store, "a")
        store.delete(SERIES, restart=False)
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert store.peek([SERIES]) == [None]
        assert put_any(store, "a") == 2
        assert store.attributes.all(SERIES, "a") == {"x": "1"}


@pytest.mark.parametrize("restart", [False, True])
class TestDelete:
    def test_a_deleted_series_loses_its_attributes(self, store: Store, restart: bool) -> None:
        put(store, "a")
        for token in ("a", "without a value"):
            store.attributes.merge(SERIES, token, {"x": "1"})
        store.delete(SERIES, restart=restart)
        for token in ("a", "without a value"):
            assert store.attributes.all(SERIES, token) == {}
            assert not store.attributes.remove(SERIES, token, None)
        assert put(store, "a") == (1 if restart else 2)
        assert store.attributes.all(SERIES, "a") == {}
        assert store.attributes.merge(SERIES, "a", {"y": "2"}) == {"y": "2"}

    def test_a_deleted_series_without_values_loses_its_attributes(
        self, store: Store, restart: bool
    ) -> None:
        for _ in range(2):
            store.attributes.merge(SERIES, "a", {"x": "1"})
            store.delete(SERIES, restart=restart)
            assert store.attributes.all(SERIES, "a") == {}
        assert put(store, "a") == 1
        assert store.attributes.all(SERIES, "a") == {}

    def test_a_series_that_is_deleted_again_loses_its_attributes(
        self, store: Store, restart: bool
    ) -> None:
        put(store, "a")
        put(store, "b")
        store.delete(SERIES, restart=restart)
        for _ in range(2):
            store.attributes.merge(SERIES, "a", {"x": "1"})
            store.delete(SERIES, restart=restart)
            assert store.attributes.all(SERIES, "a") == {}
        assert high_water_marks(store, [SERIES]) == [0 if restart else 2]
        assert put(store, "a") == (1 if restart else 3)
        assert store.attributes.all(SERIES, "a") == {}

    def test_a_delete_does_not_affect_attributes_of_other_series(
        self, store: Store, restart: bool
    ) -> None:
        for series in (SERIES, OTHER):
            store.attributes.merge(series, "a", {"x": "1"})
        store.delete(SERIES, restart=restart)
        assert store.attributes.all(OTHER, "a") == {"x": "1"}

    def test_attributes_of_many_generations_do_not_mix(self, store: Store, restart: bool) -> None:
        for generation in range(12):
            if generation % 3:
                put(store, "a")
            for token in "ab":
                given = {str(generation): token}
                assert store.attributes.merge(SERIES, token, given) == given
            assert store.attributes.all(SERIES, "b") == {str(generation): "b"}
            store.delete(SERIES, restart=restart)


@pytest.fixture
def reopened(durable_url: str) -> Iterator[Store]:
    """A store that opened the data of another, closed one."""
    first = open_store(durable_url)
    first.attributes.merge(SERIES, "a", {"x": "1", "y": "2"})
    first.attributes.remove(SERIES, "a", "y")
    first.attributes.merge(OTHER, "a", {"x": "1"})
    first.delete(OTHER, restart=False)
    first.close()
    second = open_store(durable_url)
    yield second
    second.close()


def test_a_reopened_store_contains_the_attributes(reopened: Store) -> None:
    assert reopened.attributes.all(SERIES, "a") == {"x": "1"}
    assert reopened.attributes.all(OTHER, "a") == {}
    assert put(reopened, "a") == 1
    assert reopened.attributes.all(SERIES, "a") == {"x": "1"}
    reopened.delete(SERIES, restart=False)
    assert reopened.attributes.all(SERIES, "a") == {}


def concurrently(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls that start at the same moment."""
    barrier = Barrier(len(calls))

    def call(each: Callable[[], Any]) -> Any:
        barrier.wait()
        return each()

    with ThreadPoolExecutor(len(calls)) as executor:
        begun: list[Future[Any]] = [executor.submit(call, each) for each in calls]
        return [each.result() for each in begun]


@pytest.fixture
def stores(durable_url: str) -> Iterator[list[Store]]:
    """As many stores as the engine allows: one on a file, two on a database."""
    opened = [open_store(durable_url)]
    if durable_url.startswith("mongodb"):
        opened.append(open_store(durable_url))
    yield opened
    for store in opened:
        store.close()


class TestRaces:
    def test_concurrent_merges_of_one_token_lose_nothing(self, stores: list[Store]) -> None:
        def merge(number: int) -> dict[str, str]:
            store = stores[number % len(stores)]
            for each in range(8):
                answer = store.attributes.merge(SERIES, "a", {f"{number}-{each}": "x"})
                assert {f"{number}-{done}" for done in range(each + 1)} <= answer.keys()
            return answer

        answers = concurrently(*(lambda n=number: merge(n) for number in range(8)))  # type: ignore[misc]
        found = stores[0].attributes.all(SERIES, "a")
        assert found.keys() == {f"{number}-{each}" for number in range(8) for each in range(8)}
        assert found in answers

    def test_concurrent_merges_are_atomic_and_stay_within_the_maximum(
        self, stores: list[Store]
    ) -> None:
        def merge(number: int) -> bool:
            try:
                stores[number % len(stores)].attributes.merge(SERIES, "a", many(9, f"{number}-"))
            except InvalidRequest:
                return False
            return True

        kept = concurrently(*(lambda n=number: merge(n) for number in range(10)))  # type: ignore[misc]
        assert sum(kept) == MAX_ATTRIBUTES // 9
        expected = [many(9, f"{number}-") for number in range(10) if kept[number]]
        assert stores[-1].attributes.all(SERIES, "a") == {
            name: value for each in expected for name, value in sorted(each.items())
        }

    def test_a_first_value_and_a_first_attribute_may_be_concurrent(
        self, stores: list[Store]
    ) -> None:
        for turn in range(15):
            series = SeriesKey(1, f"series-{turn}")
            value, given = concurrently(
                lambda series=series: put(stores[0], "a", series=series),  # type: ignore[misc]
                lambda series=series: stores[-1].attributes.merge(series, "a", {"x": "1"}),  # type: ignore[misc]
            )
            assert (value, given) == (1, {"x": "1"})
            for store in stores:
                assert store.attributes.all(series, "a") == {"x": "1"}
                assert store.peek([series]) == [Entry(*series, "a", 1)]

    @pytest.mark.parametrize("counted", [False, True])
    def test_a_merge_comes_before_or_after_a_concurrent_delete(
        self, stores: list[Store], counted: bool
    ) -> None:
        for turn in range(15):
            if counted:
                put(stores[0], f"t{turn}")
            stores[0].attributes.merge(SERIES, "a", {"before": "1"})
            _, answer = concurrently(
                lambda: stores[0].delete(SERIES, restart=False),
                lambda turn=turn: stores[-1].attributes.merge(SERIES, "a", {"x": str(turn)}),  # type: ignore[misc]
            )
            assert answer in ({"x": str(turn)}, {"before": "1", "x": str(turn)})
            left = stores[0].attributes.all(SERIES, "a")
            assert left in ({}, {"x": str(turn)})
            assert left == {} or answer == left
            stores[-1].delete(SERIES, restart=False)
            assert stores[0].attributes.all(SERIES, "a") == {}
        assert put(stores[0], "last") == (16 if counted else 1)

    @pytest.mark.parametrize("counted", [False, True])
    def test_attributes_merged_before_a_delete_are_never_returned_after_it(
        self, stores: list[Store], counted: bool
    ) -> None:
        merged = 0
        enough = Event()

        def write() -> None:
            nonlocal merged
            while not enough.is_set():
                answer = stores[-1].attributes.merge(SERIES, "a", {"x": str(merged + 1)})
                assert answer == {"x": str(merged + 1)}
                merged += 1

        with ThreadPoolExecutor(1) as executor:
            writing = executor.submit(write)
            try:
                for turn in range(60):
                    if counted:
                        assert put(stores[0], f"t{turn}") == turn + 1
                    before = merged
                    stores[0].delete(SERIES, restart=False)
                    seen = stores[0].attributes.all(SERIES, "a")
                    assert seen == {} or int(seen["x"]) > before
            finally:
                enough.set()
            writing.result()
        assert merged > 0
