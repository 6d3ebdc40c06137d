"""Records of other accounts do not increase the cost of reading those of one account."""

from __future__ import annotations

from typing import Any

from bson import Int64

from monotron.store import Store, open_store
from monotron.store.auth_interface import AuthRecord

OWN, OTHERS = 3, 500


def add_records(store: Store) -> None:
    """Add the records of account 2, among those of other accounts."""
    for number in range(OWN):
        store.auth_records.add("trust", AuthRecord(f"{number}x", 2, {}))


def read(store: Store) -> None:
    assert len(store.auth_records.page("trust", 2, "", 100)) == OWN
    assert store.auth_records.count("trust", 2) == OWN
    assert store.auth_records.page("trusting_account", None, "", 2) == []


def test_sqlite_executes_no_instructions_for_records_of_other_accounts(
    counted_store: Any,
) -> None:
    add_records(counted_store)
    costs = []
    for number in 0, OTHERS:
        for name in range(number):
            record = AuthRecord(str(name), 1 + 2 * (name % 2), {})
            counted_store.auth_records.add("trust", record)
        costs.append(counted_store.instructions(lambda: read(counted_store)))
    # The end of a range is detected in a different way if other records follow.
    assert 0 < costs[1] <= costs[0] + 10


def test_mongodb_examines_only_the_documents_of_the_account(
    profiled: Any, database_url: str
) -> None:
    store = open_store(database_url)
    add_records(store)
    profiled["auth_records"].insert_many(
        {"kind": "trust", "name": str(name), "account": Int64(1 + 2 * (name % 2)), "body": "{}"}
        for name in range(OTHERS)
    )
    profiled.command("profile", 2)
    read(store)
    profiled.command("profile", 0)
    store.close()
    reads = list(profiled["system.profile"].find({"ns": f"{profiled.name}.auth_records"}))
    assert len(reads) == 3
    for each in reads:
        assert each["docsExamined"] <= OWN
        assert each["keysExamined"] <= OWN + 1
