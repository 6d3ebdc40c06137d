"""A process that assigns or adopts a version, and kills itself at a certain point.

The points are wrapped around methods here. The process has the version service on a store, without
a server: other tests kill servers under load.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal, TypeVar

from monotron.services.versions.state import NameState
from semver import Version

from monotron.errors import MonotronError
from monotron.model.semver import VersionName, parse_final
from monotron.model.series import ANYONE
from monotron.model.versions.requests import VersionRequest
from monotron.services.versions import VersionService
from monotron.store import Store, open_store
from monotron.store.mongo.releases import MongoReleases
from monotron.store.sqlite.releases import SqliteReleases
from support.services import StoreServices

T = TypeVar("T")

NAME = "some-great-service"

POINTS: dict[str, tuple[list[type], str, bool, int]] = {
    "before the allocation": ([VersionService], "_allocate", False, 1),
    "after the allocation": ([VersionService], "_record", False, 1),
    "after the record": ([SqliteReleases, MongoReleases], "add", True, 1),
    "after the patch": ([NameState], "advance_to", True, 1),
    "after the minor": ([NameState], "advance_to", True, 2),
}
"""Classes, method, whether the method is executed first, and at which of its calls."""


def arm(point: str) -> None:
    """Make this process kill itself at the point."""
    classes, name, executed_first, calls_left = POINTS[point]

    def killing(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any) -> Any:
            nonlocal calls_left
            calls_left -= 1
            result = method(*args) if calls_left or executed_first else None
            if not calls_left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for each in classes:
        setattr(each, name, killing(getattr(each, name)))


class VersionClient:
    """The version service on a store, without a server."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._renew()

    def _renew(self) -> None:
        """Create services for the next call, which has an event loop of its own."""
        self.versions = StoreServices(self.store).versions

    def next(self, request: str) -> str:
        """The version that a request assigns, or the code of its error."""
        token, _, query = request.partition("?")
        parameters = dict(pair.split("=") for pair in query.split("&")) if query else {}
        version_request = VersionRequest(
            parameters.get("bump", "patch"), parameters.get("prerelease")
        )  # type: ignore[arg-type]
        return self._run(self.versions.next(1, NAME, token, version_request))

    def adopt(self, version: str) -> str:
        return self._run(self.versions.adopt(1, NAME, parse_final(version), ANYONE))

    def _run(self, call: Coroutine[Any, Any, Any]) -> str:
        try:
            return str(asyncio.run(self._in_new_loop(call)).release.version)
        except MonotronError as error:
            return error.code

    async def _in_new_loop(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return await call
        finally:
            self._renew()

    def records(self) -> dict[str, str | None]:
        results, _ = asyncio.run(self._in_new_loop(self.versions.page(1, NAME, None, 1000)))
        return {str(result.release.version): result.release.token for result in results}

    def latest(self) -> Version:
        return NameState(self.store).latest(VersionName(1, NAME))


@contextmanager
def versions_of(url: str) -> Iterator[VersionClient]:
    store = open_store(url)
    yield VersionClient(store)
    store.close()


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["monotron.services.versions", "monotron.store.mongo.store", "monotron.store.sqlite.store"]
)


def crash(url: str, point: str, call: Literal["next", "adopt"], argument: str) -> None:
    """Make this call in a process that kills itself at the point."""
    process = PROCESSES.Process(target=_call, args=(url, point, call, argument))
    process.start()
    try:
        process.join(10)
        assert process.exitcode == -signal.SIGKILL
    finally:
        process.kill()


def _call(url: str, point: str, method: str, argument: str) -> None:
    with versions_of(url) as versions:
        arm(point)
        getattr(versions, method)(argument)
