"""How often an identity token can be used: the limit of the settings, and that of its platform."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from monotron.auth.principal import Principal
from monotron.auth.replay_guard import ReplayGuard
from monotron.errors import TokenReplayed
from monotron.services.executor import StoreExecutor
from monotron.store import Store, open_store

ONCE = Principal("azure", 1, frozenset(), identity="a", identity_expires_at=2**33, max_operations=1)
OFTEN = Principal("github", 1, frozenset(), identity="g", identity_expires_at=2**33)
KEY = Principal("key:x", 1, frozenset())


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("sqlite://")
    yield store
    store.close()


@pytest.fixture
def executor(store: Store) -> Iterator[StoreExecutor]:
    executor = StoreExecutor(store.max_concurrency)
    yield executor
    executor.close()


def test_a_token_for_single_use_is_refused_by_every_server_for_a_second_operation(
    store: Store, executor: StoreExecutor
) -> None:
    async def use() -> None:
        servers = [ReplayGuard(store, executor, limit) for limit in (100, 0)]
        for server in servers * 2:
            await server.bind(ONCE, "first")
        for server in servers:
            with pytest.raises(TokenReplayed, match="limit of 1 path"):
                await server.bind(ONCE, "second")
            await server.bind(ONCE, "first")

    asyncio.run(use())


def test_of_concurrent_operations_of_a_token_for_single_use_one_is_accepted(
    store: Store, executor: StoreExecutor
) -> None:
    async def use() -> list[BaseException | None]:
        servers = [ReplayGuard(store, executor, 100) for _ in range(8)]
        uses = [server.bind(ONCE, f"operation {n}") for n, server in enumerate(servers)]
        return await asyncio.gather(*uses, return_exceptions=True)

    outcomes = asyncio.run(use())
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, TokenReplayed) for outcome in outcomes) == 7


@pytest.mark.parametrize("limit", [0, 100])
def test_reads_count_for_single_use_only(store: Store, executor: StoreExecutor, limit: int) -> None:
    guard = ReplayGuard(store, executor, limit)
    for is_read in True, False:
        assert guard.counts(ONCE, is_read=is_read)
        assert guard.counts(OFTEN, is_read=is_read) is (limit > 0 and not is_read)
        assert not guard.counts(KEY, is_read=is_read)


def test_operations_of_expired_tokens_are_not_remembered(
    store: Store, executor: StoreExecutor
) -> None:
    async def use() -> None:
        guard = ReplayGuard(store, executor, 100)
        now = int(time.time())
        for identity, expires_at in (("g", now + 3600), ("old", now - 1)):
            principal = replace(OFTEN, identity=identity, identity_expires_at=expires_at)
            await guard.bind(principal, "first")
        assert guard.is_known("g", "first")
        assert not guard.is_known("old", "first")

    asyncio.run(use())
