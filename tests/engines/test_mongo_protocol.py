"""Every interleaving that the protocol handles, on a real replica set."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from bson import Int64, ObjectId
from pymongo import MongoClient
from pymongo.errors import AutoReconnect
from pymongo.monitoring import CommandListener, CommandStartedEvent

from contract.asking import BY, OTHER, SERIES, ask_any, credentials_of, ledger, put, put_any, values
from monotron.errors import InternalError, StoreUnavailable
from monotron.model.allocation import AllocationRequest
from monotron.model.series import Entry, SeriesKey
from monotron.runtime import PRODUCTION
from monotron.store import open_store
from monotron.store.mongo import MongoStore, series
from monotron.store.mongo.heads import (
    MAX_CARRIED,
    MAX_REMEMBERED,
    Head,
    HeadCache,
    Sealable,
)
from support.mongod import ReplicaSet
from support.wire import Call, DelayedRequest, Wire, only_first_applied, request_lost, response_lost


def wire(store: MongoStore, method: str, *script: Callable[[Call], Any]) -> Wire:
    wire = Wire(store._heads._series, method)
    wire.script = list(script)
    store._heads._series = wire  # type: ignore[assignment]
    return wire


@pytest.fixture
def opened(database_url: str) -> Iterator[Callable[[], MongoStore]]:
    stores: list[MongoStore] = []

    def open_another() -> MongoStore:
        store = open_store(database_url)
        assert isinstance(store, MongoStore)
        stores.append(store)
        return store

    yield open_another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], MongoStore]) -> MongoStore:
    return opened()


@pytest.fixture
def other(opened: Callable[[], MongoStore]) -> MongoStore:
    """A second server on the same database."""
    return opened()


CAS = "bulk_write"


class TestUpdatesInDoubt:
    def test_an_update_with_a_lost_response_is_found_in_the_head(self, store: MongoStore) -> None:
        put(store, "a")
        wire(store, CAS, response_lost)
        assert put_any(store, "b") == 2
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_an_update_with_a_lost_request_is_sent_again(self, store: MongoStore) -> None:
        put(store, "a")
        wire(store, CAS, request_lost, request_lost)
        assert put_any(store, "b") == 2

    def test_an_update_that_arrives_before_its_retry_is_applied_once(
        self, store: MongoStore
    ) -> None:
        put(store, "a")
        delayed = DelayedRequest()
        wire(store, CAS, delayed.seems_lost, delayed.arrives_first)
        assert put(store, "b") == 2
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_an_update_that_arrives_after_its_retry_changes_nothing(
        self, store: MongoStore
    ) -> None:
        put(store, "a")
        delayed = DelayedRequest()
        wire(store, CAS, delayed.seems_lost)
        assert put(store, "b") == 2
        assert put(store, "a") == 3
        assert delayed.arrive() == [0]
        assert ledger(store) == [("a", 1), ("b", 2), ("a", 3)]

    def test_an_update_that_others_have_replaced_is_found_in_the_ledger(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")

        def others_continue(call: Call) -> Any:
            call()
            assert values(other.allocate([ask_any("c"), ask_any("d")])) == [3, 4]
            assert put(other, "e") == 5
            raise AutoReconnect("the response was lost")

        wire(store, CAS, others_continue)
        assert put(store, "b") == 2
        assert [token for token, _ in ledger(store)] == ["a", "b", "c", "d", "e"]

    def test_an_update_that_lost_against_another_server_is_repeated(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")

        def another_wins(call: Call) -> Any:
            assert put(other, "c") == 2
            raise AutoReconnect("the request was lost")

        wire(store, CAS, another_wins)
        assert put(store, "b") == 3
        assert ledger(store) == [("a", 1), ("c", 2), ("b", 3)]

    def test_the_first_update_of_a_series_with_a_lost_response_is_found(
        self, store: MongoStore
    ) -> None:
        wire(store, CAS, response_lost)
        assert put(store, "a") == 1
        assert ledger(store) == [("a", 1)]

    def test_the_first_update_of_a_series_is_applied_once_if_it_arrives_late(
        self, store: MongoStore
    ) -> None:
        delayed = DelayedRequest()
        wire(store, CAS, delayed.seems_lost, delayed.arrives_first)
        assert [put(store, "a"), put(store, "b")] == [1, 2]
        assert ledger(store) == [("a", 1), ("b", 2)]

    def test_a_late_advance_is_applied_once(self, store: MongoStore) -> None:
        put(store, "a")
        delayed = DelayedRequest()
        wire(store, CAS, delayed.seems_lost, delayed.arrives_first)
        assert not store.advance_to(SERIES, 41, BY).reused
        assert put(store, "b") == 42
        assert delayed.arrive() == [0]
        assert ledger(store) == [("a", 1), (None, 41), ("b", 42)]


class TestDeletesInDoubt:
    def test_a_delete_with_a_lost_response_is_applied_once(self, store: MongoStore) -> None:
        put(store, "a")
        wire(store, CAS, response_lost)
        store.delete(SERIES, restart=False)
        assert put(store, "a") == 2

    def test_a_resent_delete_does_not_end_the_next_generation(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")

        def next_generation_starts(call: Call) -> Any:
            call()
            assert put(other, "b") == 1
            raise AutoReconnect("the response was lost")

        wire(store, CAS, next_generation_starts)
        store.delete(SERIES, restart=True)
        assert ledger(store) == [("b", 1)]

    def test_a_late_delete_does_not_change_a_later_state(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        delayed = DelayedRequest()
        wire(store, CAS, delayed.seems_lost)
        store.delete(SERIES, restart=True)
        assert put(other, "a") == 1  # the same token, at the same value
        assert delayed.arrive() == [0]
        assert ledger(other) == [("a", 1)]

    def test_a_delete_concurrent_with_another_delete_is_reported_as_unknown(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")

        def another_deletes_too(call: Call) -> Any:
            other.delete(SERIES, restart=False)
            raise AutoReconnect("the request was lost")

        wire(store, CAS, another_deletes_too)
        with pytest.raises(StoreUnavailable) as error:
            store.delete(SERIES, restart=False)
        assert error.value.applied == "unknown"
        assert put(store, "b") == 2


class TestSealing:
    @pytest.fixture
    def held_back(self, store: MongoStore) -> Iterator[list[Sealable]]:
        """The heads that the store would have sealed in the background."""
        held: list[Sealable] = []
        seal = store._sealer._seal
        store._sealer._seal = held.extend
        yield held
        store._sealer._seal = seal

    def test_the_next_server_seals_the_batch_of_a_crashed_server(
        self, store: MongoStore, other: MongoStore, held_back: list[Sealable]
    ) -> None:
        store.allocate([ask_any("a"), ask_any("b")])
        assert put_any(other, "c") == 3
        assert values(other.allocate([ask_any("b"), ask_any("a")])) == [2, 1]
        assert ledger(other) == [("a", 1), ("b", 2), ("c", 3)]

    def test_a_batch_waits_until_the_previous_batch_is_sealed(
        self, store: MongoStore, held_back: list[Sealable]
    ) -> None:
        assert [put_any(store, token) for token in "abcab"] == [1, 2, 3, 1, 2]

    def test_a_late_seal_after_a_delete_with_restart_is_not_visible(
        self, store: MongoStore, other: MongoStore, held_back: list[Sealable]
    ) -> None:
        store.allocate([ask_any("a"), ask_any("b")])
        while not held_back:
            assert store._sealer._thread.is_alive()
        other.delete(SERIES, restart=True)
        assert [put_any(other, token) for token in "xy"] == [1, 2]
        store._ledger.seal_fresh(held_back, store._deadlines.start())
        assert ledger(other) == [("x", 1), ("y", 2)]
        assert [put_any(other, token) for token in "ab"] == [3, 4]
        assert [put_any(store, token) for token in "abxy"] == [3, 4, 1, 2]

    def test_a_partial_seal_is_completed(
        self, store: MongoStore, other: MongoStore, held_back: list[Sealable]
    ) -> None:
        store.allocate([ask_any("a"), ask_any("b"), ask_any("c")])
        while not held_back:
            assert store._sealer._thread.is_alive()
        ((series, head),) = held_back
        part = Head(head.generation, 2, "b", ("b",), head.stamp, head.created_at, (BY,), fresh=1)
        store._ledger.seal_fresh([(series, part)], store._deadlines.start())
        assert part.sealed
        assert put_any(other, "d") == 4
        assert ledger(other) == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]

    def test_a_ledger_that_contradicts_the_head_is_an_internal_error(
        self, store: MongoStore, other: MongoStore, held_back: list[Sealable]
    ) -> None:
        put_any(store, "a")
        while not held_back:
            assert store._sealer._thread.is_alive()
        ((series, head),) = held_back
        forged = Head(
            head.generation, 1, "forged", ("forged",), head.stamp, head.created_at, (BY,), fresh=1
        )
        store._ledger.seal_fresh([(series, forged)], store._deadlines.start())
        assert forged.sealed
        with pytest.raises(InternalError):
            put_any(other, "b")
        assert store.peek([SERIES]) == [Entry(*SERIES, "a", 1)]

    def test_a_deleted_generation_is_swept(self, store: MongoStore) -> None:
        store.allocate([ask_any("a"), ask_any("b")])
        put_any(store, "c")
        head = store._heads._remembered.get(SERIES)
        assert head is not None
        assert head.sealing is not None
        assert head.sealing.wait(
            10
        )  # otherwise its rows could come after the sweep, which is early here
        generation = store._heads._series.find_one({})["generation"]  # type: ignore[index]
        store.delete(SERIES, restart=False)
        put_any(store, "d")
        store._sealer._sweep((SERIES, generation))
        assert [row["token"] for row in store._ledger._entries.find({})] in (["d"], [])
        assert ledger(store) == [("d", 4)]


class TestCarriedBatches:
    """While a batch is being sealed, the next batch carries it."""

    @pytest.fixture
    def sealing_blocked(self, store: MongoStore) -> Iterator[threading.Event]:
        """Blocks sealing in the background until it is set."""
        resume = threading.Event()
        seal = store._sealer._seal

        def hang(heads: Sequence[Sealable]) -> None:
            resume.wait()
            seal(heads)

        store._sealer._seal = hang
        yield resume
        resume.set()

    def stored(self, store: MongoStore, field: str = "batch") -> Any:
        """Return a field of the head."""
        document = store._heads._series.find_one({})
        assert document is not None
        return document[field]

    def rows(self, store: MongoStore) -> list[tuple[str | None, str | None]]:
        """Return the sealed (token, credential) pairs."""
        found = store._ledger._entries.find({}).sort("value", 1)
        return [(row["token"], row.get("assigned_by")) for row in found]

    def test_a_batch_does_not_wait_for_a_running_seal(
        self, store: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        assert [put_any(store, token) for token in "abcab"] == [1, 2, 3, 1, 2]
        assert self.stored(store) == ["a", "b", "c"]
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3)]

    def test_the_next_server_seals_the_carried_batches_of_a_crashed_server(
        self, store: MongoStore, other: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        assert [put_any(store, token) for token in "abc"] == [1, 2, 3]
        assert [put_any(other, token) for token in "dcba"] == [4, 3, 2, 1]
        assert ledger(other) == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
        sealing_blocked.set()
        assert put_any(store, "e") == 5
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]

    def test_carried_tokens_keep_their_credential(
        self, store: MongoStore, other: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        given = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "z")]
        store.allocate(
            [ask_any(token, assigned_by=assigned_by) for token, assigned_by in given[:2]]
        )
        assert self.stored(store, "assigned_by") == "x"  # stored once while all are equal
        store.allocate([ask_any("c", assigned_by="y"), ask_any("a", assigned_by="y")])
        store.allocate([ask_any("d", assigned_by="z"), ask_any("c", assigned_by="z")])
        assert self.stored(store, "assigned_by") == ["x", "x", "y", "z"]
        assert credentials_of(store) == credentials_of(other) == given
        other.allocate([ask_any("e", assigned_by="another server's")])  # which seals them first
        given.append(("e", "another server's"))
        assert credentials_of(other) == given
        sealing_blocked.set()
        store.allocate([ask_any("f", assigned_by="x"), ask_any("a", assigned_by="z")])
        assert credentials_of(store) == [*given, ("f", "x")]
        store.advance_to(SERIES, 41, "w")  # whose own row the background thread may have sealed
        assert self.rows(store)[:6] == [*given, ("f", "x")]

    def test_carried_tokens_of_a_partly_sealed_batch_keep_their_credential(
        self, store: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        given = [("a", "x"), ("b", "y"), ("c", "z")]
        for token, assigned_by in given[:2]:
            store.allocate([ask_any(token, assigned_by=assigned_by)])
        head = store._heads._remembered.get(SERIES)
        assert head is not None
        store._ledger.seal_fresh([(SERIES, head.carried[0])], store._deadlines.start())
        store.allocate([ask_any("c", assigned_by="z")])
        assert self.stored(store) == ["b", "c"]
        assert self.stored(store, "assigned_by") == ["y", "z"]
        assert credentials_of(store) == given

    def test_tokens_sealed_in_the_background_keep_their_credential(
        self, store: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        given = [("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")]
        for token, assigned_by in given:
            store.allocate([ask_any(token, assigned_by=assigned_by)])
        head = store._heads._remembered.get(SERIES)
        sealing_blocked.set()
        assert head is not None
        assert head.sealing is not None
        assert head.sealing.wait(10)
        assert self.rows(store) == given

    def test_heads_and_rows_without_a_credential_are_supported(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        other.allocate([ask_any("a"), ask_any("b")])
        other.allocate([ask_any("c"), ask_any("d")])
        other.close()  # which seals them
        store._heads._series.update_one({}, {"$unset": {"assigned_by": ""}})
        store._ledger._entries.update_many({}, {"$unset": {"assigned_by": ""}})
        store._ledger._entries.delete_many({"value": {"$gte": 3}})  # as if it were not sealed yet
        assert credentials_of(store) == [(token, None) for token in "abcd"]
        assert put_any(store, "e") == 5
        assert credentials_of(store) == [*((token, None) for token in "abcd"), ("e", BY)]
        assert self.rows(store) == [(token, None) for token in "abcd"]

    def test_a_sealed_batch_is_not_carried(self, store: MongoStore) -> None:
        put_any(store, "a")
        store.advance_to(SERIES, 10, BY)  # which seals what is before it
        put_any(store, "b")
        head = store._heads._remembered.get(SERIES)
        assert head is not None
        assert head.sealing is not None
        assert head.sealing.wait(10)
        put_any(store, "c")
        assert self.stored(store) == ["c"]

    def test_the_next_batch_repeats_a_failed_seal(
        self, store: MongoStore, other: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        lost = Wire(store._ledger._entries, "insert_many")
        lost.script = [request_lost]
        store._ledger._entries = lost  # type: ignore[assignment]
        put_any(store, "a")
        put_any(store, "b")
        head = store._heads._remembered.get(SERIES)
        sealing_blocked.set()
        assert head is not None
        assert head.sealing is not None
        assert head.sealing.wait(10)
        assert not lost.script
        assert put_any(store, "c") == 3
        assert self.stored(store) == ["c"]
        assert ledger(other) == [("a", 1), ("b", 2), ("c", 3)]

    def test_the_number_of_carried_tokens_is_limited(
        self, store: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        size = MAX_CARRIED // 2
        for step in range(2):
            store.allocate([ask_any(f"{step}-{each}") for each in range(size)])
        assert len(self.stored(store)) == MAX_CARRIED
        put_any(store, "one more is carried")
        answers: list[int] = []
        waiting = threading.Thread(target=lambda: answers.append(put_any(store, "last")))
        waiting.start()
        waiting.join(0.2)
        assert not answers
        sealing_blocked.set()
        waiting.join(10)
        assert answers == [MAX_CARRIED + 2]
        assert self.stored(store) == ["last"]

    def test_an_update_in_doubt_is_found_if_its_carried_tokens_were_sealed(
        self, store: MongoStore, other: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        put_any(store, "a")

        def others_continue(call: Call) -> Any:
            call()
            sealing_blocked.set()
            assert put_any(other, "c") == 3
            assert put_any(other, "d") == 4
            raise AutoReconnect("the response was lost")

        wire(store, CAS, others_continue)
        assert put_any(store, "b") == 2
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]

    def test_a_lost_update_does_not_count_as_applied(
        self, store: MongoStore, other: MongoStore, sealing_blocked: threading.Event
    ) -> None:
        put_any(store, "a")

        def another_wins(call: Call) -> Any:
            assert put_any(other, "c") == 2
            assert put_any(other, "d") == 3
            raise AutoReconnect("the request was lost")

        wire(store, CAS, another_wins)
        assert put_any(store, "b") == 4
        assert ledger(store) == [("a", 1), ("c", 2), ("d", 3), ("b", 4)]


class TestManySeriesInOneBatch:
    KEYS: ClassVar = [SeriesKey(account, f"key-{number}") for account in (1, 2) for number in "123"]

    def ask_all(self, token: str) -> list[AllocationRequest]:
        return [ask_any(token, series) for series in self.KEYS]

    def test_each_series_has_its_own_values(self, store: MongoStore, other: MongoStore) -> None:
        for server, token, value in ((store, "a", 1), (store, "b", 2), (other, "c", 3)):
            assert values(server.allocate(self.ask_all(token))) == [value] * 6
        assert values(other.allocate(self.ask_all("a"))) == [1] * 6
        assert values(store.allocate(self.ask_all("c"))) == [3] * 6
        peeked = store.peek([*self.KEYS, self.KEYS[0], SeriesKey(1, "none")])
        assert [entry and entry.value for entry in peeked] == [3] * 7 + [None]

    def test_a_series_advanced_by_another_server_does_not_stop_the_others(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        store.allocate(self.ask_all("a"))
        put_any(other, "x", self.KEYS[1])
        mixed = [*self.ask_all("b"), *self.ask_all("a"), ask_any("c", self.KEYS[1])]
        assert values(store.allocate(mixed)) == [2, 3, 2, 2, 2, 2] + [1] * 6 + [4]

    def test_a_series_created_concurrently_is_continued(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_makes_one(call: Call) -> Any:
            assert put_any(other, "x", self.KEYS[2]) == 1
            return call()

        wire(store, CAS, another_makes_one)
        assert values(store.allocate(self.ask_all("a"))) == [1, 1, 2, 1, 1, 1]

    def test_all_updates_with_a_lost_response_are_found(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        store.allocate(self.ask_all("a"))

        def one_continues(call: Call) -> Any:
            call()
            assert put_any(other, "x", self.KEYS[4]) == 3
            raise AutoReconnect("the response was lost")

        wire(store, CAS, one_continues)
        assert values(store.allocate(self.ask_all("b"))) == [2] * 6
        assert values(other.allocate(self.ask_all("c"))) == [3, 3, 3, 3, 4, 3]

    def test_a_failed_series_does_not_fail_the_others(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        other.allocate(self.ask_all("a"))
        other.close()
        row = store._ledger._entries.find_one_and_update(
            {"account": 1, "key": "key-2"}, {"$set": {"token": "forged"}}
        )
        assert row is not None
        answers = store.allocate(self.ask_all("b"))
        assert isinstance(answers[1], InternalError)
        assert values([*answers[:1], *answers[2:]]) == [2] * 5

    def test_an_acknowledged_head_is_never_missed(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        """A server without a cache sees it, too, for every order of reads."""
        for turn in range(1, 6):
            store.allocate(self.ask_all(str(turn)))
            for keys in (self.KEYS, self.KEYS[::-1]):
                peeked = other.peek(keys)
                assert [entry and entry.value for entry in peeked] == [turn] * 6

    def test_lost_updates_are_resent_together(self, store: MongoStore) -> None:
        wire(store, CAS, request_lost)
        single_reads = Wire(store._heads._current, "find_one")
        store._heads._current = single_reads  # type: ignore[assignment]
        single_reads.script = [lambda call: pytest.fail("a head was read alone")]
        assert values(store.allocate([ask_any("a"), ask_any("a", OTHER)])) == [1, 1]
        assert ledger(store) == [("a", 1)]

    @pytest.mark.parametrize("again", [request_lost, response_lost, only_first_applied])
    def test_updates_applied_in_part_are_found(
        self, store: MongoStore, other: MongoStore, again: Callable[[Call], Any]
    ) -> None:
        store.allocate(self.ask_all("a"))
        wire(store, CAS, only_first_applied, again)
        assert values(store.allocate(self.ask_all("b"))) == [2] * 6
        assert values(other.allocate(self.ask_all("c"))) == [3] * 6

    def test_a_late_copy_of_the_updates_changes_nothing(self, store: MongoStore) -> None:
        store.allocate(self.ask_all("a"))
        delayed = DelayedRequest()
        wire(store, CAS, delayed.seems_lost)
        assert values(store.allocate(self.ask_all("b"))) == [2] * 6
        assert delayed.arrive() == [0]
        assert values(store.allocate(self.ask_all("c"))) == [3] * 6
        assert delayed.arrive() == [0]
        assert values(store.allocate(self.ask_all("b"))) == [2] * 6

    def test_updates_are_unknown_if_they_cannot_be_resolved(
        self, database_url: str, other: MongoStore
    ) -> None:
        client: MongoClient[Any] = MongoClient(database_url)
        store = MongoStore(client.get_default_database())
        assert values(store.allocate(self.ask_all("a"))) == [1] * 6
        store._deadlines.seconds, store._deadlines.attempt_seconds = 0.5, 0.2
        wire(store, CAS, response_lost)
        reads = Wire(store._heads._current, "find_one")
        reads.script = [request_lost] * 1000
        store._heads._current = reads  # type: ignore[assignment]
        answers = store.allocate(self.ask_all("b"))
        assert [getattr(answer, "applied", None) for answer in answers] == ["unknown"] * 6
        store.close()
        assert values(other.allocate(self.ask_all("c"))) == [3] * 6
        assert values(other.allocate(self.ask_all("b"))) == [2] * 6

    def test_carried_tokens_survive_a_failed_seal_during_the_seal_of_another_series(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        """Sealing in the background fails at that moment."""
        ours, theirs = self.KEYS[:2]
        store._sealer._seal = lambda heads: None  # as if it failed
        put_any(store, "a", ours)
        head = store._heads._remembered.get(ours)
        assert head is not None
        assert head.sealing is not None
        assert head.sealing.wait(10)
        head.sealing.clear()  # as if it were running
        other._sealer._seal = lambda heads: None
        put_any(other, "x", theirs)
        inserts = Wire(store._ledger._entries, "insert_many")
        store._ledger._entries = inserts  # type: ignore[assignment]

        def fails_meanwhile(call: Call) -> Any:
            assert head.sealing is not None
            head.sealing.set()
            return call()

        inserts.script = [fails_meanwhile]
        assert values(store.allocate([ask_any("b", ours), ask_any("y", theirs)])) == [2, 2]
        assert not inserts.script
        assert ledger(other, ours) == [("a", 1), ("b", 2)]

    def test_updates_that_lost_are_repeated_together(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        store.allocate(self.ask_all("a"))
        assert values(other.allocate(self.ask_all("b")[:5])) == [2] * 5
        steps = wire(store, CAS, lambda call: call(), lambda call: call())
        turns = Wire(steps, "find_one_and_update")  # type: ignore[arg-type]
        turns.script = [lambda call: pytest.fail("an update was repeated alone")]
        store._heads._series = turns  # type: ignore[assignment]
        asked = [*self.ask_all("c"), ask_any("b", self.KEYS[0])]
        assert values(store.allocate(asked)) == [3, 3, 3, 3, 3, 2, 2]
        assert not steps.script
        assert values(other.allocate(self.ask_all("c"))) == [3, 3, 3, 3, 3, 2]

    def test_updates_that_were_applied_and_replaced_are_not_repeated(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        store.allocate(self.ask_all("a"))

        def most_continue(call: Call) -> Any:
            call()
            assert values(other.allocate(self.ask_all("x")[:4])) == [3] * 4
            raise AutoReconnect("the response was lost")

        wire(store, CAS, most_continue)
        assert values(store.allocate(self.ask_all("b"))) == [2] * 6
        assert values(other.allocate(self.ask_all("y"))) == [4, 4, 4, 4, 3, 3]

    def test_updates_that_lost_twice_are_repeated_one_by_one(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        store.allocate(self.ask_all("a"))
        others = iter("xyz")

        def some_are_faster(call: Call) -> Any:
            other.allocate(self.ask_all(next(others))[1:5])
            return call()

        wire(store, CAS, some_are_faster, some_are_faster, some_are_faster)
        assert values(store.allocate(self.ask_all("b"))) == [2, 5, 5, 5, 5, 2]

    def test_one_lost_update_does_not_cause_a_read_per_series(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        keys = [SeriesKey(1, f"many-{number}") for number in range(20)]
        for number, token in enumerate("ab", 1):
            asked = [ask_any(token, key) for key in keys]
            assert values(store.allocate(asked)) == [number] * 20
        assert put_any(other, "c", keys[7]) == 3
        single_reads = Wire(store._heads._current, "find_one")
        store._heads._current = single_reads  # type: ignore[assignment]
        single_reads.script = [lambda call: call() for _ in range(3)]
        expected = [4 if key == keys[7] else 3 for key in keys]
        assert values(store.allocate([ask_any("d", key) for key in keys])) == expected
        assert single_reads.script, "more reads than the first one, and one of the lost update"

    def test_updates_create_no_transaction_records(self, database_url: str) -> None:
        sent: list[Any] = []

        class Sent(CommandListener):
            def started(self, event: CommandStartedEvent) -> None:
                if event.command_name == "update":
                    sent.append(event.command)

            def succeeded(self, event: object) -> None: ...

            def failed(self, event: object) -> None: ...

        client: MongoClient[Any] = MongoClient(database_url, event_listeners=[Sent()])
        store = MongoStore(client.get_default_database())
        for token in ("a", "b"):
            store.allocate([ask_any(token), ask_any(token, OTHER)])
        store.close()
        assert [len(command["updates"]) for command in sent] == [2, 2]
        assert not any("txnNumber" in command for command in sent)


class TestSealingHeadsOfOtherServers:
    KEYS: ClassVar = [SeriesKey(1, name) for name in ("young", "half", "old", "wrong", "sealed")]

    @pytest.fixture
    def unsealed(self, store: MongoStore, other: MongoStore) -> None:
        """Neither server seals in the background."""
        store._sealer._seal = other._sealer._seal = lambda heads: None

    def counted(self, store: MongoStore) -> Counter[str]:
        """Count the commands to the ledger from now on."""
        calls: Counter[str] = Counter()

        class Counting(Wire):
            def __getattr__(self, name: str) -> Any:
                if name in ("find", "insert_many"):
                    calls[name] += 1
                return super().__getattr__(name)

        store._ledger._entries = Counting(store._ledger._entries, "")  # type: ignore[assignment]
        return calls

    @pytest.mark.usefixtures("unsealed")
    def test_a_recent_head_is_inserted_without_a_read(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        other.allocate([ask_any("a"), ask_any("b")])
        head = other._heads._remembered.get(SERIES)
        assert head is not None
        store._ledger._now = lambda: head.created_at
        calls = self.counted(store)
        assert put_any(store, "c") == 3
        assert calls == {"insert_many": 1}
        assert ledger(other) == [("a", 1), ("b", 2), ("c", 3)]

    def test_an_older_head_is_only_read(self, store: MongoStore, other: MongoStore) -> None:
        other.allocate([ask_any("a"), ask_any("b")])
        other.close()  # which seals it
        store._sealer._seal = lambda heads: None
        store._ledger._now = lambda: 2**62
        calls = self.counted(store)
        assert put_any(store, "c") == 3
        assert calls == {"find": 1}

    @pytest.mark.usefixtures("unsealed")
    def test_each_head_is_completed_or_reported_separately(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        given = [ask_any(token, key) for key in self.KEYS for token in "ab"]
        assert values(other.allocate(given)) == [1, 2] * 5
        times = dict(zip(self.KEYS, (1000, 1000, 0, 0, 0), strict=True))
        for key, created_at in times.items():
            condition = {"key": key.key}
            store._heads._series.update_one(condition, {"$set": {"created_at": Int64(created_at)}})
        heads = store._heads.read(self.KEYS, store._deadlines.start())
        for key in self.KEYS[1:5]:
            store._ledger.seal_fresh(
                [(key, replace(heads[key], fresh=2))], store._deadlines.start()
            )
        entries = store._ledger._entries
        entries.delete_one({"key": "half", "value": 2})
        entries.delete_many({"key": "old"})
        entries.update_one({"key": "wrong", "value": 1}, {"$set": {"token": "forged"}})
        store._ledger._now = lambda: 1050
        answers = store.allocate([ask_any("c", key) for key in self.KEYS])
        assert isinstance(answers[3], InternalError)
        assert values([*answers[:3], *answers[4:]]) == [3] * 4
        for key in (*self.KEYS[:3], self.KEYS[4]):
            assert ledger(store, key) == [("a", 1), ("b", 2), ("c", 3)]

    @pytest.mark.usefixtures("unsealed")
    def test_a_series_is_not_advanced_if_sealing_its_head_fails(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        ours, theirs = self.KEYS[:2]
        put_any(store, "a", ours)
        put_any(other, "x", theirs)
        inserts = Wire(store._ledger._entries, "insert_many")
        inserts.script = [request_lost] * 1000
        store._ledger._entries = inserts  # type: ignore[assignment]
        store._deadlines.seconds, store._deadlines.attempt_seconds = 0.5, 0.2
        answers = store.allocate([ask_any("b", ours), ask_any("y", theirs)])
        assert isinstance(answers[1], StoreUnavailable)
        assert answers[1].applied == "no"
        assert values(other.allocate([ask_any("b", ours), ask_any("y", theirs)])) == [2, 2]


class TestOutdatedCache:
    def test_a_head_that_another_server_replaced_is_read_again(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        for turn in range(1, 20, 2):
            assert put_any(store, f"t{turn}") == turn
            assert put_any(other, f"t{turn + 1}") == turn + 1

    def test_a_repeat_is_not_answered_from_a_deleted_generation(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put_any(store, "a")
        other.delete(SERIES, restart=False)
        assert put_any(store, "a") == 2

    def test_the_current_token_is_not_taken_from_the_cache(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        put(other, "b")
        assert put(store, "a") == 3

    def test_a_token_of_another_generation_is_not_confused(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        other.delete(SERIES, restart=True)
        put(other, "a")  # the same token and value: only generation and stamp differ
        assert put(store, "b") == 2
        assert ledger(other) == [("a", 1), ("b", 2)]

    def test_the_cache_is_bounded(self) -> None:
        heads = HeadCache()
        for number in range(MAX_REMEMBERED):
            heads.put(SeriesKey(1, str(number)), Head(batch=("t",) * (number % 50)))
        assert sum(4 + len(head.batch) for head in heads._heads.values()) <= MAX_REMEMBERED
        assert heads.get(SeriesKey(1, str(MAX_REMEMBERED - 1))) is not None
        assert heads.get(SeriesKey(1, "0")) is None


def test_two_servers_on_one_series_both_make_progress(store: MongoStore, other: MongoStore) -> None:
    answers: dict[MongoStore, list[int]] = {store: [], other: []}
    enough = threading.Event()

    def hammer(server: MongoStore, name: str) -> None:
        while not enough.is_set():
            number = len(answers[server])
            answers[server].append(put_any(server, f"{name}-{number}"))
            if sum(map(len, answers.values())) >= 200:
                enough.set()

    threads = [
        threading.Thread(target=hammer, args=(server, name))
        for server, name in ((store, "a"), (other, "b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = sorted(answers[store] + answers[other])
    assert given == list(range(1, len(given) + 1))
    assert min(map(len, answers.values())) >= len(given) / 5


def test_the_end_of_a_batch_is_carried() -> None:
    """This holds also if a later part was sealed first."""
    first = Head(value=3, batch=("a", "b", "c"), fresh=3, sealing=threading.Event())
    second = Head(value=4, batch=("a", "b", "c", "d"), fresh=1, sealing=threading.Event())
    third = Head(value=5, batch=(*"abcde",), fresh=1, sealing=threading.Event())
    third.carried = (first, second)
    second.sealed = True
    assert third.unsealed() == (first, second, third)
    first.sealed = True
    assert third.unsealed() == (third,)


class TestContention:
    """While other servers update the same series, cached heads are often outdated."""

    MANY: ClassVar = [SeriesKey(1, str(number)) for number in range(50)]

    def reads_before_a_batch(self, store: MongoStore) -> bool:
        reads = Wire(store._heads._series, "find")
        reads.script = [lambda call: call()]
        before, store._heads._series = store._heads._series, reads  # type: ignore[assignment]
        put(store, str(ObjectId()))
        store._heads._series = before
        return not reads.script

    def test_heads_are_read_before_a_batch_after_contention(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        assert not self.reads_before_a_batch(store)
        put(other, "b")
        assert not self.reads_before_a_batch(store)
        assert self.reads_before_a_batch(store)

    def test_no_update_is_lost_after_heads_are_read(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        put(other, "b")
        put(store, "c")
        turns = Wire(store._heads._series, "find_one_and_update")
        turns.script = [lambda call: pytest.fail("an update was lost")]
        store._heads._series = turns  # type: ignore[assignment]
        for value in range(4, 20, 2):
            assert put(other, f"{value}") == value
            assert put(store, f"{value + 1}") == value + 1

    def test_heads_of_other_servers_are_sealed_together(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        for server, token in ((store, "a"), (other, "b"), (store, "c"), (other, "d")):
            server.allocate([ask_any(token, series) for series in self.MANY])
        entries = store._ledger._entries
        finds, inserts = Wire(entries, "find"), Wire(entries, "insert_many")
        finds.script = [lambda call: call()] * 4
        inserts.script = [lambda call: call()] * 2
        store._sealer.close()
        for method in (finds, inserts):
            method._collection, store._ledger._entries = store._ledger._entries, method  # type: ignore[assignment]
        asked = [ask_any("e", series) for series in self.MANY]
        assert values(store.allocate(asked)) == [5] * 50
        assert finds.script
        assert inserts.script
        assert ledger(other, self.MANY[7]) == [
            (token, value) for value, token in enumerate("abcde", 1)
        ]

    def test_a_server_that_won_pauses_once(self, store: MongoStore, other: MongoStore) -> None:
        many = [ask_any("a", series) for series in self.MANY]
        store.allocate(many)
        for each in self.MANY:
            head = store._heads._remembered.get(each)
            assert head is not None
            head.pause = 0.125
        slept: list[float] = []
        store._heads._runtime = replace(PRODUCTION, sleep=slept.append)
        for _ in range(2):
            assert values(store.allocate(many)) == [1] * 50
        assert slept == [0.125]

    def test_a_server_that_won_pauses_once_if_the_other_has_updated_the_head(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        put(store, "a")
        head = store._heads._remembered.get(SERIES)
        assert head is not None
        head.pause = 0.125
        put(other, "b")
        slept: list[float] = []
        store._heads._runtime = replace(PRODUCTION, sleep=slept.append)
        assert [put_any(store, token) for token in "aba"] == [1, 2, 1]
        assert slept == [0.125]

    def test_repeats_do_not_extend_the_contention_window(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        """The head of another server is not replaced by repeats of this server."""
        clock = SimpleNamespace(now=1000.0)
        store._heads._runtime = replace(PRODUCTION, monotonic=lambda: clock.now)
        for key in (SERIES, OTHER):
            put_any(store, "a", key)
            put_any(other, "b", key)
        put(store, "c")
        for clock.now in (1005.0, 1012.0, 1014.9):
            assert put_any(store, "b", OTHER) == 2
        assert self.reads_before_a_batch(store)
        clock.now = 1015.1
        assert not self.reads_before_a_batch(store)

    def test_heads_are_not_read_after_the_contention_window(
        self, store: MongoStore, other: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(store, "a")
        for seconds in (10, 0):
            monkeypatch.setattr(series, "CONTENTION_WINDOW_SECONDS", seconds)
            put(other, f"of another before {seconds}")
            put(store, f"{seconds}")
            put(store, f"after {seconds}")
            assert self.reads_before_a_batch(store) is bool(seconds)

    def test_an_advance_of_this_server_is_not_contention(self, store: MongoStore) -> None:
        put(store, "a")

        def raised_meanwhile(call: Call) -> Any:
            store.advance_to(SERIES, 10, BY)
            return call()

        wire(store, CAS, raised_meanwhile)
        assert put(store, "b") == 11
        assert not self.reads_before_a_batch(store)

    def test_concurrent_batches_of_one_server_are_right(self, store: MongoStore) -> None:
        answers: dict[str, list[int]] = {name: [] for name in "ab"}

        def ask(name: str) -> None:
            answers[name].extend(put_any(store, f"{number}") for number in range(50))

        threads = [threading.Thread(target=ask, args=(name,)) for name in answers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers["a"] == answers["b"] == list(range(1, 51))
        assert sorted(value for _, value in ledger(store)) == list(range(1, 51))


@pytest.fixture(scope="module")
def frozen_set() -> Iterator[ReplicaSet]:
    """A separate replica set for tests that freeze its members."""
    with ReplicaSet.start(election_ms=4000) as replica_set:
        yield replica_set


class TestWithoutAMajority:
    @pytest.fixture
    def impatient(self, frozen_set: ReplicaSet) -> Iterator[MongoStore]:
        client = frozen_set.client()
        client.drop_database("impatient")
        store = MongoStore(client["impatient"], call_seconds=1.5, attempt_seconds=0.5)
        yield store
        store.close()

    @pytest.fixture
    def freeze(self, frozen_set: ReplicaSet) -> Iterator[Callable[[], Any]]:
        secondaries = [each for each in frozen_set.members if each is not frozen_set.primary()]
        frozen = []

        def freeze() -> None:
            for each in secondaries:
                each.pause()
                frozen.append(each)

        yield freeze
        for each in frozen:
            each.resume()
        frozen_set.wait_until_healthy()

    def test_a_write_is_unknown_and_its_retry_returns_the_same_value(
        self, frozen_set: ReplicaSet, impatient: MongoStore, freeze: Callable[[], Any]
    ) -> None:
        assert [put_any(impatient, token) for token in "aba"] == [1, 2, 1]  # and both are sealed
        freeze()
        with pytest.raises(StoreUnavailable) as error:
            put_any(impatient, "c")
        assert error.value.applied == "unknown"
        for member in frozen_set.members:
            member.resume()
        frozen_set.wait_until_healthy()
        patient = MongoStore(frozen_set.client()["impatient"])
        assert [put_any(patient, token) for token in "abcd"] == [1, 2, 3, 4]
        patient.close()

    def test_a_lookup_older_than_the_head_does_not_report_a_token_as_absent(
        self, frozen_set: ReplicaSet, impatient: MongoStore, freeze: Callable[[], Any]
    ) -> None:
        """On a new primary the committed state can be older than the head."""
        put_any(impatient, "a")
        head = impatient._heads.current(SERIES, impatient._deadlines.start())
        impatient._ledger.seal(SERIES, head, impatient._deadlines.start())
        head = replace(head, value=2, token="b", batch=("b",))
        freeze()
        with frozen_set.client(w=1) as client, client.start_session() as session:
            client["impatient"]["elsewhere"].insert_one({}, session=session)
            head.seen_at(session.operation_time)  # newer than any committed state
            with pytest.raises(StoreUnavailable):
                impatient._ledger.last_values(
                    {SERIES: head}, [ask_any("a")], impatient._deadlines.start()
                )
        for member in frozen_set.members:
            member.resume()
        frozen_set.wait_until_healthy()
        known = impatient._ledger.last_values(
            {SERIES: head}, [ask_any("a")], impatient._deadlines.start()
        )
        assert known[SERIES]["a"] == 1

    def test_a_read_fails_rather_than_being_stale(
        self, impatient: MongoStore, freeze: Callable[[], Any]
    ) -> None:
        put_any(impatient, "a")
        freeze()
        with pytest.raises(StoreUnavailable) as error:
            impatient.peek([SERIES])
        assert error.value.applied == "no"
