"""What is remembered of a key, and for how long: with clocks and a store that the tests turn."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from monotron.auth.api_keys import ApiKey
from monotron.auth.authenticator import REMEMBERED_SECONDS, Authenticator
from monotron.auth.key_format import digest, new_key
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.scopes import parse_scopes
from monotron.errors import TooManyRequests, Unauthenticated

NAME, SECRET = new_key()
HEADER = f"Bearer {SECRET}"
ADDRESS = "192.0.2.1"


class ApiKeys:
    """The keys of a store that answers when it is told to."""

    def __init__(self, expires_at: int | None = None) -> None:
        scopes = parse_scopes(["read:series"])
        grant = ApiKey(1, 1, NAME, digest(SECRET), scopes, 0, expires_at=expires_at)
        self.kept: dict[str, ApiKey] = {NAME: grant}
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked = 0

    async def find(self, key: str) -> ApiKey | None:
        self.asked += 1
        found = self.kept.get(key)  # as it was when it was asked for
        await self.answering.wait()
        return found

    async def used(self, grant: ApiKey, at: int) -> None:
        pass


class Scene:
    """A sign-in whose time stands still unless a test moves it."""

    def __init__(self, *, expires_at: int | None = None, failures: int = 0) -> None:
        self.now = 1000.0
        self.grants = ApiKeys(expires_at)
        unlimited: Any = self.grants
        self.sign_in = Authenticator(
            unlimited,
            failures=RateLimiter(failures, "", clock=lambda: self.now),
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    async def check(self, header: str | None = HEADER) -> str:
        (principal,) = await self.sign_in.check(header, ADDRESS)
        return principal.name

    def revoke(self) -> None:
        del self.grants.kept[NAME]
        self.sign_in.forget(NAME)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 10))


def test_a_good_key_is_remembered_for_a_moment() -> None:
    async def scenario() -> None:
        scene = Scene()
        assert scene.sign_in.known(HEADER) is None
        assert await scene.check() == f"key:{NAME}"
        scene.now += REMEMBERED_SECONDS - 0.1
        assert scene.sign_in.known(HEADER)
        scene.now += 0.1
        assert scene.sign_in.known(HEADER) is None

    run(scenario())


def test_the_moment_ends_when_the_key_expires() -> None:
    async def scenario() -> None:
        scene = Scene(expires_at=1001)
        assert await scene.check()
        scene.now = 1000.9
        assert scene.sign_in.known(HEADER)
        scene.now = 1001.0
        assert scene.sign_in.known(HEADER) is None
        with pytest.raises(Unauthenticated, match="expired"):
            await scene.check()

    run(scenario())


def test_a_wrong_key_is_never_remembered() -> None:
    async def scenario() -> None:
        scene = Scene()
        for header in f"Bearer {new_key().secret}", f"Bearer {SECRET[:-1]}", "Bearer", "":
            for _ in range(2):
                with pytest.raises(Unauthenticated):
                    await scene.check(header)
            assert scene.sign_in.known(header) is None

    run(scenario())


def test_a_typing_error_is_refused_without_a_look_into_the_store() -> None:
    async def scenario() -> None:
        scene = Scene()
        for at in range(len(SECRET)):
            wrong = SECRET[:at] + ("a" if SECRET[at] != "a" else "b") + SECRET[at + 1 :]
            for header in f"Bearer {wrong}", f"Bearer {NAME}:{wrong}":
                with pytest.raises(Unauthenticated):
                    await scene.check(header)
        assert scene.grants.asked == 0

    run(scenario())


def test_a_key_revoked_while_it_is_looked_up_is_not_remembered() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.grants.answering.clear()
        earlier = asyncio.create_task(scene.check())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.grants.asked == 1
        scene.revoke()
        scene.grants.answering.set()
        await earlier  # it came before the revocation
        assert scene.sign_in.known(HEADER) is None

    run(scenario())


def test_a_request_after_the_revocation_does_not_join_a_look_up_before_it() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.grants.answering.clear()
        earlier = asyncio.create_task(scene.check())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.grants.asked == 1
        scene.revoke()
        later = asyncio.create_task(scene.check())
        await asyncio.sleep(0)
        scene.grants.answering.set()
        await earlier
        with pytest.raises(Unauthenticated):
            await later

    run(scenario())


def test_many_requests_with_a_new_key_look_it_up_once() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.grants.answering.clear()
        checks = [asyncio.create_task(scene.check()) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        scene.grants.answering.set()
        assert await asyncio.gather(*checks) == 10 * [f"key:{NAME}"]
        assert scene.grants.asked == 1

    run(scenario())


def test_wrong_credentials_are_counted_and_none_are_not() -> None:
    async def scenario() -> None:
        scene = Scene(failures=2)
        for _ in range(5):  # wget and browsers ask without first, each time
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
