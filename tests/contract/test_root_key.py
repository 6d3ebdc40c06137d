"""The root key in a store, on every engine: created once, and only as a hash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from monotron.auth.authenticator import RootKey
from monotron.auth.key_format import NewKey, digest
from monotron.auth.stored_root_key import create_root_key, stored_root_key
from monotron.errors import StoreUnavailable
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord

Created = tuple[RootKey | None, NewKey | None]


@pytest.fixture
def executor() -> Iterator[StoreExecutor]:
    executor = StoreExecutor(8)
    yield executor
    executor.close()


def create(store: Store, executor: StoreExecutor, times: int) -> list[Created]:
    """The results of servers that create the root key together."""

    async def together() -> list[Created]:
        return await asyncio.gather(*(create_root_key(store, executor) for _ in range(times)))

    return asyncio.run(together())


def stored(store: Store, executor: StoreExecutor) -> RootKey | None:
    return asyncio.run(stored_root_key(store, executor))


def test_a_new_store_has_no_root_key(store: Store, executor: StoreExecutor) -> None:
    assert stored(store, executor) is None


def test_one_of_several_servers_creates_the_root_key(store: Store, executor: StoreExecutor) -> None:
    results = create(store, executor, 8)
    (created,) = [new for _, new in results if new is not None]
    expected = RootKey(created.name, digest(created.secret))
    assert {root for root, _ in results} == {expected}
    assert stored(store, executor) == expected
    assert create(store, executor, 1) == [(expected, None)]


def test_a_response_that_is_lost_does_not_lose_the_secret(
    store: Store, executor: StoreExecutor
) -> None:
    add = store.auth_records.add
    attempts = []

    def add_without_response(kind: str, record: AuthRecord) -> bool:
        attempts.append(add("root_key", record))
        if len(attempts) < 3:
            error = StoreUnavailable("the response was lost")
            error.applied = "unknown"
            raise error
        return attempts[-1]

    with patch.object(store.auth_records, "add", add_without_response):
        ((root, created),) = create(store, executor, 1)
    assert attempts == [True, False, False]
    assert created is not None
    assert root == stored(store, executor) == RootKey(created.name, digest(created.secret))
