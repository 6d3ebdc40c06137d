"""Badges of two servers on one store: what each one notices, races, and the cost of reading."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from monotron.auth.badges import CACHE_SECONDS, MAX_CONCURRENT_READS, Badge, Badges
from monotron.auth.principal import ROOT
from monotron.auth.rate_limit import RateLimiter
from monotron.errors import BadgeNotFound, StoreUnavailable, TooManyRequests
from monotron.model.versions.requests import VersionRequest
from monotron.store import open_store
from monotron.store.auth_interface import RecordChange
from support.services import StoreServices, before_a_change

ADDRESS = "192.0.2.1"
UNKNOWN = 32 * "0"


class Servers:
    """The badges of two servers on one store, with a clock that only tests advance."""

    def __init__(self, failures: int) -> None:
        self.now = 1000.0
        self.store = open_store("sqlite://")
        self.reads: list[str] = []
        """The reads of records and versions, by the method of the store."""
        self._record("find", self.store.auth_records)
        self._record("decide", self.store.releases)
        self.services = StoreServices(self.store)
        self.disabled: set[int] = set()
        self._failures = failures
        self.here, self.elsewhere = self._badges(), self._badges()

    def _record(self, method: str, part: Any) -> None:
        name = "begin_decide" if method == "decide" else method
        call = getattr(part, name)

        def recorded(*arguments: Any) -> Any:
            self.reads.append(method)
            return call(*arguments)

        setattr(part, name, recorded)

    def _badges(self) -> Badges:
        return Badges(
            self.store,
            self.services.executor,
            self.services.versions,
            lambda account: self.is_disabled(account),
            failures=RateLimiter(self._failures, "requests for unknown badges from this address"),
            monotonic=lambda: self.now,
        )

    async def _is_disabled(self, account: int) -> bool:
        return account in self.disabled

    is_disabled: Callable[[int], Awaitable[bool]] = _is_disabled

    async def shop(self) -> str:
        """Assign 0.0.1 of `shop`, and create its badge. Returns the id."""
        await self.services.versions.next(1, "shop", "a", VersionRequest(assigned_by="root"))
        badge, _ = await self.here.create(ROOT, 1, "shop")
        return badge.id


def additions(badge: Badge) -> list[RecordChange]:
    """The changes that create a badge."""
    return [
        RecordChange("badge", None, badge.row()),
        RecordChange("badge_name", None, badge.name_row()),
    ]


def run(scenario: Callable[[Servers], Coroutine[Any, Any, None]], failures: int = 0) -> None:
    servers = Servers(failures)
    try:
        asyncio.run(asyncio.wait_for(scenario(servers), 30))
    finally:
        servers.services.close()
        servers.store.close()


async def is_readable(badges: Badges, id: str) -> bool:
    try:
        return await badges.version(id, None, ADDRESS) == "0.0.1"
    except BadgeNotFound:
        return False


def test_an_id_has_128_random_bits() -> None:
    async def scenario(servers: Servers) -> None:
        ids = {(await servers.here.create(ROOT, 1, f"n{number}"))[0].id for number in range(50)}
        assert len(ids) == 50
        assert all(re.fullmatch("[0-9a-f]{32}", id) for id in ids)
        for position in range(32):
            assert len({id[position] for id in ids}) > 3

    run(scenario)


def test_a_server_notices_immediately_that_it_deleted_a_badge_and_others_soon() -> None:
    async def scenario(servers: Servers) -> None:
        id = await servers.shop()
        both = servers.here, servers.elsewhere
        assert [await is_readable(each, id) for each in both] == [True, True]
        await servers.here.delete(ROOT, 1, id)
        assert [await is_readable(each, id) for each in both] == [False, True]
        servers.now += CACHE_SECONDS
        assert [await is_readable(each, id) for each in both] == [False, False]

    run(scenario)


def test_a_badge_of_a_disabled_account_is_not_found_until_it_is_enabled() -> None:
    async def scenario(servers: Servers) -> None:
        id = await servers.shop()
        assert await is_readable(servers.here, id)
        servers.disabled.add(1)
        assert not await is_readable(servers.here, id)
        servers.disabled.clear()
        assert await is_readable(servers.here, id)

    run(scenario)


def test_concurrent_requests_create_one_badge_of_a_name() -> None:
    async def scenario(servers: Servers) -> None:
        both = servers.here, servers.elsewhere
        results = await asyncio.gather(*(each.create(ROOT, 1, "shop") for each in 4 * both))
        assert len({badge for badge, _ in results}) == 1
        assert sorted(reused for _, reused in results) == [False, *(7 * [True])]
        records = servers.store.auth_records
        assert (records.count("badge", 1), records.count("badge_name", 1)) == (1, 1)

    run(scenario)


def test_a_badge_that_another_server_created_in_between_is_returned() -> None:
    async def scenario(servers: Servers) -> None:
        badge = Badge(UNKNOWN, 1, "shop", 0, "root")
        before_a_change(servers.store, lambda: servers.store.auth_records.change(additions(badge)))
        assert await servers.here.create(ROOT, 1, "shop") == (badge, True)

    run(scenario)


def test_a_badge_that_another_server_deleted_in_between_is_not_found() -> None:
    async def scenario(servers: Servers) -> None:
        id = await servers.shop()
        records = servers.store.auth_records
        before_a_change(servers.store, lambda: records.remove("badge", 1, id))
        with pytest.raises(BadgeNotFound):
            await servers.here.delete(ROOT, 1, id)

    run(scenario)


def test_a_creation_that_never_succeeds_ends_with_an_error() -> None:
    async def scenario(servers: Servers) -> None:
        records: Any = servers.store.auth_records
        records.change = lambda *_: False
        with pytest.raises(StoreUnavailable, match="Repeat the request"):
            await servers.here.create(ROOT, 1, "shop")

    run(scenario)


def test_a_repeated_read_of_a_badge_costs_one_read_of_the_store() -> None:
    async def scenario(servers: Servers) -> None:
        id = await servers.shop()
        assert await is_readable(servers.here, id)
        servers.reads.clear()
        assert await is_readable(servers.here, id)
        assert servers.reads == ["decide"]

    run(scenario)


def test_an_invalid_id_is_not_found_without_a_read_of_the_store() -> None:
    async def scenario(servers: Servers) -> None:
        for id in "", "x", UNKNOWN + "0", "A" * 32, "\ud800" + UNKNOWN[1:], "../" + UNKNOWN:
            with pytest.raises(BadgeNotFound):
                await servers.here.version(id, None, ADDRESS)
        assert servers.reads == []

    run(scenario)


def test_few_badges_are_read_at_a_time() -> None:
    async def scenario(servers: Servers) -> None:
        id = await servers.shop()
        running, most = 0, 0

        async def is_disabled(_: int) -> bool:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return False

        servers.is_disabled = is_disabled
        reads = (is_readable(servers.here, id) for _ in range(5 * MAX_CONCURRENT_READS))
        assert all(await asyncio.gather(*reads))
        assert most == MAX_CONCURRENT_READS

    run(scenario)


def test_unknown_badges_are_limited_by_address_and_others_are_not() -> None:
    async def scenario(servers: Servers) -> None:
        id = await servers.shop()
        for _ in range(2):
            with pytest.raises(BadgeNotFound):
                await servers.here.version(UNKNOWN, None, ADDRESS)
        with pytest.raises(TooManyRequests, match="unknown badges from this address"):
            await servers.here.version(UNKNOWN, None, ADDRESS)
        with pytest.raises(BadgeNotFound):
            await servers.here.version(UNKNOWN, None, "192.0.2.2")
        assert await is_readable(servers.here, id)

    run(scenario, failures=2)
