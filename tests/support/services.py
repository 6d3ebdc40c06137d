"""The services on a store, composed as in a server."""

from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.store import Store


class StoreServices:
    """Series and versions of a store. `close` does not close the store."""

    def __init__(self, store: Store) -> None:
        self.executor = StoreExecutor(store.max_concurrency)
        self.series = SeriesService(store, self.executor)
        self.versions = VersionService(store, self.executor)

    def close(self) -> None:
        self.executor.close()
