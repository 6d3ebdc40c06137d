"""A rotation that meets other changes of the same API key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from monotron.auth import principal
from monotron.auth.api_keys import ApiKeys, ApiKeySpec
from monotron.auth.principal import ROOT
from monotron.auth.rotation import Rotation
from monotron.errors import GrantNotFound, QuotaExceeded, Unauthenticated
from monotron.store import open_store
from monotron.store.auth_interface import RecordChange
from support.services import StoreServices, before_a_change

NOW = 1_700_000_000
SPEC = ApiKeySpec(("*:series", "*:acl"))


class Site:
    """API keys on a store in memory, with a clock that stands still."""

    def __init__(self, quota: int = 0) -> None:
        self.store = open_store("sqlite://")
        services = StoreServices(self.store)
        basis = (self.store, services.series, services.executor)
        self.forgotten: list[str] = []
        self.api_keys = ApiKeys(*basis, quota=quota, clock=lambda: NOW)
        self.rotation = Rotation(
            self.store,
            self.api_keys,
            services.executor,
            self.forgotten.append,
            clock=lambda: NOW,
        )
        self.close = services.close

    def keys(self) -> list[str]:
        return [row.name for row in self.store.auth_records.page("api_key", None, "", 100)]


def run(scenario: Callable[[Site], Coroutine[Any, Any, None]], quota: int = 0) -> None:
    site = Site(quota)
    try:
        asyncio.run(scenario(site))
    finally:
        site.close()
        site.store.close()


@pytest.mark.parametrize("expires_at", [None, NOW + 1000], ids=["never", "1000 s"])
def test_a_key_that_is_rotated_again_has_a_successor_with_the_original_lifetime(
    expires_at: int | None,
) -> None:
    async def scenario(site: Site) -> None:
        spec = ApiKeySpec(SPEC.scopes, expires_at=expires_at)
        old, _ = await site.api_keys.create(ROOT, 1, spec)
        for overlap in 60, 0, 60:  # after the secret of a successor was lost
            new, _, expiring = await site.rotation.rotate(ROOT, 1, old.key, overlap)
            assert new.expires_at == expires_at
            assert expiring.expires_at in (NOW + 60, NOW)
        last, _, _ = await site.rotation.rotate(ROOT, 1, new.key, 60)
        assert last.expires_at == expires_at

    run(scenario)


def test_an_outdated_record_of_a_use_does_not_extend_the_old_key() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        await site.rotation.rotate(ROOT, 1, old.key, 60)
        await site.api_keys.record_use(old, NOW)
        stored = await site.api_keys.find(old.key)
        assert stored is not None
        assert stored.expires_at == NOW + 60
        assert site.forgotten == [old.key]

    run(scenario)


def test_a_rotation_keeps_a_use_that_was_recorded_meanwhile() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        used = old.row()._replace(body={**old.row().body, "last_used_at": NOW})
        change = RecordChange("api_key", old.row(), used)
        before_a_change(site.store, lambda: site.store.auth_records.change([change]))
        new, _, expiring = await site.rotation.rotate(ROOT, 1, old.key, 60)
        assert (expiring.last_used_at, expiring.expires_at) == (NOW, NOW + 60)
        assert site.keys() == sorted([old.key, new.key])
        assert new.last_used_at is None

    run(scenario)


def test_a_key_that_is_revoked_meanwhile_has_no_successor() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        before_a_change(site.store, lambda: site.store.auth_records.remove("api_key", 1, old.key))
        with pytest.raises(GrantNotFound):
            await site.rotation.rotate(ROOT, 1, old.key, 60)
        assert site.keys() == []

    run(scenario)


def test_a_caller_that_is_revoked_meanwhile_keeps_no_successor() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        caller, _ = await site.api_keys.create(ROOT, 1, SPEC)
        before_a_change(
            site.store, lambda: site.store.auth_records.remove("api_key", 1, caller.key)
        )
        with pytest.raises(Unauthenticated, match="revoked during the request"):
            await site.rotation.rotate(caller.principal(), 1, old.key, 60)
        assert site.keys() == [old.key]
        assert await site.api_keys.find(old.key) == old

    run(scenario)


def test_a_key_that_is_revoked_while_it_rotates_itself_has_no_successor() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        before_a_change(site.store, lambda: site.store.auth_records.remove("api_key", 1, old.key))
        with pytest.raises(Unauthenticated, match="revoked during the request"):
            await site.rotation.rotate(old.principal(), 1, old.key, 60)
        assert site.keys() == []

    run(scenario)


def test_a_use_of_the_caller_that_is_recorded_meanwhile_does_not_prevent_a_rotation() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        caller, _ = await site.api_keys.create(ROOT, 1, SPEC)
        used = caller.row()._replace(body={**caller.row().body, "last_used_at": NOW})
        change = RecordChange("api_key", caller.row(), used)
        before_a_change(site.store, lambda: site.store.auth_records.change([change]))
        new, _, _ = await site.rotation.rotate(caller.principal(), 1, old.key, 60)
        assert site.keys() == sorted([old.key, caller.key, new.key])
        stored = await site.api_keys.find(caller.key)
        assert stored is not None
        assert stored.last_used_at == NOW

    run(scenario)


def test_a_successor_counts_towards_the_quota() -> None:
    async def scenario(site: Site) -> None:
        old, _ = await site.api_keys.create(ROOT, 1, SPEC)
        with pytest.raises(QuotaExceeded):
            await site.rotation.rotate(ROOT, 1, old.key, 60)
        stored = await site.api_keys.find(old.key)
        assert stored is not None
        assert stored.expires_at == old.expires_at

    run(scenario, quota=1)


def test_a_successor_does_not_forget_a_creator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principal, "MAX_CREATORS", 2)

    async def scenario(site: Site) -> None:
        first, _ = await site.api_keys.create(ROOT, 1, SPEC)
        second, _, _ = await site.rotation.rotate(first.principal(), 1, first.key, 60)
        assert second.creators == ("root", first.principal_name)
        with pytest.raises(QuotaExceeded, match="more than 2 creators"):
            await site.rotation.rotate(second.principal(), 1, second.key, 60)
        stored = await site.api_keys.find(second.key)
        assert stored == second
        assert site.keys() == sorted([first.key, second.key])

    run(scenario)
