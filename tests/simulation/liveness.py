"""A transaction that its server has abandoned does not block its series for long.

MongoDB aborts such a transaction after 60 seconds. Until then, its head is locked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faults.history import History
from simulation.network import Network
from simulation.servers import Server
from simulation.traffic import reuse_of
from simulation.world import World

MAX_WAIT_SECONDS = 5.0
"""The longest time until a series makes progress after its server has disappeared. Without other
faults, its transaction conflicts for a second, and is then aborted."""

ATTEMPTS = 4000
STEP_SECONDS = 0.0005


class Abandonment:
    """A server crashes, or is cut off, while its transaction has locked a head."""

    def __init__(
        self, world: World, servers: Sequence[Server], networks: Sequence[Network]
    ) -> None:
        self._world = world
        self._number = world.chance.randrange(len(servers))
        self._servers = servers
        self._network = networks[self._number]
        self._is_crash = len(servers) == 1 or world.chance.random() < 0.5
        self._since = 0.0
        self.happened = False

    def begin(self, key: str, history: History) -> None:
        """Request a value, and crash or cut off the server when its transaction holds a lock."""
        world, server = self._world, self._servers[self._number]
        known = {session for session, _ in self._network.transactions.open()}
        put = history.put(key, "abandoned", reuse_of(key))
        if not server.put(key, put.token, put.reuse, lambda *_: None):
            return
        for _ in range(ATTEMPTS):
            if any(
                transaction.writes and session not in known
                for session, transaction in self._network.transactions.open()
            ):
                self.happened = True
                break
            world.sleep(STEP_SECONDS)
        if self._is_crash:
            server.crash()
        else:
            self._network.cut_until = world.now + 60.0
        self._since = world.now

    def wait_for_progress(self, key: str, history: History) -> Iterator[str]:
        """Yield a violation if another server, or the next process, makes no progress."""
        world = self._world
        others = [server for server in self._servers if server is not self._servers[self._number]]
        server = world.chance.choice(others or self._servers)
        done: list[float] = []

        def send() -> None:
            put = history.put(key, "next", reuse_of(key))

            def reply(result: object, error: BaseException | None) -> None:
                if error is None:
                    history.answered(put, result.entry.value, result.reused)  # type: ignore[attr-defined]
                    done.append(world.now)
                else:
                    world.at(0.01, send)

            if not server.put(key, put.token, put.reuse, reply):
                history.refused(put)
                world.at(0.01, send)

        send()
        world.sleep(MAX_WAIT_SECONDS)
        if not done:
            yield f"{key} made no progress for {MAX_WAIT_SECONDS} s after a server disappeared"
