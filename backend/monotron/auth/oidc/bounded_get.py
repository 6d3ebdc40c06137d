"""One GET of a small document from an issuer, with bounds on everything it could do to us.

Not by urllib: that follows redirects, resolves a name each time it is asked to, knows file: URLs,
and has a time limit for a read, none for the whole.
"""

import io
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import cast
from urllib.parse import SplitResult

from monotron.auth.oidc.issuers import Issuer
from monotron.auth.oidc.ssrf import Resolve, may_connect

SECONDS = 5.0
MAX_BYTES = 256 * 1024
"""Of an answer, with its header."""


class FetchFailed(Exception):
    """The message says why, for the operator's log."""


class FetchDeadline:
    """When everything must be over."""

    def __init__(self, monotonic: Callable[[], float], seconds: float = SECONDS) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. `FetchFailed` if there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise FetchFailed(f"it took longer than {SECONDS:.0f} s")
        return left


def get(url: SplitResult, issuer: Issuer, deadline: FetchDeadline, resolve: Resolve) -> bytes:
    """The body of a 200 answer. Blocks, at most until the deadline. `FetchFailed`."""
    try:
        line = _connect(url, issuer, deadline, resolve)
        try:
            return _ask(url, line)
        finally:
            line.hang_up()
    except ssl.SSLCertVerificationError as error:
        raise FetchFailed(f"its certificate is not trusted ({error.verify_message})") from error
    except TimeoutError as error:
        raise FetchFailed(f"it took longer than {SECONDS:.0f} s") from error
    except OSError as error:
        raise FetchFailed(f"it cannot be reached ({error.strerror or 'no reason'})") from error
    except (HTTPException, ValueError) as error:
        raise FetchFailed("it does not speak HTTP as it should") from error


class _Line:
    """A connection as `http.client` uses it, with the deadline and the bound on what is read."""

    def __init__(self, connected: socket.socket, deadline: FetchDeadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(self._socket, self._deadline))

    def close(self) -> None:
        """Nothing: `http.client` lets go of a line before it has read the last answer from it."""

    def hang_up(self) -> None:
        self._socket.close()


class _Bounded(io.RawIOBase):
    """A limit for each read would let a body drip for ever: each gets what is left of the whole."""

    def __init__(self, connected: socket.socket, deadline: FetchDeadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def] # a Buffer, from 3.12 on
        self._socket.settimeout(self._deadline.left())
        count = self._socket.recv_into(buffer)
        self._read += count
        if self._read > MAX_BYTES:
            raise FetchFailed(f"it answers with more than {MAX_BYTES // 1024} KiB")
        return count


def _connect(url: SplitResult, issuer: Issuer, deadline: FetchDeadline, resolve: Resolve) -> _Line:
    """Resolves once, and connects to the very address that was looked at (DNS rebinding)."""
    host = str(url.hostname)
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = resolve(host, port)
    for address in addresses:
        if not may_connect(address, allow_private=issuer.allow_private):
            raise FetchFailed(
                f"{host} is at {address}, no public address. If it is an issuer in your own "
                "network, set allow_private for it"
            )
    connected = _first_to_answer(addresses, port, deadline)
    try:
        if url.scheme == "https":
            connected.settimeout(deadline.left())
            context = ssl.create_default_context(cafile=issuer.ca_file)
            connected = context.wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise
    return _Line(connected, deadline)


def _first_to_answer(addresses: list[str], port: int, deadline: FetchDeadline) -> socket.socket:
    failure = OSError(0, "it has no address")
    for position, address in enumerate(addresses):
        # One that swallows packets must leave the next its share.
        share = deadline.left() / (len(addresses) - position)
        try:
            return socket.create_connection((address, port), timeout=share)
        except OSError as error:
            failure = error
    raise failure


def _ask(url: SplitResult, line: _Line) -> bytes:
    host = str(url.hostname)
    connection = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(host, url.port)
    connection.sock = cast(socket.socket, line)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection.request("GET", path, headers={"Accept": "application/json", "Connection": "close"})
    with connection.getresponse() as response:
        if 300 <= response.status < 400:
            raise FetchFailed(f"it answers {response.status}, and redirects are not followed")
        if response.status != 200:
            raise FetchFailed(f"it answers {response.status}")
        # With an amount: without one, http.client reserves as much memory as the answer announces.
        return response.read(MAX_BYTES + 1)
