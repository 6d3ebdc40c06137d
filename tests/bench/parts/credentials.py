"""PUT requests with an API key or a known identity token, compared with unauthenticated ones."""

import statistics
from dataclasses import replace

from bench.authentication import Authentication
from bench.measuring import HOT, Bench, load
from bench.table import TableRow
from support.issuer import IssuerServer
from support.server import Server


def run(bench: Bench) -> None:
    authentication = Authentication(bench.folder)
    with (
        IssuerServer() as issuer,
        Server(f"sqlite:///{bench.folder}/open.db") as open_server,
        authentication.server(issuer, f"sqlite:///{bench.folder}/closed.db") as server,
    ):
        for name, authorization, goal in (
            ("an API key", authentication.api_key(server), 0.95),
            ("an identity token seen before", authentication.identity_token(issuer), 0.85),
        ):
            target = replace(HOT, headers={"Authorization": authorization})
            load(server.port, target, 0.5)
            measurements = bench.alternate(
                {
                    "without": bench.monotron(open_server, HOT),
                    "with": bench.monotron(server, target),
                }
            )
            label, unit = f"SQLite: with {name}", "of requests without credentials"
            bench.compare(measurements, "with", "without", label, unit, goal)
        cost = statistics.median(authentication.verify_ms(issuer) for _ in range(bench.rounds))
        bench.table.add(TableRow("verifying a fresh identity token", cost, "ms"))
