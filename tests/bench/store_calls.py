"""Direct calls of a store, without HTTP: create many releases, and measure a commit."""

import subprocess
import sys
import time
from pathlib import Path
from secrets import token_hex

from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Final, VersionName
from monotron.model.series import ANYONE, Reuse, SeriesKey
from monotron.model.versions.requests import Adopt, Assign, VersionRequest
from monotron.store import Store, open_store


def create_releases_in_process(
    url: str, name: str, count: int, names: int, entries: int = 0
) -> None:
    """In a separate process, create *count* releases of a name, and one of *names* others.

    The series `bench-0` gets *entries*.
    """
    numbers = map(str, (count, names, entries))
    command = [sys.executable, "-m", "bench.store_calls", url, name, *numbers]
    subprocess.run(command, check=True)


def create_releases(store: Store, name: str, count: int) -> None:
    """Create *count* releases on the line 1.0, with records, series and ledger entries."""
    of = VersionName(1, name)
    store.releases.decide([Adopt(of, Final(1, 0, 0), ANYONE)])
    _assign(store, [of] * count)


def create_names(store: Store, name: str, count: int) -> None:
    """Create one release of each of *count* names."""
    _assign(store, [VersionName(1, f"{name}-{number}") for number in range(count)])


def create_entries(store: Store, key: str, count: int) -> None:
    """Create a series with *count* entries."""
    for start in range(0, count, store.max_batch_size):
        store.allocate(_requests(key, min(store.max_batch_size, count - start)))


def _assign(store: Store, names: list[VersionName]) -> None:
    requests = [Assign(name, token_hex(20), VersionRequest()) for name in names]
    for start in range(0, len(requests), store.max_batch_size):
        store.releases.decide(requests[start : start + store.max_batch_size])


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


def _requests(key: str, count: int) -> list[AllocationRequest]:
    return [
        AllocationRequest(SeriesKey(1, key), token_hex(20), Reuse.ANY, ANYONE) for _ in range(count)
    ]


if __name__ == "__main__":
    opened_store = open_store(sys.argv[1])
    create_entries(opened_store, "bench-0", int(sys.argv[5]))
    create_releases(opened_store, sys.argv[2], int(sys.argv[3]))
    create_names(opened_store, "many", int(sys.argv[4]))
    opened_store.close()
