"""Servers and primaries are killed while 64 callers request versions of one name."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from secrets import randbits

import pytest

from faults.tier import limit, rounds
from faults.version_aftermath import check, withdrawn
from faults.version_http import NAME
from faults.version_load import VersionLoad, adopt_initial
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
        adopt_initial(client, NAME)
    return servers


def kill_server(servers: list[Server], store: str, chance: random.Random) -> None:
    """Kill a server, and start it again."""
    number = chance.randrange(len(servers))
    server = servers[number]
    assert server.running, server.log()
    server.kill()
    servers[number] = Server(store, listen=f"127.0.0.1:{server.port}")


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
        with servers[-1].client() as client:
            assert client.request("GET", "/v1/system/audit").json()["findings"] == []
            withdrawals = withdrawn(check(history, client))
        in_doubt = sum(call.in_doubt for call in history.calls)
        report(
            f"seed {seed}: {SERVER_KILLS} kills, {load.acknowledged} answers, {in_doubt} in doubt, "
            f"{withdrawals} versions withdrawn"
        )
        assert in_doubt > 0
        assert withdrawals > 0
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
        with servers[-1].client() as client:
            assert client.request("GET", "/v1/system/audit").json()["findings"] == []
            withdrawals = withdrawn(check(history, client))
        in_doubt = sum(call.in_doubt for call in history.calls)
        report(
            f"seed {seed}: {PRIMARY_KILLS} kills of servers and of primaries, "
            f"{load.acknowledged} answers, {in_doubt} in doubt, {withdrawals} versions withdrawn"
        )
        assert load.interrupted > 0
        assert withdrawals > 0
    finally:
        for server in servers:
            server.kill()
