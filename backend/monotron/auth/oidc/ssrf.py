"""Which addresses an issuer may be at (OWASP API7:2023, server-side request forgery)."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Resolve = Callable[[str, int], list[str]]
"""The addresses of a host, for a port. `OSError`."""

_IN_HOUSE = [
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
    )
]
_NAT64 = ip_network("64:ff9b::/96")


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver, in its order. It has time limits of its own, and is in none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def may_connect(text: str, *, allow_private: bool) -> bool:
    """Whether there can be an issuer: at a public address, or with *allow_private* an in-house one.

    Never at a link-local one, where clouds keep their metadata, nor at one that is no host's.
    """
    address = _inner(ip_address(text))
    if any(address in network for network in _IN_HOUSE):
        return allow_private
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo and teredo[1]) or address
