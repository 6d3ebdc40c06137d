"""What the load generator asks for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, repeat


@dataclass(frozen=True)
class Target:
    """What to ask for, in words that fit into JSON.

    put: a new token each time, on `series` series in turn; `reuse` as in the query.
    repeat: the same, always with `token`.
    peek: GET of these series in turn.
    version, repeated version: a new token each time, or `token`, under the name `key`.
    etcd: a conversation each time, see `peers/counting.py`.
    each: `method` and `path` with SERIES and TOKEN in it replaced by these series in turn, and by
    a new token each time.
    fixed: `method` and `path` as they are.
    """

    kind: str
    series: int = 1
    key: str = "bench"
    token: str = "0" * 40
    reuse: str | None = "any"
    method: str = "GET"
    path: str = "/"
    headers: dict[str, str] = field(default_factory=dict)


def requests_of(target: Target) -> Iterator[bytes]:
    """The endless requests of *target*."""
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
        return _with_new_tokens([f"PUT /v1/versions/{target.key}/".encode()], put_head)
    if target.kind == "repeated version":
        return repeat(f"PUT /v1/versions/{target.key}/{target.token}".encode() + put_head)
    if target.kind == "each":
        return _each(target, put_head)
    if target.kind == "fixed":
        line = f"{target.method} {target.path}".encode()
        return repeat(line + (head if target.method in ("GET", "HEAD") else put_head))
    raise ValueError(f"kind {target.kind!r} is none of those above")


def _each(target: Target, head: bytes) -> Iterator[bytes]:
    line = f"{target.method} {target.path}".encode() + head
    for number, token in zip(cycle(range(target.series)), new_tokens(), strict=False):
        series = b"%b-%d" % (target.key.encode(), number)
        yield line.replace(b"SERIES", series).replace(b"TOKEN", b"%040x" % token)


def _with_new_tokens(starts: list[bytes], end: bytes) -> Iterator[bytes]:
    for start, token in zip(cycle(starts), new_tokens(), strict=False):
        yield b"%b%040x%b" % (start, token, end)


def new_tokens() -> Iterator[int]:
    """Numbers of 160 bits without end."""
    # Seeded by the system: two runs, or two processes, must not send the same tokens.
    bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits
    while True:
        yield bits(160)
