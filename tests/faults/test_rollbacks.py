"""What only a primary has is rolled back when it meets its successor: nobody was told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from faults.ordeal import ordeal
from faults.tier import limit, rounds
from harness.member import Document, Mongod, until
from harness.mongod import ReplicaSet

ROUNDS = rounds(short=1, whole=30)
DATABASE = "rollbacks"
NO_MORE_FETCHED = "stopReplProducer fail point enabled"
ROLLED_BACK = "Rollback summary"


@pytest.fixture
def own_set() -> Iterator[ReplicaSet]:
    """A replica set that no other test needs."""
    with ReplicaSet.start(fail_points=True) as replica_set:
        yield replica_set


@pytest.mark.timeout(limit(short=120, whole=3600))
def test_what_is_rolled_back_was_never_acknowledged(
    own_set: ReplicaSet, report: Callable[[str], None]
) -> None:
    rollbacks = values = 0
    with ordeal(own_set, database=DATABASE) as under:
        for number in range(ROUNDS):
            under.random_moment()
            former = own_set.primary()
            rollback_id = _rollback_id(former)
            _isolate_writes(own_set)
            try:
                values += until(partial(_uncommitted, former), 60, "values that nobody else has")
                _write_and_tell_nobody(former, number)
                # Dead, it begins with a rollback; asleep, it is primary until it is told otherwise.
                former.pause() if number % 2 else former.kill()
            finally:
                _let_go_on(own_set, former)
            assert own_set.wait_for_primary() is not former
            under.load.wait_for_answers(50)
            before = former.log().count(ROLLED_BACK)
            former.resume() if number % 2 else former.start()
            # A secondary like any other at first, it finds that it has what nobody else has.
            until(partial(_rolled_back_since, former, before), 60, "the end of a rollback")
            own_set.wait_until_healthy()
            assert _rollback_id(former) > rollback_id
            rollbacks += 1
        # What was written without waiting for a majority was acknowledged, and is gone.
        assert _find(own_set.primary(), "control") == []
        report(f"{rollbacks} rollbacks, of {values} values among others; {under.judge()}")
        assert under.doubts() > 0
    assert rollbacks == ROUNDS


def _isolate_writes(replica_set: ReplicaSet) -> None:
    """Let no secondary have more of what is written; they go on saying that they are alive."""
    for member in replica_set.secondaries():
        _fetch_no_more(member)


def _fetch_no_more(member: Mongod) -> None:
    before = member.log().count(NO_MORE_FETCHED)
    member.fail_point("stopReplProducer", "alwaysOn")
    until(
        lambda: member.log().count(NO_MORE_FETCHED) > before,
        60,
        "a secondary that fetches no more",
    )


def _let_go_on(replica_set: ReplicaSet, former: Mongod) -> None:
    for member in replica_set.members:
        if member is not former:
            member.fail_point("stopReplProducer", "off")


def _uncommitted(primary: Mongod) -> int:
    """How many values the heads there are ahead of what a majority has."""
    local, committed = (
        sum(int(head["value"]) for head in _find(primary, "series", level))
        for level in ("local", "majority")
    )
    return local - committed


def _find(member: Mongod, collection: str, level: str = "majority") -> list[Document]:
    find = {"find": collection, "$db": DATABASE, "readConcern": {"level": level}}
    answer = member.command(find)
    assert answer["ok"], answer
    found: list[Document] = answer["cursor"]["firstBatch"]
    return found


def _write_and_tell_nobody(primary: Mongod, number: int) -> None:
    """Acknowledged by one: what becomes of it shows that the rollback is real."""
    answer = primary.command(
        {
            "insert": "control",
            "documents": [{"_id": number}],
            "writeConcern": {"w": 1, "j": True},
            "$db": DATABASE,
        }
    )
    assert (answer["ok"], answer["n"]) == (1, 1), answer


def _rolled_back_since(member: Mongod, before: int) -> bool:
    return member.log().count(ROLLED_BACK) > before


def _rollback_id(member: Mongod) -> int:
    return int(member.command({"replSetGetRBID": 1})["rbid"])
