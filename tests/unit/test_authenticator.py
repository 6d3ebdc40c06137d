"""How long verified API keys are cached, with a clock and a store that the tests control."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from monotron.auth.api_keys import ApiKey
from monotron.auth.authenticator import CACHE_SECONDS, Authenticator
from monotron.auth.key_format import digest, new_key
from monotron.auth.principal import Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.errors import RejectedIdentity, TooManyRequests, Unauthenticated
from monotron.model.name_patterns import ALL_NAMES
from support.http import basic

NAME, SECRET = new_key()
HEADER = f"Bearer {SECRET}"
ADDRESS = "192.0.2.1"


class StoredKeys:
    """The API keys of a store whose responses a test can delay."""

    def __init__(self, expires_at: int | None = None) -> None:
        api_key = ApiKey(
            *(1, 1, NAME, digest(SECRET), ("read:series",), 0, ALL_NAMES, ("root",)),
            expires_at=expires_at,
        )
        self.by_name: dict[str, ApiKey] = {NAME: api_key}
        self.responding = asyncio.Event()
        self.responding.set()
        self.lookups = 0

    async def find(self, key: str) -> ApiKey | None:
        self.lookups += 1
        api_key = self.by_name.get(key)  # as of the time of the request
        await self.responding.wait()
        return api_key

    async def record_use(self, api_key: ApiKey, at: int) -> None:
        pass


class Scene:
    """An authenticator with a clock that only tests advance."""

    def __init__(self, *, expires_at: int | None = None, failures: int = 0) -> None:
        self.now = 1000.0
        self.stored_keys = StoredKeys(expires_at)
        self.disabled: set[int] = set()
        api_keys: Any = self.stored_keys
        self.identities: Any = Identities()
        self.authenticator = Authenticator(
            api_keys,
            self.is_disabled,
            identities=self.identities,
            failures=RateLimiter(failures, "", clock=lambda: self.now),
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    async def check(self, header: str | None = HEADER) -> str:
        principal = await self.authenticator.check(header, None, ADDRESS)
        return principal.name

    async def is_disabled(self, account: int) -> bool:
        return account in self.disabled

    def revoke(self) -> None:
        del self.stored_keys.by_name[NAME]
        self.authenticator.forget(NAME)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 10))


TOKEN = "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
"""A header with an identity token, whose content does not matter here."""

each_scheme = pytest.mark.parametrize(
    "header", [TOKEN, basic("", TOKEN.partition(" ")[2])], ids=["Bearer", "Basic"]
)


class Identities:
    """Accepts every identity token, in the account of the path or in account 1, unless a test sets
    an error."""

    def __init__(self) -> None:
        self.error: Unauthenticated | None = None
        self.verified: list[int | None] = []
        self.responding = asyncio.Event()
        self.responding.set()

    async def principal(self, unverified_token: str, account: int | None) -> Principal:
        self.verified.append(account)
        await self.responding.wait()
        if self.error is not None:
            raise self.error
        return Principal("job", account or 1, frozenset(), identity="id", expires_at=2000)


def test_a_limited_sign_in_is_logged_with_the_identity_that_was_rejected() -> None:
    async def scenario() -> None:
        scene = Scene(failures=1)
        rejected = Unauthenticated("No trust policy matches.", claim="ref")
        rejected.identity = RejectedIdentity("https://ci.example.com", "acme/shop")
        scene.identities.error = rejected
        for error_type in Unauthenticated, TooManyRequests:
            with pytest.raises(error_type) as raised:
                await scene.check(TOKEN)
            assert raised.value.identity == rejected.identity
            assert raised.value.claim == "ref"

    run(scenario())


@pytest.mark.parametrize("header", [HEADER, TOKEN], ids=["API key", "identity token"])
def test_a_disabled_account_is_noticed_when_it_is_forgotten_or_the_cache_expires(
    header: str,
) -> None:
    async def scenario() -> None:
        scene = Scene()

        async def is_disabled() -> bool:
            known = scene.authenticator.known(header, None)
            return (known or await scene.authenticator.check(header, None, ADDRESS)).is_disabled

        assert not await is_disabled()
        scene.disabled.add(1)
        assert not await is_disabled()
        scene.authenticator.forget_account(2)
        assert not await is_disabled()
        scene.authenticator.forget_account(1)
        assert await is_disabled()
        scene.disabled.clear()
        scene.now += CACHE_SECONDS
        assert not await is_disabled()

    run(scenario())


@each_scheme
def test_an_identity_token_is_verified_for_each_account_of_a_path(header: str) -> None:
    async def scenario() -> None:
        scene = Scene()
        for account in None, 2, 3, 2, None:
            known = scene.authenticator.known(header, account)
            principal = await scene.authenticator.check(header, account, ADDRESS)
            assert principal.account == (account or 1)
            assert known in (None, principal)
            assert scene.authenticator.known(header, account) == principal
        assert scene.authenticator.known(header, 4) is None

    run(scenario())


@each_scheme
def test_concurrent_requests_for_different_accounts_do_not_share_a_verification(
    header: str,
) -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.identities.responding.clear()
        checks = [
            asyncio.create_task(scene.authenticator.check(header, account, ADDRESS))
            for account in (2, 3, 2)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        scene.identities.responding.set()
        assert [each.account for each in await asyncio.gather(*checks)] == [2, 3, 2]
        assert scene.identities.verified == [2, 3]

    run(scenario())


def test_an_api_key_is_cached_once_for_all_accounts() -> None:
    async def scenario() -> None:
        scene = Scene()
        principal = await scene.authenticator.check(HEADER, 2, ADDRESS)
        assert principal.account == 1
        for account in None, 1, 3:
            assert scene.authenticator.known(HEADER, account) == principal

    run(scenario())


def test_identity_tokens_are_verified_again_after_a_change_of_trust_policies() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.authenticator.check(TOKEN, 2, ADDRESS)
        await scene.check()
        scene.authenticator.forget_identities()
        assert scene.authenticator.known(TOKEN, 2) is None
        assert scene.authenticator.known(HEADER, None)

    run(scenario())


def test_a_valid_key_is_cached_for_a_few_seconds() -> None:
    async def scenario() -> None:
        scene = Scene()
        assert scene.authenticator.known(HEADER, None) is None
        assert await scene.check() == f"key:{NAME}"
        scene.now += CACHE_SECONDS - 0.1
        assert scene.authenticator.known(HEADER, None)
        scene.now += 0.1
        assert scene.authenticator.known(HEADER, None) is None

    run(scenario())


def test_a_key_is_not_cached_beyond_its_expiry() -> None:
    async def scenario() -> None:
        scene = Scene(expires_at=1001)
        assert await scene.check()
        scene.now = 1000.9
        assert scene.authenticator.known(HEADER, None)
        scene.now = 1001.0
        assert scene.authenticator.known(HEADER, None) is None
        with pytest.raises(Unauthenticated, match="expired"):
            await scene.check()

    run(scenario())


def test_an_invalid_key_is_never_cached() -> None:
    async def scenario() -> None:
        scene = Scene()
        for header in f"Bearer {new_key().secret}", f"Bearer {SECRET[:-1]}", "Bearer", "":
            for _ in range(2):
                with pytest.raises(Unauthenticated):
                    await scene.check(header)
            assert scene.authenticator.known(header, None) is None

    run(scenario())


def test_a_typing_error_is_refused_without_a_store_lookup() -> None:
    async def scenario() -> None:
        scene = Scene()
        for at in range(len(SECRET)):
            wrong = SECRET[:at] + ("a" if SECRET[at] != "a" else "b") + SECRET[at + 1 :]
            for header in f"Bearer {wrong}", f"Bearer {NAME}:{wrong}":
                with pytest.raises(Unauthenticated):
                    await scene.check(header)
        assert scene.stored_keys.lookups == 0

    run(scenario())


def test_a_key_that_is_revoked_during_its_lookup_is_not_cached() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.stored_keys.responding.clear()
        earlier = asyncio.create_task(scene.check())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.stored_keys.lookups == 1
        scene.revoke()
        scene.stored_keys.responding.set()
        await earlier  # it was sent before the revocation
        assert scene.authenticator.known(HEADER, None) is None

    run(scenario())


def test_a_request_after_a_revocation_does_not_share_an_earlier_lookup() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.stored_keys.responding.clear()
        earlier = asyncio.create_task(scene.check())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.stored_keys.lookups == 1
        scene.revoke()
        later = asyncio.create_task(scene.check())
        await asyncio.sleep(0)
        scene.stored_keys.responding.set()
        await earlier
        with pytest.raises(Unauthenticated):
            await later

    run(scenario())


def test_concurrent_requests_with_a_new_key_share_one_lookup() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.stored_keys.responding.clear()
        checks = [asyncio.create_task(scene.check()) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        scene.stored_keys.responding.set()
        assert await asyncio.gather(*checks) == 10 * [f"key:{NAME}"]
        assert scene.stored_keys.lookups == 1

    run(scenario())


def test_invalid_credentials_are_counted_and_missing_ones_are_not() -> None:
    async def scenario() -> None:
        scene = Scene(failures=2)
        for _ in range(5):  # wget and browsers send no credentials before the first 401
            with pytest.raises(Unauthenticated):
                await scene.check(None)
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await scene.check("Bearer wrong")
        with pytest.raises(TooManyRequests):
            await scene.check("Bearer wrong")
        with pytest.raises(Unauthenticated):
            await scene.check(None)
        assert await scene.check()

    run(scenario())
