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

from faults.tier import limit, rounds
from faults.version_http import NAME, result_of
from faults.version_load import INITIAL, VersionLoad
from monotron.model.semver import Release
from monotron.model.versions.requests import Reverse
from simulation.version_checker import violations
from simulation.version_history import VersionHistory
from simulation.version_withdrawals import Withdrawals
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
        body = json.dumps({"version": f"{INITIAL}"})
        assert client.request("PUT", f"/v1/versions/{NAME.name}", body, JSON).status == 200
    return servers


def kill_server(servers: list[Server], store: str, chance: random.Random) -> None:
    """Kill a server, and start it again."""
    number = chance.randrange(len(servers))
    server = servers[number]
    assert server.running, server.log()
    server.kill()
    servers[number] = Server(store, listen=f"127.0.0.1:{server.port}")


def records(client: Client) -> list[Release]:
    """All records of the name."""
    found: list[Release] = []
    before = ""
    while True:
        page = client.request("GET", f"/v1/releases/{NAME.name}?limit=1000{before}").json()
        found += [result_of(each, None).release for each in page["releases"]]
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"


def check(history: VersionHistory, servers: Sequence[Server]) -> int:
    """Compare the responses with each other, and with what a server returns now.

    Return the number of versions that are withdrawn.
    """
    answers = list(history.answers())
    assert list(violations(answers, history.calls)) == []
    with servers[-1].client() as client:
        stored = records(client)
        assert client.request("GET", "/v1/system/audit").json()["findings"] == []
    answered: dict[str, str | None] = {
        result.release.version_text: result.release.token for _, result in answers
    }
    assert {each.version_text: each.token for each in stored} == answered | {f"{INITIAL}": None}
    assert skipped(stored) == []
    withdrawals = Withdrawals(NAME, history.calls)
    for release in stored:
        if release.withdrawn:
            assert withdrawals.requested(release.version_text)
        elif withdrawals.requested(release.version_text):
            reversals = (call.request for call in history.calls if call.result)
            assert Reverse(NAME, release.version, "") in (
                each._replace(by="") for each in reversals if isinstance(each, Reverse)
            )
    return sum(release.withdrawn is not None for release in stored)


def skipped(releases: Iterable[Release]) -> list[str]:
    """The versions that skip a number: no version has the number before."""
    numbers: dict[str, set[int]] = defaultdict(set)
    ends: list[tuple[str, Release, int]] = []
    for release in releases:
        major, minor, patch = release.target
        series = [("major", major), (f"minor-v{major}", minor), (f"patch-v{major}.{minor}", patch)]
        if release.label:
            series = [(f"{release.label}-v{release.target}", release.number)]
        for key, number in series:
            numbers[key].add(number)
        if release.bump != "exact" and release.token is not None:
            key, number = next(each for each in reversed(series) if each[1])
            ends.append((key, release, number))
    return [
        release.version_text
        for key, release, number in ends
        if number > 1 and number - 1 not in numbers[key]
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
        withdrawn = check(history, servers)
        in_doubt = sum(call.in_doubt for call in history.calls)
        report(
            f"seed {seed}: {SERVER_KILLS} kills, {load.acknowledged} answers, {in_doubt} in doubt, "
            f"{withdrawn} versions withdrawn"
        )
        assert in_doubt > 0
        assert withdrawn > 0
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
        withdrawn = check(history, servers)
        in_doubt = sum(call.in_doubt for call in history.calls)
        report(
            f"seed {seed}: {PRIMARY_KILLS} kills of servers and of primaries, "
            f"{load.acknowledged} answers, {in_doubt} in doubt, {withdrawn} versions withdrawn"
        )
        assert load.interrupted > 0
        assert withdrawn > 0
    finally:
        for server in servers:
            server.kill()
