"""What all tests share: real replica sets, and which tests run in one process to share a server."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database
from xdist.scheduler import LoadScopeScheduling

from faults.tier import WHOLE, rounds
from support.mongod import ReplicaSet

MONGODB = {"mongod", "mongodb"}
REPLICA_SETS = {"replica_set", "three_members"}
GROUPS = {
    "contract": ("contract/",),
    "MongoDB": (
        "engines/",
        "cli/",
        "http/test_access_matrix.py",
        "http/test_accounts_of_jobs.py",
        "http/test_keys_http.py",
        "http/test_names_http.py",
        "http/test_processes.py",
        "http/administration/",
        "packaging/test_chart_mongodb.py",
    ),
    "members": (
        "faults/test_aba.py",
        "faults/test_member_faults.py",
        "faults/test_network.py",
        "faults/test_nginx.py",
        "faults/test_nginx_routing.py",
        "faults/test_orphans.py",
        "faults/test_primary_kills.py",
        "faults/test_rollbacks.py",
        "faults/test_soak.py",
        "faults/test_version_kills.py",
    ),
    "faults": ("faults/",),
    "monitoring": ("monitoring/",),
    "pages": ("http/pages/",),
    "HTTP": ("http/",),
    "GitLab": ("plugins/gitlab/",),
    "GitHub": ("plugins/github/",),
    "documentation": ("docs/",),
    "packaging": ("packaging/",),
    "unit": ("unit/",),
}
"""Directories and modules whose tests share servers, those that take longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a mongod, and start with those that take longest."""
    for item in items:
        if _needs_mongod(item):
            item.add_marker(pytest.mark.mongod)
    order = [*GROUPS, None]
    items.sort(key=lambda item: order.index(_group(item.nodeid)))


def pytest_collection_finish() -> None:
    """Exclude the thousands of collected tests from garbage collection: they live until the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Run the tests of a group in one process of pytest-xdist, so that each server starts once."""

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid) or nodeid

    return ByGroup(config, log)


def _group(nodeid: str) -> str | None:
    path = nodeid.removeprefix("tests/")
    return next((name for name, paths in GROUPS.items() if path.startswith(paths)), None)


def _needs_mongod(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.values() if callspec else ()
    names = {each for each in parameters if type(each) is str}  # the others may not be comparable
    return bool(MONGODB & names or REPLICA_SETS & set(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    """A replica set with one member, which needs half of the CPU time of three.

    Fault tests use three members if members fail (faults/conftest.py), and in the long tier.
    """
    with ReplicaSet.start(members=rounds(short=1, whole=3)) as replica_set:
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
