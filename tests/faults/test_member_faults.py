"""Members of the replica set freeze and wake, or die: no read is stale, nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from faults.ordeal import DATABASE, KEYS, Ordeal, ordeal
from faults.reader import Reader
from faults.tier import limit, rounds
from support.member import Document, Mongod
from support.mongod import ReplicaSet
from support.server import Server

STOPS = rounds(short=1, whole=30)
KILLS = rounds(short=2, whole=30)
MAX_STOP = limit(short=0.5, whole=13)
"""Seconds that a stop goes on at most after another was elected."""


@pytest.fixture(scope="module")
def own_set() -> Iterator[ReplicaSet]:
    """A replica set that no other test needs."""
    with ReplicaSet.start() as replica_set:
        yield replica_set


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_no_read_is_stale_when_a_primary_sleeps_through_the_election_of_another(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    waiting = stale = 0
    stopped = []
    with ordeal(own_set) as under:
        for _ in range(STOPS):
            under.random_moment()
            former = own_set.primary()
            # This server knows no other member, so it asks that one as long as it may be asked.
            alone = f"mongodb://{former.address}/{DATABASE}?directConnection=true"
            with Server(alone) as pinned, Reader(pinned.url, KEYS, under.history):
                under.load.wait_for_answers(20)
                began = time.monotonic()
                would_be_stale = _sleep_through_an_election(under, former)
                woken = time.monotonic()
                waiting += _reads_waiting(under, woken)
                stale += would_be_stale
                stopped.append(woken - began)
                own_set.wait_until_healthy()
        report(
            f"{STOPS} primaries stopped and replaced, for {min(stopped):.1f} to "
            f"{max(stopped):.1f} s; {waiting} reads were under way when they woke; what a read of "
            f"what was there would have told was stale {stale} times; {under.judge()}"
        )
    assert min(stopped) > 1
    assert waiting >= STOPS
    assert stale >= rounds(short=0, whole=STOPS // 5)


def _sleep_through_an_election(under: Ordeal, former: Mongod) -> bool:
    """Stop the primary until another gives values, and wake it; whether what it knew was stale."""
    with ThreadPoolExecutor(1) as pool:
        former.pause()
        try:
            assert under.replica_set.wait_for_primary() is not former
            given = under.load.acknowledged
            under.load.wait_for_answers(100)
            assert under.load.acknowledged > given
            known = _highest_known(under, "a")
            time.sleep(under.chance.uniform(0, under.chance.uniform(0, MAX_STOP)))
            asked = pool.submit(_what_is_there, former, "a")
            while not asked.running():
                time.sleep(0.001)
            time.sleep(0.05)  # for what is asked to arrive before its reader wakes
        finally:
            former.resume()
        # Some know already that they must roll back: they show nothing, or hang up.
        try:
            answer = asked.result()
        except ConnectionError:
            return False
        return bool(answer["ok"]) and _value(answer) < known


def _highest_known(under: Ordeal, key: str) -> int:
    puts = list(under.history.puts)
    return max(put.value for put in puts if put.key == key and put.value is not None)


def _what_is_there(member: Mongod, key: str) -> Document:
    find = {
        "find": "series",
        "filter": {"key": key},
        "$db": DATABASE,
        "$readPreference": {"mode": "secondaryPreferred"},
    }
    return member.command(find, seconds=60)


def _value(answer: Document) -> int:
    return int(answer["cursor"]["firstBatch"][0]["value"])


def _reads_waiting(under: Ordeal, now: float) -> int:
    peeks = list(under.history.peeks)
    return sum(peek.called < now < peek.returned for peek in peeks[-200:])


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_a_secondary_that_is_killed_is_hardly_noticed(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    killed: dict[str, int] = {member.address: 0 for member in own_set.members}
    with ordeal(own_set, database="secondaries") as under:
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
            own_set.wait_until_healthy()
        report(f"{KILLS} secondaries killed; {under.judge()}")
        interrupted = under.load.interrupted
    assert sum(count > 0 for count in killed.values()) >= 2
    assert interrupted == 0
