"""A real replica set, shared by all tests of a process, and a database of it for each test."""

from collections.abc import Iterator
from itertools import count

import pytest

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
