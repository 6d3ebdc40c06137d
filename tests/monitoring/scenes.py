"""Servers in all conditions for which an alert exists, each with a real cause."""

from __future__ import annotations

import errno
import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from faults.disk import Call, File
from monitoring.stage import Stage
from support.claims import AUDIENCE, github
from support.http import Client
from support.issuer import DISCOVERY, JWKS, IssuerServer, respond
from support.mongod import ReplicaSet
from support.server import ROOT_ENV
from support.server_thread import ServerThread

HEALTHY = "healthy"
ALWAYS = -1
FORTY_HOURS = 40 * 3600


@dataclass(frozen=True)
class Scene:
    """A server, and what causes an alert."""

    name: str
    """The alert that fires after the cause, or `HEALTHY`."""
    port: int
    cause: Callable[[], object] = lambda: None

    @property
    def address(self) -> str:
        """The address that Prometheus scrapes."""
        return f"127.0.0.1:{self.port}"


def healthy(stage: Stage) -> Scene:
    """Serves all kinds of requests, also wrong ones."""
    server = stage.thread("healthy")

    def use() -> None:
        for number in range(20):
            client.request("PUT", f"/v1/series/build/{time.monotonic_ns()}")
            client.request("PUT", f"/v1/versions/shop/{time.monotonic_ns()}?bump=minor")
            client.request("GET", f"/v1/series/unknown-{number}")
        for path in ("/readyz", "/livez", "/status", "/v1/system/audit"):
            assert client.request("GET", path).status == 200
        assert client.request("POST", "/v1/system/backup").status == 200
        with Client(server.url) as anonymous:
            assert anonymous.request("GET", "/v1/series").status == 401

    client = stage.client(server.url)
    return Scene(HEALTHY, server.port, lambda: stage.repeatedly(use))


def stopped(stage: Stage) -> Scene:
    server = ServerThread(stage.prepared("stopped"), env=ROOT_ENV)  # its cause stops it
    return Scene("MonotronDown", server.port, server.stop)


def full_of_errors(stage: Stage) -> Scene:
    """A page of its file is damaged: the attributes of tokens cannot be read."""
    file = stage.folder / "errors.db"
    stage.assign(file)
    with closing(sqlite3.connect(file)) as connection:
        pages = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'attributes'"
        ).fetchall()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as opened:
        for (page,) in pages:
            opened.seek((page - 1) * page_bytes)
            opened.write(b"\xff" * page_bytes)
    server = stage.start(ServerThread(f"sqlite:///{file}", env=ROOT_ENV))
    client = stage.client(server.url)

    def read() -> None:
        for path in ("livez", "v1/series", "v1/accounts/1/tokens/build/a/attrs"):
            client.request("GET", f"/{path}")

    return Scene("MonotronErrors", server.port, lambda: stage.repeatedly(read))


def without_disk(stage: Stage) -> Scene:
    """Its disk fails all writes, and someone probes it."""
    disk, server = stage.on_disk("down")
    client = stage.client(server.url)

    def break_disk() -> None:
        disk.fail(Call.WRITE, File.WAL, errno.EIO, times=ALWAYS)
        stage.repeatedly(lambda: client.request("GET", "/readyz"))

    return Scene("MonotronStoreDown", server.port, break_disk)


def in_doubt(stage: Stage) -> Scene:
    """Its disk fails to sync once."""
    disk, server = stage.on_disk("doubt")
    client = stage.client(server.url)

    def write() -> None:
        applied = None
        while applied is None:  # the probe of a scrape may use up the failure
            disk.fail(Call.SYNC, File.WAL, errno.EIO)
            response = client.request("PUT", f"/v1/series/build/{time.monotonic_ns()}")
            applied = response.json().get("applied")
        assert applied == "unknown"

    return Scene("MonotronUnknownOutcomes", server.port, write)


def with_a_small_disk(stage: Stage) -> Scene:
    disk, server = stage.on_disk("small")
    return Scene("MonotronDiskSpaceLow", server.port, lambda: disk.fill(500 << 20))


def slow(stage: Stage) -> Scene:
    """MongoDB takes more than a second for each commit."""
    replica_set = stage.start(ReplicaSet.start(members=1, fail_points=True))
    url = replica_set.url("slow")
    stage.prepare(url)
    server = stage.start(ServerThread(url, env=ROOT_ENV))

    def commit_slowly() -> None:
        replica_set.primary().fail_point(
            "failCommand",
            "alwaysOn",
            failCommands=["commitTransaction"],
            appName="monotron",
            blockConnection=True,
            blockTimeMS=1200,
        )
        for number in range(4):
            client = stage.client(server.url)
            path = f"/v1/series/build{number}/"
            stage.repeatedly(
                lambda client=client, path=path: client.request(
                    "PUT", f"{path}{time.monotonic_ns()}"
                )
            )

    return Scene("MonotronSlow", server.port, commit_slowly)


def contradictory(stage: Stage) -> Scene:
    """The ledger of a series has an entry above its head."""
    file = stage.folder / "contradiction.db"
    stage.damage(file, "UPDATE series SET value = 1, token = 'a' WHERE key = 'build'")
    server = stage.start(ServerThread(f"sqlite:///{file}", env=ROOT_ENV))

    def write() -> None:
        with stage.client(server.url) as client:
            assert client.request("PUT", "/v1/series/build/c").status == 500

    return Scene("MonotronLedgerContradiction", server.port, write)


def with_findings(stage: Stage) -> Scene:
    """The ledger of a series lacks an entry."""
    file = stage.folder / "findings.db"
    stage.damage(file, "DELETE FROM entries WHERE value = 2")
    server = stage.start(ServerThread(f"sqlite:///{file}", env=ROOT_ENV))

    def audit() -> None:
        with stage.client(server.url) as client:
            assert client.request("GET", "/v1/system/audit").json()["findings"]

    return Scene("MonotronAuditFindings", server.port, audit)


def audited_long_ago(stage: Stage) -> Scene:
    server = stage.thread("audit", audited=FORTY_HOURS)
    return Scene("MonotronAuditOverdue", server.port)


def never_audited(stage: Stage) -> Scene:
    server = stage.thread("never", audited=None)
    return Scene("MonotronAuditNeverRun", server.port)


def backed_up_long_ago(stage: Stage) -> Scene:
    server = stage.thread("backup", backed_up=FORTY_HOURS)
    return Scene("MonotronBackupOverdue", server.port)


def without_issuer(stage: Stage) -> Scene:
    """The issuer of identity tokens does not respond."""
    issuer = stage.start(IssuerServer())
    settings = [{"url": issuer.url, "kind": "github", "allow_private": True}]
    config = stage.folder / "issuer.json"
    config.write_text(json.dumps({"audience": AUDIENCE, "issuers": settings}))
    server = stage.thread("issuer", config=str(config))
    token = issuer.signers[0].token(github(iss=issuer.url))
    issuer.misbehaviors = {DISCOVERY: respond(b"", 503), JWKS: respond(b"", 503)}

    def sign_in() -> None:
        with Client(server.url, authorization=f"Bearer {token}") as client:
            assert client.request("GET", "/v1/series").status == 401

    return Scene("MonotronIssuerUnreachable", server.port, sign_in)


def attacked(stage: Stage) -> Scene:
    """Someone guesses API keys."""
    server = stage.thread("attacked")

    def guess() -> None:
        for number in range(40):
            with Client(server.url, authorization=f"Bearer mtk_k_{number}") as client:
                assert client.request("GET", "/v1/series").status in (401, 429)

    return Scene("MonotronSignInFailures", server.port, guess)


SCENES = [
    slow,
    without_disk,
    in_doubt,
    with_a_small_disk,
    healthy,
    stopped,
    full_of_errors,
    contradictory,
    with_findings,
    audited_long_ago,
    never_audited,
    backed_up_long_ago,
    without_issuer,
    attacked,
]


def start_all(stage: Stage) -> list[Scene]:
    """Start all servers at the same time."""
    with ThreadPoolExecutor(len(SCENES)) as threads:
        return list(threads.map(lambda start: start(stage), SCENES))
