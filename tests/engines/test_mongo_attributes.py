"""Attributes in MongoDB: every interleaving that the store handles, on a real replica set."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect, DuplicateKeyError

from contract.asking import OTHER, SERIES, ledger, put, put_any
from monotron.errors import InvalidRequest, StoreUnavailable
from monotron.store import open_store
from monotron.store.mongo import MongoStore
from support.wire import Call, Wire, request_lost, response_lost

Opened = Callable[[], MongoStore]


@pytest.fixture
def opened(database_url: str) -> Iterator[Opened]:
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
def store(opened: Opened) -> MongoStore:
    return opened()


@pytest.fixture
def other(opened: Opened) -> MongoStore:
    """A second server on the same database."""
    return opened()


def wire_heads(store: MongoStore, *script: Callable[[Call], Any]) -> Wire:
    """Script the next writes of heads."""
    wire = Wire(store._heads._series, "bulk_write")
    wire.script = list(script)
    store._heads._series = wire  # type: ignore[assignment]
    return wire


def wire(store: MongoStore, *script: Callable[[Call], Any]) -> Wire:
    """Script the next writes of attributes."""
    wire = Wire(store.attributes._attributes, "update_one")
    wire.script = list(script)
    store.attributes._attributes = wire  # type: ignore[assignment]
    return wire


def merge(store: MongoStore, **attributes: str) -> dict[str, str]:
    return store.attributes.merge(SERIES, "a", attributes)


def found(store: MongoStore) -> dict[str, str]:
    return store.attributes.all(SERIES, "a")


def generations(store: MongoStore) -> set[ObjectId]:
    """Return the generations that have documents."""
    return {row["generation"] for row in store.attributes._attributes.find({})}


class Late:
    """A write that seems lost, and arrives when `arrive` is called."""

    def __init__(self) -> None:
        self._call: Call | None = None

    def __call__(self, call: Call) -> Any:
        self._call = call
        raise AutoReconnect("no answer yet")

    def arrive(self) -> bool:
        """Apply the write. Return whether it changed anything."""
        assert self._call is not None
        try:
            result = self._call()
        except DuplicateKeyError:
            return False
        return bool(result.matched_count or result.upserted_id)


class TestWritesInDoubt:
    @pytest.fixture(params=[False, True], autouse=True)
    def made(self, store: MongoStore, request: pytest.FixtureRequest) -> bool:
        """Whether the token has a document already, which is then replaced instead of inserted."""
        if request.param:
            merge(store, x="0")
        return bool(request.param)

    def test_a_write_with_a_lost_response_is_found_by_its_stamp(self, store: MongoStore) -> None:
        script = wire(store, response_lost)
        assert merge(store, x="1") == {"x": "1"}
        assert script.script == []

    def test_a_write_with_a_lost_request_is_sent_again(self, store: MongoStore) -> None:
        script = wire(store, request_lost, request_lost)
        assert merge(store, x="1") == {"x": "1"}
        assert script.script == []
        assert found(store) == {"x": "1"}

    def test_a_late_write_undoes_nothing(self, store: MongoStore, other: MongoStore) -> None:
        late = Late()
        wire(store, late)
        assert merge(store, x="1") == {"x": "1"}
        assert merge(other, x="2") == {"x": "2"}
        assert not late.arrive()
        assert found(store) == {"x": "2"}

    def test_a_late_write_does_not_restore_removed_attributes(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        late = Late()
        wire(store, late)
        merge(store, x="1")
        assert other.attributes.remove(SERIES, "a", None)
        assert not late.arrive()
        assert found(store) == {}

    def test_a_write_that_arrives_before_its_retry_is_applied_once(self, store: MongoStore) -> None:
        late = Late()

        def arrives_first(call: Call) -> Any:
            assert late.arrive()
            return call()

        wire(store, late, arrives_first)
        assert merge(store, x="1") == {"x": "1"}

    @pytest.mark.parametrize("applied", [False, True])
    def test_a_write_concurrent_with_another_one_is_reported_as_unknown(
        self, store: MongoStore, other: MongoStore, made: bool, applied: bool
    ) -> None:
        def another_comes_too(call: Call) -> Any:
            if applied:
                call()
            merge(other, x="2")
            raise AutoReconnect("no answer")

        wire(store, another_comes_too)
        with pytest.raises(StoreUnavailable) as error:
            merge(store, x="1", y="1")
        assert error.value.applied == "unknown"
        # The other write is not undone, whichever came first.
        assert found(store) == ({"x": "2", "y": "1"} if applied else {"x": "2"})
        assert merge(store, x="1", y="1") == {"x": "1", "y": "1"}

    def test_a_removal_with_a_lost_response_is_found_by_its_stamp(self, store: MongoStore) -> None:
        merge(store, x="1", y="2")
        script = wire(store, response_lost)
        assert store.attributes.remove(SERIES, "a", "x")
        assert script.script == []
        assert found(store) == {"y": "2"}


class TestConcurrentWrites:
    def test_a_merge_is_repeated_after_a_faster_merge(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_wins(call: Call) -> Any:
            merge(other, x="2", y="2")
            return call()

        wire(store, another_wins, another_wins)
        assert merge(store, x="1") == {"x": "1", "y": "2"}

    def test_a_merge_after_a_faster_merge_that_reached_the_limit_is_refused(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_fills_it(call: Call) -> Any:
            merge(other, **{f"x{each}": "2" for each in range(64)})
            return call()

        wire(store, another_fills_it)
        with pytest.raises(InvalidRequest):
            merge(store, y="1")
        assert "y" not in found(store)

    def test_a_removal_after_a_faster_removal_removes_nothing(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_wins(call: Call) -> Any:
            assert other.attributes.remove(SERIES, "a", None)
            return call()

        merge(store, x="1")
        wire(store, another_wins)
        assert not store.attributes.remove(SERIES, "a", "x")


@pytest.mark.parametrize("counted", [False, True])
class TestDeletes:
    def test_a_delete_during_a_merge_ends_the_merged_attributes(
        self, store: MongoStore, other: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")

        def a_delete_comes_between(call: Call) -> Any:
            other.delete(SERIES, restart=False)
            assert merge(other, y="2") == {"y": "2"}
            return call()

        wire(store, a_delete_comes_between)
        assert merge(store, x="1") == {"x": "1"}  # as if it had come before the delete
        for server in (store, other):
            assert found(server) == {"y": "2"}
        assert put(store, "b") == (2 if counted else 1)

    def test_a_delete_is_not_undone_by_a_late_write(
        self, store: MongoStore, other: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")
        late = Late()
        wire(store, late)
        merge(store, x="1")
        (generation,) = generations(store)
        other.delete(SERIES, restart=True)
        other._sealer._sweep((SERIES, generation))
        assert generations(store) == set()
        late.arrive()
        assert generations(store) <= {generation}
        assert found(store) == found(other) == {}
        assert put(other, "a") == 1
        assert found(store) == found(other) == {}

    def test_a_delete_with_a_lost_response_is_applied(
        self, store: MongoStore, other: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")
        merge(store, x="1")
        script = wire_heads(store, response_lost)
        store.delete(SERIES, restart=False)
        assert script.script == []
        assert found(store) == found(other) == {}

    def test_a_delete_after_a_faster_delete_is_complete(
        self, store: MongoStore, other: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")
        merge(store, x="1")

        def another_deletes_too(call: Call) -> Any:
            other.delete(SERIES, restart=False)
            merge(other, y="2")  # in the generation after both
            return call()

        script = wire_heads(store, another_deletes_too)
        store.delete(SERIES, restart=False)
        assert script.script == []
        assert found(store) == {"y": "2"}

    def test_a_delete_sweeps_the_old_generation_only(
        self, store: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")
        for token in "ab":
            store.attributes.merge(SERIES, token, {"x": "1"})
        store.attributes.merge(OTHER, "a", {"x": "1"})
        swept: list[Any] = []
        store._sealer.sweep_later = lambda series, generation: swept.append((series, generation))  # type: ignore[method-assign]
        store.delete(SERIES, restart=False)
        merge(store, y="2")
        (ended,) = swept
        store._sealer._sweep(ended)
        assert store.attributes._attributes.count_documents({}) == 2
        assert found(store) == {"y": "2"}
        assert store.attributes.all(OTHER, "a") == {"x": "1"}


class TestNewSeries:
    def test_a_creation_with_a_lost_response_is_found(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        script = wire_heads(store, response_lost)
        assert merge(store, x="1") == {"x": "1"}
        assert script.script == []
        assert found(other) == {"x": "1"}

    @pytest.mark.parametrize("lost", [False, True])
    def test_a_creation_after_a_faster_first_value_uses_its_generation(
        self, store: MongoStore, other: MongoStore, lost: bool
    ) -> None:
        def another_counts(call: Call) -> Any:
            assert put(other, "a") == 1
            return request_lost(call) if lost else call()

        wire_heads(store, another_counts)
        assert merge(store, x="1") == {"x": "1"}
        assert found(other) == {"x": "1"}
        assert [put_any(store, token) for token in "ab"] == [1, 2]
        assert ledger(other) == [("a", 1), ("b", 2)]

    def test_a_first_value_after_a_creation_is_1(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_merges(call: Call) -> Any:
            assert merge(other, x="1") == {"x": "1"}
            return call()

        wire_heads(store, another_merges)
        assert put(store, "a") == 1
        assert found(store) == {"x": "1"}

    def test_a_late_creation_changes_nothing(self, store: MongoStore, other: MongoStore) -> None:
        late = Late()
        wire_heads(store, late)
        assert merge(store, x="1") == {"x": "1"}
        assert [put(other, token) for token in "ab"] == [1, 2]
        with pytest.raises(Exception, match="duplicate key"):
            late.arrive()
        assert found(store) == {"x": "1"}
        assert ledger(other) == [("a", 1), ("b", 2)]

    def test_a_created_head_is_cached(self, store: MongoStore, other: MongoStore) -> None:
        merge(store, x="1")
        assert put(other, "a") == 1
        assert put(store, "b") == 2
        assert ledger(store) == [("a", 1), ("b", 2)]


def test_user_text_is_never_a_field_name(store: MongoStore) -> None:
    store.attributes.merge(SERIES, "a", {"$set": "1", "a.b": "2"})
    (row,) = store.attributes._attributes.find({})
    assert row["attributes"] == [{"name": "$set", "value": "1"}, {"name": "a.b", "value": "2"}]
    assert row.keys() == {"_id", "account", "key", "generation", "token", "attributes", "stamp"}
