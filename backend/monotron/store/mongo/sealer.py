"""The background thread that seals heads into the ledger and sweeps deleted generations."""

import heapq
import logging
import queue
from collections.abc import Sequence
from typing import TypeAlias

from bson import ObjectId
from pymongo.collection import Collection

from monotron.model.series import SeriesKey
from monotron.runtime import Runtime
from monotron.store.mongo.client import Deadlines, Document
from monotron.store.mongo.heads import EndedGeneration, Head, Sealable
from monotron.store.mongo.ledger import Ledger, where

log = logging.getLogger("monotron.store")

GATHER_SECONDS = 0.03
"""How long heads wait to be sealed together, so that one insert serves many batches."""

SWEEP_AFTER_SECONDS = 60.0
"""How long the entries of a deleted generation are kept. No call that reads them takes longer."""

MAX_TOKENS_PER_INSERT = 1000
"""The number of tokens after which no further heads join an insert."""

Item: TypeAlias = Sealable | EndedGeneration | None


class Sealer:
    """Seals many heads with one insert, and removes the documents of deleted generations."""

    def __init__(
        self,
        ledger: Ledger,
        swept: "Sequence[Collection[Document]]",
        deadlines: Deadlines,
        runtime: Runtime,
    ) -> None:
        """*swept* are the collections that contain documents of generations."""
        self._ledger = ledger
        self._swept = swept
        self._deadlines = deadlines
        self._runtime = runtime
        self._queue: queue.SimpleQueue[Item] = runtime.queue()
        self._ended: list[tuple[float, int, EndedGeneration]] = []
        self._closing = runtime.event()
        self._thread = runtime.spawn(self._run, "sealer")

    def seal_soon(self, series: SeriesKey, head: Head) -> None:
        """Queue the head. Its `sealing` is set after it was sealed, or sealing failed."""
        head.sealing = self._runtime.event()
        self._queue.put((series, head))

    def sweep_later(self, series: SeriesKey, generation: ObjectId) -> None:
        """Remove the documents of a generation after `SWEEP_AFTER_SECONDS`."""
        self._queue.put((series, generation))

    def close(self) -> None:
        """Seal the queued heads, and end the thread.

        Deleted generations that were not swept remain in the database. They are never read.
        """
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            heads, running = self._collect()
            if heads:
                try:
                    self._seal(heads)
                except Exception:  # the next batch of each series seals its head itself
                    log.exception("background ledger write failed")
                finally:
                    for _, head in heads:
                        if head.sealing is not None:
                            head.sealing.set()
            if running and self._ended and self._ended[0][0] <= self._runtime.monotonic():
                _, _, ended = heapq.heappop(self._ended)
                try:
                    self._sweep(ended)
                except Exception:
                    log.exception("the sweep of a deleted generation failed")

    def _seal(self, heads: Sequence[Sealable]) -> None:
        self._ledger.seal_fresh(heads, self._deadlines.start())

    def _sweep(self, ended: EndedGeneration) -> None:
        series, generation = ended
        for documents in self._swept:
            with self._deadlines.start().attempt():
                documents.delete_many({**where(series), "generation": generation})

    def _collect(self) -> tuple[list[Sealable], bool]:
        """Wait for heads and ended generations. Return the heads, and false when closed."""
        heads: list[Sealable] = []
        now = self._runtime.monotonic
        timeout = max(0.0, self._ended[0][0] - now()) if self._ended else None
        try:
            item = self._queue.get(timeout=timeout)
            while True:
                if item is None:
                    return heads, False
                series, subject = item
                if isinstance(subject, Head):
                    if not heads:
                        self._closing.wait(GATHER_SECONDS)
                    heads.append((series, subject))
                else:
                    due = now() + SWEEP_AFTER_SECONDS
                    heapq.heappush(self._ended, (due, id(subject), (series, subject)))
                if sum(head.fresh for _, head in heads) >= MAX_TOKENS_PER_INSERT:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        return heads, True
