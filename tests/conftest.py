"""What all tests share: real replica sets, and which tests run in one process to share a server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from faults.tier import WHOLE
from support.mongod import ReplicaSet

TESTS = Path(__file__).parent
MONGODB = {"mongod", "mongodb"}
SHARED_SERVERS = ("http", "cli", "docs", "plugins/github", "plugins/gitlab")
"""Directories whose tests share servers."""

LONGEST_FIRST = ("faults", "simulation", "engines", "contract", "plugins")
"""The order in which directories are started, so that no process of pytest-xdist ends alone."""

JOURNAL_MS = 5
"""The interval between writes of the journal. Linearizable reads wait for the journal. Secondaries
would request an earlier write, but a single member has none, and MongoDB's default is 100 ms."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of MongoDB, and run tests that share a server in one process of pytest-xdist."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        if _needs_mongod(item):
            item.add_marker(pytest.mark.mongod)
            group = "three members" if path.startswith("faults/") else "one member"
        else:
            group = next((each for each in SHARED_SERVERS if path.startswith(f"{each}/")), "")
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_order)


def _order(item: pytest.Item) -> int:
    directory = item.path.relative_to(TESTS).parts[0]
    known = directory in LONGEST_FIRST
    return LONGEST_FIRST.index(directory) if known else len(LONGEST_FIRST)


def _needs_mongod(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.values() if callspec else ()
    names = {each for each in parameters if type(each) is str}  # the others may not be comparable
    return bool(MONGODB & names) or "replica_set" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    """A replica set with one member, which needs half of the CPU time of three.

    Fault tests use three members (faults/conftest.py).
    """
    with ReplicaSet.start(members=1, journal_ms=JOURNAL_MS) as replica_set:
        yield replica_set


@pytest.fixture(scope="session")
def databases(replica_set: ReplicaSet) -> Iterator[Iterator[Database[Any]]]:
    with replica_set.databases_in_turn() as databases:
        yield databases


@pytest.fixture
def database_url(replica_set: ReplicaSet, databases: Iterator[Database[Any]]) -> str:
    """The URL of a database without documents.

    It still has the collections and indexes of an earlier test, because creating them takes
    longer than most tests.
    """
    database = next(databases)
    for collection in database.list_collection_names():
        database[collection].delete_many({})
    return replica_set.url(database.name)


@pytest.fixture
def new_database_url(replica_set: ReplicaSet) -> Iterator[str]:
    """The URL of a database that does not exist, for tests that create or damage one."""
    yield replica_set.url("new")
    with replica_set.client(w="majority") as client:
        client.drop_database("new")


FAULT_RESULT = "fault result"


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Record the result of a fault test, which `make faults` prints at the end."""
    return lambda text: record_property(FAULT_RESULT, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not WHOLE:
        return
    terminalreporter.section("results of fault tests")
    for outcome in ("passed", "failed"):
        for each in terminalreporter.getreports(outcome):
            for name, text in each.user_properties:
                if name == FAULT_RESULT and each.when == "call":
                    terminalreporter.write_line(f"{each.nodeid.split('::')[-1]}: {text}")
