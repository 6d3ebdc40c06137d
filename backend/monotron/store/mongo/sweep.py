"""The background thread that removes the documents of deleted generations."""

import logging
from functools import partial
from queue import SimpleQueue

from bson import Int64
from pymongo.database import Database

from monotron.errors import MonotronError
from monotron.model.series import SeriesKey
from monotron.runtime import Runtime
from monotron.store.mongo.client import Document
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.reads import collection
from monotron.store.mongo.series import SeriesDocuments
from monotron.store.mongo.series_fields import where
from monotron.store.mongo.transactions import Transactions

log = logging.getLogger("monotron.store")

SWEEP_AFTER_SECONDS = 60.0
"""How long the documents of a deleted generation are kept. No call that reads them takes longer."""

SWEPT = ("entries", "attributes")


class Sweep:
    """Removes documents of deleted generations, which are never read again.

    A sweep that fails, or takes longer than its time limit, continues after another
    `SWEEP_AFTER_SECONDS`. If the process ends earlier, the documents remain until the series is
    deleted again.
    """

    def __init__(
        self,
        database: "Database[Document]",
        documents: SeriesDocuments,
        transactions: Transactions,
        runtime: Runtime,
    ) -> None:
        self._collections = [collection(database, name) for name in SWEPT]
        self._documents = documents
        self._transactions = transactions
        self._now = runtime.monotonic
        self._queue: SimpleQueue[tuple[float, SeriesKey] | None] = runtime.queue()
        self._closing = runtime.event()
        self._thread = runtime.spawn(self._run, "sweep")

    def later(self, series: SeriesKey) -> None:
        """Sweep the deleted generations of a series after `SWEEP_AFTER_SECONDS`."""
        self._queue.put((self._now() + SWEEP_AFTER_SECONDS, series))

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    def sweep(self, series: SeriesKey) -> None:
        """Remove the documents of generations before the current one.

        The current generation is read in a transaction that is committed: a generation that is
        rolled back later would remove entries of a series that still exists.
        """
        deadline = self._transactions.start_deadline()
        generation = self.generation(series, deadline)
        ended = {**where(series), "generation": {"$lt": Int64(generation)}}
        for documents in self._collections:
            deadline.persist(partial(documents.delete_many, ended))

    def generation(self, series: SeriesKey, deadline: Deadline) -> int:
        """Read the current generation of a series."""
        heads = self._transactions.read(partial(self._documents.heads, [series]), deadline)
        return heads[series].generation

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            due, series = item
            if self._closing.wait(max(0.0, due - self._now())):
                return
            try:
                self.sweep(series)
            except MonotronError as error:
                log.warning(
                    "could not remove all documents of a deleted series, will continue in %d s: %s",
                    SWEEP_AFTER_SECONDS,
                    error.detail,
                )
                self.later(series)
            except Exception:
                log.exception("the sweep of a deleted series failed, will be continued later")
                self.later(series)
