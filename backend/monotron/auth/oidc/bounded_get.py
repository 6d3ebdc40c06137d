"""One GET of a small document from an issuer, limited in time, size and addresses.

urllib is not used because it follows redirects, resolves a name for each connection, supports
file: URLs, and limits the time of a single read only.
"""

import io
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import cast
from urllib.parse import SplitResult

from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.ssrf import Resolve, is_allowed_address

TIMEOUT_SECONDS = 5.0
"""The time limit of a whole fetch."""

MAX_BYTES = 256 * 1024
"""The maximum size of a response, including its headers."""


class FetchFailed(Exception):
    """The message states the reason for the operator's log."""


class FetchDeadline:
    """The time limit of a whole fetch."""

    def __init__(
        self, monotonic: Callable[[], float], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + timeout_seconds

    def remaining_seconds(self) -> float:
        """The remaining time, more than 0. Raises FetchFailed if the deadline has passed."""
        remaining = self._end - self._monotonic()
        if remaining <= 0:
            raise _timed_out()
        return remaining


def get(url: SplitResult, issuer: Issuer, deadline: FetchDeadline, resolve: Resolve) -> bytes:
    """The body of a response with status 200. Blocks until the deadline. Raises FetchFailed."""
    try:
        connected = _connect(url, issuer, deadline, resolve)
        try:
            return _request(url, connected)
        finally:
            connected.disconnect()
    except ssl.SSLCertVerificationError as error:
        raise FetchFailed(f"its certificate is not trusted ({error.verify_message})") from error
    except TimeoutError as error:
        raise _timed_out() from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise FetchFailed(f"it cannot be reached ({reason})") from error
    except (HTTPException, ValueError) as error:
        raise FetchFailed("its response is not valid HTTP") from error


def _timed_out() -> FetchFailed:
    return FetchFailed(f"timed out after {TIMEOUT_SECONDS:.0f} s")


class _DeadlineSocket:
    """A socket as `http.client` uses it, limited by the deadline and in bytes read."""

    def __init__(self, connected: socket.socket, deadline: FetchDeadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.remaining_seconds())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._socket, self._deadline))

    def close(self) -> None:
        """Does nothing: `http.client` closes a socket before it has read the last response."""

    def disconnect(self) -> None:
        self._socket.close()


class _BoundedReader(io.RawIOBase):
    """Limits each read to the remaining time. With a fixed timeout per read, a body that arrives
    slowly could exceed the deadline."""

    def __init__(self, connected: socket.socket, deadline: FetchDeadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def] # a Buffer, from 3.12 on
        self._socket.settimeout(self._deadline.remaining_seconds())
        count = self._socket.recv_into(buffer)
        self._bytes_read += count
        if self._bytes_read > MAX_BYTES:
            raise FetchFailed(f"its response has more than {MAX_BYTES // 1024} KiB")
        return count


def _connect(
    url: SplitResult, issuer: Issuer, deadline: FetchDeadline, resolve: Resolve
) -> _DeadlineSocket:
    """Resolve once, and connect to exactly the address that was checked (DNS rebinding)."""
    host = str(url.hostname)
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = resolve(host, port)
    for address in addresses:
        if not is_allowed_address(address, allow_private=issuer.allow_private):
            raise FetchFailed(
                f"{host} has the address {address}, which is not public. If this is an issuer in "
                "your own network, set `allow_private` for it"
            )
    connected = _connect_to_any(addresses, port, deadline)
    try:
        if url.scheme == "https":
            connected.settimeout(deadline.remaining_seconds())
            context = ssl.create_default_context(cafile=issuer.ca_file)
            connected = context.wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise
    return _DeadlineSocket(connected, deadline)


def _connect_to_any(addresses: list[str], port: int, deadline: FetchDeadline) -> socket.socket:
    last_error = OSError(0, "its name has no address")
    for position, address in enumerate(addresses):
        # An address that drops packets must leave time for the next one.
        share = deadline.remaining_seconds() / (len(addresses) - position)
        try:
            return socket.create_connection((address, port), timeout=share)
        except OSError as error:
            last_error = error
    raise last_error


def _request(url: SplitResult, connected: _DeadlineSocket) -> bytes:
    host = str(url.hostname)
    connection = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(host, url.port)
    connection.sock = cast(socket.socket, connected)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection.request("GET", path, headers={"Accept": "application/json", "Connection": "close"})
    with connection.getresponse() as response:
        if 300 <= response.status < 400:
            raise FetchFailed(
                f"it responds with status {response.status}, but redirects are not followed"
            )
        if response.status != 200:
            raise FetchFailed(f"it responds with status {response.status}")
        # Without a size, http.client allocates as much memory as the response announces.
        return response.read(MAX_BYTES + 1)
