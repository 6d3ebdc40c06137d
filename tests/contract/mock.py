"""A MongoDB store on mongomock, for its logic only."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import mongomock

from monotron.model.series import SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.client import Driver
from monotron.store.mongo.heads import Head
from monotron.store.mongo.sealer import Sealer


class SealAtOnce(Sealer):
    """Seals in the thread of the caller: mongomock is not atomic, so nothing runs concurrently."""

    def seal_soon(self, series: SeriesKey, head: Head) -> None:
        self._seal([(series, head)])


class Update(NamedTuple):
    """`pymongo.UpdateMany`, with public fields."""

    filter: dict[str, Any]
    update: dict[str, Any]
    upsert: bool = False


class OneByOne:
    """A collection without bulk writes: mongomock's do not support those of current PyMongo."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def bulk_write(self, updates: Sequence[Update], **_: object) -> SimpleNamespace:
        results = [self._collection.update_many(*update) for update in updates]
        return SimpleNamespace(
            matched_count=sum(result.matched_count for result in results),
            upserted_count=sum(result.upserted_id is not None for result in results),
        )


class MockStore(MongoStore):
    sealer_type = SealAtOnce


def mongomock_store() -> MongoStore:
    update_many: Any = Update
    store = MockStore(
        mongomock.MongoClient()["monotron"],
        driver=Driver(update_many=update_many),
        replicated=False,
    )
    store._heads._series = OneByOne(store._heads._series)  # type: ignore[assignment]
    return store
