"""A revocation with descendants cannot miss what is created at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from monotron.auth import principal
from monotron.auth.api_keys import ApiKeys, ApiKeySpec
from monotron.auth.oidc import parse_issuer
from monotron.auth.principal import ROOT, Principal
from monotron.auth.revocation import Revocation
from monotron.auth.trust_policies import TrustPolicies
from monotron.errors import GrantNotFound, QuotaExceeded, Unauthenticated
from monotron.model.name_patterns import NamePatterns
from monotron.store import open_store
from support.services import StoreServices

SPEC = ApiKeySpec(("*:series", "*:acl"))
TRUST = {
    "issuer": "github",
    "claims": {"repository_id": "777", "ref": "refs/heads/main"},
    "scopes": ["read:series"],
}


class Site:
    """API keys, trust policies and their revocation, on a store in memory."""

    def __init__(self) -> None:
        self.store = open_store("sqlite://")
        services = StoreServices(self.store)
        basis = (self.store, services.series, services.executor)
        self.api_keys = ApiKeys(*basis)
        self.trusts = TrustPolicies(*basis, self.api_keys, [parse_issuer("github")])
        self.forgotten: list[str] = []
        self.revocation = Revocation(
            self.api_keys,
            self.trusts,
            self.forgotten.append,
            lambda: self.forgotten.append("identities"),
        )
        self.close = services.close

    async def new_key(self, by: Principal) -> Principal:
        api_key, _ = await self.api_keys.create(by, 1, SPEC)
        return api_key.principal()

    def names(self, kind: Any) -> list[str]:
        return [row.name for row in self.store.auth_records.page(kind, None, "", 100)]


def run(scenario: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    site = Site()
    try:
        asyncio.run(scenario(site))
    finally:
        site.close()
        site.store.close()


def id_of(owner: Principal) -> str:
    return owner.name.removeprefix("key:")


def test_a_revoked_key_creates_nothing() -> None:
    async def scenario(site: Site) -> None:
        parent = await site.new_key(ROOT)
        await site.revocation.revoke(ROOT, 1, id_of(parent), with_descendants=True)
        with pytest.raises(Unauthenticated, match="revoked during the request"):
            await site.api_keys.create(parent, 1, SPEC)
        with pytest.raises(Unauthenticated, match="revoked during the request"):
            await site.trusts.create(parent, 1, TRUST)
        assert site.names("api_key") == site.names("trust") == []
        events = site.store.auth_records.page("event", None, "", 100)
        assert [row.body["action"] for row in events] == ["create", "delete"] * 3

    run(scenario)


def test_keys_that_are_created_during_the_revocation_do_not_remain() -> None:
    async def scenario(site: Site) -> None:
        parent = await site.new_key(ROOT)

        async def descend(by: Principal) -> None:
            for _ in range(5):
                child = await site.new_key(by)
                await site.trusts.create(child, 1, TRUST)
                by = child

        descents = [asyncio.create_task(descend(parent)) for _ in range(4)]
        await site.new_key(parent)
        await site.revocation.revoke(ROOT, 1, id_of(parent), with_descendants=True)
        results = await asyncio.gather(*descents, return_exceptions=True)
        assert {type(each) for each in results} <= {Unauthenticated, type(None)}
        assert site.names("api_key") == site.names("trust") == []

    run(scenario)


def test_a_chain_of_keys_ends_before_a_key_forgets_its_first_creator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(principal, "MAX_CREATORS", 3)

    async def scenario(site: Site) -> None:
        first = await site.new_key(ROOT)
        second = await site.new_key(first)
        last = await site.new_key(second)
        with pytest.raises(QuotaExceeded, match="more than 3 creators"):
            await site.api_keys.create(last, 1, SPEC)
        with pytest.raises(QuotaExceeded, match="more than 3 creators"):
            await site.trusts.create(last, 1, TRUST)
        await site.revocation.revoke(ROOT, 1, id_of(second), with_descendants=False)
        await site.revocation.revoke(ROOT, 1, id_of(first), with_descendants=True)
        assert site.names("api_key") == site.names("trust") == []

    run(scenario)


def test_a_caller_that_cannot_revoke_a_key_does_not_remove_its_descendants() -> None:
    async def scenario(site: Site) -> None:
        parent = await site.new_key(ROOT)
        spec = ApiKeySpec(SPEC.scopes, NamePatterns(("shop",)))
        lesser, sibling = [
            (await site.api_keys.create(parent, 1, spec))[0].principal() for _ in range(2)
        ]
        for _ in range(2):
            with pytest.raises(GrantNotFound):
                await site.revocation.revoke(lesser, 1, id_of(parent), with_descendants=True)
        assert site.names("api_key") == sorted(map(id_of, (parent, lesser, sibling)))
        await site.revocation.revoke(ROOT, 1, id_of(parent), with_descendants=False)
        await site.revocation.revoke(lesser, 1, id_of(parent), with_descendants=True)
        assert site.names("api_key") == []

    run(scenario)


def test_identity_tokens_are_verified_again_after_trust_policies_were_deleted() -> None:
    async def scenario(site: Site) -> None:
        parent = await site.new_key(ROOT)
        await site.trusts.create(parent, 1, TRUST)
        await site.revocation.revoke(ROOT, 1, id_of(parent), with_descendants=True)
        assert site.names("trust") == []
        assert site.forgotten == [id_of(parent), "identities"]

    run(scenario)


def test_each_revoked_key_is_forgotten_and_no_other() -> None:
    async def scenario(site: Site) -> None:
        parent, other = await site.new_key(ROOT), await site.new_key(ROOT)
        child = await site.new_key(parent)
        await site.revocation.revoke(ROOT, 1, id_of(parent), with_descendants=True)
        assert sorted(site.forgotten) == sorted([id_of(parent), id_of(child)])
        with pytest.raises(GrantNotFound):
            await site.revocation.revoke(ROOT, 2, id_of(other), with_descendants=True)
        assert len(site.forgotten) == 2
        assert site.names("api_key") == [id_of(other)]

    run(scenario)
