"""A process that decides about a version, and is killed at a step of its transaction.

A step is a statement of SQLite or a command of MongoDB. The process has a store, without a server:
other tests kill servers under load.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import pymongo.monitoring
from pymongo.monitoring import CommandFailedEvent, CommandStartedEvent, CommandSucceededEvent

from monotron.errors import MonotronError
from monotron.model.semver import VersionName, parse_final, parse_line, sort_key_range
from monotron.model.series import ANYONE, Entry
from monotron.model.versions.requests import Adopt, Assign, Request, VersionRequest
from monotron.store import Store, open_store
from monotron.store.sqlite.store import SqliteStore, path_of

NAME = VersionName(1, "some-great-service")


class Countdown:
    """Kills this process before a step."""

    def __init__(self) -> None:
        self._left: int | None = None

    def start(self, steps: int) -> None:
        """Allow this number of steps."""
        self._left = steps

    def step(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left is not None:
            self._left -= 1


class CountingListener(pymongo.monitoring.CommandListener):
    """Counts the commands of all clients that are created afterwards."""

    def __init__(self, countdown: Countdown) -> None:
        self._countdown = countdown

    def started(self, event: CommandStartedEvent) -> None:
        self._countdown.step()

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def counting_store(
    url: str, countdown: Countdown, open_mongodb: Callable[[str], Store] = open_store
) -> Store:
    """Open a store whose statements or commands are counted."""

    class CountingConnection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            countdown.step()
            return super().execute(*arguments)

    if url.startswith("sqlite:"):
        connect = partial(sqlite3.connect, factory=CountingConnection)
        return SqliteStore(path_of(url), connect=connect)
    pymongo.monitoring.register(CountingListener(countdown))
    return open_mongodb(url)


class Stored(NamedTuple):
    """What a store contains about the name."""

    tokens: dict[str, str | None]
    """The token of each version."""
    series: list[Entry]


class VersionClient:
    """Decides about versions in a store, without a server."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def decide(self, token: str, query: str, *, dry_run: bool = False) -> str:
        """The version that a request results in, or the code of its error.

        *query*: the parameters of the request, or `adopt=VERSION`.
        """
        (result,) = self._store.releases.decide([_request(token, query, dry_run=dry_run)])
        return result.code if isinstance(result, MonotronError) else result.release.version_text

    def stored(self) -> Stored:
        releases = self._store.releases.page(NAME, sort_key_range(), None, 1000)
        return Stored(
            {release.version_text: release.token for release in releases},
            self._store.series_page(NAME.account, NAME.name, "", 1000),
        )

    def findings(self) -> list[object]:
        """What an audit finds."""
        slices = self._store.audit(alone=True)
        return [finding for each in slices for finding in each.findings]


def _request(token: str, query: str, *, dry_run: bool) -> Request:
    parameters = dict(pair.split("=") for pair in query.split("&"))
    if "adopt" in parameters:
        return Adopt(NAME, parse_final(parameters["adopt"]), ANYONE)
    line = parameters.get("line")
    return Assign(
        NAME,
        token,
        VersionRequest(
            parameters["bump"],  # type: ignore[arg-type]
            parameters.get("prerelease"),
            line=parse_line(line) if line else None,
            dry_run=dry_run,
        ),
    )


@contextmanager
def versions_of(url: str) -> Iterator[VersionClient]:
    store = open_store(url)
    try:
        yield VersionClient(store)
    finally:
        store.close()


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["monotron.store.mongo.store", "monotron.store.sqlite.store"])


def is_killed(target: Callable[..., None], *arguments: object, seconds: float) -> bool:
    """Run a function in a process of its own, at most for some seconds.

    Returns whether the process killed itself.
    """
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    try:
        process.join(seconds)
        assert process.exitcode in (0, -signal.SIGKILL)
        return process.exitcode != 0
    finally:
        process.kill()


def killed_before(step: int, url: str, token: str, query: str) -> bool:
    """Decide in a process that is killed before this step. Return false if there are fewer."""
    return is_killed(_decide, step, url, token, query, seconds=20)


def _decide(step: int, url: str, token: str, query: str) -> None:
    countdown = Countdown()
    versions = VersionClient(counting_store(url, countdown))
    countdown.start(step)
    versions.decide(token, query)
    os._exit(0)  # the store is not closed: that would be another step
