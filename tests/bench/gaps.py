"""A load during which a server is killed: what fails, and for how long nothing is answered."""

from __future__ import annotations

import sys
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from bench.connections import LoadConnection, LoadGenerator
from bench.targets import Target, requests_of


@dataclass(frozen=True)
class Interruption:
    """The effect of a kill on the requests of a load."""

    requests: int
    failed: int
    """Broken connections, and responses with another status than 200."""
    gap_ms: float
    """The longest time without a response to any of the connections, up to the end of the load."""


class _TimedLoad(LoadGenerator):
    """A load that also records when responses arrive."""

    def __init__(self, port: int, target: Target) -> None:
        super().__init__(port, requests_of(target).__next__, sys.maxsize)
        self.received_at = array("d")

    def receive(self, connection: LoadConnection) -> bytes | None:
        response = super().receive(connection)
        if response:
            self.received_at.append(time.perf_counter())
        return response


def interrupt(
    port: int, target: Target, seconds: float, connections: int, kill: Callable[[], None]
) -> Interruption:
    """Put load on a port for *seconds*, and call *kill* after half of them.

    Raises OSError if the port does not accept the connections; *kill* is not called then.
    """
    load = _TimedLoad(port, target)
    killer = threading.Timer(seconds / 2, kill)
    killer.start()
    try:
        connected = [load.connect() for _ in range(connections)]
        load.deadline = time.perf_counter() + seconds
        for connection in connected:
            load.send_next(connection)
        load.read()
    except BaseException:
        killer.cancel()
        raise
    finally:
        load.close()
        killer.join()
    # The load ends early if it loses all connections and gets no others.
    times = [*load.received_at, max(load.deadline, time.perf_counter())]
    failed = load.errors + sum(load.statuses.values()) - load.statuses[b"200"]
    gap = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
    return Interruption(len(times) - 1, failed, 1000 * gap)
