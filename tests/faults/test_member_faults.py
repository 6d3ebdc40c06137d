"""Members of the replica set freeze or crash: no read is stale, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from faults.ordeal import KEYS, Ordeal, ordeal
from faults.reader import Reader
from faults.tier import limit, rounds
from support.member import Document, Mongod
from support.mongod import ReplicaSet
from support.server import Server

STOPS = rounds(short=1, whole=30)
KILLS = rounds(short=1, whole=30)
MAX_STOP = limit(short=0.5, whole=13)
"""The maximum seconds that a primary stays paused after the election of another."""


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_no_read_is_stale_after_a_paused_primary_was_replaced(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    waiting = stale = 0
    stopped = []
    with ordeal(own_set, "paused") as under:
        for _ in range(STOPS):
            under.random_moment()
            former = own_set.primary()
            # This server is connected to the paused primary only.
            alone = f"mongodb://{former.address}/{under.database}?directConnection=true"
            with Server(alone) as pinned, Reader(pinned.url, KEYS, under.history):
                under.load.wait_for_answers(20)
                began = time.monotonic()
                was_stale, continued = _pause_through_an_election(under, former)
                waiting += _reads_waiting(under, continued)
                stale += was_stale
                stopped.append(continued - began)
                under.wait_until_healthy()
        report(
            f"{STOPS} primaries paused and replaced, for {min(stopped):.1f} to "
            f"{max(stopped):.1f} s; {waiting} reads were in progress when they continued; their "
            f"own data was stale {stale} times; {under.check()}"
        )
    assert min(stopped) > 1
    assert waiting >= STOPS
    assert stale >= rounds(short=0, whole=STOPS // 5)


def _pause_through_an_election(under: Ordeal, former: Mongod) -> tuple[bool, float]:
    """Pause the primary until another assigns values.

    Return whether its data was stale, and the time at which it continued.
    """
    former.pause()
    try:
        assert under.replica_set.wait_for_primary() is not former
        acknowledged = under.load.acknowledged
        under.load.wait_for_answers(100)
        assert under.load.acknowledged > acknowledged
        known = _highest_known(under, "a")
        time.sleep(under.chance.uniform(0, under.chance.uniform(0, MAX_STOP)))
        connection = former.send(_head(under.database, "a"), seconds=60)
    finally:
        continued = time.monotonic()
        former.resume()
    # A member that already knows that it must roll back returns nothing, or disconnects.
    with connection:
        try:
            response = former.receive(connection)
        except ConnectionError:
            return False, continued
    return bool(response["ok"]) and _value(response) < known, continued


def _highest_known(under: Ordeal, key: str) -> int:
    puts = list(under.history.puts)
    return max(put.value for put in puts if put.key == key and put.value is not None)


def _head(database: str, key: str) -> Document:
    return {
        "find": "series",
        "filter": {"key": key},
        "$db": database,
        "$readPreference": {"mode": "secondaryPreferred"},
    }


def _value(response: Document) -> int:
    return int(response["cursor"]["firstBatch"][0]["value"])


def _reads_waiting(under: Ordeal, now: float) -> int:
    peeks = list(under.history.peeks)
    return sum(peek.called < now < peek.returned for peek in peeks[-200:])


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_callers_do_not_notice_a_killed_secondary(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    killed: dict[str, int] = {member.address: 0 for member in own_set.members}
    with ordeal(own_set, "secondaries") as under:
        for number in range(KILLS):
            under.random_moment()
            primary = own_set.primary()
            victim = own_set.secondaries()[number % 2]
            victim.kill()
            assert not victim.running
            under.load.wait_for_answers(100)
            assert own_set.primary() is primary
            killed[victim.address] += 1
            victim.start()
            under.wait_until_healthy()
        report(f"{KILLS} secondaries killed; {under.check()}")
        interrupted, errors = under.interrupted, under.errors
    assert sum(count > 0 for count in killed.values()) >= rounds(short=1, whole=2)
    assert interrupted == 0
    assert errors.total() == 0
