"""A real replica set, shared by all tests of a process, and a database of it for each test."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from faults.tier import WHOLE
from harness.mongod import ReplicaSet

_numbers = count(1)


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    with ReplicaSet.start() as replica_set:
        yield replica_set


@pytest.fixture
def database_url(replica_set: ReplicaSet) -> Iterator[str]:
    """The URL of a fresh database, which is dropped afterwards."""
    name = f"test{next(_numbers)}"
    yield replica_set.url(name)
    with replica_set.client() as client:
        client.drop_database(name)


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
