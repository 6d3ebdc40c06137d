"""Two requests of one name, the second between any two steps of the first.

Whatever the first has read by then is old when it goes on. What both are told, and what the next
one is given, must be what comes of the two in one order or the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from contract.test_version_examples import wanted
from monotron.errors import MonotronError
from monotron.model.semver import parse_final
from monotron.model.series import ANYBODY
from monotron.store import Store, open_store
from support.mongod import ReplicaSet
from support.services import StoreServices

NAME = "some-great-service"
accounts = count(1)

# What was there before, and what may then be asked for at once. A bare version is adopted.
NEW = ("", ["a", "a?bump=minor", "a?prerelease=rc", "0.0.1", "1.4.2"])
INITIAL = ("", [f"a?initial=1.4.2{more}" for more in ("", "&bump=minor", "&line=1")] + ["1.4.2"])
ADOPTED = (
    "1.2.57",
    [
        *("a", "a?bump=minor", "a?bump=major", "a?line=1.2", "a?bump=auto"),
        *("a?prerelease=rc", "a?bump=minor&prerelease=rc"),
        *("1.2.58", "1.2.70", "1.3.0", "2.0.0", "2.3.4"),
    ],
)
PRE_RELEASED = (
    "1.2.57 x?bump=minor&prerelease=rc",
    [
        *("a?bump=final", "x?bump=final", "a?bump=minor", "a?bump=major"),
        *("a?bump=minor&prerelease=rc", "1.3.0", "1.3.5"),
    ],
)
OLD_LINE = ("1.2.57 x?bump=major", ["a?line=1.2", "a?line=1&bump=minor", "a", "2.0.1"])


def pairs(*scenes: tuple[str, list[str]]) -> list[tuple[str, str, str]]:
    """A scene, a request, and another: of another token, or the same once more."""
    return [
        (before, first, second)
        for before, requests in scenes
        for first in requests
        for second in dict.fromkeys([first, *(each.replace("a", "b", 1) for each in requests)])
    ]


class Watched:
    """A store, or its records, that says so before each call."""

    def __init__(self, watched: Any, before: Callable[[], None]) -> None:
        self._watched = watched
        self._before = before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._watched, name)
        if name == "releases":
            return Watched(found, self._before)
        if name == "after_commit" or not callable(found):
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._before()
            return found(*args, **more)

        return call


class Asker:
    """Asks for versions, on a thread and a loop of its own."""

    def __init__(self, store: Any) -> None:
        self._services = StoreServices(store)
        self._versions = self._services.versions
        self._thread = ThreadPoolExecutor(1)
        self._runner = self._thread.submit(asyncio.Runner).result()

    def ask(self, account: int, request: str) -> str:
        """The version, or the code of the error."""
        return self._thread.submit(self._runner.run, self._ask(account, request)).result()

    async def _ask(self, account: int, request: str) -> str:
        token, _, query = request.partition("?")
        try:
            if request[0].isdigit():
                answer = await self._versions.adopt(account, NAME, parse_final(request), ANYBODY)
            else:
                asked = self._versions.next(account, NAME, token, wanted(query), b"feat: c")
                answer = await asked
        except MonotronError as error:
            return error.code
        return str(answer.release.version)

    def close(self) -> None:
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()
        self._services.close()


class Stage:
    """One asker who can be interrupted, and one who interrupts."""

    def __init__(self, store: Store) -> None:
        self._interrupt: Callable[[], None] = lambda: None
        self.first = Asker(Watched(store, lambda: self._interrupt()))
        self.second = Asker(store)

    def close(self) -> None:
        self.first.close()
        self.second.close()

    def one_after_the_other(self, scene: str, *requests: str) -> list[str]:
        """The answers to the requests, and to the next."""
        account = next(accounts)
        for each in scene.split():
            self.second.ask(account, each)
        return [self.second.ask(account, each) for each in (*requests, "next")]

    def interrupted(self, scene: str, first: str, second: str, step: int) -> list[str] | None:
        """The answers to both and to the next; None: the first has no such step."""
        account = next(accounts)
        for each in scene.split():
            self.second.ask(account, each)
        steps, told = count(), list[str]()

        def interrupt() -> None:
            if next(steps) == step:
                told.append(self.second.ask(account, second))

        self._interrupt = interrupt
        answer = self.first.ask(account, first)
        self._interrupt = lambda: None
        return [answer, *told, self.second.ask(account, "next")] if told else None


@pytest.fixture(scope="module")
def memory() -> Iterator[Stage]:
    """Shared by all tests: each has accounts of its own."""
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
    told = stage.one_after_the_other(scene, first, second)
    later, sooner, after = stage.one_after_the_other(scene, second, first)
    for step in count():
        answers = stage.interrupted(scene, first, second, step)
        if answers is None:
            break
        assert answers in (told, [sooner, later, after]), f"interrupted before step {step}"
    assert step > 3


@pytest.mark.parametrize(
    ("scene", "first", "second"), pairs(NEW, INITIAL, ADOPTED, PRE_RELEASED, OLD_LINE)
)
def test_two_requests_come_to_what_one_order_of_them_does(
    memory: Stage, scene: str, first: str, second: str
) -> None:
    check(memory, scene, first, second)


@pytest.mark.parametrize(
    ("scene", "first", "second"),
    [
        ("", "a?initial=1.4.2", "a?initial=1.4.2"),
        ("", "a?initial=1.4.2", "b?initial=1.4.2&bump=minor"),
        ("1.2.57 x?bump=major", "a?line=1.2", "b?line=1.2"),
        ("1.2.57 x?bump=minor&prerelease=rc", "x?bump=final", "b?bump=final"),
        ("1.2.57 x?bump=minor&prerelease=rc", "a?bump=final", "1.3.5"),
    ],
)
def test_on_a_replica_set_too(replicated: Stage, scene: str, first: str, second: str) -> None:
    check(replicated, scene, first, second)


@pytest.mark.parametrize(
    ("scene", "first", "second"),
    [
        (scene, first, second)
        for scene, requests in (ADOPTED, PRE_RELEASED, OLD_LINE)
        for first in requests
        for second in requests
        if first != second and first[:2] == second[:2] == "a?"
    ],
)
def test_one_token_that_asks_for_two_things_at_once_gets_one(
    memory: Stage, scene: str, first: str, second: str
) -> None:
    """A number may be skipped; the version is the same, or one of the two is refused."""
    for step in count():
        answers = memory.interrupted(scene, first, second, step)
        if answers is None:
            break
        given = {each for each in answers[:2] if each[0].isdigit()}
        assert set(answers[:2]) - given <= {"token_taken", "already_released"}
        if ("prerelease" in first) == ("prerelease" in second):
            assert len(given) == 1
        assert sum("-" not in each for each in given) <= 1
        assert answers[2] not in given
    assert step > 3
