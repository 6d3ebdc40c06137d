"""The primary crashes or steps down: nothing is lost, and all responses are right."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from faults.ordeal import Ordeal, ordeal
from faults.tier import limit, rounds
from support.member import Mongod, until
from support.mongod import ReplicaSet


def kill(under: Ordeal) -> Mongod:
    """Crash the primary."""
    return under.replica_set.kill_primary()


def kill_without_successor(under: Ordeal) -> Mongod:
    """Crash the primary, and prevent an election until an operation of a server has failed.

    The requests in progress fail as well, at about the same time. The election then has a later
    request that waits for it.
    """
    primary = under.replica_set.primary()
    voter = next(member for member in under.replica_set.members if member is not primary)
    before = under.doubts()
    voter.pause()
    primary.kill()
    until(lambda: under.doubts() > before, 60, "a failed operation")
    failed = time.monotonic()
    until(lambda: under.history.puts[-1].called > failed, 60, "a later request")
    voter.resume()
    return primary


def step_down(under: Ordeal) -> Mongod:
    """Have the primary step down."""
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
    with ordeal(own_set, "primaries") as under:
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
            under.wait_until_healthy()
        statistics = under.check()
        doubts = under.doubts() + under.history.unknown()
        report(f"{kills} kills and {step_downs} step-downs; {statistics}")
    assert kills == rounds(short=2, whole=58)
    assert step_downs == rounds(short=1, whole=25)
    assert doubts > 0
