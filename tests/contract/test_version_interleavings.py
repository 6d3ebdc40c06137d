"""Two concurrent requests for one name: the second runs between any two store calls of the first.

Everything that the first request has read can be outdated when it continues. Both responses, and
the response to a third request, must equal those of one of the two sequential orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from contract.version_notation import Notation
from monotron.store import Store, open_store
from support.mongod import ReplicaSet

accounts = count(1)

# What happened before, and one request of each kind that can be concurrent then.
NEW = ("", ["a", "a?prerelease=rc", "1.4.2"])
INITIAL = ("", ["a?initial=1.4.2", "a?initial=1.4.2&line=1", "1.4.2"])
ADOPTED = ("1.2.57", ["a", "a?bump=major", "a?prerelease=rc", "1.2.58", "1.3.0", "2.3.4"])
PRERELEASED = (
    "1.2.57 x?bump=minor&prerelease=rc",
    ["a?bump=final", "a?bump=minor", "a?bump=minor&prerelease=rc", "1.3.0", "1.3.5"],
)
OLD_LINE = ("1.2.57 x?bump=major", ["a?line=1.2", "a?line=1&bump=minor", "2.0.1"])


def pairs(*scenes: tuple[str, list[str]]) -> list[tuple[str, str, str]]:
    """Each request of a scene with itself, and with each request for another token."""
    return [
        (before, first, second)
        for before, requests in scenes
        for first in requests
        for second in dict.fromkeys([first, *(each.replace("a", "b", 1) for each in requests)])
    ]


class ObservedStore:
    """A store, or its releases, that reports each call before it is made."""

    def __init__(self, observed: Any, before: Callable[[], None]) -> None:
        self._observed = observed
        self._before = before

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._observed, name)
        if name == "releases":
            return ObservedStore(attribute, self._before)
        if name == "after_commit" or not callable(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            self._before()
            return attribute(*args, **kwargs)

        return call


class Caller:
    """Requests versions, on a thread and an event loop of its own."""

    def __init__(self, store: Any) -> None:
        self._notation = Notation(store)
        self._thread = ThreadPoolExecutor(1)
        self._runner = self._thread.submit(asyncio.Runner).result()

    def request(self, account: int, request: str) -> str:
        """The version, or the code of the error."""
        self._notation.account = account
        call = self._notation.version(request, "feat: c")
        return self._thread.submit(self._runner.run, call).result()

    def close(self) -> None:
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()
        self._notation.services.close()


class Stage:
    """A caller that can be interrupted, and one that interrupts it."""

    def __init__(self, store: Store) -> None:
        self._interrupt: Callable[[], None] = lambda: None
        self.first = Caller(ObservedStore(store, lambda: self._interrupt()))
        self.second = Caller(store)

    def close(self) -> None:
        self.first.close()
        self.second.close()

    def sequential(self, scene: str, *requests: str) -> list[str]:
        """The responses to the requests, and to a further one."""
        account = next(accounts)
        for each in scene.split():
            self.second.request(account, each)
        return [self.second.request(account, each) for each in (*requests, "next")]

    def interleaved(self, scene: str, first: str, second: str, call: int) -> list[str] | None:
        """The responses to both and to a further request.

        The second request runs before the numbered store call of the first. None: the first
        makes fewer calls.
        """
        account = next(accounts)
        for each in scene.split():
            self.second.request(account, each)
        calls, responses = count(), list[str]()

        def interrupt() -> None:
            if next(calls) == call:
                responses.append(self.second.request(account, second))

        self._interrupt = interrupt
        response = self.first.request(account, first)
        self._interrupt = lambda: None
        if not responses:
            return None
        return [response, *responses, self.second.request(account, "next")]


@pytest.fixture(scope="module")
def memory() -> Iterator[Stage]:
    """A stage that all tests share: each scene has an account of its own."""
    yield from on_stage(open_store("sqlite://"))


@pytest.fixture(scope="module")
def replicated(replica_set: ReplicaSet) -> Iterator[Stage]:
    yield from on_stage(open_store(replica_set.url("interleavings")))


def on_stage(store: Store) -> Iterator[Stage]:
    stage = Stage(store)
    yield stage
    stage.close()
    store.close()


def check(stage: Stage, scene: str, first: str, second: str) -> None:
    in_order = stage.sequential(scene, first, second)
    later, sooner, after = stage.sequential(scene, second, first)
    for call in count():
        responses = stage.interleaved(scene, first, second, call)
        if responses is None:
            break
        assert responses in (in_order, [sooner, later, after]), f"interrupted before call {call}"
    assert call > 3


@pytest.mark.parametrize(
    ("scene", "first", "second"), pairs(NEW, INITIAL, ADOPTED, PRERELEASED, OLD_LINE)
)
def test_two_concurrent_requests_equal_one_sequential_order(
    memory: Stage, scene: str, first: str, second: str
) -> None:
    check(memory, scene, first, second)


@pytest.mark.parametrize(
    ("scene", "first", "second"),
    [
        ("", "a?initial=1.4.2", "b?initial=1.4.2&bump=minor"),
        ("1.2.57 x?bump=minor&prerelease=rc", "a?bump=final", "1.3.5"),
    ],
)
def test_two_concurrent_requests_equal_one_order_on_a_replica_set(
    replicated: Stage, scene: str, first: str, second: str
) -> None:
    check(replicated, scene, first, second)


@pytest.mark.parametrize(
    ("scene", "first", "second"),
    [
        ("1.2.57", "a", "a?bump=minor"),
        ("1.2.57", "a?bump=minor", "a?prerelease=rc"),
        ("1.2.57", "a?bump=auto", "a?line=1.2"),
        ("1.2.57", "a?prerelease=rc", "a?bump=minor&prerelease=rc"),
        ("1.2.57 x?bump=minor&prerelease=rc", "a?bump=final", "a?bump=minor"),
        ("1.2.57 x?bump=minor&prerelease=rc", "a?bump=major", "a?bump=final"),
        ("1.2.57 x?bump=major", "a?line=1.2", "a?line=1&bump=minor"),
    ],
)
def test_two_concurrent_bumps_of_one_token_assign_one_version(
    memory: Stage, scene: str, first: str, second: str
) -> None:
    """A value can be skipped. The version is the same, or one of the two requests is refused."""
    for call in count():
        responses = memory.interleaved(scene, first, second, call)
        if responses is None:
            break
        versions = {each for each in responses[:2] if each[0].isdigit()}
        assert set(responses[:2]) - versions <= {"token_taken", "already_released"}
        if ("prerelease" in first) == ("prerelease" in second):
            assert len(versions) == 1
        assert sum("-" not in each for each in versions) <= 1
        assert responses[2] not in versions
    assert call > 3
