"""What only a primary has is rolled back when it meets its successor: nobody was told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from faults.ordeal import ordeal
from faults.rollback import roll_back
from faults.tier import limit, rounds
from support.mongod import ReplicaSet

ROUNDS = rounds(short=1, whole=30)


@pytest.fixture
def own_set() -> Iterator[ReplicaSet]:
    """A replica set that no other test needs."""
    with ReplicaSet.start(fail_points=True) as replica_set:
        yield replica_set


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_what_is_rolled_back_was_never_acknowledged(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    values = []
    with ordeal(own_set) as under:
        for number in range(ROUNDS):
            under.random_moment()
            values.append(roll_back(under, asleep=number % 2 == 1))
        report(f"{len(values)} rollbacks, of {sum(values)} values; {under.judge()}")
        doubts = under.doubts() + under.history.unknown()
    assert min(values) > 0
    assert doubts >= rounds(short=0, whole=ROUNDS)
