"""The addresses that an issuer may have (OWASP API7:2023, server-side request forgery)."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Resolve = Callable[[str, int], list[str]]
"""Returns the addresses of a host and port. Raises OSError."""

_PRIVATE = [
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
_METADATA = [
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google Cloud, Oracle Cloud and others
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google Cloud
        "fd00:c1::/32",  # Oracle Cloud
        "192.0.0.192/32",  # Oracle Cloud
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
    )
]
"""Addresses at which clouds serve metadata, which includes credentials of the machine."""

_NAT64 = ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver, which has time limits of its own."""
    records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in records))


def is_allowed_address(text: str, *, allow_private: bool) -> bool:
    """Whether an issuer may have this address: a public one, or with *allow_private* a private one.

    Link-local addresses and the addresses of cloud metadata are never allowed. The same applies to
    multicast and reserved addresses. An IPv6 address that represents IPv4 addresses is allowed if
    all of them are.
    """
    return all(_is_allowed(each, allow_private) for each in _represented(ip_address(text)))


def _is_allowed(address: IPv4Address | IPv6Address, allow_private: bool) -> bool:
    if any(address in network for network in (*_METADATA, _LOCAL_NAT64)):
        return False
    if any(address in network for network in _PRIVATE):
        return allow_private
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _represented(address: IPv4Address | IPv6Address) -> Sequence[IPv4Address | IPv6Address]:
    """The IPv4 addresses that an IPv6 address represents, otherwise the address itself."""
    if isinstance(address, IPv4Address):
        return [address]
    last = IPv4Address(address.packed[-4:])
    if address in _NAT64:
        return [last]
    if address.packed[8:12] in _ISATAP:
        return [address, last]
    if ipv4 := address.ipv4_mapped or address.sixtofour:
        return [ipv4]
    return address.teredo or [address]
