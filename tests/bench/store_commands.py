"""Count the commands that a store sends to MongoDB: `python -m bench.store_commands URL`.

It prints a JSON object. A process of its own, because listeners cannot be removed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from secrets import token_hex

from pymongo import monitoring

from monotron.model.allocation import AllocationRequest
from monotron.model.semver import VersionName
from monotron.model.series import ANYONE, Reuse, SeriesKey
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.store import Store, open_store

BATCH = 64
MINUTE = 60


class CommandCounter(monitoring.CommandListener):
    """Counts the commands of all clients of this process."""

    commands = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def counted_in_process(url: str) -> dict[str, int]:
    """The number of commands of each operation of the store, without connecting."""
    command = [sys.executable, "-m", "bench.store_commands", url]
    completed = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    counts: dict[str, int] = json.loads(completed.stdout)
    return counts


def operations(store: Store) -> dict[str, Callable[[], object]]:
    """Operations as a server calls them."""
    token = token_hex(20)

    def put(keys: list[str], tokens: list[str]) -> object:
        return store.allocate(
            [
                AllocationRequest(SeriesKey(1, key), each, Reuse.ANY, ANYONE)
                for key, each in zip(keys, tokens, strict=True)
            ]
        )

    def assign(tokens: list[str]) -> object:
        of = VersionName(1, "name")
        return store.releases.decide([Assign(of, each, VersionRequest()) for each in tokens])

    def new(count: int) -> list[str]:
        return [token_hex(20) for _ in range(count)]

    def use() -> object:
        expires_at = int(time.time()) + MINUTE
        return store.token_uses.use(
            token_hex(20), "PUT /", max_operations=50, expires_at=expires_at
        )

    several = [f"key-{number}" for number in range(BATCH)]
    return {
        "a new token": lambda: put(["key"], new(1)),
        f"{BATCH} new tokens, one series": lambda: put(["key"] * BATCH, new(BATCH)),
        f"{BATCH} new tokens, {BATCH} series": lambda: put(several, new(BATCH)),
        "a repeated token": lambda: put(["key"], [token]),
        "a new version": lambda: assign(new(1)),
        f"{BATCH} new versions of one name": lambda: assign(new(BATCH)),
        "a repeated version": lambda: assign([token]),
        "the first use of an identity token": use,
    }


def main() -> None:
    counter = CommandCounter()
    monitoring.register(counter)
    store = open_store(sys.argv[1])
    counts = {}
    for name, operation in operations(store).items():
        operation()  # creates what the next one uses
        before = counter.commands
        operation()
        counts[name] = counter.commands - before
    store.close()
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
