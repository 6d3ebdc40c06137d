"""Calls with the records of versions, made to the model and to a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulation.engines import Engine, release


def two_sessions(engine: Engine) -> tuple[Any, Any]:
    start = engine.client.start_session
    return start(causal_consistency=False), start(causal_consistency=False)


def find(engine: Engine, session: Any) -> Callable[[], Any]:
    condition = {"account": 1, "key": "a"}
    return lambda: engine.collection("series").find_one(condition, session=session)


def unique_tokens_of_releases(engine: Engine) -> None:
    first, second = two_sessions(engine)
    releases = engine.collection("releases")

    def insert(session: Any, *rows: dict[str, Any]) -> Callable[[], Any]:
        return lambda: releases.insert_many(rows, session=session)

    engine.start(first)
    engine.call("without tokens", insert(first, release("1", None), release("2", None)))
    engine.call("other label", insert(first, release("3", "t"), release("4", "t", "rc")))
    engine.start(second)
    engine.call("token of an open transaction", insert(second, release("5", "t")))
    second.abort_transaction()
    engine.start(second)
    engine.call("snapshot", find(engine, second))
    engine.call("commit", first.commit_transaction)
    engine.call("token after the snapshot", insert(second, release("5", "t")))
    second.abort_transaction()
    engine.start(second)
    engine.call("same token", insert(second, release("5", "t")))
    engine.call("after the duplicate", find(engine, second))
    second.abort_transaction()
    engine.call("same version outside", insert(None, release("1", "other")))
    tokens = {"account": 1, "name": "n", "token": {"$in": ["t", "other"]}}
    engine.call("of tokens", lambda: list(releases.find(tokens).sort("sort_key", 1)))


def changes_of_releases(engine: Engine) -> None:
    first, second = two_sessions(engine)
    releases = engine.collection("releases")

    def insert(session: Any, row: dict[str, Any]) -> Callable[[], Any]:
        return lambda: releases.insert_one(row, session=session)

    def update(session: Any, sort_key: str) -> Callable[[], Any]:
        condition = {"account": 1, "name": "n", "sort_key": sort_key}
        change = {"$set": {"value": "withdrawn"}}
        return lambda: releases.update_one(condition, change, session=session).matched_count

    based = {"line": None, "base": "0", "base_use": 1}
    engine.start(first)
    engine.call("base", insert(first, release("1", "a") | based))
    engine.call("other use", insert(first, release("2", "b") | based | {"base_use": 2}))
    engine.call("without a base", insert(first, release("3", "c")))
    engine.call("commit", first.commit_transaction)
    engine.start(first)
    engine.call("same base", insert(first, release("4", "d") | based))
    first.abort_transaction()
    engine.start(first)
    engine.call("same version", insert(first, release("1", "d")))
    first.abort_transaction()
    engine.start(first)
    engine.call("update", update(first, "1"))
    engine.call("update none", update(first, "9"))
    engine.start(second)
    engine.call("update of an open transaction", update(second, "1"))
    second.abort_transaction()
    engine.call("commit", first.commit_transaction)
    last = [("sort_key", -1)]
    condition = {"account": 1, "name": "n"}
    for skip in range(4):
        engine.call(f"skip {skip}", lambda n=skip: releases.find_one(condition, sort=last, skip=n))


def highest_releases(engine: Engine) -> None:
    releases = engine.collection("releases")
    rows = [release("1", "a", "rc"), release("2", "b", "rc"), release("3", "c", "beta")]
    releases.insert_many([*rows, release("4", "d")])
    condition = {"account": 1, "name": "n", "sort_key": {"$gte": "1", "$lt": "4"}}
    last = [("sort_key", -1)]
    engine.call("highest", lambda: releases.find_one(condition, sort=last))
    engine.call("none", lambda: releases.find_one({**condition, "label": "x"}, sort=last))
    pipeline = [
        {"$match": condition},
        {"$sort": {"sort_key": -1}},
        {"$group": {"_id": "$label", "release": {"$first": "$$ROOT"}}},
    ]

    def of_labels() -> list[Any]:
        groups = {row["_id"]: row["release"] for row in releases.aggregate(pipeline)}
        return [groups[label] for label in sorted(groups)]

    engine.call("of labels", of_labels)


RELEASE_SCRIPTS = [unique_tokens_of_releases, changes_of_releases, highest_releases]
