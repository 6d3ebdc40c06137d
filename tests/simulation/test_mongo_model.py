"""The simulated MongoDB behaves like a real one: the same calls have the same outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from simulation.engines import Engine, ModelEngine, RealEngine, Script, head
from simulation.release_scripts import RELEASE_SCRIPTS, two_sessions
from simulation.world import World
from support.mongod import ReplicaSet

SCRIPTS: dict[str, Script] = {each.__name__: each for each in RELEASE_SCRIPTS}


def script(run: Script) -> Script:
    SCRIPTS[run.__name__] = run
    return run


@pytest.fixture(scope="module")
def client() -> Iterator[tuple[ReplicaSet, Any]]:
    with (
        ReplicaSet.start(members=1, fail_points=True) as replica_set,
        replica_set.client(retryWrites=False) as client,
    ):
        yield replica_set, client


def _model(run: Script) -> list[str]:
    world = World(0)
    model = ModelEngine(world)
    world.run(lambda: _run(model, run))
    assert world.errors == []
    return model.outcomes


def _run(engine: Engine, run: Script) -> None:
    with engine.client.start_session(causal_consistency=False) as session:
        engine.start(session)
        engine.collection("series").insert_many([head("a"), head("b"), head("c")], session=session)
        session.commit_transaction()
    run(engine)


def _update(engine: Engine, session: Any, key: str, new: int, **seen: int) -> Callable[[], Any]:
    condition = {"account": 1, "key": key, **seen}
    change = {"$set": {"value": new}}
    series = engine.collection("series")
    return lambda: series.find_one_and_update(condition, change, session=session)


def _insert(engine: Engine, session: Any, *keys: str) -> Callable[[], Any]:
    documents = [head(key) for key in keys]
    return lambda: engine.collection("series").insert_many(documents, session=session)


def _find(engine: Engine, session: Any, key: str) -> Callable[[], Any]:
    return lambda: engine.collection("series").find_one({"account": 1, "key": key}, session=session)


@script
def conflict_with_an_open_transaction(engine: Engine) -> None:
    first, second = two_sessions(engine)
    engine.start(first)
    engine.call("update", _update(engine, first, "a", 2, value=1))
    engine.start(second)
    engine.call("conflict", _update(engine, second, "a", 3, value=1))
    engine.call("still in the driver", lambda: second.in_transaction)
    engine.call("read after the conflict", _find(engine, second, "b"))
    engine.call("abort", second.abort_transaction)
    engine.start(second)
    updates = [
        engine.update_one({"account": 1, "key": key}, {"$set": {"value": 9}}) for key in "ba"
    ]
    series = engine.collection("series")
    engine.call("bulk", lambda: series.bulk_write(updates, ordered=False, session=second))
    engine.call("abort", second.abort_transaction)
    engine.call("commit", first.commit_transaction)
    engine.call("commit again", first.commit_transaction)
    engine.call("abort after the commit", first.abort_transaction)
    engine.call("committed", _find(engine, None, "a"))


@script
def snapshot(engine: Engine) -> None:
    first, second = two_sessions(engine)
    engine.start(first)
    engine.call("no match", _update(engine, first, "a", 2, value=7))
    engine.start(second)
    engine.call("update", _update(engine, second, "a", 2))
    engine.call("own write", _find(engine, second, "a"))
    engine.call("not committed", _find(engine, first, "a"))
    engine.call("commit", second.commit_transaction)
    engine.call("insert outside", _insert(engine, None, "new"))
    engine.call("after the snapshot", _find(engine, first, "a"))
    engine.call("inserted after the snapshot", _find(engine, first, "new"))
    engine.call("another document", _update(engine, first, "b", 5))
    engine.call("no match in the snapshot", _update(engine, first, "a", 3, value=2))
    engine.call("changed after the snapshot", _update(engine, first, "a", 3, value=1))
    engine.call("commit of an aborted transaction", first.commit_transaction)
    engine.call("aborted", _find(engine, None, "b"))


@script
def unique_index(engine: Engine) -> None:
    first, second = two_sessions(engine)
    engine.start(first)
    engine.call("insert", _insert(engine, first, "x"))
    engine.start(second)
    engine.call("snapshot", _find(engine, second, "a"))
    engine.call("also inserted by an open transaction", _insert(engine, second, "x"))
    second.abort_transaction()
    engine.start(second)
    engine.call("snapshot", _find(engine, second, "a"))
    engine.call("commit", first.commit_transaction)
    engine.call("inserted after the snapshot", _insert(engine, second, "x"))
    second.abort_transaction()
    engine.start(second)
    engine.call("inserted before", _insert(engine, second, "y", "x", "z"))
    engine.call("after the duplicate", _find(engine, second, "a"))
    engine.call("commit after the duplicate", second.commit_transaction)
    engine.start(second)
    engine.call("own duplicate", _insert(engine, second, "y", "y"))
    second.abort_transaction()
    engine.start(second)
    engine.call("snapshot", _find(engine, second, "a"))
    series = engine.collection("series")
    engine.call("delete", lambda: series.delete_many({"account": 1, "key": "x"}).deleted_count)
    engine.call("deleted after the snapshot", _insert(engine, second, "x"))
    second.abort_transaction()
    engine.call("none of them", _find(engine, None, "y"))


@script
def idle_transactions(engine: Engine) -> None:
    first, second = two_sessions(engine)
    engine.start(first)
    engine.call("update", _update(engine, first, "a", 2))

    def waits_for_the_lock() -> bool:
        try:
            with engine.timeout(0.5):
                engine.collection("series").delete_many({"account": 1, "key": "a"})
        except PyMongoError as error:
            return error.timeout
        return False

    engine.call("a write outside waits", waits_for_the_lock)
    listing = {"$currentOp": {"idleSessions": True}}
    old = {"type": "idleSession", "transaction.timeInactiveMicros": {"$gte": 100_000}}
    pipeline = [listing, {"$match": old}]
    idle = list(engine.client.admin.aggregate(pipeline))
    engine.call("idle", lambda: [each["lsid"]["id"] == first.session_id["id"] for each in idle])
    sessions = [{"id": each["lsid"]["id"]} for each in idle]
    engine.client.admin.command({"killSessions": sessions})
    engine.start(second)
    engine.call("free", _update(engine, second, "a", 3))
    engine.call("commit", second.commit_transaction)
    engine.call("statement after the kill", _find(engine, first, "a"))
    engine.call("commit after the kill", first.commit_transaction)
    engine.call("commit again", first.commit_transaction)
    engine.call("value", _find(engine, None, "a"))


@script
def next_transaction_of_the_session(engine: Engine) -> None:
    first, second = two_sessions(engine)
    engine.start(first)
    engine.call("update", _update(engine, first, "a", 2))
    engine.fail("abortTransaction", times=2)  # the driver repeats it once
    engine.call("lost abort", first.abort_transaction)
    engine.start(second)
    engine.call("locked", _update(engine, second, "a", 3))
    second.abort_transaction()
    engine.start(first)
    engine.call("next transaction", _update(engine, first, "a", 4))
    engine.call("commit", first.commit_transaction)
    engine.call("value", _find(engine, None, "a"))


@script
def errors_of_statements(engine: Engine) -> None:
    session, _ = two_sessions(engine)
    for code in (50, 91, 189, 11601, 14031):
        engine.start(session)
        engine.call("update", _update(engine, session, "a", 2))
        engine.fail("findAndModify", code=code)
        engine.call(f"error {code}", _update(engine, session, "b", 2))
        engine.call("abort", session.abort_transaction)


@script
def errors_of_commits(engine: Engine) -> None:
    session, _ = two_sessions(engine)
    for wrote in (False, True):
        for value, code in enumerate((50, 64, 91, 100, 11601, 14031), 10):
            engine.start(session)
            engine.call("update", _update(engine, session, "a", value))
            engine.fail("commitTransaction", code=code, wrote=wrote)
            engine.call(f"error {code}, {wrote}", session.commit_transaction)
            engine.call("repeated", session.commit_transaction)
            engine.call("value", _find(engine, None, "a"))


@script
def empty_transaction(engine: Engine) -> None:
    session, _ = two_sessions(engine)
    engine.start(session)
    engine.call("commit", session.commit_transaction)
    engine.call("commit again", session.commit_transaction)
    engine.start(session)
    engine.call("abort", session.abort_transaction)
    engine.call("abort again", session.abort_transaction)
    engine.call("commit after the abort", session.commit_transaction)


@script
def linearizable_read(engine: Engine) -> None:
    linearizable = engine.collection("series", "linearizable")
    condition = {"account": 1, "key": "a"}
    for causal in (False, True):
        with engine.client.start_session(causal_consistency=causal) as session:
            for read in ("first", "second"):
                engine.call(read, lambda: linearizable.find_one(condition, session=session))


@pytest.mark.mongod
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_model_and_mongod_agree(name: str, client: tuple[ReplicaSet, Any]) -> None:
    real = RealEngine(*client)
    _run(real, SCRIPTS[name])
    assert _model(SCRIPTS[name]) == real.outcomes
