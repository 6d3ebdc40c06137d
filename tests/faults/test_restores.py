"""Backups under load are restored and fast-forwarded: no value is assigned again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import randbits
from typing import Any

import pytest
from pymongo import MongoClient

from faults.aftermath import check_aftermath, ledger
from faults.history import History
from faults.load import Load
from faults.tier import limit, rounds
from support.member import Document
from support.mongod import ReplicaSet
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
ROUNDS = rounds(short=1, whole=17)
SINCE = rounds(short=60, whole=200)
"""The number of values that are assigned after the backup, and lost with the store."""


def monotron(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "monotron", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(limit(short=60, whole=600))
def test_a_restored_sqlite_store_assigns_no_value_again(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    file, backup = tmp_path / "monotron.db", tmp_path / "backup.db"
    url = f"sqlite:///{file}"

    def back_up(server: Server) -> None:
        backup.unlink(missing_ok=True)
        monotron("backup", str(backup), "--url", server.url)

    def restore(by: int) -> None:
        for end in ("", "-wal"):
            file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
        monotron("restore", str(backup), "--store", url, "--fast-forward", str(by))

    check_restores(url, back_up, restore, report)


@pytest.mark.timeout(limit(short=60, whole=600))
def test_a_restored_mongodb_database_assigns_no_value_again(
    replica_set: ReplicaSet, database_url: str, report: Callable[[str], None]
) -> None:
    """Reads of one snapshot replace `mongodump --oplog`: a dump of one moment."""
    name = database_url.partition("?")[0].rpartition("/")[2]
    dump: dict[str, list[Document]] = {}
    with replica_set.client() as client:

        def back_up(server: Server) -> None:
            dump.clear()
            dump.update(snapshot(client, name))

        def restore(by: int) -> None:
            for collection, rows in dump.items():
                client[name][collection].delete_many({})
                if rows:
                    client[name][collection].insert_many(rows)
            monotron("fast-forward", str(by), "--store", database_url)

        check_restores(database_url, back_up, restore, report)


def snapshot(client: MongoClient[Document], name: str) -> dict[str, list[Document]]:
    """Return all documents of a database at one moment."""
    collections = client[name].list_collection_names()
    with client.start_session(snapshot=True) as session:
        return {each: list(client[name][each].find(session=session)) for each in collections}


def check_restores(
    url: str,
    back_up: Callable[[Server], None],
    restore: Callable[[int], None],
    report: Callable[[str], None],
) -> None:
    """Back up under load, lose the store, restore it, and continue, several times."""
    seed = randbits(32)
    print(f"seed {seed}")
    highest = dict.fromkeys(KEYS, 0)
    lost = 0
    for round_ in range(ROUNDS):
        with Server(url) as server, Load([server.url], KEYS, callers=8, seed=seed) as load:
            load.wait_for_answers(40)
            back_up(server)
            load.wait_for_answers(SINCE)
            history = load.finish()
            if not round_:
                check_aftermath(history, [server.url])
        given = {key: len(tokens(history, key)) for key in KEYS}
        highest = {key: max(highest[key], top(history, key)) for key in KEYS}
        restore(max(given.values()))
        with Server(url) as server, server.client() as client:
            kept = {pair for key in KEYS for pair in ledger(client, key)}
            lost += len({pair for key in KEYS for pair in tokens(history, key)} - kept)
            for key in KEYS:
                answer = client.request("PUT", f"/v1/series/{key}/after-{round_}?reuse=any")
                assert answer.status == 200, answer
                assert answer.json()["value"] > highest[key], key
                highest[key] = answer.json()["value"]
            assert client.request("GET", "/v1/system/audit").json()["findings"] == []
    report(
        f"seed {seed}: {ROUNDS} restores; {lost} values were assigned after the backup, none of "
        f"them again; the highest series is at {max(highest.values())}"
    )
    assert lost > 0


def tokens(history: History, key: str) -> set[tuple[str, Any]]:
    return {(put.token, put.value) for put in history.puts if put.key == key and put.value}


def top(history: History, key: str) -> int:
    return max((value for _, value in tokens(history, key)), default=0)
