"""The stores that the tests inject faults into."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.tier import WHOLE
from support.mongod import ReplicaSet

pytest.register_assert_rewrite(
    "faults.aftermath",
    "faults.caller",
    "faults.crowd",
    "faults.cut_check",
    "faults.live_exports",
    "faults.ordeal",
    "faults.rollback",
    "faults.sign_ins",
    "faults.soak",
    "faults.version_aftermath",
    "faults.version_cut_check",
    "faults.version_load",
    "faults.visits",
)

STORES = ["sqlite", "mongod"]

# These tests cut networks, build images or install generators, which only `make faults` prepares.
collect_ignore = [] if WHOLE else ["clients", "root"]


@pytest.fixture(scope="session")
def three_members() -> Iterator[ReplicaSet]:
    with ReplicaSet.start() as replica_set:
        yield replica_set


@pytest.fixture
def own_set(three_members: ReplicaSet) -> Iterator[ReplicaSet]:
    """A replica set of three members, which tests may kill, pause and restart.

    It is healthy again after the test.
    """
    yield three_members
    for member in three_members.members:
        if member.paused:
            member.resume()
        if not member.running:
            member.start()
    three_members.wait_until_healthy()


@pytest.fixture
def rollback_set() -> Iterator[ReplicaSet]:
    """A new replica set with fail points: after many crashes a rollback takes much longer."""
    with ReplicaSet.start(fail_points=True) as replica_set:
        yield replica_set


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store that servers can reopen."""
    if request.param == "mongod":
        return str(request.getfixturevalue("database_url"))
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder}/monotron.db"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory if possible: the tests count syncs, and need not wait for them."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="monotron-", dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder)
