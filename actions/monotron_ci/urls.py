"""URLs that credentials may be sent to."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from monotron_ci.errors import Failure

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def parse_url(url: str, *, plain_http: bool = False) -> SplitResult | None:
    """The parts of an ASCII https:// URL, or http:// on loopback. None for any other text.

    With *plain_http*, the host of an http:// URL is not restricted.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[\x21-\x7e]+", url):
        return None
    if not all(0 < len(label) < 64 for label in host.split(".")):
        return None  # not a DNS name, and Python's codec for host names would fail
    safe = parts.scheme == "https" or (parts.scheme == "http" and (plain_http or host in LOOPBACK))
    return parts if safe else None


def checked_url(url: str, what: str, *, plain_http: bool = False) -> str:
    """The URL of a server without a trailing slash. Raises Failure if it is invalid.

    *plain_http* allows http:// for every host, for requests without a credential.
    """
    text = url.strip().rstrip("/")
    parts = parse_url(text, plain_http=plain_http)
    if parts is None and plain_http:
        raise Failure(
            f"{what} must be an http:// or https:// URL.",
            "Example: https://monotron.example.com",
        )
    if parts is None:
        raise Failure(
            f"{what} must be an https:// URL, because the API key is sent with every request. "
            "http:// is allowed for localhost only.",
            "Example: https://monotron.example.com",
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise Failure(
            f"{what} must not contain credentials, a query or a fragment.",
            "Use https://HOST, optionally with a port and a path. Pass the API key separately.",
        )
    return text


def server_url(url: str, what: str, *, plain_http: bool = False) -> str:
    """The URL of a Monotron server, without `/v1` at its end. Raises Failure if it is invalid.

    *plain_http* allows http:// for every host, for requests without a credential.
    """
    text = checked_url(url, what, plain_http=plain_http)
    return text[: -len("/v1")].rstrip("/") if text.endswith("/v1") else text
