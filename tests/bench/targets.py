"""The requests of the load generator."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, repeat


@dataclass(frozen=True)
class Target:
    """A kind of request and its parameters, serializable as JSON. Kinds:

    put: PUT of a new token each time, to `series` series in turn, with `reuse` in the query.
    repeat: PUT of `token` each time, to `series` series in turn, with `reuse` in the query.
    peek: GET of `series` series in turn.
    version, repeated version: PUT of a new token, or of `token`, to `series` names in turn.
    etcd: conversations of `peers/etcd_client.py` on `series` series in turn.
    each: `method` and `path`. SERIES in the path is replaced by `series` series in turn, TOKEN by
    a new token each time.
    fixed: `method` and `path`, unchanged.
    pages: GET of each of `paths` in turn, as a browser.
    """

    kind: str
    series: int = 1
    key: str = "bench"
    token: str = "0" * 40
    reuse: str | None = "any"
    method: str = "GET"
    path: str = "/"
    paths: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)


def requests_of(target: Target) -> Iterator[bytes]:
    """Iterate endlessly over requests. Raises ValueError if the kind of *target* is unknown."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in target.headers.items())
    head, put_head = (
        f" HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}{extra}\r\n".encode()
        for length in ("", "Content-Length: 0\r\n")
    )
    query = f"?reuse={target.reuse}".encode() if target.reuse else b""
    paths = [f"/v1/series/{target.key}-{number}".encode() for number in range(target.series)]
    if target.kind == "put":
        return _with_new_tokens([b"PUT " + path + b"/" for path in paths], query + put_head)
    if target.kind == "repeat":
        token = b"/" + target.token.encode()
        return cycle([b"PUT " + path + token + query + put_head for path in paths])
    if target.kind == "peek":
        return cycle([b"GET " + path + head for path in paths])
    if target.kind == "version":
        return _with_new_tokens([b"PUT " + name + b"/" for name in _names(target)], put_head)
    if target.kind == "repeated version":
        token = b"/" + target.token.encode()
        return cycle([b"PUT " + name + token + put_head for name in _names(target)])
    if target.kind == "each":
        return _each_series(target, put_head)
    if target.kind == "fixed":
        line = f"{target.method} {target.path}".encode()
        return repeat(line + (head if target.method in ("GET", "HEAD") else put_head))
    if target.kind == "pages":
        return cycle([b"GET " + path.encode() + head for path in target.paths])
    raise ValueError(f"unknown kind of target: {target.kind!r}")


def _names(target: Target) -> list[bytes]:
    return [f"/v1/versions/{target.key}-{number}".encode() for number in range(target.series)]


def _each_series(target: Target, head: bytes) -> Iterator[bytes]:
    line = f"{target.method} {target.path}".encode() + head
    for number, token in zip(cycle(range(target.series)), new_tokens(), strict=False):
        series = b"%b-%d" % (target.key.encode(), number)
        yield line.replace(b"SERIES", series).replace(b"TOKEN", b"%040x" % token)


def _with_new_tokens(prefixes: list[bytes], suffix: bytes) -> Iterator[bytes]:
    for prefix, token in zip(cycle(prefixes), new_tokens(), strict=False):
        yield b"%b%040x%b" % (prefix, token, suffix)


def new_tokens() -> Iterator[int]:
    """Iterate over random numbers of 160 bits, endlessly."""
    # Seeded by the system: two runs, or two processes, must not send the same tokens.
    bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits
    while True:
        yield bits(160)
