"""Guesses of root credentials from one address, with a clock that the tests control."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from monotron.auth.api_keys import ApiKey
from monotron.auth.authenticator import HOUR_SECONDS, Authenticator, RootKey
from monotron.auth.key_format import digest, new_key
from monotron.auth.rate_limit import PERIOD_SECONDS, RateLimiter
from monotron.errors import TooManyRequests, Unauthenticated
from monotron.model.name_patterns import ALL_NAMES
from support.http import basic

NAME, SECRET = new_key()
API_KEY = ApiKey(1, 1, NAME, digest(SECRET), (), 0, ALL_NAMES, ("root",))
ROOT_SECRET = "correct-horse-battery"
ROOT = f"Bearer root:{ROOT_SECRET}"
GUESS = "Bearer root:incorrect-horse-battery"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
FAILURES = 3


class StoredKeys:
    """A store with one API key."""

    async def find(self, key: str) -> ApiKey | None:
        return API_KEY if key == NAME else None

    async def record_use(self, api_key: ApiKey, at: int) -> None:
        pass


async def enabled(account: int) -> bool:
    return False


class Door:
    """An authenticator with a root key and a clock that only tests advance."""

    def __init__(self, failures: int = FAILURES) -> None:
        self.now = 1000.0
        api_keys: Any = StoredKeys()
        self.authenticator = Authenticator(
            api_keys,
            enabled,
            root=RootKey.of_secret("root", ROOT_SECRET),
            failures=RateLimiter(failures, "", clock=lambda: self.now),
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    async def check(self, header: str, address: str = HERE) -> str:
        """The name of the caller, on the path that a request takes."""
        known = self.authenticator.known(header, None)
        principal = known or await self.authenticator.check(header, None, address)
        return principal.name

    async def exceed_the_limit(self, address: str = HERE) -> None:
        for number in range(FAILURES):
            with pytest.raises(Unauthenticated):
                await self.check(f"{GUESS}{number}", address)
        with pytest.raises(TooManyRequests):
            await self.check(GUESS, address)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 10))


@pytest.mark.parametrize("header", [ROOT, basic("root", ROOT_SECRET)], ids=["bearer", "basic"])
def test_beyond_the_limit_the_root_key_is_not_compared(header: str) -> None:
    async def scenario() -> None:
        door = Door()
        await door.exceed_the_limit()
        for _ in range(2):
            with pytest.raises(TooManyRequests):
                await door.check(header)
        assert await door.check(header, ELSEWHERE) == "root"
        with pytest.raises(TooManyRequests):
            await door.check(header)
        door.now += PERIOD_SECONDS
        assert await door.check(header) == "root"

    run(scenario())


def test_beyond_the_limit_a_root_key_that_was_valid_within_the_last_hour_is_accepted() -> None:
    async def scenario() -> None:
        door = Door()
        assert await door.check(ROOT) == "root"
        for seconds in 0.0, HOUR_SECONDS - 1.0, HOUR_SECONDS - 1.0:
            door.now += seconds
            await door.exceed_the_limit()
            assert await door.check(ROOT) == "root"
            assert await door.check(basic("root", ROOT_SECRET)) == "root"
        door.now += HOUR_SECONDS
        await door.exceed_the_limit()
        with pytest.raises(TooManyRequests):
            await door.check(ROOT)

    run(scenario())


def test_beyond_the_limit_an_api_key_is_verified() -> None:
    async def scenario() -> None:
        door = Door()
        await door.exceed_the_limit()
        assert await door.check(f"Bearer {SECRET}") == f"key:{NAME}"

    run(scenario())


def test_without_a_limit_the_root_key_is_always_compared() -> None:
    async def scenario() -> None:
        door = Door(failures=0)
        for _ in range(100):
            with pytest.raises(Unauthenticated):
                await door.check(GUESS)
        assert await door.check(ROOT) == "root"

    run(scenario())
