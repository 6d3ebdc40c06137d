"""The sockets that a server listens on."""

import errno
from collections.abc import Sequence
from socket import socket
from typing import NamedTuple

from tornado.netutil import bind_sockets

from monotron.config import Settings
from monotron.errors import InvalidSetting, StartupError
from monotron.listen_address import Address

BACKLOG = 1024
"""The number of connections that may wait to be accepted. Linux limits it to `somaxconn`."""


class Listeners(NamedTuple):
    """Sockets for the API and the web pages, and for metrics without credentials, if set."""

    api: Sequence[socket]
    metrics: Sequence[socket]

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return _url(self.api)

    @property
    def metrics_url(self) -> str | None:
        """The base URL of the metrics, or None."""
        return _url(self.metrics) if self.metrics else None


def listen(settings: Settings) -> Listeners:
    """Bind all sockets of the settings, or none. Raises `StartupError`."""
    api = _bind(settings.listen, "--listen")
    if settings.metrics_listen is None:
        return Listeners(api, [])
    try:
        return Listeners(api, _bind(settings.metrics_listen, "--metrics-listen"))
    except StartupError:
        for listener in api:
            listener.close()
        raise


def _bind(address: Address, flag: str) -> list[socket]:
    host, port = address
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except OSError as error:
        # Another address is necessary, unless a process that will end uses this one.
        kind = StartupError if error.errno == errno.EADDRINUSE else InvalidSetting
        raise kind(
            f"Cannot listen on {host}:{port}: {error.strerror}. Set another address with {flag}. "
            "Port 0 selects a free port."
        ) from error


def _url(sockets: Sequence[socket]) -> str:
    host, port = sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
