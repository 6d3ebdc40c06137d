"""Requests of one account while another account, or a stranger, causes as much load as it can."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

from bench.authentication import NO_LIMITS, Authentication
from bench.commit_messages import commit_messages
from bench.figures import Figures
from bench.measuring import HOT, Bench, load
from bench.processes import resident_mib
from bench.slow_connections import slow_connections
from bench.table import TableRow
from monotron.store import open_store
from monotron.store.auth_interface import AuthRecord, RecordChange
from support.issuer import IssuerServer
from support.server import ROOT, ROOT_ENV, Client, Server

CONNECTIONS = 4
SLOW_CONNECTIONS = 2000
SIGN_INS = 300
FEW, MANY = 10, 10_000
PATH = "/v1/accounts/2/versions/shop/token?bump=auto&dry_run=true"
FREQUENT = ("requests_per_key", "requests_per_account")


def run(bench: Bench) -> None:
    _beside_commit_messages(bench)
    _beside_slow_connections(bench)
    _among_policies_of_others(bench)


def _beside_commit_messages(bench: Bench) -> None:
    env = ROOT_ENV | {f"MONOTRON_{name.upper()}": str(NO_LIMITS[name]) for name in FREQUENT}
    with Server(f"sqlite:///{bench.folder}/shares.db", env=env) as server:
        with server.client(authorization=ROOT) as root:
            root.request("POST", "/v1/accounts", "")
            own = _key(root, 1, "read,write:series")
            other = _key(root, 2, "read:series")
        target = replace(HOT, headers={"Authorization": own})

        def alone() -> Figures:
            return Figures.of(load(server.port, target, bench.seconds, CONNECTIONS))

        def beside() -> Figures:
            with commit_messages(server.port, PATH, other):
                return alone()

        measurements = bench.alternate({"alone": alone, "beside": beside})
        label, unit = "SQLite: beside another account's commit messages", "of the p99 alone"
        bench.compare(measurements, "beside", "alone", label, unit, 2, metric="p99_ms")


def _beside_slow_connections(bench: Bench) -> None:
    with Server(f"sqlite:///{bench.folder}/slow.db") as server:

        def alone() -> Figures:
            return Figures.of(load(server.port, HOT, bench.seconds, CONNECTIONS))

        def beside() -> Figures:
            with slow_connections(server.port, SLOW_CONNECTIONS):
                return alone()

        alone()
        files = _open_files(server)
        measurements = bench.alternate({"alone": alone, "beside": beside})
        label = f"SQLite: beside {SLOW_CONNECTIONS:,} slow connections"
        bench.compare(measurements, "beside", "alone", label, "of the p99 alone", 2, "p99_ms")
        lines = _lines(server)
        with slow_connections(server.port, SLOW_CONNECTIONS):
            alone()
            memory = resident_mib(server.pid)
        bench.table.add(TableRow(f"{label}: memory", memory, "MiB resident", 200))
        alone()  # it has noticed that the connections were closed
        logged = _lines(server) - lines
        bench.table.add(TableRow(f"{label}: log", logged, "lines until they are closed", 100))
        label += ": open files afterwards"
        bench.table.add(TableRow(label, _open_files(server) - files, "more than before", 0))


def _among_policies_of_others(bench: Bench) -> None:
    authentication = Authentication(bench.folder)
    costs: dict[int, list[float]] = {FEW: [], MANY: []}
    with IssuerServer() as issuer:
        for count in costs:
            _fill(bench.folder / f"policies-{count}.db", issuer.url, count)
        for _ in range(bench.rounds):
            for count, measured in costs.items():
                store = f"sqlite:///{bench.folder}/policies-{count}.db"
                with authentication.server(issuer, store) as server:
                    measured.append(_sign_in_ms(server, authentication, issuer))
    ratio = statistics.median(costs[MANY]) / statistics.median(costs[FEW])
    label = f"SQLite: signing in with {MANY:,} trust policies of other accounts"
    bench.table.add(TableRow(label, ratio, f"of the time with {FEW}", 1.2))


def _sign_in_ms(server: Server, authentication: Authentication, issuer: IssuerServer) -> float:
    """Milliseconds of a request with a new identity token."""
    tokens = [authentication.identity_token(issuer) for _ in range(SIGN_INS)]
    path = "/v1/accounts/1/series"
    with server.client() as client:
        headers = {"Authorization": authentication.identity_token(issuer)}
        assert client.request("GET", path, headers=headers).status == 200
        started = time.perf_counter()
        for token in tokens:
            response = client.request("GET", path, headers={"Authorization": token})
            assert response.status == 200, response
        return 1000 * (time.perf_counter() - started) / SIGN_INS


def _fill(file: Path, issuer: str, count: int) -> None:
    """Create a store with this number of trust policies of other accounts for the same job."""
    store = open_store(f"sqlite:///{file}")
    body = {
        "issuer": issuer,
        "claims": {"repository_id": "777", "ref": "refs/heads/main"},
        "scopes": ["read:series"],
        "names": ["*"],
        "creators": ["root"],
    }
    changes = [
        RecordChange("trust", None, AuthRecord(f"{account:019d}/{1:019d}", account, body))
        for account in range(2, count + 2)
    ]
    if not store.auth_records.change(changes):
        raise RuntimeError(f"{file} is not empty")
    store.close()


def _key(root: Client, account: int, scope: str) -> str:
    response = root.request("POST", f"/v1/accounts/{account}/grants", json.dumps([scope]))
    return f"Bearer {response.json()['api_key']['secret']}"


def _open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _lines(server: Server) -> int:
    """The number of log lines, without those of complete requests, which are logged one by one."""
    return sum('"path": "/v1/' not in line for line in server.log().splitlines())
