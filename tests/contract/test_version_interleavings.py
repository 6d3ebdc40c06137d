"""Two concurrent requests for one name: the second one runs during the transaction of the first.

Everything that the first transaction has read can be outdated when it continues. Both responses,
and the response to a third request, must equal those of one of the two sequential orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from contract.version_notation import store_request
from monotron.errors import MonotronError
from monotron.store import Store, open_store
from monotron.store.mongo import MongoStore
from support.mongod import ReplicaSet

READS = {"find", "aggregate"}
WRITES = {"insert", "update", "findAndModify", "delete"}

accounts = count(1)

# What happened before, and one request of each kind that can be concurrent then.
NEW = ("", ["a", "a?prerelease=rc", "1.4.2"])
INITIAL = ("", ["a?initial=1.4.2", "a?initial=1.4.2&line=1", "1.4.2"])
ADOPTED = ("1.2.57", ["a", "a?bump=major", "a?prerelease=rc", "1.2.58", "2.3.4"])
PRERELEASED = (
    "1.2.57 x?bump=minor&prerelease=rc",
    ["a?bump=final", "a?bump=minor", "a?prerelease=rc", "1.3.0", "1.3.5"],
)
OLD_LINE = ("1.2.57 x?bump=major", ["a?line=1.2", "a?line=1&bump=minor", "2.0.1"])
REQUIRED = [("", "a?initial=required", request) for request in ("b", "b?prerelease=rc", "1.4.2")]
SAME_TOKEN = [
    ("1.2.57", "a", "a?bump=minor"),
    ("1.2.57", "a?bump=minor", "a?prerelease=rc"),
    ("1.2.57", "a?bump=auto", "a?line=1.2"),
    ("1.2.57 x?bump=minor&prerelease=rc", "a?bump=major", "a?bump=final"),
]


def pairs(*scenes: tuple[str, list[str]]) -> list[tuple[str, str, str]]:
    """Each request of a scene with itself, and with each request for another token."""
    return [
        (before, first, second)
        for before, requests in scenes
        for first in requests
        for second in dict.fromkeys([first, *(each.replace("a", "b", 1) for each in requests)])
    ]


class Interrupter(CommandListener):
    """Calls a function before one of the reads of a client, before it has written anything."""

    def __init__(self) -> None:
        self._interrupt: Callable[[], None] | None = None
        self._reads_left = 0
        self._thread = ThreadPoolExecutor(1)

    def arm(self, interrupt: Callable[[], None], read: int) -> None:
        """Call *interrupt* before the read with this number."""
        self._interrupt, self._reads_left = interrupt, read

    def disarm(self) -> bool:
        """Return whether the function was not called."""
        is_armed, self._interrupt = self._interrupt is not None, None
        return is_armed

    def started(self, event: CommandStartedEvent) -> None:
        if self._interrupt is None:
            return
        if event.command_name in WRITES:
            self._reads_left = -1  # its locks would let the second request wait
        if event.command_name not in READS:
            return
        if self._reads_left == 0:
            interrupt, self._interrupt = self._interrupt, None
            # On another thread, because the time limits of pymongo belong to a thread.
            self._thread.submit(interrupt).result()
        self._reads_left -= 1

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def response(store: Store, account: int, request: str) -> str:
    """The version, or the code of the error."""
    (result,) = store.releases.decide([store_request(account, request, "feat: c")])
    return result.code if isinstance(result, MonotronError) else result.release.version_text


def sequential(scene: str, *requests: str) -> list[str]:
    """The responses to the requests, and to a further one.

    They come from SQLite in memory, which needs a tenth of the time of MongoDB: all stores
    respond to sequential requests alike.
    """
    with closing(open_store("sqlite://")) as store:
        for each in scene.split():
            response(store, 1, each)
        return [response(store, 1, each) for each in (*requests, "next")]


def orders(scene: str, first: str, second: str) -> list[list[str]]:
    """The responses to both requests and to a further one, in both sequential orders."""
    later, sooner, after = sequential(scene, second, first)
    return [sequential(scene, first, second), [sooner, later, after]]


class Stage:
    """A store whose transactions can be interrupted, and one that interrupts them."""

    def __init__(self, replica_set: ReplicaSet) -> None:
        self.interrupter = Interrupter()
        client: MongoClient[Any] = replica_set.client(
            retryWrites=False, event_listeners=[self.interrupter]
        )
        self.first = MongoStore(client["interleavings"])
        self.second = open_store(replica_set.url("interleavings"))

    def close(self) -> None:
        self.first.close()
        self.second.close()

    def interleaved(self, scene: str, first: str, second: str, read: int) -> list[str] | None:
        """The responses to both and to a further request.

        The second request runs before the numbered read of the first one. None: the first makes
        fewer reads before it writes.
        """
        account = next(accounts)
        for each in scene.split():
            response(self.second, account, each)
        responses: list[str] = []
        self.interrupter.arm(lambda: responses.append(response(self.second, account, second)), read)
        of_first = response(self.first, account, first)
        if self.interrupter.disarm():
            return None
        return [of_first, *responses, response(self.second, account, "next")]


@pytest.fixture(scope="module")
def stage(replica_set: ReplicaSet) -> Iterator[Stage]:
    """A stage that all tests share: each scene has an account of its own."""
    stage = Stage(replica_set)
    yield stage
    stage.close()


@pytest.mark.parametrize(
    ("scene", "first", "second"),
    [*pairs(NEW, INITIAL, ADOPTED, PRERELEASED, OLD_LINE), *REQUIRED, *SAME_TOKEN],
)
def test_two_concurrent_requests_equal_one_sequential_order(
    stage: Stage, scene: str, first: str, second: str
) -> None:
    expected = orders(scene, first, second)
    for read in count():
        responses = stage.interleaved(scene, first, second, read)
        if responses is None:
            break
        assert responses in expected, f"interrupted before read {read}"
    assert read > 1


@pytest.mark.parametrize(
    ("scene", "first", "second"),
    [
        ("", "a?initial=1.4.2", "b?initial=1.4.2&bump=minor"),
        ("1.2.57", "a", "a"),
        ("1.2.57", "a?bump=auto", "a?line=1.2"),
        ("1.2.57 x?bump=minor&prerelease=rc", "a?bump=final", "1.3.5"),
    ],
)
def test_two_threads_equal_one_sequential_order(
    durable_store: Store, scene: str, first: str, second: str
) -> None:
    expected = orders(scene, first, second)
    barrier = Barrier(2)

    def request(account: int, text: str) -> str:
        barrier.wait(30)
        return response(durable_store, account, text)

    with ThreadPoolExecutor(2) as threads:
        for _ in range(10):
            account = next(accounts)
            for each in scene.split():
                response(durable_store, account, each)
            responses = [
                *threads.map(lambda text: request(account, text), (first, second)),  # noqa: B023
                response(durable_store, account, "next"),
            ]
            assert responses in expected
