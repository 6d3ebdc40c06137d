"""A newer version of Monotron on the same database: documents with fields unknown to this version.

No older release exists yet. SQLite files of other schemas are refused: see
tests/engines/test_sqlite_store.py and tests/engines/test_sqlite_security.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from secrets import randbits

from faults.aftermath import check_aftermath
from faults.load import Load
from faults.tier import rounds
from faults.version_loads import version_loads
from support.mongod import ReplicaSet
from support.server import Server

KEYS = ["a", "b", "CURRENT"]
COLLECTIONS = ("series", "entries", "names", "releases")
TIMES = rounds(short=5, whole=20)


def test_documents_with_fields_of_a_newer_server_are_supported(
    replica_set: ReplicaSet, database_url: str, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    name = database_url.partition("?")[0].rpartition("/")[2]
    changed: Counter[str] = Counter()
    with (
        replica_set.client() as client,
        Server(database_url) as one,
        Server(database_url) as other,
        Load([one.url, other.url], KEYS, callers=8, seed=seed) as load,
        version_loads([one.url, other.url], seed=seed) as versions,
    ):
        for number in range(TIMES):
            load.wait_for_answers(20)
            versions.wait_for_answers(1)
            for collection in COLLECTIONS:
                news = {"$set": {"newer": {"number": number}}}
                updated = client[name][collection].update_many({}, news)
                changed[collection] += updated.modified_count
        load.wait_for_answers(20)
        versions.wait_for_answers(5)
        history = load.finish()
        statistics = versions.statistics(versions.check(one.url))
        check_aftermath(history, [one.url, other.url])
    report(
        f"seed {seed}: {changed.total()} documents with a new field; {load.acknowledged} answers; "
        f"{statistics}"
    )
    assert all(changed[collection] > TIMES for collection in COLLECTIONS)
