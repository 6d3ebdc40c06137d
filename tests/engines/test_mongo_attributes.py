"""Attributes in MongoDB: concurrent calls of two servers on a real replica set."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from contract.asking import OTHER, SERIES, ledger, put, put_any
from monotron.errors import InvalidRequest
from monotron.store import open_store
from monotron.store.mongo import MongoStore
from support.wire import Call, Wire, response_lost

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


def before_writing(store: MongoStore, *script: Callable[[Call], Any]) -> None:
    """Script the next writes of attributes. Their transactions have read them already."""
    wire = Wire(store.attributes._attributes, "find_one_and_update")
    wire.script = list(script)
    store.attributes._attributes = wire  # type: ignore[assignment]


def merge(store: MongoStore, **attributes: str) -> dict[str, str]:
    return store.attributes.merge(SERIES, "a", attributes)


def found(store: MongoStore) -> dict[str, str]:
    return store.attributes.all(SERIES, "a")


class TestConcurrentWrites:
    @pytest.fixture(params=[False, True], autouse=True)
    def exists(self, store: MongoStore, request: pytest.FixtureRequest) -> bool:
        """Whether the token has a document already, which is then replaced instead of inserted."""
        if request.param:
            merge(store, x="0")
        return bool(request.param)

    def test_a_merge_is_repeated_after_a_faster_merge(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_wins(call: Call) -> Any:
            merge(other, x="2", y="2")
            return call()

        before_writing(store, another_wins)
        assert merge(store, x="1") == {"x": "1", "y": "2"}
        assert found(other) == {"x": "1", "y": "2"}

    def test_a_merge_is_refused_after_a_faster_merge_that_reached_the_limit(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_fills_it(call: Call) -> Any:
            merge(other, **{f"x{each}": "2" for each in range(63)}, x="2")
            return call()

        before_writing(store, another_fills_it)
        with pytest.raises(InvalidRequest):
            merge(store, y="1")
        assert "y" not in found(store)

    def test_a_write_with_a_lost_response_is_applied_once(self, store: MongoStore) -> None:
        before_writing(store, response_lost)
        assert merge(store, x="1") == {"x": "1"}
        assert found(store) == {"x": "1"}


def test_a_removal_after_a_faster_removal_removes_nothing(
    store: MongoStore, other: MongoStore
) -> None:
    def another_wins(call: Call) -> Any:
        assert other.attributes.remove(SERIES, "a", None)
        return call()

    merge(store, x="1")
    before_writing(store, another_wins)
    assert not store.attributes.remove(SERIES, "a", "x")


@pytest.mark.parametrize("counted", [False, True])
class TestDeletes:
    def test_a_delete_during_a_merge_ends_the_merged_attributes(
        self, store: MongoStore, other: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")
        merge(store, x="0")

        def a_delete_comes_between(call: Call) -> Any:
            other.delete(SERIES, restart=False)
            assert merge(other, y="2") == {"y": "2"}
            return call()

        before_writing(store, a_delete_comes_between)
        assert merge(store, x="1") == {"x": "1"}  # as if it had come before the delete
        for server in (store, other):
            assert found(server) == {"y": "2"}
        assert put(store, "b") == (2 if counted else 1)

    def test_attributes_of_a_restarted_series_are_new(
        self, store: MongoStore, other: MongoStore, counted: bool
    ) -> None:
        if counted:
            put(store, "a")
        merge(store, x="1")
        other.delete(SERIES, restart=True)
        assert found(store) == found(other) == {}
        assert put(store, "a") == 1
        assert merge(other, y="2") == {"y": "2"}


class TestNewSeries:
    def test_attributes_created_during_a_first_value_belong_to_its_generation(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_counts(call: Call) -> Any:
            assert put(other, "a") == 1
            return call()

        wire = Wire(store._documents._series, "insert_many")
        wire.script = [another_counts]
        store._documents._series = wire  # type: ignore[assignment]
        assert merge(store, x="1") == {"x": "1"}
        assert found(other) == {"x": "1"}
        assert [put_any(store, token) for token in "ab"] == [1, 2]
        assert ledger(other) == [("a", 1), ("b", 2)]

    def test_a_first_value_after_attributes_is_1(
        self, store: MongoStore, other: MongoStore
    ) -> None:
        def another_merges(call: Call) -> Any:
            assert merge(other, x="1") == {"x": "1"}
            raise AutoReconnect("the request was lost")

        wire = Wire(store._documents._series, "insert_many")
        wire.script = [another_merges]
        store._documents._series = wire  # type: ignore[assignment]
        assert put(store, "a") == 1
        assert found(store) == {"x": "1"}


def test_user_text_is_never_a_field_name(store: MongoStore) -> None:
    store.attributes.merge(SERIES, "a", {"$set": "1", "a.b": "2"})
    store.attributes.merge(OTHER, "a", {})
    (row,) = store.attributes._attributes.find({})
    assert row["attributes"] == [{"name": "$set", "value": "1"}, {"name": "a.b", "value": "2"}]
    assert row.keys() == {"_id", "account", "key", "generation", "token", "attributes"}
