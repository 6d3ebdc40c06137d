"""A real replica set, shared by all tests of a process, and a database of it for each test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from faults.tier import WHOLE
from support.mongod import ReplicaSet

JOURNAL_MS = 5
"""How often a member without others writes its journal. Linearizable reads wait for that, and
nobody asks for it sooner, as secondaries do: with MongoDB's 100 each would take as long."""


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    """One of a single member, with all that a server asks of one, at half the work.

    Tests of faults have three members (faults/conftest.py).
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

    It has its collections and their indexes still, from another test: they take longer
    to make than most tests.
    """
    database = next(databases)
    for collection in database.list_collection_names():
        database[collection].delete_many({})
    return replica_set.url(database.name)


@pytest.fixture
def new_database_url(replica_set: ReplicaSet) -> Iterator[str]:
    """The URL of a database that there is not, for tests of how it is made, or that spoil it."""
    yield replica_set.url("new")
    with replica_set.client(w="majority") as client:
        client.drop_database("new")


CAME_OF_IT = "came of it"


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell what came of a test of faults, in figures; `make faults` prints it at the end."""
    return lambda text: record_property(CAME_OF_IT, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not WHOLE:
        return
    terminalreporter.section("what came of it")
    for outcome in ("passed", "failed"):
        for each in terminalreporter.getreports(outcome):
            for name, text in each.user_properties:
                if name == CAME_OF_IT and each.when == "call":
                    terminalreporter.write_line(f"{each.nodeid.split('::')[-1]}: {text}")
