"""What moving SQLite's log into the file costs, where a full one is not like an empty one."""

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
"""Then some 500 rows have changed, and a server would move its log."""

WARM_UP = 3


class Moved(NamedTuple):
    """Medians of some checkpoints, each after the new tokens of 8 batches of 64."""

    pages: float
    """In the log; a page counts as often as it was written."""
    ms: float

    @property
    def us_a_token(self) -> float:
        return self.ms * 1000 / (BATCH * BATCHES)


def measure(url: str, keys: Sequence[str], times: int) -> Moved:
    """Give new tokens in series among *keys*, at random, on a store that no server has open."""
    pages, ms = [], []
    store = SqliteStore.open(url, runtime=PRODUCTION)
    file = store._file._connection
    try:
        with patch.object(sqlite_file, "CHECKPOINT_ROWS", 1 << 40):
            for turn in range(WARM_UP + times):
                for _ in range(BATCHES):
                    store.allocate([_new(random.choice(keys)) for _ in range(BATCH)])
                began = time.perf_counter()
                _, moved, _ = file.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if turn >= WARM_UP:
                    ms.append((time.perf_counter() - began) * 1000)
                    pages.append(moved)
    finally:
        store.close()
    return Moved(statistics.median(pages), statistics.median(ms))


def _new(key: str) -> AllocationRequest:
    return AllocationRequest(SeriesKey(1, key), token_hex(20), Reuse.ANY, "bench")
