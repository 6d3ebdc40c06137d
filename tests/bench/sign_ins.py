"""Requests whose jobs sign in without a stored secret: each has an identity token of its own."""

from __future__ import annotations

from secrets import token_hex

from bench.authentication import Authentication
from bench.figures import Figures, Measurements
from bench.load import run
from bench.measuring import CONNECTIONS, Bench
from bench.processes import cpu_us, pids, tree_us
from support.issuer import IssuerServer
from support.mongod import ReplicaSet
from support.server import Server

REQUESTS = {1: 150, CONNECTIONS: 1_500}
"""The number of requests of a measurement, by connections. Each needs a signature."""

LIMITS = {"operations_per_identity": 50}
"""The default, so that the store is informed of each use of an identity token."""


def add_rows(bench: Bench, store: str, url: str, nodes: ReplicaSet | None = None) -> None:
    """Add rows: new tokens with new identity tokens, compared with those with an API key."""
    authentication = Authentication(bench.folder)
    with IssuerServer() as issuer, authentication.server(issuer, url, LIMITS) as server:
        api_key = authentication.api_key(server)

        def measure(connections: int, *, is_keyless: bool) -> Figures:
            count = REQUESTS[connections]
            keyless = (authentication.identity_token(issuer) for _ in range(count))
            credentials = list(keyless) if is_keyless else [api_key] * count
            before = _cpu(server, nodes)
            result = run(server.port, connections, map(_request, credentials))
            if result.errors or set(result.statuses) != {200}:
                raise RuntimeError(f"{result.errors} errors, statuses {result.statuses}")
            return Figures.of(result, before, _cpu(server, nodes))

        measure(1, is_keyless=True)  # reads the keys of the issuer
        for connections in REQUESTS:
            measurements = Measurements(
                bench.rounds,
                {
                    "key": lambda count=connections: measure(count, is_keyless=False),
                    "keyless": lambda count=connections: measure(count, is_keyless=True),
                },
            )
            for name, credential in (("key", "an API key"), ("keyless", "a new identity token")):
                plural = "" if connections == 1 else "s"
                label = f"{store}: new tokens, each with {credential}, {connections} connection"
                unit = "of requests with an API key"
                bench.compare(measurements, name, "key", label + plural, unit)


def _request(credential: str) -> bytes:
    line = f"PUT /v1/series/bench/{token_hex(20)}?reuse=any HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return f"{line}Content-Length: 0\r\nAuthorization: {credential}\r\n\r\n".encode()


def _cpu(server: Server, nodes: ReplicaSet | None) -> dict[str, float]:
    used = dict(zip(("event loop", "store threads"), cpu_us(server.pid), strict=True))
    if nodes is not None:
        used["mongod"] = sum(map(tree_us, pids(nodes)))
    return used
