"""What most faults of MongoDB have in common: servers on one set, callers, and a judgement."""

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
RETRYING = ", retrying"
"""What a server logs when MongoDB left it in doubt, which its callers need not notice."""

DATABASE = "monotron"


class Ordeal:
    """Two servers on a replica set, kept busy by callers while faults are done to it."""

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
        """Return at a moment of the work at which nobody has chosen what is under way."""
        self.load.wait_for_answers(answers)
        time.sleep(self.chance.uniform(0.03, 0.25))

    def kill_server(self) -> None:
        """Crash one of the servers, and put another in its place, which is ready at the return."""
        number = self.chance.randrange(len(self.servers))
        server = self.servers[number]
        server.kill()
        self._doubts_of_the_dead += server.log().count(RETRYING)
        url = self.replica_set.url(self.database)
        self.servers[number] = Server(url, listen=f"127.0.0.1:{server.port}")

    def doubts(self) -> int:
        """How often a server was left in doubt by MongoDB."""
        logs = (server.log() for server in self.servers)
        return self._doubts_of_the_dead + sum(log.count(RETRYING) for log in logs)

    def waited(self, began: float, ended: float) -> int:
        """How many requests were under way all the time from *began* to *ended*."""
        puts = list(self.history.puts)
        return sum(put.called < began and put.returned > ended for put in puts)

    def judge(self) -> str:
        """Hold all that was answered against what is there; what came of it, in figures."""
        history = self.load.finish()
        enduring = time.monotonic() - self._began
        check_aftermath(history, [server.url for server in self.servers])
        checking = time.monotonic() - self._began - enduring
        return (
            f"seed {self._seed}: {enduring:.1f} s, {self.load.acknowledged} answers and "
            f"{len(history.peeks)} reads; in doubt {self.doubts()} times a server, "
            f"{history.unknown()} times a caller ({history.retried()} retried to success, "
            f"{history.counted_in_doubt()} had been counted), {self.load.refused} refused; "
            f"checked in {checking:.1f} s"
        )


@contextmanager
def ordeal(
    replica_set: ReplicaSet, *, database: str = DATABASE, group: int | None = None
) -> Iterator[Ordeal]:
    """An ordeal on a database of its own, which begins at once; its seed is printed."""
    seed = randbits(32)
    print(f"seed {seed}")
    url = replica_set.url(database)
    servers: list[Server] = []
    try:
        for _ in range(2):
            # Below the outgoing ports: one that is killed finds its own free when it comes back.
            servers.append(Server(url, listen=f"127.0.0.1:{free_port()}", group=group))
        with Load([server.url for server in servers], KEYS, seed=seed) as load:
            yield Ordeal(replica_set, database, servers, load, seed)
    finally:
        for server in servers:
            server.stop()
