"""A rollback: writes that only the old primary has are undone when it rejoins the set."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from faults.ordeal import KEYS, Ordeal
from support.member import Document, Mongod, until
from support.mongod import ROLLBACK_SECONDS, ReplicaSet

NO_MORE_FETCHED = "stopReplProducer fail point enabled"
ROLLED_BACK = "Rollback summary"

ATTEMPTS = 10
"""The maximum attempts to isolate values on the primary."""


def roll_back(under: Ordeal, *, asleep: bool) -> int:
    """Have the primary roll back writes. Return the number of values among them.

    The primary crashes, and rolls back when it restarts. If *asleep*, it is paused instead, and
    continues as a primary until it learns of its successor. The set must have fail points. It is
    healthy before and after.
    """
    replica_set, database = under.replica_set, under.database
    former = replica_set.primary()
    rollback_id = _rollback_id(former)
    try:
        values = _isolate_values(under, former)
        _write_unreplicated(former, database)
        former.pause() if asleep else former.kill()
    finally:
        _resume_replication(replica_set, former)
    assert replica_set.wait_for_primary() is not former
    under.load.wait_for_answers(50)
    before = former.log().count(ROLLED_BACK)
    former.resume() if asleep else former.start()
    # It rejoins as a secondary, and finds that it has writes of its own.
    until(lambda: former.log().count(ROLLED_BACK) > before, ROLLBACK_SECONDS, "a rollback")
    replica_set.wait_until_healthy()
    assert _rollback_id(former) > rollback_id
    # The write that did not wait for a majority was acknowledged, and is gone.
    assert _find(replica_set.primary(), database, "control") == []
    return values


def _isolate_values(under: Ordeal, primary: Mongod) -> int:
    """Have the primary write values that no other member has. Return how many."""
    uncommitted = partial(_uncommitted, primary, under.database)
    for _ in range(ATTEMPTS):
        _isolate_writes(under.replica_set)
        with suppress(TimeoutError):
            return until(uncommitted, 3, "values on the primary only")
        # All servers may be waiting for a majority to commit earlier transactions.
        _resume_replication(under.replica_set, primary)
        under.random_moment()
    raise TimeoutError(f"no values on the primary only after {ATTEMPTS} attempts")


def _isolate_writes(replica_set: ReplicaSet) -> None:
    """Stop the replication of all secondaries. Their heartbeats continue."""
    for member in replica_set.secondaries():
        _stop_replication(member)


def _stop_replication(member: Mongod) -> None:
    before = member.log().count(NO_MORE_FETCHED)
    member.fail_point("stopReplProducer", "alwaysOn")
    until(
        lambda: member.log().count(NO_MORE_FETCHED) > before,
        60,
        "a secondary without replication",
    )


def _resume_replication(replica_set: ReplicaSet, former: Mongod) -> None:
    for member in replica_set.members:
        if member is not former:
            member.fail_point("stopReplProducer", "off")


def _uncommitted(primary: Mongod, database: str) -> int:
    """Return how many values of `KEYS` are on the primary, and not committed."""
    local, committed = (
        sum(
            int(head["value"])
            for head in _find(primary, database, "series", level)
            if head["key"] in KEYS
        )
        for level in ("local", "majority")
    )
    return max(local - committed, 0)


def _find(
    member: Mongod, database: str, collection: str, level: str = "majority"
) -> list[Document]:
    # In one batch, also with many series.
    batch = {"batchSize": 1_000_000, "singleBatch": True}
    find = {"find": collection, "$db": database, "readConcern": {"level": level}, **batch}
    answer = member.command(find)
    assert answer["ok"], answer
    found: list[Document] = answer["cursor"]["firstBatch"]
    return found


def _write_unreplicated(primary: Mongod, database: str) -> None:
    """Write with w:1. That this write disappears proves the rollback."""
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
