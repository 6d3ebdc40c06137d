"""All faults of MongoDB and of the servers, in random order, for a long time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from faults.ordeal import Ordeal, ordeal
from faults.rollback import roll_back
from faults.tier import WHOLE, limit, rounds
from support.mongod import ReplicaSet

SECONDS = limit(short=0, whole=600)
FAULTS = rounds(short=3, whole=100)
OPERATIONS = rounds(short=300, whole=50_000)


@pytest.fixture
def soak_set(request: pytest.FixtureRequest) -> ReplicaSet:
    """The shared replica set, or one with fail points for rollbacks in the long tier."""
    replica_set: ReplicaSet = request.getfixturevalue("rollback_set" if WHOLE else "own_set")
    return replica_set


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


def kill_server(under: Ordeal) -> None:
    under.kill_server()


KINDS = [kill_server, kill_primary, step_down, kill_secondary]
if WHOLE:
    KINDS = [*KINDS * 2, stop_primary, roll_back_awake, roll_back_asleep]


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_nothing_is_lost_when_faults_come_in_any_order(
    soak_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    done: Counter[str] = Counter()
    bag: list[Callable[[Ordeal], None]] = []
    began = time.monotonic()
    with ordeal(soak_set, "soak") as under:
        while (
            time.monotonic() - began < SECONDS
            or done.total() < FAULTS
            or under.load.acknowledged + len(under.history.peeks) < OPERATIONS
        ):
            # All kinds come equally often, in random order.
            bag = bag or under.chance.sample(KINDS, len(KINDS))
            fault = bag.pop()
            under.random_moment()
            fault(under)
            under.wait_until_healthy()
            done[fault.__name__] += 1
        statistics = under.check()
        doubts = under.doubts() + under.history.unknown()
        kinds = ", ".join(f"{name.replace('_', ' ')} {times}" for name, times in done.items())
        report(f"{done.total()} faults ({kinds}); {statistics}")
    assert doubts >= rounds(short=0, whole=FAULTS // 10)
    assert under.load.interrupted >= rounds(short=0, whole=FAULTS // 10)
    assert len(done) >= rounds(short=2, whole=7)
