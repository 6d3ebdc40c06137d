"""The guarantees of every store for series. Runs unchanged on all stores."""

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
    credentials_of,
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

    def test_with_reuse_any_a_token_gets_its_last_value(self, store: Store) -> None:
        for token in "abac":
            put(store, token)
        assert put_any(store, "a") == 3

    def test_reuse_any_finds_values_assigned_without_it(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        assert put_any(store, "a") == 1

    def test_a_request_gets_no_value_above_its_limit(self, store: Store) -> None:
        put(store, "a")
        batch = [ask_any("b")._replace(up_to=2), ask_any("c")._replace(up_to=2)]
        given, refused = store.allocate(batch)
        assert (given, type(refused)) == (
            Allocation(Entry(*SERIES, "b", 2), False),
            SeriesExhausted,
        )
        [again, found] = store.allocate([batch[1], ask_any("a")._replace(up_to=1)])
        assert (type(again), found) == (SeriesExhausted, Allocation(Entry(*SERIES, "a", 1), True))
        [below] = store.allocate([ask_any("d")._replace(up_to=1)])
        assert type(below) is SeriesExhausted
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_a_reused_token_does_not_become_the_current_one(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        put_any(store, "a")
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, "b", 2)]
        assert put(store, "b") == 2

    def test_a_token_with_many_values_gets_the_last_one(self, store: Store) -> None:
        for _ in range(40):
            store.allocate([ask("a"), ask("b"), ask("a"), ask("b")])
        assert values(store.allocate([ask("x"), ask_any("a"), ask_any("b")])) == [161, 159, 160]

    def test_series_have_values_of_their_own(self, store: Store) -> None:
        assert put(store, "a") == put(store, "a", series=OTHER) == 1

    def test_accounts_have_series_of_their_own(self, store: Store) -> None:
        put(store, "a")
        assert put(store, "b", series=SeriesKey(2, SERIES.key)) == 1

    @pytest.mark.parametrize("word", ODD_WORDS)
    def test_keys_and_tokens_are_returned_unchanged(self, store: Store, word: str) -> None:
        series = SeriesKey(1, word)
        entry = Entry(1, word, word, 1)
        assert store.allocate([ask_any(word, series)]) == [Allocation(entry, reused=False)]
        assert store.allocate([ask_any("other", series)]) == [
            Allocation(Entry(1, word, "other", 2), reused=False)
        ]
        assert store.allocate([ask_any(word, series)]) == [Allocation(entry, reused=True)]
        assert store.entry(series, word) == entry
        assert store.series_page(1, word, "", 10) == [Entry(1, word, "other", 2)]

    def test_tokens_that_look_alike_are_different(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e"]
        assert [put_any(store, word) for word in alike] == [1, 2, 3, 4, 5, 6]
        assert [put_any(store, word) for word in alike] == [1, 2, 3, 4, 5, 6]


class TestBatches:
    def test_a_batch_equals_its_requests_one_after_the_other(self, store: Store) -> None:
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

    def test_a_batch_may_contain_many_tokens(self, store: Store) -> None:
        tokens = [f"token-{number}" for number in range(store.max_batch_size)]
        expected = list(range(1, store.max_batch_size + 1))
        assert values(store.allocate([ask_any(token) for token in tokens])) == expected
        assert values(store.allocate([ask_any(token) for token in tokens])) == expected

    def test_the_series_of_a_batch_have_values_of_their_own(self, store: Store) -> None:
        batch = [ask("a"), ask("a", series=OTHER), ask("b"), ask("a"), ask("a", series=OTHER)]
        assert values(store.allocate(batch)) == [1, 1, 2, 3, 1]

    def test_an_exhausted_series_fails_its_own_requests_only(self, store: Store) -> None:
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
    def test_values_are_exact_up_to_the_last_one(self, store: Store, height: int) -> None:
        store.advance_to(SERIES, height, BY)
        assert [put_any(store, token) for token in "ab"] == [height + 1, height + 2]
        assert [put_any(store, token) for token in "ab"] == [height + 1, height + 2]
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, "b", height + 2)]
        assert ledger(store) == [(None, height), ("a", height + 1), ("b", height + 2)]

    def test_an_exhausted_series_does_not_change(self, store: Store) -> None:
        store.advance_to(SERIES, INT64_MAX, BY)
        for token in ("a", "b"):
            (answer,) = store.allocate([ask_any(token)])
            assert isinstance(answer, SeriesExhausted)
            assert answer.applied == "no"
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, None, INT64_MAX)]
        assert ledger(store) == [(None, INT64_MAX)]


class TestReads:
    def test_a_series_without_values_does_not_exist(self, store: Store) -> None:
        assert store.peek([SERIES]) == [None]
        assert store.entry(SERIES, "a") is None
        assert store.ledger_page(SERIES, None, 10) is None
        assert store.series_page(1, "", "", 10) == []

    def test_a_peek_changes_nothing(self, store: Store) -> None:
        put(store, "a")
        assert store.peek([SERIES]) == store.peek([SERIES]) == [Entry(1, SERIES.key, "a", 1)]

    def test_an_entry_has_the_last_value_of_its_token(self, store: Store) -> None:
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

    def test_a_page_is_ordered_by_the_code_points_of_keys(self, store: Store) -> None:
        keys = ["b", "a", "B", "é", "a/b", "🚀", "a.b", "\uffee", "z"]
        for key in keys:
            put(store, "t", series=SeriesKey(1, key))
        assert [entry.key for entry in store.series_page(1, "", "", 100)] == sorted(keys)

    def test_a_page_starts_after_a_key_and_ends_at_the_limit(self, store: Store) -> None:
        for key in "abcde":
            put(store, "t", series=SeriesKey(1, key))
        assert [entry.key for entry in store.series_page(1, "", "b", 2)] == ["c", "d"]

    def test_a_page_contains_only_keys_with_the_prefix(self, store: Store) -> None:
        for key in ["team-a/x", "team-a/y", "team-b/x", "team", "team-a.", "$team"]:
            put(store, "t", series=SeriesKey(1, key))
        listed = [entry.key for entry in store.series_page(1, "team-a/", "", 100)]
        assert listed == ["team-a/x", "team-a/y"]
        assert store.series_page(1, "team-a/", "team-a/y", 100) == []
        assert store.series_page(1, "nothing", "", 100) == []

    def test_a_page_contains_one_account(self, store: Store) -> None:
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

    def test_a_ledger_entry_has_its_time(self, store: Store) -> None:
        before = int(time.time() * 1000)
        put(store, "a")
        put(store, "b")
        rows = store.ledger_page(SERIES, None, 10)
        assert rows is not None
        newest, oldest = (row.created_at for row in rows)
        assert before <= oldest <= newest <= int(time.time() * 1000) + 1


class TestAssignedBy:
    def test_a_ledger_entry_has_its_credential(self, store: Store) -> None:
        for token, assigned_by in [("a", "root"), ("b", "github:acme/shop:123"), ("c", "anyone")]:
            store.allocate([ask(token, assigned_by=assigned_by)])
        assert credentials_of(store) == [
            ("a", "root"),
            ("b", "github:acme/shop:123"),
            ("c", "anyone"),
        ]

    def test_each_token_of_a_batch_has_its_own_credential(self, store: Store) -> None:
        batch = [("a", "x"), ("b", "y"), ("a", "z"), ("c", "x")]
        store.allocate([ask(token, assigned_by=assigned_by) for token, assigned_by in batch])
        assert credentials_of(store) == batch

    def test_a_batch_of_one_credential_has_that_credential(self, store: Store) -> None:
        store.allocate([ask(token, assigned_by="root") for token in "abc"])
        assert credentials_of(store) == [(token, "root") for token in "abc"]
        store.allocate([ask(token, assigned_by="other") for token in "de"])
        assert credentials_of(store)[3:] == [("d", "other"), ("e", "other")]

    def test_a_reused_token_keeps_its_first_credential(self, store: Store) -> None:
        store.allocate([ask_any("a", assigned_by="first"), ask_any("a", assigned_by="second")])
        store.allocate([ask("a", assigned_by="third")])
        store.allocate([ask_any("b", assigned_by="fourth"), ask_any("a", assigned_by="fifth")])
        assert credentials_of(store) == [("a", "first"), ("b", "fourth")]

    def test_a_token_with_several_values_has_a_credential_for_each(self, store: Store) -> None:
        for token, assigned_by in [("a", "first"), ("b", "second"), ("a", "third")]:
            store.allocate([ask(token, assigned_by=assigned_by)])
        assert credentials_of(store) == [("a", "first"), ("b", "second"), ("a", "third")]

    def test_an_advance_has_a_credential_unless_it_changes_nothing(self, store: Store) -> None:
        store.allocate([ask("a", assigned_by="first")])
        store.advance_to(SERIES, 1, "second")
        store.advance_to(SERIES, 41, "third")
        store.advance_to(SERIES, 41, "fourth")
        assert credentials_of(store) == [("a", "first"), (None, "third")]

    def test_a_new_generation_has_its_own_credentials(self, store: Store) -> None:
        store.allocate([ask("a", assigned_by="first")])
        store.delete(SERIES, restart=True)
        store.allocate([ask("a", assigned_by="second")])
        assert credentials_of(store) == [("a", "second")]

    @pytest.mark.parametrize("name", ["$by", "a.b", "é", "🚀" * 128, ""])
    def test_a_credential_is_returned_unchanged(self, store: Store, name: str) -> None:
        store.allocate([ask("a", assigned_by=name), ask("b", assigned_by="other")])
        store.allocate([ask("c", assigned_by=name)])
        assert credentials_of(store) == [("a", name), ("b", "other"), ("c", name)]

    def test_pages_of_any_size_contain_the_credential(self, store: Store) -> None:
        for number in range(6):
            store.allocate(
                [ask(f"{number}-{each}", assigned_by=f"by-{number}-{each}") for each in "ab"]
            )
        rows: list[LedgerEntry] = []
        while page := store.ledger_page(SERIES, rows[-1].entry.value if rows else None, 5):
            rows += page
        assert [row.assigned_by for row in rows] == [f"by-{row.entry.token}" for row in rows]
        assert len(rows) == 12


class TestAdvance:
    def test_the_value_after_an_advance_is_one_higher(self, store: Store) -> None:
        assert store.advance_to(SERIES, 41, BY) == Allocation(
            Entry(1, SERIES.key, None, 41), reused=False
        )
        assert put(store, "a") == 42

    def test_an_advance_leaves_no_current_token(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, None, 41)]
        assert put(store, "a") == 42

    def test_tokens_before_an_advance_are_still_known(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        assert put_any(store, "a") == 1

    def test_an_advance_is_in_the_ledger_without_a_token(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        put(store, "b")
        assert ledger(store) == [("a", 1), (None, 41), ("b", 42)]

    def test_an_advance_to_the_current_value_changes_nothing(self, store: Store) -> None:
        put(store, "a")
        assert store.advance_to(SERIES, 1, BY) == Allocation(
            Entry(1, SERIES.key, "a", 1), reused=True
        )
        assert ledger(store) == [("a", 1)]

    def test_an_advance_to_a_lower_value_is_refused(self, store: Store) -> None:
        store.advance_to(SERIES, 41, BY)
        with pytest.raises(ValueWouldFall):
            store.advance_to(SERIES, 40, BY)
        assert store.peek([SERIES]) == [Entry(1, SERIES.key, None, 41)]


class TestDelete:
    def test_a_deleted_series_does_not_exist(self, store: Store) -> None:
        put(store, "a")
        store.delete(SERIES, restart=False)
        assert store.peek([SERIES]) == [None]
        assert store.entry(SERIES, "a") is None
        assert store.ledger_page(SERIES, None, 10) is None
        assert store.series_page(1, "", "", 10) == []

    def test_a_deleted_series_keeps_its_high_water_mark(self, store: Store) -> None:
        for token in "abc":
            put(store, token)
        store.delete(SERIES, restart=False)
        assert put(store, "d") == 4

    def test_tokens_of_a_deleted_series_are_unknown(self, store: Store) -> None:
        put_any(store, "a")
        store.delete(SERIES, restart=False)
        assert put_any(store, "a") == 2
        assert put_any(store, "a") == 2
        assert ledger(store) == [("a", 2)]

    def test_a_restarted_series_starts_at_1(self, store: Store) -> None:
        for token in "abc":
            put_any(store, token)
        store.delete(SERIES, restart=True)
        assert [put_any(store, token) for token in "cba"] == [1, 2, 3]
        assert ledger(store) == [("c", 1), ("b", 2), ("a", 3)]

    def test_a_restart_resets_a_kept_high_water_mark(self, store: Store) -> None:
        put(store, "a")
        store.delete(SERIES, restart=False)
        store.delete(SERIES, restart=True)
        assert put(store, "b") == 1

    def test_a_delete_may_be_repeated(self, store: Store) -> None:
        put(store, "a")
        for _ in range(3):
            store.delete(SERIES, restart=False)
        assert put(store, "b") == 2

    def test_a_missing_series_may_be_deleted(self, store: Store) -> None:
        store.delete(SERIES, restart=False)
        store.delete(SERIES, restart=True)
        assert put(store, "a") == 1

    def test_a_delete_does_not_affect_other_series(self, store: Store) -> None:
        put(store, "a")
        put(store, "a", series=OTHER)
        store.delete(SERIES, restart=True)
        assert store.peek([OTHER]) == [Entry(1, OTHER.key, "a", 1)]
        assert ledger(store, OTHER) == [("a", 1)]

    def test_an_advance_to_the_kept_high_water_mark_recreates_the_series(
        self, store: Store
    ) -> None:
        put(store, "a")
        put(store, "b")
        store.delete(SERIES, restart=False)
        assert store.advance_to(SERIES, 2, BY) == Allocation(
            Entry(1, SERIES.key, None, 2), reused=False
        )
        assert ledger(store) == [(None, 2)]
        assert put_any(store, "a") == 3

    def test_an_advance_below_the_kept_high_water_mark_is_refused(self, store: Store) -> None:
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

    def test_many_generations_do_not_mix(self, store: Store) -> None:
        for generation in range(20):
            tokens = [f"{generation}-{number}" for number in range(generation)]
            store.allocate([ask_any(token) for token in ["same", *tokens]])
            assert [token for token, _ in ledger(store)] == ["same", *tokens]
            store.delete(SERIES, restart=generation % 2 == 0)


class TestPing:
    def test_a_ping_of_a_working_store_returns(self, store: Store) -> None:
        store.ping()
        assert store.peek([SERIES]) == [None]


@pytest.fixture
def reopened(durable_url: str) -> Iterator[Store]:
    """A store that opened the data of another, closed one."""
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
    def test_a_reopened_store_contains_everything(self, reopened: Store) -> None:
        assert reopened.peek([SERIES]) == [Entry(1, SERIES.key, "a", 4)]
        assert ledger(reopened) == [("a", 1), ("b", 2), ("c", 3), ("a", 4)]
        assert [put(reopened, token, Reuse.ANY) for token in "abcd"] == [4, 2, 3, 5]

    def test_a_reopened_store_keeps_high_water_marks(self, reopened: Store) -> None:
        assert put(reopened, "x", series=OTHER) == 2


class TestInitial:
    def test_a_new_series_starts_after_the_initial_value(self, store: Store) -> None:
        batch = [ask(token)._replace(initial=1005) for token in ("a", "b")]
        assert values(store.allocate(batch)) == [1006, 1007]
        assert ledger(store) == [(None, 1005), ("a", 1006), ("b", 1007)]
        assert put(store, "c") == 1008

    def test_the_first_request_of_a_series_determines_its_start(self, store: Store) -> None:
        batch = [ask("a")._replace(initial=5), ask("b")._replace(initial=50), ask("c")]
        assert values(store.allocate(batch)) == [6, 7, 8]

    def test_an_existing_series_ignores_the_initial_value(self, store: Store) -> None:
        put(store, "a")
        assert values(store.allocate([ask("b")._replace(initial=1005)])) == [2]

    def test_a_deleted_series_never_starts_below_its_high_water_mark(self, store: Store) -> None:
        store.advance_to(SERIES, 70, BY)
        store.delete(SERIES, restart=False)
        assert values(store.allocate([ask("a")._replace(initial=5)])) == [71]
        store.delete(SERIES, restart=True)
        assert values(store.allocate([ask("b")._replace(initial=5)])) == [6]

    def test_no_value_is_left_after_the_last_one(self, store: Store) -> None:
        (result,) = store.allocate([ask("a")._replace(initial=INT64_MAX)])
        assert isinstance(result, SeriesExhausted)
        assert store.peek([SERIES]) == [None]
