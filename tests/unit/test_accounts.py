"""When a server notices that an account was disabled, and that the name of one was taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from monotron.auth.accounts import CACHE_SECONDS, AccountChange, Accounts
from monotron.auth.principal import ROOT
from monotron.errors import AccountNameTaken
from monotron.store import open_store
from support.services import StoreServices


class Servers:
    """The accounts of two servers on one store, with a clock that only tests advance."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.store = open_store("sqlite://")
        self.services = StoreServices(self.store)
        self.here, self.elsewhere = self._accounts(), self._accounts()

    def _accounts(self) -> Accounts:
        services = self.services
        return Accounts(self.store, services.series, services.executor, monotonic=lambda: self.now)


def run(scenario: Callable[[Servers], Coroutine[Any, Any, None]]) -> None:
    servers = Servers()
    try:
        asyncio.run(scenario(servers))
    finally:
        servers.services.close()
        servers.store.close()


def test_a_server_notices_immediately_that_it_disabled_an_account_and_others_soon() -> None:
    async def scenario(servers: Servers) -> None:
        id = (await servers.here.create(ROOT)).id
        both = servers.here, servers.elsewhere
        assert [await each.is_disabled(id) for each in both] == [False, False]
        await servers.here.change(ROOT, id, AccountChange(is_disabled=True))
        assert [await each.is_disabled(id) for each in both] == [True, False]
        servers.now += CACHE_SECONDS
        assert [await each.is_disabled(id) for each in both] == [True, True]

    run(scenario)


def test_an_account_that_was_read_is_not_read_again_for_some_time() -> None:
    async def scenario(servers: Servers) -> None:
        id = (await servers.here.create(ROOT)).id
        assert not await servers.here.is_disabled(id)
        servers.store.close()
        assert not await servers.here.is_disabled(id)

    run(scenario)


def test_a_change_of_another_server_in_between_is_not_lost() -> None:
    async def scenario(servers: Servers) -> None:
        id = (await servers.here.create(ROOT)).id
        await asyncio.gather(
            servers.here.change(ROOT, id, AccountChange(name="acme")),
            servers.elsewhere.change(ROOT, id, AccountChange(is_disabled=True)),
        )
        account = await servers.here.get(id)
        assert (account.name, account.is_disabled) == ("acme", True)

    run(scenario)


def test_two_accounts_that_exchange_names_keep_one_each() -> None:
    async def scenario(servers: Servers) -> None:
        first = await servers.here.create(ROOT, "first")
        second = await servers.here.create(ROOT, "second")
        for id, name in (first.id, "second"), (second.id, "first"):
            with pytest.raises(AccountNameTaken):
                await servers.elsewhere.change(ROOT, id, AccountChange(name=name))
        for id, name in (first.id, "third"), (second.id, "first"), (first.id, "second"):
            await servers.elsewhere.change(ROOT, id, AccountChange(name=name))
        assert (await servers.here.named("first") or first).id == second.id
        assert (await servers.here.named("second") or second).id == first.id
        assert await servers.here.named("third") is None

    run(scenario)
