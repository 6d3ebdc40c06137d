"""A rollback: what only a primary has is taken back when it meets its successor."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from faults.ordeal import Ordeal
from support.member import Document, Mongod, until
from support.mongod import ROLLBACK_SECONDS, ReplicaSet

NO_MORE_FETCHED = "stopReplProducer fail point enabled"
ROLLED_BACK = "Rollback summary"

ATTEMPTS = 10
"""How often members are isolated at most, until values are among what they lack."""


def roll_back(under: Ordeal, *, asleep: bool) -> int:
    """Have the primary roll back what it has written; how many values were among that.

    Dead, it begins with that; *asleep*, it wakes as a primary until it is told otherwise. The set
    is one with points of failure, healthy before and after.
    """
    replica_set, database = under.replica_set, under.database
    former = replica_set.primary()
    rollback_id = _rollback_id(former)
    try:
        values = _isolate_values(under, former)
        _write_and_tell_nobody(former, database)
        former.pause() if asleep else former.kill()
    finally:
        _let_go_on(replica_set, former)
    assert replica_set.wait_for_primary() is not former
    under.load.wait_for_answers(50)
    before = former.log().count(ROLLED_BACK)
    former.resume() if asleep else former.start()
    # A secondary like any other at first, it finds that it has what nobody else has.
    until(lambda: former.log().count(ROLLED_BACK) > before, ROLLBACK_SECONDS, "a rollback")
    replica_set.wait_until_healthy()
    assert _rollback_id(former) > rollback_id
    # What was written without waiting for a majority was acknowledged, and is gone.
    assert _find(replica_set.primary(), database, "control") == []
    return values


def _isolate_values(under: Ordeal, primary: Mongod) -> int:
    """Let the primary have values that nobody else has; how many."""
    uncommitted = partial(_uncommitted, primary, under.database)
    for _ in range(ATTEMPTS):
        _isolate_writes(under.replica_set)
        with suppress(TimeoutError):
            return until(uncommitted, 3, "values that nobody else has")
        # All servers wait for a majority to have what comes before values: the rows of older ones.
        _let_go_on(under.replica_set, primary)
        under.random_moment()
    raise TimeoutError(f"no values that nobody else has, after {ATTEMPTS} attempts")


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


def _uncommitted(primary: Mongod, database: str) -> int:
    """How many values the heads there are ahead of what a majority has."""
    local, committed = (
        sum(int(head["value"]) for head in _find(primary, database, "series", level))
        for level in ("local", "majority")
    )
    return max(local - committed, 0)


def _find(
    member: Mongod, database: str, collection: str, level: str = "majority"
) -> list[Document]:
    find = {"find": collection, "$db": database, "readConcern": {"level": level}}
    answer = member.command(find)
    assert answer["ok"], answer
    found: list[Document] = answer["cursor"]["firstBatch"]
    return found


def _write_and_tell_nobody(primary: Mongod, database: str) -> None:
    """Acknowledged by one: what becomes of it shows that the rollback is real."""
    answer = primary.command(
        {
            "insert": "control",
            "documents": [{}],
            "writeConcern": {"w": 1, "j": True},
            "$db": database,
        }
    )
    assert (answer["ok"], answer["n"]) == (1, 1), answer


def _rollback_id(member: Mongod) -> int:
    return int(member.command({"replSetGetRBID": 1})["rbid"])
