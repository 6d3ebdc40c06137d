"""Direct calls of a store, without HTTP: create many releases, and measure a commit."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

from semver import Version

from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Release, VersionName
from monotron.model.series import ANYONE, Reuse, SeriesKey
from monotron.store import Store, open_store


def create_releases_in_process(url: str, name: str, count: int) -> None:
    """Create *count* releases of a name in a separate process."""
    command = [sys.executable, "-m", "bench.store_calls", url, name, str(count)]
    subprocess.run(command, check=True)


def create_releases(store: Store, name: str, count: int) -> None:
    """Create *count* releases on the line 1.0, with records, series and ledger entries."""
    version_name = VersionName(1, name)
    tokens = _allocate(store, f"{name}-patch-v1.0", count)

    def add(patch: int, token: str) -> None:
        store.releases.add(
            Release(version_name, token, Version(1, 0, patch), "patch", created_at=0)
        )

    with ThreadPoolExecutor(store.max_concurrency) as executor:
        list(executor.map(add, range(1, count + 1), tokens))
    store.advance_to(SeriesKey(1, f"{name}-major"), 1, ANYONE)


def commit_ms(folder: Path) -> float:
    """The median time in milliseconds of a store call that allocates one token."""
    store = open_store(f"sqlite:///{folder}/commits.db")
    times = []
    for _ in range(1000):
        requests = _requests("bench-0", 1)
        started = time.perf_counter()
        store.allocate(requests)
        times.append(time.perf_counter() - started)
    store.close()
    return 1000 * sorted(times)[len(times) // 2]


def _allocate(store: Store, key: str, count: int) -> list[str]:
    """Allocate *count* new tokens in a series. Returns them in the order of their values."""
    tokens: list[str] = []
    while len(tokens) < count:
        requests = _requests(key, min(count - len(tokens), store.max_batch_size))
        store.allocate(requests)
        tokens += [request.token for request in requests]
    return tokens


def _requests(key: str, count: int) -> list[AllocationRequest]:
    return [
        AllocationRequest(SeriesKey(1, key), token_hex(20), Reuse.ANY, ANYONE) for _ in range(count)
    ]


if __name__ == "__main__":
    opened_store = open_store(sys.argv[1])
    create_releases(opened_store, sys.argv[2], int(sys.argv[3]))
    opened_store.close()
