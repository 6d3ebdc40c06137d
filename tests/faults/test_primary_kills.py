"""The primary of the replica set dies again and again: nothing is lost, nobody is told wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from faults.ordeal import Ordeal, ordeal
from faults.tier import limit, rounds
from support.member import Mongod, until
from support.mongod import ReplicaSet


@pytest.fixture
def own_set() -> Iterator[ReplicaSet]:
    """A replica set that no other test needs."""
    with ReplicaSet.start() as replica_set:
        yield replica_set


def kill(under: Ordeal) -> Mongod:
    """Crash the primary."""
    return under.replica_set.kill_primary()


def kill_without_successor(under: Ordeal) -> Mongod:
    """Crash the primary, and let nobody take its place until a server is in doubt."""
    primary = under.replica_set.primary()
    voter = next(member for member in under.replica_set.members if member is not primary)
    before = under.doubts()
    voter.pause()
    primary.kill()
    until(lambda: under.doubts() > before, 60, "a server in doubt")
    voter.resume()
    return primary


def step_down(under: Ordeal) -> Mongod:
    """Let another be primary, in order."""
    return under.replica_set.step_down()


FAULTS = [kill, step_down, kill_without_successor] + [
    *[kill, step_down, kill, kill, kill_without_successor, step_down, kill],
    *[kill, kill, step_down],
] * rounds(short=0, whole=8)


@pytest.mark.timeout(limit(short=300, whole=3600))
def test_nothing_is_lost_when_the_primary_is_killed_or_steps_down(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    kills = step_downs = 0
    with ordeal(own_set) as under:
        for fault in FAULTS:
            under.random_moment()
            former = fault(under)
            gone = time.monotonic()
            assert own_set.wait_for_primary() is not former
            ended = time.monotonic()
            under.load.wait_for_answers(100)
            if fault is step_down:
                step_downs += 1
            else:
                assert not former.running
                assert under.waited(gone, ended) > 0
                kills += 1
                former.start()
            own_set.wait_until_healthy()
        came_of_it = under.judge()
        doubts = under.doubts() + under.history.unknown()
        report(f"{kills} kills and {step_downs} step-downs; {came_of_it}")
    assert kills == rounds(short=2, whole=58)
    assert step_downs == rounds(short=1, whole=25)
    assert doubts > 0
