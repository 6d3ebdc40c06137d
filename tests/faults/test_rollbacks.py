"""Writes that only the old primary has are rolled back: they were never acknowledged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults.ordeal import ordeal
from faults.rollback import roll_back
from faults.tier import limit, rounds
from support.mongod import ReplicaSet

ROUNDS = rounds(short=1, whole=30)


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_a_write_that_is_rolled_back_was_never_acknowledged(
    rollback_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    values = []
    with ordeal(rollback_set, "rollbacks") as under:
        for number in range(ROUNDS):
            under.random_moment()
            values.append(roll_back(under, asleep=number % 2 == 1))
        report(f"{len(values)} rollbacks, of {sum(values)} values; {under.check()}")
        doubts = under.doubts() + under.history.unknown()
    assert min(values) > 0
    assert doubts >= rounds(short=0, whole=ROUNDS)
