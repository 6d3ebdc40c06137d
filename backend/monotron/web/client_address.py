"""The address of the client of a request, also behind proxies.

Tornado's `xheaders` is not used: it accepts the headers of everyone who connects, prefers
`X-Real-IP`, which proxies pass on unchanged by default, and knows no networks.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

MAX_PROXIES = 16
"""The maximum number of addresses that are read from a header."""

MAX_CACHED = 1024

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_MAX_CHARACTERS = 53  # of an IPv6 address that contains an IPv4 address, in brackets, with a port


class ClientAddresses:
    """Finds the addresses of clients, of whom some connect through trusted proxies."""

    def __init__(self, trusted_proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        """*trusted_proxies* are networks that contain proxies, and no clients that could forge
        the header."""
        self._trusted_proxies = trusted_proxies
        self._is_trusted = lru_cache(MAX_CACHED)(self._find_trusted)

    def address(self, connected: str, headers: Mapping[str, str]) -> str:
        """The address of a client. *connected* is the address of the connection.

        It is the address of the connection, unless that is a trusted proxy. Otherwise, it is the
        last address in `X-Forwarded-For` that is not a trusted proxy: each proxy appends the one
        that it got the request from, and the client can write anything before these. If all
        addresses belong to trusted proxies, or what precedes them is not an address, it is the
        first of them.
        """
        if not self._trusted_proxies or "X-Forwarded-For" not in headers:
            return connected
        client = connected
        forwarded = headers["X-Forwarded-For"].rsplit(",", MAX_PROXIES)[-MAX_PROXIES:]
        while self._is_trusted(client) and forwarded:
            address = parse_forwarded(forwarded.pop())
            if address is None:
                break
            client = address
        return client

    def _find_trusted(self, address: str) -> bool:
        parsed = _parse(address.partition("%")[0])
        return parsed is not None and any(parsed in network for network in self._trusted_proxies)


def parse_forwarded(text: str) -> str | None:
    """The address in an item of `X-Forwarded-For`, without port; None if it is not an address."""
    text = text.strip(" \t")
    if len(text) > _MAX_CHARACTERS:
        return None
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    address = _parse(text)
    return None if address is None else str(address)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address without a zone. An IPv4 address in an IPv6 address is the IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address
