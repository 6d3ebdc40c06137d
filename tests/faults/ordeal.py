"""Servers on a replica set, a load, and the final check: the frame of most MongoDB tests."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from secrets import randbits

from faults.aftermath import Ledgers, check_aftermath
from faults.callers import Connect
from faults.history import History
from faults.load import Load
from faults.version_loads import Records, VersionLoads, version_loads
from support.http import Client
from support.member import free_port
from support.mongod import ReplicaSet
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
PAUSE_SECONDS = 0.5
"""Between two requests of a caller while servers and members recover. Each answer is verified at
the end, which takes longer than the answer itself."""

VERSION_PAUSE_SECONDS = 0.05
"""The same for versions while a fault is injected."""

Serve = Callable[[str, str], Server]
"""Starts a server on the store with a URL, at an address."""

RETRYING = ", retrying"
"""What a server logs when a MongoDB operation failed, which callers need not notice."""


def serve(store: str, listen: str, group: int | None = None) -> Server:
    """Start a server, whose process has this group."""
    return Server(store, listen=listen, group=group)


class Site:
    """Servers on a store, under load while faults are injected."""

    def __init__(
        self,
        store: str,
        servers: list[Server],
        load: Load,
        versions: VersionLoads,
        seed: int,
        serve: Serve = serve,
        survivors: int = 0,
        version_pause: float = VERSION_PAUSE_SECONDS,
    ) -> None:
        """*survivors*: how many of the servers, the first ones, are never killed or stopped.

        *version_pause*: the seconds between two requests of a caller of versions during a fault.
        """
        self.store = store
        self.servers = servers
        self.load = load
        self.versions = versions
        self.survivors = survivors
        self._version_pause = version_pause
        self.chance = random.Random(seed)
        self._seed = seed
        self._serve = serve
        self._began = time.monotonic()
        self._doubts_of_the_dead = 0
        self.ledgers: Ledgers = {}
        """What the servers return at the end, after `check`."""
        self.records: Records = {}
        """The same for versions."""

    @property
    def history(self) -> History:
        return self.load.history

    @property
    def interrupted(self) -> int:
        """The number of requests that lost their connection."""
        return self.load.interrupted + self.versions.interrupted

    @property
    def errors(self) -> Counter[tuple[str, str]]:
        """The number of temporary errors that callers received, by code and `applied`."""
        return self.load.errors + self.versions.errors

    def random_moment(self, answers: int = 100) -> None:
        """Wait for some answers and a random time, so that the fault hits a random state."""
        self.versions.pause_between_requests(self._version_pause)
        self.versions.wait_for_answers(1)
        self.load.pause_between_requests(0)
        self.load.wait_for_answers(answers)
        time.sleep(self.chance.uniform(0.03, 0.25))

    def wait_until_healthy(self) -> None:
        """Let callers pause until the next random moment."""
        self.load.pause_between_requests(PAUSE_SECONDS)
        self.versions.pause_between_requests(PAUSE_SECONDS)

    def kill_server(self) -> None:
        """Crash one of the servers, and return when its replacement is ready."""
        number = self.chance.randrange(self.survivors, len(self.servers))
        self.servers[number].kill()
        self._replace(number)

    def stop_server(self) -> None:
        """Stop one of the servers with SIGTERM, and return when its replacement is ready."""
        number = self.chance.randrange(self.survivors, len(self.servers))
        assert self.servers[number].stop() == 0, self.servers[number].log()
        self._replace(number)

    def _replace(self, number: int) -> None:
        server = self.servers[number]
        self._doubts_of_the_dead += server.log().count(RETRYING)
        self.servers[number] = self._serve(self.store, f"127.0.0.1:{server.port}")

    def freeze_server(self, seconds: float) -> None:
        """Pause one of the servers for up to this time. Its connections stay open."""
        server = self.chance.choice(self.servers)
        server.signal(signal.SIGSTOP)
        try:
            time.sleep(self.chance.uniform(0, seconds))
        finally:
            server.signal(signal.SIGCONT)

    def doubts(self) -> int:
        """Return how often a MongoDB operation of a server failed."""
        logs = (server.log() for server in self.servers)
        return self._doubts_of_the_dead + sum(log.count(RETRYING) for log in logs)

    def waited(self, began: float, ended: float) -> int:
        """Return how many requests were in progress from *began* to *ended*."""
        puts = list(self.history.puts)
        return sum(put.called < began and put.returned > ended for put in puts)

    def check(self, connect: Connect = Client, max_names: int | None = None) -> str:
        """Compare all responses with the store. Return the statistics.

        The parameters are those of `check_aftermath`.
        """
        history = self.load.finish()
        self.versions.end()
        enduring = time.monotonic() - self._began
        urls = [server.url for server in self.servers]
        self.ledgers = check_aftermath(history, urls, connect=connect, max_names=max_names)
        self.records = self.versions.check(urls[-1], connect)
        checking = time.monotonic() - self._began - enduring
        return (
            f"seed {self._seed}: {enduring:.1f} s, {self.load.acknowledged} answers and "
            f"{len(history.peeks)} reads; {self.doubts()} failed operations, {history.unknown()} "
            f"requests in doubt ({history.retried()} retried successfully, "
            f"{history.counted_in_doubt()} applied), {self.load.refused} refused; "
            f"{self.versions.statistics(self.records)}; checked in {checking:.1f} s"
        )


class Ordeal(Site):
    """Servers on a replica set, under load while faults are injected."""

    def __init__(
        self,
        replica_set: ReplicaSet,
        database: str,
        servers: list[Server],
        load: Load,
        versions: VersionLoads,
        seed: int,
        serve: Serve = serve,
        survivors: int = 0,
        version_pause: float = VERSION_PAUSE_SECONDS,
    ) -> None:
        store = replica_set.url(database)
        super().__init__(store, servers, load, versions, seed, serve, survivors, version_pause)
        self.replica_set = replica_set
        self.database = database

    def wait_until_healthy(self) -> None:
        """Return when all members have recovered. Callers pause until the next random moment."""
        super().wait_until_healthy()
        self.replica_set.wait_until_healthy()


@contextmanager
def ordeal(
    replica_set: ReplicaSet,
    database: str,
    *,
    group: int | None = None,
    start: Serve | None = None,
    survivors: int = 0,
    others: int = 2,
    callers: int = 16,
    connect: Connect = Client,
    version_pause: float = VERSION_PAUSE_SECONDS,
) -> Iterator[Ordeal]:
    """Start servers and a load on the *database*, and print the seed.

    *group*: the group of the servers; *start* starts each server instead. *survivors*: the number
    of servers that are never killed. *others*: the number of other servers. *callers*: the number
    of callers of series. *connect*: with which credentials all callers connect. *version_pause*:
    that of `Site`.
    """
    seed = randbits(32)
    print(f"seed {seed}")
    url = replica_set.url(database)
    start = start or partial(serve, group=group)
    servers: list[Server] = []
    try:
        for _ in range(survivors + others):
            # Below the ephemeral ports, so that the port is free when a killed server restarts.
            servers.append(start(url, f"127.0.0.1:{free_port()}"))
        urls = [server.url for server in servers]
        with (
            Load(urls, KEYS, callers=callers, seed=seed, connect=connect) as load,
            version_loads(urls, seed=seed, connect=connect) as versions,
        ):
            yield Ordeal(
                replica_set,
                database,
                servers,
                load,
                versions,
                seed,
                start,
                survivors,
                version_pause,
            )
    finally:
        for server in servers:
            server.stop()
