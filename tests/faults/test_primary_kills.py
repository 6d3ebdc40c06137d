"""The primary of the replica set dies again and again: nothing is lost, nobody is told wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.history import History
from faults.load import Load
from harness.member import Mongod, until
from harness.mongod import ReplicaSet
from harness.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
TRYING_AGAIN = "trying again"
"""What a server logs when MongoDB left it in doubt, which its callers need not notice."""

Doubts = Callable[[], int]


@pytest.fixture
def own_set() -> Iterator[ReplicaSet]:
    """A replica set that no other test needs."""
    with ReplicaSet.start() as replica_set:
        yield replica_set


def kill(replica_set: ReplicaSet, doubts: Doubts) -> Mongod:
    """Crash the primary."""
    return replica_set.kill_primary()


def kill_without_successor(replica_set: ReplicaSet, doubts: Doubts) -> Mongod:
    """Crash the primary, and let nobody take its place until a server is in doubt."""
    primary = replica_set.primary()
    voter = next(member for member in replica_set.members if member is not primary)
    before = doubts()
    voter.pause()
    primary.kill()
    until(lambda: doubts() > before, 60, "a server in doubt")
    voter.resume()
    return primary


def step_down(replica_set: ReplicaSet, doubts: Doubts) -> Mongod:
    """Let another be primary, in order."""
    return replica_set.step_down()


FAULTS = [kill, step_down, kill, kill, kill_without_successor, step_down, kill]


@pytest.mark.timeout(300)
def test_nothing_is_lost_when_the_primary_is_killed_5_times(own_set: ReplicaSet) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    url = own_set.url("monotron")
    kills = 0
    started = time.monotonic()
    with (
        Server(url) as one,
        Server(url) as other,
        Load([one.url, other.url], KEYS, seed=seed) as load,
    ):

        def doubts() -> int:
            return (one.log() + other.log()).count(TRYING_AGAIN)

        for fault in FAULTS:
            load.wait_for_answers(100)
            time.sleep(chance.uniform(0.03, 0.25))  # the moment of the fault
            began = time.monotonic()
            former = fault(own_set, doubts)
            assert own_set.wait_for_primary() is not former
            ended = time.monotonic()
            load.wait_for_answers(100)
            if fault is not step_down:
                assert not former.running
                assert _waited(load.history, began, ended) > 0
                kills += 1
                former.start()
            own_set.wait_until_healthy()
        history = load.finish()
        enduring = time.monotonic() - started
        check_aftermath(history, [one.url, other.url])
        print(
            f"{kills} kills and {len(FAULTS) - kills} step-downs in {enduring:.1f} s; "
            f"{load.acknowledged} answers; in doubt {doubts()} times a server, "
            f"{history.unknown()} times a caller ({history.counted_in_doubt()} had been counted); "
            f"checked in {time.monotonic() - started - enduring:.1f} s"
        )
    assert kills == 5
    assert doubts() + history.unknown() > 0


def _waited(history: History, began: float, ended: float) -> int:
    """How many requests were under way all the time from *began* to *ended*."""
    return sum(put.called < began and put.returned > ended for put in list(history.puts))
