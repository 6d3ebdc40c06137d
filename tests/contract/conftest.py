"""The stores that the contract suite runs over. None of them overrides a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.mock import mongomock_store
from monotron.store import Store, open_store

STORES = ["sqlite-file", "sqlite-memory", "mongomock", "mongod"]

CONCURRENT_STORES = ["sqlite-file", "mongod"]
"""mongomock is not atomic, and a memory store has no second generation: no races on them."""


def make_store(kind: str, request: pytest.FixtureRequest) -> Store:
    if kind == "sqlite-memory":
        return open_store("sqlite://")
    if kind == "mongomock":
        return mongomock_store()
    return open_store(store_url(kind, request))


def store_url(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "mongod":
        return str(request.getfixturevalue("database_url"))
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder}/monotron.db"


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = make_store(request.param, request)
    yield store
    store.close()


@pytest.fixture(params=CONCURRENT_STORES)
def durable_url(request: pytest.FixtureRequest) -> str:
    return store_url(request.param, request)


@pytest.fixture
def durable_store(durable_url: str) -> Iterator[Store]:
    store = open_store(durable_url)
    yield store
    store.close()
