"""What every store promises of the attributes of tokens. Runs unchanged on all of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from contract.asking import BY, OTHER, SERIES, ledger, put, put_any
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
    def test_a_token_has_none_at_first(self, store: Store) -> None:
        assert store.attributes.all(SERIES, "a") == {}
        put(store, "a")
        assert store.attributes.all(SERIES, "a") == {}

    def test_it_sets_attributes_and_answers_all(self, store: Store) -> None:
        put(store, "a")
        given = {"branch": "main", "author": "Ada"}
        assert store.attributes.merge(SERIES, "a", given) == given
        assert store.attributes.all(SERIES, "a") == given

    def test_it_replaces_those_of_the_same_name_and_leaves_the_others(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1", "y": "1"})
        expected = {"x": "1", "y": "2", "z": "2"}
        assert store.attributes.merge(SERIES, "a", {"y": "2", "z": "2"}) == expected
        assert store.attributes.all(SERIES, "a") == expected

    def test_they_are_in_the_order_of_the_code_points_of_their_names(self, store: Store) -> None:
        names = ["b", "a", "B", "é", "a/b", "🚀", "a.b", "\uffee", "z"]
        answered = [store.attributes.merge(SERIES, "a", {name: "v"}) for name in names]
        assert list(answered[-1]) == list(store.attributes.all(SERIES, "a")) == sorted(names)
        assert list(store.attributes.merge(SERIES, "a", {})) == sorted(names)

    def test_it_may_be_repeated(self, store: Store) -> None:
        for _ in range(3):
            assert store.attributes.merge(SERIES, "a", {"x": "1"}) == {"x": "1"}

    def test_nothing_merged_changes_nothing(self, store: Store) -> None:
        assert store.attributes.merge(SERIES, "a", {}) == {}
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert store.attributes.merge(SERIES, "a", {}) == {"x": "1"}

    def test_tokens_series_and_accounts_have_their_own(self, store: Store) -> None:
        places = [(SERIES, "a"), (SERIES, "b"), (OTHER, "a"), (SeriesKey(2, SERIES.key), "a")]
        for number, place in enumerate(places):
            store.attributes.merge(*place, {"x": str(number)})
        found = [store.attributes.all(*place) for place in places]
        assert found == [{"x": str(number)} for number in range(len(places))]

    @pytest.mark.parametrize("word", ODD_WORDS)
    def test_words_come_back_as_they_went_in(self, store: Store, word: str) -> None:
        series, token = SeriesKey(1, word), word
        expected = {word: word, "other": ""}
        assert store.attributes.merge(series, token, expected) == dict(sorted(expected.items()))
        assert store.attributes.all(series, token) == expected
        assert store.attributes.remove(series, token, word)
        assert store.attributes.all(series, token) == {"other": ""}

    @pytest.mark.parametrize("value", ["", "\x00", "a\x00b", "\r\n\t\x1b\x7f", "é" * 4096])
    def test_a_value_may_hold_anything(self, store: Store, value: str) -> None:
        store.attributes.merge(SERIES, "a", {"x": value})
        assert store.attributes.all(SERIES, "a") == {"x": value}

    def test_names_that_only_look_alike_are_different(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e"]
        given = {name: str(number) for number, name in enumerate(alike)}
        assert store.attributes.merge(SERIES, "a", given) == given
        assert store.attributes.remove(SERIES, "a", "e")
        del given["e"]
        assert store.attributes.all(SERIES, "a") == given


class TestTheirNumber:
    def test_as_many_as_there_may_be_are_kept(self, store: Store) -> None:
        full = dict.fromkeys(many(MAX_ATTRIBUTES), "é" * 4096)
        assert store.attributes.merge(SERIES, "a", full) == full
        assert store.attributes.all(SERIES, "a") == full
        assert store.attributes.merge(SERIES, "a", {"000": "other"})["000"] == "other"

    def test_too_many_at_once_change_nothing(self, store: Store) -> None:
        with pytest.raises(InvalidRequest, match=r"65 attributes.* at most 64"):
            store.attributes.merge(SERIES, "a", many(MAX_ATTRIBUTES + 1))
        assert store.attributes.all(SERIES, "a") == {}

    def test_one_more_than_there_may_be_changes_nothing(self, store: Store) -> None:
        full = many(MAX_ATTRIBUTES)
        store.attributes.merge(SERIES, "a", full)
        with pytest.raises(InvalidRequest):
            store.attributes.merge(SERIES, "a", {"000": "changed", "more": "x"})
        assert store.attributes.all(SERIES, "a") == full

    def test_a_removed_one_makes_room(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", many(MAX_ATTRIBUTES))
        store.attributes.remove(SERIES, "a", "000")
        assert len(store.attributes.merge(SERIES, "a", {"more": "x"})) == MAX_ATTRIBUTES

    def test_it_is_of_one_token(self, store: Store) -> None:
        for token in "abc":
            store.attributes.merge(SERIES, token, many(MAX_ATTRIBUTES, token))
        assert store.attributes.all(SERIES, "b") == many(MAX_ATTRIBUTES, "b")


class TestRemove:
    def test_one_by_its_name(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1", "y": "2"})
        assert store.attributes.remove(SERIES, "a", "x")
        assert store.attributes.all(SERIES, "a") == {"y": "2"}

    def test_all_of_a_token(self, store: Store) -> None:
        for token in "ab":
            store.attributes.merge(SERIES, token, {"x": "1", "y": "2"})
        assert store.attributes.remove(SERIES, "a", None)
        assert store.attributes.all(SERIES, "a") == {}
        assert store.attributes.all(SERIES, "b") == {"x": "1", "y": "2"}

    def test_what_is_not_there(self, store: Store) -> None:
        for name in ("x", None):
            assert not store.attributes.remove(SERIES, "a", name)
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert not store.attributes.remove(SERIES, "a", "y")
        assert not store.attributes.remove(SERIES, "b", None)
        assert [store.attributes.remove(SERIES, "a", None) for _ in range(2)] == [True, False]

    def test_what_was_removed_can_be_set_again(self, store: Store) -> None:
        for number in range(3):
            store.attributes.merge(SERIES, "a", {"x": str(number), "y": "1"})
            assert store.attributes.all(SERIES, "a") == {"x": str(number), "y": "1"}
            store.attributes.remove(SERIES, "a", None if number else "x")


class TestCounting:
    """Attributes change nothing of what a series gives or shows."""

    def test_a_series_that_has_attributes_only_is_not_there(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert store.peek([SERIES]) == [None]
        assert store.high_water_marks([SERIES]) == [0]
        assert store.entry(SERIES, "a") is None
        assert store.entry(SERIES, None) is None
        assert store.ledger_page(SERIES, None, 10) is None
        assert store.series_page(1, "", "", 10) == []

    def test_its_first_value_is_1_and_it_keeps_them(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert [put_any(store, token) for token in "aba"] == [1, 2, 1]
        assert ledger(store) == [("a", 1), ("b", 2)]
        assert store.attributes.all(SERIES, "a") == {"x": "1"}

    def test_a_raise_of_it_keeps_them(self, store: Store) -> None:
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert not store.advance_to(SERIES, 41, BY).reused
        assert put(store, "a") == 42
        with pytest.raises(ValueWouldFall):
            store.advance_to(SERIES, 41, BY)
        assert store.attributes.all(SERIES, "a") == {"x": "1"}

    def test_a_living_series_counts_on(self, store: Store) -> None:
        values = []
        for token in "abcab":
            values.append(put_any(store, token))
            store.attributes.merge(SERIES, token, {token: "1"})
            store.attributes.remove(SERIES, "a", None)
        assert values == [1, 2, 3, 1, 2]
        assert put(store, "c") == 3  # still the current one
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3)]

    def test_a_refused_merge_leaves_a_fresh_series_to_begin_at_1(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            store.attributes.merge(SERIES, "a", many(65))
        assert put(store, "a") == 1

    def test_an_exhausted_series_can_have_them(self, store: Store) -> None:
        store.advance_to(SERIES, INT64_MAX, BY)
        assert store.attributes.merge(SERIES, "a", {"x": "1"}) == {"x": "1"}
        with pytest.raises(SeriesExhausted):
            put(store, "a")

    def test_a_deleted_series_can_have_them_and_keeps_its_height(self, store: Store) -> None:
        put(store, "a")
        store.delete(SERIES, restart=False)
        store.attributes.merge(SERIES, "a", {"x": "1"})
        assert store.peek([SERIES]) == [None]
        assert put_any(store, "a") == 2
        assert store.attributes.all(SERIES, "a") == {"x": "1"}


@pytest.mark.parametrize("restart", [False, True])
class TestDelete:
    def test_a_deleted_series_loses_them(self, store: Store, restart: bool) -> None:
        put(store, "a")
        for token in ("a", "never given a value"):
            store.attributes.merge(SERIES, token, {"x": "1"})
        store.delete(SERIES, restart=restart)
        for token in ("a", "never given a value"):
            assert store.attributes.all(SERIES, token) == {}
            assert not store.attributes.remove(SERIES, token, None)
        assert put(store, "a") == (1 if restart else 2)
        assert store.attributes.all(SERIES, "a") == {}
        assert store.attributes.merge(SERIES, "a", {"y": "2"}) == {"y": "2"}

    def test_so_does_one_that_never_gave_a_value(self, store: Store, restart: bool) -> None:
        for _ in range(2):
            store.attributes.merge(SERIES, "a", {"x": "1"})
            store.delete(SERIES, restart=restart)
            assert store.attributes.all(SERIES, "a") == {}
        assert put(store, "a") == 1
        assert store.attributes.all(SERIES, "a") == {}

    def test_so_does_one_that_was_deleted_before(self, store: Store, restart: bool) -> None:
        put(store, "a")
        put(store, "b")
        store.delete(SERIES, restart=restart)
        for _ in range(2):
            store.attributes.merge(SERIES, "a", {"x": "1"})
            store.delete(SERIES, restart=restart)
            assert store.attributes.all(SERIES, "a") == {}
        assert store.high_water_marks([SERIES]) == [0 if restart else 2]
        assert put(store, "a") == (1 if restart else 3)
        assert store.attributes.all(SERIES, "a") == {}

    def test_its_neighbours_keep_theirs(self, store: Store, restart: bool) -> None:
        for series in (SERIES, OTHER):
            store.attributes.merge(series, "a", {"x": "1"})
        store.delete(SERIES, restart=restart)
        assert store.attributes.all(OTHER, "a") == {"x": "1"}

    def test_many_lives_do_not_mix(self, store: Store, restart: bool) -> None:
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
    """A store opened on what another one, closed since, has left."""
    first = open_store(durable_url)
    first.attributes.merge(SERIES, "a", {"x": "1", "y": "2"})
    first.attributes.remove(SERIES, "a", "y")
    first.attributes.merge(OTHER, "a", {"x": "1"})
    first.delete(OTHER, restart=False)
    first.close()
    second = open_store(durable_url)
    yield second
    second.close()


def test_everything_is_still_there_after_a_restart(reopened: Store) -> None:
    assert reopened.attributes.all(SERIES, "a") == {"x": "1"}
    assert reopened.attributes.all(OTHER, "a") == {}
    assert put(reopened, "a") == 1
    assert reopened.attributes.all(SERIES, "a") == {"x": "1"}
    reopened.delete(SERIES, restart=False)
    assert reopened.attributes.all(SERIES, "a") == {}


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls that begin at the same moment."""
    barrier = Barrier(len(calls))

    def call(each: Callable[[], Any]) -> Any:
        barrier.wait()
        return each()

    with ThreadPoolExecutor(len(calls)) as executor:
        begun: list[Future[Any]] = [executor.submit(call, each) for each in calls]
        return [each.result() for each in begun]


@pytest.fixture
def stores(durable_url: str) -> Iterator[list[Store]]:
    """All the servers that a store can have: one of a file, two of a database."""
    opened = [open_store(durable_url)]
    if durable_url.startswith("mongodb"):
        opened.append(open_store(durable_url))
    yield opened
    for store in opened:
        store.close()


class TestRaces:
    def test_merges_of_one_token_lose_nothing(self, stores: list[Store]) -> None:
        def merge(number: int) -> dict[str, str]:
            store = stores[number % len(stores)]
            for each in range(8):
                answer = store.attributes.merge(SERIES, "a", {f"{number}-{each}": "x"})
                assert {f"{number}-{done}" for done in range(each + 1)} <= answer.keys()
            return answer

        answers = at_once(*(lambda n=number: merge(n) for number in range(8)))  # type: ignore[misc]
        found = stores[0].attributes.all(SERIES, "a")
        assert found.keys() == {f"{number}-{each}" for number in range(8) for each in range(8)}
        assert found in answers

    def test_no_more_are_kept_than_there_may_be_and_each_merge_whole_or_not_at_all(
        self, stores: list[Store]
    ) -> None:
        def merge(number: int) -> bool:
            try:
                stores[number % len(stores)].attributes.merge(SERIES, "a", many(9, f"{number}-"))
            except InvalidRequest:
                return False
            return True

        kept = at_once(*(lambda n=number: merge(n) for number in range(10)))  # type: ignore[misc]
        assert sum(kept) == MAX_ATTRIBUTES // 9
        expected = [many(9, f"{number}-") for number in range(10) if kept[number]]
        assert stores[-1].attributes.all(SERIES, "a") == {
            name: value for each in expected for name, value in sorted(each.items())
        }

    def test_the_first_value_and_the_first_attribute_of_a_series_meet(
        self, stores: list[Store]
    ) -> None:
        for turn in range(15):
            series = SeriesKey(1, f"series-{turn}")
            value, given = at_once(
                lambda series=series: put(stores[0], "a", series=series),  # type: ignore[misc]
                lambda series=series: stores[-1].attributes.merge(series, "a", {"x": "1"}),  # type: ignore[misc]
            )
            assert (value, given) == (1, {"x": "1"})
            for store in stores:
                assert store.attributes.all(series, "a") == {"x": "1"}
                assert store.peek([series]) == [Entry(*series, "a", 1)]

    @pytest.mark.parametrize("counted", [False, True])
    def test_a_merge_that_meets_a_delete_comes_before_or_after_it(
        self, stores: list[Store], counted: bool
    ) -> None:
        for turn in range(15):
            if counted:
                put(stores[0], f"t{turn}")
            stores[0].attributes.merge(SERIES, "a", {"before": "1"})
            _, answer = at_once(
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
    def test_what_was_merged_before_a_delete_began_is_never_seen_after_it(
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
