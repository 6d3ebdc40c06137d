"""The services on a store, composed as in a server."""

from collections.abc import Callable, Sequence
from typing import Any

from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.store import Store
from monotron.store.auth_interface import RecordChange


class StoreServices:
    """Series and versions of a store. `close` does not close the store."""

    def __init__(self, store: Store) -> None:
        self.executor = StoreExecutor(store.max_concurrency)
        self.series = SeriesService(store, self.executor)
        self.versions = VersionService(store, self.executor)

    def close(self) -> None:
        self.executor.close()


def before_a_change(store: Store, do: Callable[[], object]) -> None:
    """Call *do* once, before the next change of records: after a service has read them."""
    records: Any = store.auth_records
    change = records.change

    def interrupted(changes: Sequence[RecordChange], event: Any = None) -> bool:
        records.change = change
        do()
        return bool(change(changes, event))

    records.change = interrupted
