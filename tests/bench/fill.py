"""Ledgers that are long already, and the cost of a commit, both without HTTP."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

from monotron.model import Reuse, SeriesKey
from monotron.store import Store, open_store
from monotron.store.base import Advance


def in_process(url: str, entries: int, series: int) -> None:
    """Fill a store in a process that ends: half on one series, half on *series* others."""
    subprocess.run([sys.executable, "-m", "bench.fill", url, str(entries), str(series)], check=True)


def fill(store: Store, entries: int, series: int) -> None:
    def give(key: str, count: int) -> None:
        while count > 0:
            size = min(count, store.largest_batch)
            store.advance(_requests(key, size))
            count -= size

    give("bench-0", entries // 2)
    each = entries // 2 // series
    with ThreadPoolExecutor(store.calls_at_once) as executor:
        list(executor.map(lambda number: give(f"spread-{number}", each), range(series)))


def commit_ms(folder: Path) -> float:
    """The median time of a step of the store for one request, on its own."""
    store = open_store(f"sqlite:///{folder}/commits.db")
    times = []
    for _ in range(1000):
        requests = _requests("bench-0", 1)
        start = time.perf_counter()
        store.advance(requests)
        times.append(time.perf_counter() - start)
    store.close()
    return 1000 * sorted(times)[len(times) // 2]


def _requests(key: str, count: int) -> list[Advance]:
    return [Advance(SeriesKey(1, key), token_hex(20), Reuse.ANY) for _ in range(count)]


if __name__ == "__main__":
    filled = open_store(sys.argv[1])
    fill(filled, int(sys.argv[2]), int(sys.argv[3]))
    filled.close()
