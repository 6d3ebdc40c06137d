"""A PUT with a key, and with an identity token seen before, against one without."""

import statistics
from dataclasses import replace

from bench.measuring import HOT, Bench, load
from bench.signing import Signing
from bench.table import Row
from support.issuer import IssuerServer
from support.server import Server


def run(bench: Bench) -> None:
    signing = Signing(bench.folder)
    with (
        IssuerServer() as issuer,
        Server(f"sqlite:///{bench.folder}/open.db") as bare,
        signing.server(issuer, f"sqlite:///{bench.folder}/closed.db") as server,
    ):
        for name, authorization, goal in (
            ("a key", signing.key(server), 0.9),
            ("an identity token seen before", signing.token(issuer), 0.85),
        ):
            target = replace(HOT, headers={"Authorization": authorization})
            load(server.port, target, 0.5)
            taken = bench.in_turns(
                {"without": bench.ours(bare, HOT), "with": bench.ours(server, target)}
            )
            bench.against(taken, "with", "without", f"SQLite: with {name}", "of without", goal)
        cost = statistics.median(signing.verify_ms(issuer) for _ in range(bench.rounds))
        bench.table.add(Row("verifying a fresh identity token", cost, "ms"))
