"""Servers behind a real nginx, with the configuration of docs/operations.md on other ports."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import ssl
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
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
from support.mongod import ReplicaSet
from support.nginx import Nginx
from support.nginx_site import NginxSite, address, keys_of_each
from support.server import ROOT, ROOT_ENV, Client, Response, Server

KEYS_OF_EACH = 2
"""Series of each server, with `reuse=any`: with `current`, a request that nginx repeats may assign
two values."""

BY_GATEWAY = Manner(by_gateway=True)
RETRIES = rounds(short=10, whole=1700)
DRAINS = rounds(short=2, whole=50)
DRAIN_SECONDS = 25


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


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
        site = NginxSite(authority, tmp_path, one, other)
        site.replace("proxy_read_timeout 30s;", "proxy_read_timeout 200ms;")
        site.replace(
            "proxy_next_upstream error timeout http_503;",
            "proxy_next_upstream error timeout http_502 http_503 non_idempotent;",
        )
        with ExitStack() as stack:
            nginx = stack.enter_context(Nginx(site.text))
            own, others = keys_of_each(nginx, site.url, [one, other], KEYS_OF_EACH)
            keys = [*own, *others]
            load = stack.enter_context(Load([site.url], keys, seed=seed, manner=BY_GATEWAY))
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
        site = NginxSite(authority, tmp_path, *servers)
        with ExitStack() as stack:
            nginx = stack.enter_context(Nginx(site.text))
            own, others = keys_of_each(nginx, site.url, servers, KEYS_OF_EACH)
            load = stack.enter_context(Load([site.url], [*own, *others], callers=8, seed=seed))
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
    assert {server for each in requests for server in each.servers} == set(map(address, servers))


def test_audit_and_backup_have_a_longer_timeout_than_other_requests(
    authority: trustme.CA, tmp_path: Path
) -> None:
    with Server(f"sqlite:///{tmp_path}/monotron.db") as server:
        site = NginxSite(authority, tmp_path, server, server)
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
        site = NginxSite(authority, tmp_path, server, server, forwards=True)
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
        site = NginxSite(authority, tmp_path, server, server, forwards=True)
        with Nginx(site.text):
            client = HTTPConnection("127.0.0.1", site.port, source_address=("127.0.0.5", 0))
            with closing(client):
                forged = {"X-Forwarded-For": "192.0.2.1", "X-Real-Ip": "192.0.2.1"}
                client.request("GET", "/v1/series", headers=forged)
                response = client.getresponse()
                answer = Response(response.status, response.headers, response.read())
        assert line_of(server, answer)["client"] == "127.0.0.5"
