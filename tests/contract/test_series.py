"""What every store promises of one series. Runs unchanged on all of them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.asking import (
    BY,
    OTHER,
    SERIES,
    ask,
    ask_any,
    given_by,
    ledger,
    put,
    put_any,
    value,
    values,
)
from monotron.errors import SeriesExhausted, ValueWouldFall
from monotron.model.series import INT64_MAX, Allocation, Entry, LedgerEntry, Reuse, SeriesKey
from monotron.store import Store

ODD_WORDS = [
    "$secret",
    "$$NOW",
    "$inc",
    "a.b",
    "a.$.b",
    "org/repo",
    "é",
    "e\u0301",
    "🚀",
    "\u202e",
    "null",
    '"',
    "\\",
    " ",
    "0",
    "1e3",
    "x" * 256,
    "🚀" * 256,
]


class TestNext:
    def test_the_first_token_gets_1(self, store: Store) -> None:
        assert store.allocate([ask("a")]) == [
            Allocation(Entry(1, SERIES.key, "a", 1), reused=False)
        ]

    def test_a_new_token_gets_the_next_value(self, store: Store) -> None:
        assert [put(store, token) for token in "abc"] == [1, 2, 3]

    def test_the_same_token_again_returns_the_same_value(self, store: Store) -> None:
        put(store, "a")
        assert store.allocate([ask("a")]) == [Allocation(Entry(1, SERIES.key, "a", 1), reused=True)]

    def test_an_older_token_gets_a_new_value_by_default(self, store: Store) -> None:
        assert [put(store, token) for token in "aba"] == [1, 2, 3]

    def test_an_older_token_gets_its_own_value_with_reuse_any(self, store: Store) -> None:
        assert [put_any(store, token) for token in "abca"] == [1, 2, 3, 1]

    def test_with_reuse_any_a_token_gets_the_value_it_was_last_given(self, store: Store) -> None:
        for token in "abac":
            put(store, token)
        assert put_any(store, "a") == 3

    def test_reuse_any_finds_what_was_given_without_it(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        assert put_any(store, "a") == 1

    def test_without_reuse_even_the_current_token_gets_a_new_value(self, store: Store) -> None:
        assert [put(store, token, Reuse.NEVER) for token in "aabba"] == [1, 2, 3, 4, 5]
        assert [put_any(store, token) for token in "ab"] == [5, 4]
        assert ledger(store) == [("a", 1), ("a", 2), ("b", 3), ("b", 4), ("a", 5)]

    def test_a_request_is_given_no_value_beyond_the_last_of_use_to_it(self, store: Store) -> None:
        put(store, "a")
        batch = [ask_any("b")._replace(up_to=2), ask_any("c")._replace(up_to=2)]
        given, refused = store.allocate(batch)
        assert (given, type(refused)) == (
            Allocation(Entry(*SERIES, "b", 2), False),
            SeriesExhausted,
        )
        [again, found] = store.allocate([batch[1], ask_any("a")._replace(up_to=1)])
        assert (type(again), found) == (SeriesExhausted, Allocation(Entry(*SERIES, "a", 1), True))
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_a_found_token_does_not_become_the_current_one(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        put_any(store, "a")
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, "b", 2)]
        assert put(store, "b") == 2

    def test_a_token_with_very_many_values_gets_the_last_of_them(self, store: Store) -> None:
        for _ in range(40):
            store.allocate([ask("a"), ask("b"), ask("a"), ask("b")])
        assert values(store.allocate([ask("x"), ask_any("a"), ask_any("b")])) == [161, 159, 160]

    def test_series_count_apart(self, store: Store) -> None:
        assert put(store, "a") == put(store, "a", series=OTHER) == 1

    def test_accounts_count_apart(self, store: Store) -> None:
        put(store, "a")
        assert put(store, "b", series=SeriesKey(2, SERIES.key)) == 1

    @pytest.mark.parametrize("word", ODD_WORDS)
    def test_keys_and_tokens_come_back_as_they_went_in(self, store: Store, word: str) -> None:
        series = SeriesKey(1, word)
        entry = Entry(1, word, word, 1)
        assert store.allocate([ask_any(word, series)]) == [Allocation(entry, reused=False)]
        assert store.allocate([ask_any("other", series)]) == [
            Allocation(Entry(1, word, "other", 2), reused=False)
        ]
        assert store.allocate([ask_any(word, series)]) == [Allocation(entry, reused=True)]
        assert store.entry(series, word) == entry
        assert store.series_page(1, word, "", 10) == [Entry(1, word, "other", 2)]

    def test_words_that_only_look_alike_are_different(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e"]
        assert [put_any(store, word) for word in alike] == [1, 2, 3, 4, 5, 6]
        assert [put_any(store, word) for word in alike] == [1, 2, 3, 4, 5, 6]


class TestBatches:
    def test_a_batch_comes_to_what_its_requests_would_come_to_alone(self, store: Store) -> None:
        put(store, "old")
        batch = [
            ask("a"),
            ask("a"),
            ask_any("old"),
            ask("old"),
            ask_any("old"),
            ask("a"),
            ask_any("a"),
            ask_any("b"),
            ask_any("a"),
            ask("b"),
            ask("old"),
        ]
        assert values(store.allocate(batch)) == [2, 2, 1, 3, 3, 4, 4, 5, 4, 5, 6]

    def test_one_batch_may_ask_for_many_tokens(self, store: Store) -> None:
        tokens = [f"token-{number}" for number in range(store.max_batch_size)]
        expected = list(range(1, store.max_batch_size + 1))
        assert values(store.allocate([ask_any(token) for token in tokens])) == expected
        assert values(store.allocate([ask_any(token) for token in tokens])) == expected

    def test_requests_of_a_batch_for_several_series_count_apart(self, store: Store) -> None:
        batch = [ask("a"), ask("a", series=OTHER), ask("b"), ask("a"), ask("a", series=OTHER)]
        assert values(store.allocate(batch)) == [1, 1, 2, 3, 1]

    def test_an_exhausted_series_fails_its_own_request_only(self, store: Store) -> None:
        store.advance_to(SERIES, INT64_MAX - 1, BY)
        last, refused, again = store.allocate([ask_any("last"), ask_any("more"), ask_any("last")])
        assert value(last) == value(again) == INT64_MAX
        assert isinstance(refused, SeriesExhausted)


class TestBeginAllocate:
    def test_a_batch_that_began_may_finish_on_another_thread(self, store: Store) -> None:
        finish = store.begin_allocate([ask("a"), ask("b"), ask("a")])
        with ThreadPoolExecutor(1) as executor:
            assert values(executor.submit(finish).result()) == [1, 2, 3]
        assert put(store, "a") == 3

    def test_later_batches_wait_until_a_batch_that_began_has_finished(self, store: Store) -> None:
        with ThreadPoolExecutor(3) as executor:
            finish = store.begin_allocate([ask("a")])
            other = executor.submit(store.begin_allocate([ask("b", series=OTHER)]))
            third = executor.submit(store.allocate, [ask("c", series=SeriesKey(1, "third"))])
            assert values(finish()) == values(other.result()) == values(third.result()) == [1]
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, "a", 1)]


class TestInt64:
    @pytest.mark.parametrize("height", [2**31 - 1, 2**53 - 1, 2**53, 2**62, INT64_MAX - 2])
    def test_values_are_exact_at_every_height(self, store: Store, height: int) -> None:
        store.advance_to(SERIES, height, BY)
        assert [put_any(store, token) for token in "ab"] == [height + 1, height + 2]
        assert [put_any(store, token) for token in "ab"] == [height + 1, height + 2]
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, "b", height + 2)]
        assert ledger(store) == [(None, height), ("a", height + 1), ("b", height + 2)]

    def test_an_exhausted_series_stays_as_it_is(self, store: Store) -> None:
        store.advance_to(SERIES, INT64_MAX, BY)
        for token in ("a", "b"):
            (answer,) = store.allocate([ask_any(token)])
            assert isinstance(answer, SeriesExhausted)
            assert answer.applied == "no"
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, None, INT64_MAX)]
        assert ledger(store) == [(None, INT64_MAX)]


class TestReads:
    def test_what_was_never_counted_is_not_there(self, store: Store) -> None:
        assert store.peek([SERIES]) == [None]
        assert store.entry(SERIES, "a") is None
        assert store.ledger_page(SERIES, None, 10) is None
        assert store.series_page(1, "", "", 10) == []

    def test_a_peek_changes_nothing(self, store: Store) -> None:
        put(store, "a")
        assert store.peek([SERIES]) == store.peek([SERIES]) == [Entry(1, SERIES.key, "a", 1)]

    def test_an_entry_is_what_the_token_was_last_given(self, store: Store) -> None:
        for token in "aba":
            put(store, token)
        assert store.entry(SERIES, "a") == Entry(1, SERIES.key, "a", 3)
        assert store.entry(SERIES, "b") == Entry(1, SERIES.key, "b", 2)
        assert store.entry(SERIES, "c") is None

    def test_an_entry_within_a_batch_is_found(self, store: Store) -> None:
        store.allocate([ask("a"), ask("b"), ask("a"), ask("c")])
        assert [store.entry(SERIES, token) for token in "abc"] == [
            Entry(1, SERIES.key, "a", 3),
            Entry(1, SERIES.key, "b", 2),
            Entry(1, SERIES.key, "c", 4),
        ]

    def test_the_list_is_in_order_of_the_code_points_of_keys(self, store: Store) -> None:
        keys = ["b", "a", "B", "é", "a/b", "🚀", "a.b", "\uffee", "z"]
        for key in keys:
            put(store, "t", series=SeriesKey(1, key))
        assert [entry.key for entry in store.series_page(1, "", "", 100)] == sorted(keys)

    def test_the_list_goes_on_after_a_key_and_stops_at_the_limit(self, store: Store) -> None:
        for key in "abcde":
            put(store, "t", series=SeriesKey(1, key))
        assert [entry.key for entry in store.series_page(1, "", "b", 2)] == ["c", "d"]

    def test_the_list_holds_only_keys_that_begin_with_the_prefix(self, store: Store) -> None:
        for key in ["team-a/x", "team-a/y", "team-b/x", "team", "team-a.", "$team"]:
            put(store, "t", series=SeriesKey(1, key))
        listed = [entry.key for entry in store.series_page(1, "team-a/", "", 100)]
        assert listed == ["team-a/x", "team-a/y"]
        assert store.series_page(1, "team-a/", "team-a/y", 100) == []
        assert store.series_page(1, "nothing", "", 100) == []

    def test_the_list_is_of_one_account(self, store: Store) -> None:
        put(store, "t", series=SeriesKey(2, "theirs"))
        assert store.series_page(1, "", "", 100) == []

    def test_the_ledger_is_newest_first_and_pages_by_value(self, store: Store) -> None:
        store.allocate([ask("a"), ask("b"), ask("a")])
        put(store, "d")
        rows = store.ledger_page(SERIES, None, 3)
        assert rows is not None
        assert [row.entry.value for row in rows] == [4, 3, 2]
        rows = store.ledger_page(SERIES, 2, 3)
        assert rows is not None
        assert [(row.entry.token, row.entry.value) for row in rows] == [("a", 1)]
        assert store.ledger_page(SERIES, 1, 3) == []

    def test_the_ledger_says_when(self, store: Store) -> None:
        before = int(time.time() * 1000)
        put(store, "a")
        put(store, "b")
        rows = store.ledger_page(SERIES, None, 10)
        assert rows is not None
        newest, oldest = (row.created_at for row in rows)
        assert before <= oldest <= newest <= int(time.time() * 1000) + 1


class TestByWhom:
    def test_the_ledger_says_by_which_credential_each_value_was_given(self, store: Store) -> None:
        for token, assigned_by in [("a", "root"), ("b", "github:acme/shop:123"), ("c", "anybody")]:
            store.allocate([ask(token, assigned_by=assigned_by)])
        assert given_by(store) == [
            ("a", "root"),
            ("b", "github:acme/shop:123"),
            ("c", "anybody"),
        ]

    def test_within_a_batch_each_token_has_its_own(self, store: Store) -> None:
        batch = [("a", "x"), ("b", "y"), ("a", "z"), ("c", "x")]
        store.allocate([ask(token, assigned_by=assigned_by) for token, assigned_by in batch])
        assert given_by(store) == batch

    def test_a_batch_by_one_is_by_that_one(self, store: Store) -> None:
        store.allocate([ask(token, assigned_by="root") for token in "abc"])
        assert given_by(store) == [(token, "root") for token in "abc"]
        store.allocate([ask(token, assigned_by="other") for token in "de"])
        assert given_by(store)[3:] == [("d", "other"), ("e", "other")]

    def test_a_repeated_token_keeps_its_first(self, store: Store) -> None:
        store.allocate([ask_any("a", assigned_by="first"), ask_any("a", assigned_by="second")])
        store.allocate([ask("a", assigned_by="third")])
        store.allocate([ask_any("b", assigned_by="fourth"), ask_any("a", assigned_by="fifth")])
        assert given_by(store) == [("a", "first"), ("b", "fourth")]

    def test_a_token_that_gets_another_value_has_one_for_each(self, store: Store) -> None:
        for token, assigned_by in [("a", "first"), ("b", "second"), ("a", "third")]:
            store.allocate([ask(token, assigned_by=assigned_by)])
        assert given_by(store) == [("a", "first"), ("b", "second"), ("a", "third")]

    def test_a_raise_has_one_too_and_where_it_changes_nothing_keeps_what_is_there(
        self, store: Store
    ) -> None:
        store.allocate([ask("a", assigned_by="first")])
        store.advance_to(SERIES, 1, "second")
        store.advance_to(SERIES, 41, "third")
        store.advance_to(SERIES, 41, "fourth")
        assert given_by(store) == [("a", "first"), (None, "third")]

    def test_a_new_life_knows_nothing_of_the_old_one(self, store: Store) -> None:
        store.allocate([ask("a", assigned_by="first")])
        store.delete(SERIES, restart=True)
        store.allocate([ask("a", assigned_by="second")])
        assert given_by(store) == [("a", "second")]

    @pytest.mark.parametrize("name", ["$by", "a.b", "é", "🚀" * 128, ""])
    def test_it_comes_back_as_it_went_in(self, store: Store, name: str) -> None:
        store.allocate([ask("a", assigned_by=name), ask("b", assigned_by="other")])
        store.allocate([ask("c", assigned_by=name)])
        assert given_by(store) == [("a", name), ("b", "other"), ("c", name)]

    def test_pages_of_any_size_have_it(self, store: Store) -> None:
        for number in range(6):
            store.allocate(
                [ask(f"{number}-{each}", assigned_by=f"by-{number}-{each}") for each in "ab"]
            )
        rows: list[LedgerEntry] = []
        while page := store.ledger_page(SERIES, rows[-1].entry.value if rows else None, 5):
            rows += page
        assert [row.assigned_by for row in rows] == [f"by-{row.entry.token}" for row in rows]
        assert len(rows) == 12


class TestRaise:
    def test_the_next_value_is_one_more(self, store: Store) -> None:
        assert store.advance_to(SERIES, 41, BY) == Allocation(
            Entry(1, SERIES.key, None, 41), reused=False
        )
        assert put(store, "a") == 42

    def test_the_current_token_is_then_none(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, None, 41)]
        assert put(store, "a") == 42

    def test_tokens_from_before_are_still_known(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        assert put_any(store, "a") == 1

    def test_it_stands_in_the_ledger_without_a_token(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        put(store, "b")
        assert ledger(store) == [("a", 1), (None, 41), ("b", 42)]

    def test_to_where_the_series_stands_it_changes_nothing(self, store: Store) -> None:
        put(store, "a")
        assert store.advance_to(SERIES, 1, BY) == Allocation(
            Entry(1, SERIES.key, "a", 1), reused=True
        )
        assert ledger(store) == [("a", 1)]

    def test_it_never_lowers(self, store: Store) -> None:
        store.advance_to(SERIES, 41, BY)
        with pytest.raises(ValueWouldFall):
            store.advance_to(SERIES, 40, BY)
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, None, 41)]


class TestDelete:
    def test_a_deleted_series_is_not_there(self, store: Store) -> None:
        put(store, "a")
        store.delete(SERIES, restart=False)
        assert store.peek([SERIES]) == [None]
        assert store.entry(SERIES, "a") is None
        assert store.ledger_page(SERIES, None, 10) is None
        assert store.series_page(1, "", "", 10) == []

    def test_its_height_is_kept(self, store: Store) -> None:
        for token in "abc":
            put(store, token)
        store.delete(SERIES, restart=False)
        assert put(store, "d") == 4

    def test_its_tokens_are_new_again(self, store: Store) -> None:
        put_any(store, "a")
        store.delete(SERIES, restart=False)
        assert put_any(store, "a") == 2
        assert put_any(store, "a") == 2
        assert ledger(store) == [("a", 2)]

    def test_a_restart_begins_at_1(self, store: Store) -> None:
        for token in "abc":
            put_any(store, token)
        store.delete(SERIES, restart=True)
        assert [put_any(store, token) for token in "cba"] == [1, 2, 3]
        assert ledger(store) == [("c", 1), ("b", 2), ("a", 3)]

    def test_a_restart_forgets_a_height_that_was_kept(self, store: Store) -> None:
        put(store, "a")
        store.delete(SERIES, restart=False)
        store.delete(SERIES, restart=True)
        assert put(store, "b") == 1

    def test_it_may_be_repeated(self, store: Store) -> None:
        put(store, "a")
        for _ in range(3):
            store.delete(SERIES, restart=False)
        assert put(store, "b") == 2

    def test_what_does_not_exist_may_be_deleted(self, store: Store) -> None:
        store.delete(SERIES, restart=False)
        store.delete(SERIES, restart=True)
        assert put(store, "a") == 1

    def test_it_does_not_touch_its_neighbours(self, store: Store) -> None:
        put(store, "a")
        put(store, "a", series=OTHER)
        store.delete(SERIES, restart=True)
        assert store.peek([OTHER]) == [Entry(1, OTHER.key, "a", 1)]
        assert ledger(store, OTHER) == [("a", 1)]

    def test_a_raise_to_the_kept_height_brings_it_back(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        store.delete(SERIES, restart=False)
        assert store.advance_to(SERIES, 2, BY) == Allocation(
            Entry(1, SERIES.key, None, 2), reused=False
        )
        assert ledger(store) == [(None, 2)]
        assert put_any(store, "a") == 3

    def test_a_raise_below_the_kept_height_is_refused(self, store: Store) -> None:
        store.advance_to(SERIES, 41, BY)
        store.delete(SERIES, restart=False)
        with pytest.raises(ValueWouldFall):
            store.advance_to(SERIES, 40, BY)
        assert store.peek([SERIES]) == [None]

    def test_an_exhausted_series_stays_exhausted_until_a_restart(self, store: Store) -> None:
        store.advance_to(SERIES, INT64_MAX, BY)
        store.delete(SERIES, restart=False)
        (answer,) = store.allocate([ask("a")])
        assert isinstance(answer, SeriesExhausted)
        assert store.peek([SERIES]) == [None]
        store.delete(SERIES, restart=True)
        assert put(store, "a") == 1

    def test_many_lives_do_not_mix(self, store: Store) -> None:
        for generation in range(20):
            tokens = [f"{generation}-{number}" for number in range(generation)]
            store.allocate([ask_any(token) for token in ["same", *tokens]])
            assert [token for token, _ in ledger(store)] == ["same", *tokens]
            store.delete(SERIES, restart=generation % 2 == 0)


class TestPing:
    def test_a_store_that_works_answers(self, store: Store) -> None:
        store.ping()
        assert store.peek([SERIES]) == [None]


@pytest.fixture
def reopened(durable_url: str) -> Iterator[Store]:
    """A store opened on what another one, closed since, has left."""
    from monotron.store import open_store

    first = open_store(durable_url)
    store_before(first)
    first.close()
    second = open_store(durable_url)
    yield second
    second.close()


def store_before(store: Store) -> None:
    for token in "abca":
        put(store, token)
    put(store, "x", series=OTHER)
    store.delete(OTHER, restart=False)


class TestReopened:
    def test_everything_is_still_there(self, reopened: Store) -> None:
        assert reopened.peek([SERIES]) == [Entry(1, SERIES.key, "a", 4)]
        assert ledger(reopened) == [("a", 1), ("b", 2), ("c", 3), ("a", 4)]
        assert [put(reopened, token, Reuse.ANY) for token in "abcd"] == [4, 2, 3, 5]

    def test_a_kept_height_is_still_kept(self, reopened: Store) -> None:
        assert put(reopened, "x", series=OTHER) == 2
