"""Servers and primaries are killed while 64 callers request versions of one name."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from secrets import randbits

import pytest
from semver import Version

from faults.tier import limit, rounds
from faults.version_load import NAME, VersionLoad
from simulation.version_checker import violations
from simulation.version_history import VersionHistory
from support.credentials import JSON
from support.http import Client
from support.member import free_port
from support.mongod import ReplicaSet
from support.server import Server

CALLERS = 64
SERVER_KILLS = rounds(short=4, whole=100)
PRIMARY_KILLS = rounds(short=1, whole=12)


def start(store: str, number: int) -> list[Server]:
    """Start servers, and adopt a version."""
    # Below the ephemeral ports, so that the port is free when a killed server restarts.
    servers = [Server(store, listen=f"127.0.0.1:{free_port()}") for _ in range(number)]
    with servers[0].client() as client:
        body = json.dumps({"version": "1.2.57"})
        assert client.request("PUT", f"/v1/versions/{NAME.name}", body, JSON).status == 200
    return servers


def kill_server(servers: list[Server], store: str, chance: random.Random) -> None:
    """Kill a server, and start it again."""
    number = chance.randrange(len(servers))
    server = servers[number]
    assert server.running, server.log()
    server.kill()
    servers[number] = Server(store, listen=f"127.0.0.1:{server.port}")


def records(client: Client) -> dict[str, str | None]:
    """The token of each version."""
    found: dict[str, str | None] = {}
    before = ""
    while True:
        page = client.request("GET", f"/v1/releases/{NAME.name}?limit=1000{before}").json()
        found |= {each["version"]: each["token"] for each in page["releases"]}
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"


def check(history: VersionHistory, servers: Sequence[Server]) -> None:
    """Compare the responses with each other, and with what a server returns now."""
    answers = list(history.answers())
    assert list(violations(answers, history.calls)) == []
    with servers[-1].client() as client:
        stored = records(client)
        assert client.request("GET", "/v1/system/audit").json()["findings"] == []
    answered: dict[str, str | None] = {
        result.release.version_text: result.release.token for _, result in answers
    }
    assert stored == answered | {"1.2.57": None}
    assert skipped(stored) == []


def skipped(versions: Iterable[str]) -> list[str]:
    """The series that skip a number. Each component starts at 1 below a larger one."""
    series: dict[str, set[int]] = defaultdict(set)
    for text in versions:
        version = Version.parse(text)
        if version.prerelease:
            label, number = version.prerelease.split(".")
            series[f"{label}-v{version.finalize_version()}"].add(int(number))
        elif version.patch:
            series[f"patch-v{version.major}.{version.minor}"].add(version.patch)
        elif version.minor:
            series[f"minor-v{version.major}"].add(version.minor)
        else:
            series["major"].add(version.major)
    first = {"patch-v1.2": 57, "minor-v1": 3, "major": 2}
    return [
        key
        for key, numbers in series.items()
        if numbers != set(range(first.get(key, 1), first.get(key, 1) + len(numbers)))
    ]


@pytest.mark.timeout(limit(short=180, whole=1800))
def test_versions_keep_their_guarantees_when_the_server_is_killed(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    store = f"sqlite:///{tmp_path}/monotron.db"
    servers = start(store, 1)
    try:
        with VersionLoad([server.url for server in servers], callers=CALLERS, seed=seed) as load:
            for _ in range(SERVER_KILLS):
                load.wait_for_answers(100)
                time.sleep(chance.uniform(0.03, 0.25))  # the moment of the fault
                kill_server(servers, store, chance)
            while not load.interrupted:  # a kill rarely finds no request in progress
                load.wait_for_answers(100)
                kill_server(servers, store, chance)
            load.wait_for_answers(100)
            history = load.finish()
        check(history, servers)
        in_doubt = sum(call.in_doubt for call in history.calls)
        report(f"seed {seed}: {SERVER_KILLS} kills, {load.answers} versions, {in_doubt} in doubt")
        assert in_doubt > 0
    finally:
        for server in servers:
            server.kill()


@pytest.mark.timeout(limit(short=300, whole=3600))
def test_versions_keep_their_guarantees_when_servers_and_primaries_are_killed(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    store = own_set.url("version_kills")
    servers = start(store, 2)
    try:
        with VersionLoad([server.url for server in servers], callers=CALLERS, seed=seed) as load:
            for _ in range(PRIMARY_KILLS):
                load.wait_for_answers(100)
                time.sleep(chance.uniform(0.03, 0.25))  # the moment of the fault
                kill_server(servers, store, chance)
                load.wait_for_answers(100)
                former = own_set.kill_primary()
                assert own_set.wait_for_primary() is not former
                load.wait_for_answers(100)
                former.start()
                own_set.wait_until_healthy()
            while not load.interrupted:  # a kill rarely finds no request in progress
                load.wait_for_answers(100)
                kill_server(servers, store, chance)
            history = load.finish()
        check(history, servers)
        in_doubt = sum(call.in_doubt for call in history.calls)
        report(
            f"seed {seed}: {PRIMARY_KILLS} kills of servers and of primaries, "
            f"{load.answers} versions, {in_doubt} in doubt"
        )
        assert load.interrupted > 0
    finally:
        for server in servers:
            server.kill()
