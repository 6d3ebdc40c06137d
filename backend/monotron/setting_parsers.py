"""Parsers of the texts of settings. Their ValueErrors state the requirement."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

Value = TypeVar("Value")

MAX_DRAIN_DELAY_SECONDS = 5


def text(pattern: str, requirement: str) -> Callable[[str], str]:
    """A parser of texts that match the pattern completely."""

    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(requirement)
        return value

    return parse


def integer(minimum: int, maximum: int, requirement: str) -> Callable[[str], int]:
    """A parser of integers from *minimum* to *maximum*."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not minimum <= int(value) <= maximum:
            raise ValueError(requirement)
        return int(value)

    return parse


def optional(parse: Callable[[str], Value]) -> Callable[[str], Value | None]:
    """A parser that maps an empty text to None."""
    return lambda value: parse(value) if value else None


def boolean(value: str) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def drain_delay(value: str) -> float:
    """A number of seconds."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) or float(value) > MAX_DRAIN_DELAY_SECONDS:
        raise ValueError(f"must be a number of seconds from 0 to {MAX_DRAIN_DELAY_SECONDS}")
    return float(value)


def issuers(value: str) -> tuple[str, ...]:
    """URLs and short names of issuers."""
    words = tuple(word.strip() for word in value.split(",") if word.strip())
    if not all(re.fullmatch(r"github|gitlab\.com|https://\S+", word) for word in words):
        raise ValueError(
            "must be URLs separated by commas, for example https://gitlab.example.com, or the "
            "short names github and gitlab.com"
        )
    return words


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """IP addresses and networks, but not a network of all addresses."""
    try:
        parsed = tuple(ip_network(word.strip()) for word in value.split(",") if word.strip())
        is_valid = all(network.prefixlen for network in parsed)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(
            "must be IP addresses and networks separated by commas, for example "
            "192.0.2.1,10.0.0.0/8. A network has no bits after its prefix, and is not 0.0.0.0/0 or "
            "::/0"
        )
    return parsed


store = text(r"[a-z+]+://[^\0]*", "must be the URL of a store, for example sqlite:///monotron.db")
log_format = text("auto|text|json", "must be auto, text or json")
log_level = text("debug|info|warning|error", "must be debug, info, warning or error")
audience = text(
    r"(https?://[!-~]{0,247}[!-.0-~])?",
    "must be a URL without a slash at the end, for example https://monotron.example.com",
)
commit_url = text(
    r"(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/([!-z|~]*\{repository\})?[!-z|~]*\{token\}[!-z|~]*)?",
    "must be an https URL that contains {token} once, after the host and after {repository} if "
    "that occurs, for example https://github.com/{repository}/commit/{token}",
)
root_key = text(
    "[!-9;-~]{1,256}", "must be 1 to 256 printable ASCII characters without spaces and colons"
)
