"""The stores that the contract suite runs on. No store overrides a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.mock import mongomock_store
from monotron.store import Store, open_store
from support.mongod import ReplicaSet
from support.shared_client import SharedClient

DURABLE_STORES = ["sqlite-file", "mongod"]
SAMPLED_STORES = ["sqlite-memory", "mongomock"]
"""Variants that share nearly all code with the durable stores, so a sample is enough. They keep
nothing after a restart, and mongomock is not atomic."""

SAMPLES = ("test_series", "test_tokens")
"""The modules that run on all stores."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        sampled = SAMPLED_STORES if metafunc.definition.path.stem in SAMPLES else []
        metafunc.parametrize("store", [*DURABLE_STORES, *sampled], indirect=True)


def make_store(kind: str, request: pytest.FixtureRequest) -> Store:
    if kind == "sqlite-memory":
        return open_store("sqlite://")
    if kind == "mongomock":
        return mongomock_store()
    return open_durable(store_url(kind, request), request)


def open_durable(url: str, request: pytest.FixtureRequest) -> Store:
    if url.startswith("mongodb"):
        client: SharedClient = request.getfixturevalue("shared_client")
        return client.store(url)
    return open_store(url)


@pytest.fixture(scope="session")
def shared_client(replica_set: ReplicaSet) -> Iterator[SharedClient]:
    """The connection of all stores that a test does not open itself."""
    with SharedClient.connected(replica_set.url("")) as client:
        yield client


def store_url(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "mongod":
        return str(request.getfixturevalue("database_url"))
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder}/monotron.db"


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = make_store(request.param, request)
    yield store
    store.close()


@pytest.fixture(params=DURABLE_STORES)
def durable_url(request: pytest.FixtureRequest) -> str:
    return store_url(request.param, request)


@pytest.fixture
def durable_store(durable_url: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    store = open_durable(durable_url, request)
    yield store
    store.close()
