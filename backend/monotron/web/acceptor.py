"""Accepts connections, and pauses while as many are open as the descriptor limit allows."""

import logging
import resource
import time
from collections.abc import Callable, Iterable
from socket import socket
from typing import Any

from tornado.netutil import add_accept_handler

log = logging.getLogger("monotron")

MAX_DESCRIPTORS = 16384
"""The soft limit of open files is raised to this number, or to the hard limit if it is lower."""

MAX_RESERVED_DESCRIPTORS = 256
"""Descriptors that connections never use: files of the store, connections to MongoDB, logs."""

LOG_SECONDS = 60.0
"""The minimum time between two log lines about the maximum number of connections."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files of this process, unless it is high enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def max_connections() -> int:
    """Return the number of connections that leaves enough descriptors for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MAX_DESCRIPTORS)
    return max(1, descriptors - min(descriptors // 4, MAX_RESERVED_DESCRIPTORS))


class Acceptor:
    """Accepts connections on listening sockets, at most *max_connections* open ones at a time."""

    def __init__(
        self,
        listeners: Iterable[socket],
        serve: Callable[[socket, Any], None],
        max_connections: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*serve* must arrange that `connection_closed` is called once for each connection."""
        self._listeners = list(listeners)
        self._serve = serve
        self._max_connections = max_connections
        self._monotonic = monotonic
        self._open_connections = 0
        self._handler_removers: list[Callable[[], None]] = []
        self._log_again_at = -float("inf")
        self._resume()

    def connection_closed(self) -> None:
        """Count a connection as closed, and accept new ones again if accepting was paused."""
        self._open_connections -= 1
        if not self._handler_removers:
            self._resume()

    def stop(self) -> None:
        """Close the listening sockets permanently."""
        self._pause()
        while self._listeners:
            self._listeners.pop().close()

    def _accept(self, connection: socket, address: Any) -> None:
        self._open_connections += 1
        if self._open_connections >= self._max_connections:
            self._pause()
            self._log_maximum()
        self._serve(connection, address)

    def _pause(self) -> None:
        while self._handler_removers:
            self._handler_removers.pop()()

    def _resume(self) -> None:
        self._handler_removers = [
            add_accept_handler(listener, self._accept) for listener in self._listeners
        ]

    def _log_maximum(self) -> None:
        now = self._monotonic()
        if now >= self._log_again_at:
            self._log_again_at = now + LOG_SECONDS
            log.warning(
                "%d connections are open, which is the maximum: new ones wait until others are "
                "closed. Raise the limit of open files",
                self._open_connections,
            )
