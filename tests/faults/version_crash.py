"""A process that assigns or adopts a version, and kills itself at a certain point.

The product has no such points: they are added here around its methods. The process has the version
service on a store, without a server. Other tests kill servers under load.
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

from semver import Version

from monotron.errors import MonotronError
from monotron.model.semver import VersionName, parse_final
from monotron.model.series import ANYBODY
from monotron.services.versions import VersionRequest, VersionService
from monotron.services.versions.state import NameState
from monotron.store import Store, open_store
from monotron.store.mongo.releases import MongoReleases
from monotron.store.sqlite.releases import SqliteReleases
from support.services import StoreServices

T = TypeVar("T")

NAME = "some-great-service"

POINTS: dict[str, tuple[list[type], str, bool, int]] = {
    "before the step": ([VersionService], "_step", False, 1),
    "after the step": ([VersionService], "_record", False, 1),
    "after the record": ([SqliteReleases, MongoReleases], "add", True, 1),
    "after the patch": ([NameState], "advance_to", True, 1),
    "after the minor": ([NameState], "advance_to", True, 2),
}
"""Classes, method, whether the call is executed first, and which call of it."""


def arm(point: str) -> None:
    """Kill this process when it reaches the point."""
    classes, name, executed, calls_left = POINTS[point]

    def deadly(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any) -> Any:
            nonlocal calls_left
            calls_left -= 1
            result = method(*args) if calls_left or executed else None
            if not calls_left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for each in classes:
        setattr(each, name, deadly(getattr(each, name)))


class Domain:
    """The version service on a store, without a server."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._renew()

    def _renew(self) -> None:
        """Create the services again: each run has its own event loop, and so its own batchers."""
        self.versions = StoreServices(self.store).versions

    def next(self, request: str) -> str:
        """Return the version of a request, or the code of its error."""
        token, _, query = request.partition("?")
        asked = dict(pair.split("=") for pair in query.split("&")) if query else {}
        wanted = VersionRequest(asked.get("bump", "patch"), asked.get("prerelease"))  # type: ignore[arg-type]
        return self._run(self.versions.next(1, NAME, token, wanted))

    def adopt(self, version: str) -> str:
        return self._run(self.versions.adopt(1, NAME, parse_final(version), ANYBODY))

    def _run(self, call: Coroutine[Any, Any, Any]) -> str:
        try:
            return str(asyncio.run(self._alone(call)).release.version)
        except MonotronError as error:
            return error.code

    async def _alone(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return await call
        finally:
            self._renew()

    def records(self) -> dict[str, str | None]:
        answers, _ = asyncio.run(self._alone(self.versions.page(1, NAME, None, 1000)))
        return {str(answer.release.version): answer.release.token for answer in answers}

    def newest(self) -> Version:
        return NameState(self.store).newest(VersionName(1, NAME))


@contextmanager
def domain(url: str) -> Iterator[Domain]:
    store = open_store(url)
    yield Domain(store)
    store.close()


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["monotron.services.versions", "monotron.store.mongo.store", "monotron.store.sqlite.store"]
)


def crash(url: str, point: str, call: Literal["next", "adopt"], argument: str) -> None:
    """Make the call of a `Domain` in a process that kills itself at the point."""
    process = PROCESSES.Process(target=_ask, args=(url, point, call, argument))
    process.start()
    try:
        process.join(10)
        assert process.exitcode == -signal.SIGKILL
    finally:
        process.kill()


def _ask(url: str, point: str, call: str, argument: str) -> None:
    with domain(url) as asked:
        arm(point)
        getattr(asked, call)(argument)
