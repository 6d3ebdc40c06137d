"""Two servers on a replica set, a load, and the final check: the frame of most MongoDB tests."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import randbits

from faults.aftermath import check_aftermath
from faults.history import History
from faults.load import Load
from support.member import free_port
from support.mongod import ReplicaSet
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
PAUSE_SECONDS = 0.5
RETRYING = ", retrying"
"""What a server logs when a MongoDB operation failed, which callers need not notice."""


class Ordeal:
    """Two servers on a replica set, under load while faults are injected."""

    def __init__(
        self,
        replica_set: ReplicaSet,
        database: str,
        servers: list[Server],
        load: Load,
        seed: int,
    ) -> None:
        self.replica_set = replica_set
        self.database = database
        self.servers = servers
        self.load = load
        self.chance = random.Random(seed)
        self._seed = seed
        self._began = time.monotonic()
        self._doubts_of_the_dead = 0

    @property
    def history(self) -> History:
        return self.load.history

    def random_moment(self, answers: int = 100) -> None:
        """Wait for some answers and a random time, so that the fault hits a random state."""
        self.load.pause_between_requests(0)
        self.load.wait_for_answers(answers)
        time.sleep(self.chance.uniform(0.03, 0.25))

    def wait_until_healthy(self) -> None:
        """Return when all members have recovered. Callers pause until the next random moment.

        Each answer is verified at the end, which takes longer than the answer itself.
        """
        self.load.pause_between_requests(PAUSE_SECONDS)
        self.replica_set.wait_until_healthy()

    def kill_server(self) -> None:
        """Crash one of the servers, and return when its replacement is ready."""
        number = self.chance.randrange(len(self.servers))
        server = self.servers[number]
        server.kill()
        self._doubts_of_the_dead += server.log().count(RETRYING)
        url = self.replica_set.url(self.database)
        self.servers[number] = Server(url, listen=f"127.0.0.1:{server.port}")

    def doubts(self) -> int:
        """Return how often a MongoDB operation of a server failed."""
        logs = (server.log() for server in self.servers)
        return self._doubts_of_the_dead + sum(log.count(RETRYING) for log in logs)

    def waited(self, began: float, ended: float) -> int:
        """Return how many requests were in progress from *began* to *ended*."""
        puts = list(self.history.puts)
        return sum(put.called < began and put.returned > ended for put in puts)

    def check(self) -> str:
        """Compare all responses with the store. Return the statistics."""
        history = self.load.finish()
        enduring = time.monotonic() - self._began
        check_aftermath(history, [server.url for server in self.servers])
        checking = time.monotonic() - self._began - enduring
        return (
            f"seed {self._seed}: {enduring:.1f} s, {self.load.acknowledged} answers and "
            f"{len(history.peeks)} reads; {self.doubts()} failed operations, {history.unknown()} "
            f"requests in doubt ({history.retried()} retried successfully, "
            f"{history.counted_in_doubt()} applied), {self.load.refused} refused; "
            f"checked in {checking:.1f} s"
        )


@contextmanager
def ordeal(replica_set: ReplicaSet, database: str, *, group: int | None = None) -> Iterator[Ordeal]:
    """Start the servers and the load on the *database*, and print the seed."""
    seed = randbits(32)
    print(f"seed {seed}")
    url = replica_set.url(database)
    servers: list[Server] = []
    try:
        for _ in range(2):
            # Below the ephemeral ports, so that the port is free when a killed server restarts.
            servers.append(Server(url, listen=f"127.0.0.1:{free_port()}", group=group))
        with Load([server.url for server in servers], KEYS, seed=seed) as load:
            yield Ordeal(replica_set, database, servers, load, seed)
    finally:
        for server in servers:
            server.stop()
