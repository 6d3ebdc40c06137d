"""Servers behind a real nginx, with the configuration of docs/operations.md on other ports."""

from __future__ import annotations

import json
import random
import re
import signal
import sqlite3
import ssl
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from secrets import randbits

import pytest
import trustme

from faults.aftermath import check_aftermath
from faults.caller import Manner
from faults.load import Load
from faults.tier import limit, rounds
from support.log_lines import line_of
from support.member import free_port
from support.mongod import ReplicaSet
from support.nginx import Nginx
from support.server import ROOT, ROOT_ENV, Client, Response, Server

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
KEYS = ["a", "b", "c"]
"""Series with `reuse=any`: with `current`, a request that nginx repeats may assign two values."""

BY_GATEWAY = Manner(by_gateway=True)
RETRIES = rounds(short=10, whole=1700)
DRAINS = rounds(short=2, whole=50)
DRAIN_SECONDS = 25


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Site:
    """The configuration of the page, adapted to the servers of a test."""

    def __init__(
        self, authority: trustme.CA, folder: Path, *servers: Server, forwards: bool = False
    ) -> None:
        """With *forwards*, the servers need credentials: others reject a forwarding header."""
        [self.text] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.port, self.tls_port = free_port(), free_port()
        for host, server in zip(("10.0.0.11", "10.0.0.12"), servers, strict=True):
            self.replace(f"{host}:3030", f"127.0.0.1:{server.port}")
        listen = f"listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.tls_port} ssl;"
        self.replace("listen 443 ssl;", listen)
        issued = authority.issue_cert("monotron.example.com", "127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "site.pem")
        self.replace("/etc/ssl/monotron.pem", str(folder / "site.pem"))
        self.replace("/etc/ssl/monotron.key", str(folder / "site.pem"))
        if not forwards:
            self.replace("proxy_set_header X-Forwarded-For $remote_addr;", "")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def replace(self, old: str, new: str) -> None:
        assert self.text.count(old) == 1, old
        self.text = self.text.replace(old, new)


@pytest.mark.timeout(limit(short=120, whole=1800))
def test_a_put_that_nginx_repeats_at_another_server_has_one_value(
    own_set: ReplicaSet, authority: trustme.CA, tmp_path: Path, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    url = own_set.url("repeated")
    began = time.monotonic()
    with Server(url) as one, Server(url) as other:
        site = Site(authority, tmp_path, one, other)
        site.replace("proxy_read_timeout 30s;", "proxy_read_timeout 200ms;")
        site.replace(
            "proxy_next_upstream error timeout http_503;",
            "proxy_next_upstream error timeout http_502 http_503 non_idempotent;",
        )
        with (
            Nginx(site.text) as nginx,
            Load([site.url], KEYS, seed=seed, manner=BY_GATEWAY) as load,
        ):
            pauses = 0
            while not enough(repeated(nginx)):
                load.wait_for_answers(20)
                primary = own_set.primary()
                primary.pause()
                time.sleep(chance.uniform(0.2, 0.6))  # the length of the pause
                primary.resume()
                pauses += 1
            history = load.finish()
            puts = repeated(nginx)
        check_aftermath(history, [one.url, other.url])
    statuses = Counter(status for _, status in puts)
    report(
        f"seed {seed}: {pauses} pauses of the primary in {time.monotonic() - began:.0f} s; "
        f"{len(puts)} PUTs repeated by nginx, answered {dict(statuses)}; {load.acknowledged} "
        f"answers, {history.retried()} retried by callers, of which "
        f"{history.counted_in_doubt()} were applied"
    )
    assert history.counted_in_doubt() > 0


def enough(puts: list[tuple[list[str], int]]) -> bool:
    """Return whether enough were repeated, and the other server answered one of them."""
    return len(puts) >= RETRIES and any(status == 200 for _, status in puts)


def repeated(nginx: Nginx) -> list[tuple[list[str], int]]:
    """Return the servers and the status of each PUT that nginx sent to more than one server."""
    return [
        (each.servers, each.status)
        for each in nginx.requests()
        if each.method == "PUT" and len(set(each.servers)) > 1
    ]


@pytest.mark.timeout(limit(short=120, whole=1800))
def test_servers_that_stop_in_turn_fail_no_request(
    own_set: ReplicaSet, authority: trustme.CA, tmp_path: Path, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    url = own_set.url("drained")
    servers = [Server(url), Server(url)]
    longest = 0.0
    try:
        site = Site(authority, tmp_path, *servers)
        with Nginx(site.text) as nginx, Load([site.url], KEYS, callers=8, seed=seed) as load:
            for turn in range(DRAINS):
                load.wait_for_answers(50)
                time.sleep(chance.uniform(0, 0.1))  # the moment of the signal
                stopped = servers[turn % 2]
                began = time.monotonic()
                stopped.terminate()
                assert stopped.wait(DRAIN_SECONDS) == 0
                longest = max(longest, time.monotonic() - began)
                load.wait_for_answers(50)
                servers[turn % 2] = Server(url, listen=f"127.0.0.1:{stopped.port}")
            load.wait_for_answers(50)
            history = load.finish()
            requests = nginx.requests()
        check_aftermath(history, [server.url for server in servers])
    finally:
        for server in servers:
            server.kill()
    handed_on = [each for each in requests if len(each.servers) > 1]
    report(
        f"seed {seed}: {DRAINS} servers stopped, the slowest in {longest:.1f} s; {len(requests)} "
        f"requests, {len(handed_on)} passed on to the other server, none failed"
    )
    assert {each.status for each in requests} <= {200, 404}
    assert (load.interrupted, load.refused, history.unknown()) == (0, 0, 0)
    assert len(handed_on) >= DRAINS
    assert {server for each in requests for server in each.servers} == {
        f"127.0.0.1:{server.port}" for server in servers
    }


def test_audit_and_backup_have_a_longer_timeout_than_other_requests(
    authority: trustme.CA, tmp_path: Path
) -> None:
    with Server(f"sqlite:///{tmp_path}/monotron.db") as server:
        site = Site(authority, tmp_path, server, server)
        site.replace("proxy_read_timeout 30s;", "proxy_read_timeout 1s;")
        with Nginx(site.text), ThreadPoolExecutor(2) as threads:
            assert ask(site.url, "PUT", "/v1/series/web/T").status == 200
            server.signal(signal.SIGSTOP)
            audit = threads.submit(ask, site.url, "GET", "/v1/system/audit")
            backup = threads.submit(ask, site.url, "POST", "/v1/system/backup")
            assert ask(site.url, "PUT", "/v1/series/web/U").status == 504
            assert not audit.done()
            assert not backup.done()
            server.signal(signal.SIGCONT)
            assert audit.result().json()["findings"] == []
            copy = backup.result()
    assert copy.status == 200
    assert len(copy.body) == int(copy.headers["Content-Length"])
    (tmp_path / "copy.db").write_bytes(copy.body)
    connection = sqlite3.connect(tmp_path / "copy.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def ask(url: str, method: str, path: str) -> Response:
    with Client(url) as client:
        return client.request(method, path)


def test_nginx_passes_tls_names_and_paths_unchanged(authority: trustme.CA, tmp_path: Path) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def over_tls(method: str, path: str, data: bytes | None = None, **headers: str) -> bytes:
        request = urllib.request.Request(
            f"https://127.0.0.1:{site.tls_port}{path}",
            data,
            {"Authorization": ROOT, "Host": "monotron.example.com", **headers},
            method=method,
        )
        with urllib.request.urlopen(request, context=context, timeout=30) as response:
            return bytes(response.read())

    with Server(f"sqlite:///{tmp_path}/monotron.db", env=ROOT_ENV) as server:
        site = Site(authority, tmp_path, server, server, forwards=True)
        with Nginx(site.text):
            for key in ("org%2Frepo", "a%20b", "%F0%9F%9A%80", "x%2F%2Fy", "50%25", "a%3Fb"):
                put = json.loads(over_tls("PUT", f"/v1/series/{key}/T"))
                assert put["key"] == urllib.request.unquote(key)
            # A same-origin request is allowed, and nginx passes the host name on.
            origin = "https://monotron.example.com"
            assert over_tls("POST", "/v1/system/backup", Origin=origin).startswith(b"SQLite")
            messages = b"feat: x\n" + b"x" * ((1 << 20) - 100)
            over_tls("PUT", "/v1/versions/web/T?bump=auto", messages)


def test_the_log_has_the_address_of_the_client_of_nginx(
    authority: trustme.CA, tmp_path: Path
) -> None:
    args = ["--trusted-proxies=127.0.0.1"]
    with Server(f"sqlite:///{tmp_path}/monotron.db", env=ROOT_ENV, args=args) as server:
        site = Site(authority, tmp_path, server, server, forwards=True)
        with Nginx(site.text):
            client = HTTPConnection("127.0.0.1", site.port, source_address=("127.0.0.5", 0))
            with closing(client):
                forged = {"X-Forwarded-For": "192.0.2.1", "X-Real-Ip": "192.0.2.1"}
                client.request("GET", "/v1/series", headers=forged)
                response = client.getresponse()
                answer = Response(response.status, response.headers, response.read())
        assert line_of(server, answer)["client"] == "127.0.0.5"
