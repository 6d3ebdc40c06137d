"""The cost of SQLite checkpoints, which depends on the size of the file."""

import random
import statistics
import time
from collections.abc import Sequence
from secrets import token_hex
from typing import NamedTuple
from unittest.mock import patch

from monotron.model.allocation import AllocationRequest
from monotron.model.series import Reuse, SeriesKey
from monotron.runtime import PRODUCTION
from monotron.store.sqlite import file as sqlite_file
from monotron.store.sqlite.store import SqliteStore

BATCH = 64
BATCHES = 8
"""These change some 500 rows, after which a server runs a checkpoint."""

WARM_UP_CHECKPOINTS = 3


class CheckpointCost(NamedTuple):
    """Medians of several checkpoints, each after 8 batches of 64 new tokens."""

    pages: float
    """Pages in the write-ahead log; a page that was written twice counts twice."""
    ms: float

    @property
    def us_per_token(self) -> float:
        return self.ms * 1000 / (BATCH * BATCHES)


def measure(url: str, keys: Sequence[str], times: int) -> CheckpointCost:
    """Allocate new tokens in random series of *keys*, in a store that no server has open."""
    pages, ms = [], []
    store = SqliteStore.open(url, runtime=PRODUCTION)
    connection = store._file._connection
    try:
        with patch.object(sqlite_file, "CHECKPOINT_ROWS", 1 << 40):
            for number in range(WARM_UP_CHECKPOINTS + times):
                for _ in range(BATCHES):
                    store.allocate([_request(random.choice(keys)) for _ in range(BATCH)])
                started = time.perf_counter()
                _, log_pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if number >= WARM_UP_CHECKPOINTS:
                    ms.append((time.perf_counter() - started) * 1000)
                    pages.append(log_pages)
    finally:
        store.close()
    return CheckpointCost(statistics.median(pages), statistics.median(ms))


def _request(key: str) -> AllocationRequest:
    return AllocationRequest(SeriesKey(1, key), token_hex(20), Reuse.ANY, "bench")
