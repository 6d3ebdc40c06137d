"""A MongoDB store on mongomock, for its logic only."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import mongomock
from pymongo import UpdateMany

from monotron.model.series import SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.heads import Head, Sealer


class SealAtOnce(Sealer):
    """Seals in the caller's thread: mongomock is not atomic, so nothing may run beside it."""

    def seal_soon(self, series: SeriesKey, head: Head) -> None:
        self._seal([(series, head)])


class OneByOne:
    """A collection whose bulk writes are single ones: mongomock's do not know PyMongo's updates."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def bulk_write(self, updates: Sequence[UpdateMany], **_: object) -> SimpleNamespace:
        results = [
            self._collection.update_many(update._filter, update._doc, upsert=update._upsert)
            for update in updates
        ]
        return SimpleNamespace(
            matched_count=sum(result.matched_count for result in results),
            upserted_count=sum(result.upserted_id is not None for result in results),
        )


def mongomock_store() -> MongoStore:
    store = MongoStore(mongomock.MongoClient()["monotron"], replicated=False)
    store._heads._series = OneByOne(store._heads._series)  # type: ignore[assignment]
    store._sealer.close()
    store._sealer = SealAtOnce(store._sealer._seal, store._sealer._sweep)
    return store
