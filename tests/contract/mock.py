"""A MongoDB store on mongomock, for its logic only."""

import mongomock

from monotron.model import SeriesKey
from monotron.store.mongo import MongoStore
from monotron.store.mongo.heads import Head, Sealer


class SealAtOnce(Sealer):
    """Seals in the caller's thread: mongomock is not atomic, so nothing may run beside it."""

    def seal_soon(self, series: SeriesKey, head: Head) -> None:
        self._seal([(series, head)])


def mongomock_store() -> MongoStore:
    store = MongoStore(mongomock.MongoClient()["monotron"], replicated=False)
    store._sealer.close()
    store._sealer = SealAtOnce(store._sealer._seal, store._sealer._sweep)
    return store
