"""The stores that faults are done to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from faults.tier import WHOLE
from support.mongod import ReplicaSet

pytest.register_assert_rewrite(
    "faults.aftermath", "faults.caller", "faults.crowd", "faults.cut_check", "faults.rollback"
)

STORES = ["sqlite", "mongod"]

# These cut networks: only where a part of the faults has made them one of their own.
collect_ignore = [] if WHOLE else ["root"]


@pytest.fixture(scope="session")
def replica_set() -> Iterator[ReplicaSet]:
    """One of three members: some of them fail."""
    with ReplicaSet.start() as replica_set:
        yield replica_set


@pytest.fixture(scope="session")
def databases(replica_set: ReplicaSet) -> Iterator[Iterator[Database[Any]]]:
    with replica_set.databases_in_turn() as databases:
        yield databases


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store that outlives its servers."""
    if request.param == "mongod":
        return str(request.getfixturevalue("database_url"))
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder}/monotron.db"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, if that can be: syncs that are counted need not be waited for."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="monotron-", dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder)
