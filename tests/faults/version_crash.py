"""A process that gives a version, or adopts one, and kills itself at a certain point of it.

The product has no such points; they are put in here, around what it calls. It is the domain of
versions on a store, without a server: servers are killed in other tests, under load.
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
from monotron.services.series import SeriesService
from monotron.services.versions import VersionRequest, VersionService
from monotron.services.versions.state import NameState
from monotron.store import Store, open_store
from monotron.store.mongo.releases import MongoReleases
from monotron.store.sqlite.releases import SqliteReleases

T = TypeVar("T")

NAME = "some-great-service"

POINTS: dict[str, tuple[list[type], str, bool, int]] = {
    "before the step": ([VersionService], "_allocate", False, 1),
    "after the step": ([VersionService], "_record", False, 1),
    "after the record": ([SqliteReleases, MongoReleases], "add", True, 1),
    "after the patch": ([NameState], "advance_to", True, 1),
    "after the minor": ([NameState], "advance_to", True, 2),
}
"""Classes, method, whether it is carried out first, and at which call of it."""


def arm(point: str) -> None:
    """Have this process killed when it reaches the point."""
    classes, name, carried_out, calls_left = POINTS[point]

    def deadly(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any) -> Any:
            nonlocal calls_left
            calls_left -= 1
            result = method(*args) if calls_left or carried_out else None
            if not calls_left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for each in classes:
        setattr(each, name, deadly(getattr(each, name)))


class Domain:
    """The domain of versions on a store, without a server."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.versions = VersionService(store, SeriesService(store))

    def next(self, request: str) -> str:
        """The version that a request gives, or the code of its error."""
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
        # Each run has a loop of its own, so it needs queues of its own as well.
        self.versions._series = SeriesService(self.store)
        return await call

    def records(self) -> dict[str, str | None]:
        answers, _ = asyncio.run(self._alone(self.versions.page(1, NAME, None, 1000)))
        return {str(answer.release.version): answer.release.token for answer in answers}

    def newest(self) -> Version:
        return NameState(self.store).latest(VersionName(1, NAME))


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
    """Have a process ask a `Domain` for this, which kills itself on the way."""
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
