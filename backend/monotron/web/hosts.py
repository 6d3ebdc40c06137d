"""Loopback names in Host and Origin headers."""

import re
from functools import lru_cache

from monotron.listen_address import is_loopback


@lru_cache(maxsize=256)
def is_loopback_host(host: str) -> bool:
    """Return whether a host, with or without a port, always means this machine."""
    return is_loopback(re.sub(r":[0-9]*$", "", host) if not host.endswith("]") else host)
