"""All traffic and all faults, in random order, for a long time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from secrets import randbits

import pytest

from faults.load import Load
from faults.ordeal import KEYS, Ordeal, Site, ordeal
from faults.rollback import roll_back
from faults.sign_ins import SignIns
from faults.soak import SERIES_CALLERS, Fault, soak
from faults.tier import WHOLE, limit, rounds, soak_seconds
from faults.version_loads import version_loads
from support.member import free_port
from support.mongod import ReplicaSet
from support.server import Server

SECONDS = soak_seconds()
SQLITE_SECONDS = soak_seconds(1 / 8)
CHECK_SECONDS = 1_200
"""The time limit of everything except the soak itself."""

VERSION_PAUSE_SECONDS = limit(short=0.1, whole=0.3)
FREEZE_SECONDS = limit(short=0.3, whole=3)
FAULTS = rounds(short=2, whole=0)

LEFT = "left at the end: 0"


@pytest.fixture
def soak_set(request: pytest.FixtureRequest) -> ReplicaSet:
    """The shared replica set, or one with fail points for rollbacks in the long tier."""
    replica_set: ReplicaSet = request.getfixturevalue("rollback_set" if WHOLE else "own_set")
    return replica_set


@pytest.fixture
def sign_ins(folder: Path) -> Iterator[SignIns]:
    with SignIns(folder) as sign_ins:
        yield sign_ins


def kill_primary(under: Ordeal) -> None:
    former = under.replica_set.kill_primary()
    assert under.replica_set.wait_for_primary() is not former
    former.start()


def kill_secondary(under: Ordeal) -> None:
    victim = under.chance.choice(under.replica_set.secondaries())
    victim.kill()
    under.load.wait_for_answers(50)
    victim.start()


def stop_primary(under: Ordeal) -> None:
    former = under.replica_set.primary()
    former.pause()
    try:
        assert under.replica_set.wait_for_primary() is not former
        time.sleep(under.chance.uniform(0, limit(short=0.5, whole=5)))
    finally:
        former.resume()


def step_down(under: Ordeal) -> None:
    former = under.replica_set.step_down()
    assert under.replica_set.wait_for_primary() is not former


def roll_back_awake(under: Ordeal) -> None:
    roll_back(under, asleep=False)


def roll_back_asleep(under: Ordeal) -> None:
    roll_back(under, asleep=True)


def server_faults(site: Site) -> dict[str, Fault]:
    return {
        "kill server": site.kill_server,
        "stop server": site.stop_server,
        "freeze server": partial(site.freeze_server, FREEZE_SECONDS),
    }


def faults_of(under: Ordeal) -> dict[str, Fault]:
    """The faults of servers and of MongoDB; in `make test`, a kill of a server and an election."""
    if not WHOLE:
        return {"kill server": under.kill_server, "step down": partial(step_down, under)}
    kinds = (
        kill_primary,
        kill_secondary,
        stop_primary,
        step_down,
        roll_back_awake,
        roll_back_asleep,
    )
    named = {kind.__name__.replace("_", " "): partial(kind, under) for kind in kinds}
    return server_faults(under) | named


@pytest.mark.timeout(SECONDS + CHECK_SECONDS)
def test_nothing_is_lost_on_mongodb_when_faults_come_in_any_order(
    soak_set: ReplicaSet, sign_ins: SignIns, folder: Path, report: Callable[[str], None]
) -> None:
    """One server is never killed, so that its memory shows whether it grows."""
    with ordeal(
        soak_set,
        "soak",
        start=sign_ins.serve,
        survivors=1,
        others=rounds(short=1, whole=2),
        callers=SERIES_CALLERS,
        connect=sign_ins.connect,
        version_pause=VERSION_PAUSE_SECONDS,
    ) as under:

        def processes() -> dict[str, int]:
            servers = {f"server {number}": each.pid for number, each in enumerate(under.servers)}
            members = soak_set.members
            return servers | {
                f"mongod {number}": each.pid for number, each in enumerate(members) if each.running
            }

        with soak(under, sign_ins, folder, SECONDS, processes) as traffic:
            faults, bag = faults_of(under), list[str]()
            while traffic.elapsed < 1 or traffic.done.total() < FAULTS or bag:
                traffic.inject(faults, bag)
            report(traffic.check())
            doubts = under.doubts() + under.history.unknown()
    assert_clean(under.servers)
    assert traffic.done.keys() == faults.keys()
    assert doubts >= rounds(short=0, whole=traffic.done.total() // 10)
    assert under.load.interrupted >= rounds(short=0, whole=traffic.done.total() // 20)


@pytest.mark.timeout(SQLITE_SECONDS + CHECK_SECONDS)
def test_nothing_is_lost_on_sqlite_when_faults_come_in_any_order(
    sign_ins: SignIns, folder: Path, report: Callable[[str], None]
) -> None:
    """In its second half, no server is killed, so that its memory shows whether it grows."""
    seed = randbits(32)
    print(f"seed {seed}")
    store = f"sqlite:///{folder}/monotron.db"
    servers = [sign_ins.serve(store, f"127.0.0.1:{free_port()}")]
    try:
        urls = [servers[0].url]
        callers, connect = SERIES_CALLERS, sign_ins.connect
        with (
            Load(urls, KEYS, callers=callers, seed=seed, connect=connect) as load,
            version_loads(urls, seed=seed, connect=connect) as versions,
        ):
            site = Site(
                store,
                servers,
                load,
                versions,
                seed,
                sign_ins.serve,
                version_pause=VERSION_PAUSE_SECONDS,
            )

            def processes() -> dict[str, int]:
                return {"server": servers[0].pid}

            with soak(site, sign_ins, folder, SQLITE_SECONDS, processes) as traffic:
                faults, bag = server_faults(site), list[str]()
                while traffic.elapsed < 0.5 or traffic.done.total() < FAULTS or bag:
                    traffic.inject(faults, bag)
                frozen = {"freeze server": faults["freeze server"]}
                while traffic.elapsed < 1:
                    traffic.inject(frozen, bag)
                report(traffic.check())
    finally:
        for server in servers:
            server.stop()
    assert_clean(servers)
    assert traffic.done.keys() == faults.keys()
    assert load.interrupted >= rounds(short=0, whole=traffic.done["kill server"] // 2)


def assert_clean(servers: list[Server]) -> None:
    """Check the logs of servers that were stopped: no task is left, and none failed."""
    for server in servers:
        log = server.log()
        assert log.count(LEFT) == 1
        signs = ("Traceback", "never awaited", "never retrieved")
        assert [line for line in log.splitlines() if any(sign in line for sign in signs)] == []
