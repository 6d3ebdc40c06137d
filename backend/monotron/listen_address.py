"""The address to listen on, and loopback names."""

import re
from ipaddress import ip_address
from typing import NamedTuple

MAX_PORT = 65535


class Address(NamedTuple):
    """An address to listen on. Port 0 selects a free port."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """An address from `HOST:PORT`, `:PORT` or `PORT`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host or "127.0.0.1"
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= MAX_PORT
    if not is_port or not (_is_ip_address(host) or _is_host_name(host)):
        raise ValueError(
            f"must be HOST:PORT, :PORT or PORT with a port from 0 to {MAX_PORT}, for example "
            "127.0.0.1:3030"
        )
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether the host always refers to this machine (for `localhost`: RFC 6761 §6.3)."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_host_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", each) for each in labels)
