"""Callers of several names, beside the load of series that a test describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from faults.caller import MANNER
from faults.callers import Connect
from faults.tier import limit, rounds
from faults.version_aftermath import check, withdrawn
from faults.version_load import Copy, VersionLoad, adopt_initial
from monotron.model.semver import Release, VersionName
from support.http import Client

NAMES = tuple(VersionName(1, name) for name in ("shop", "api", "web"))
CALLERS = rounds(short=1, whole=2)
"""For each name."""

PAUSE_SECONDS = limit(short=0.1, whole=0.4)
"""Between two requests of a caller: all of them are compared with each other."""


class VersionLoads:
    """The callers of `NAMES`. They run in the context, until `end`."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        seed: int,
        connect: Connect = Client,
        adopt_at: str | None = None,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """*adopt_at*: the server that adopts the first versions, by default the first of *urls*.

        *pause*: the seconds between two requests of a caller.
        """
        self._adopt_at = adopt_at or urls[0]
        self._connect = connect
        self._loads = [
            VersionLoad(urls, callers=CALLERS, seed=seed, name=name, connect=connect)
            for name in NAMES
        ]
        for load in self._loads:
            load.pause_between_requests(pause)
        self._stack = ExitStack()
        self.records: dict[str, list[Release]] = {}
        """All records of each name, after `check`."""

    def __enter__(self) -> Self:
        with self._connect(self._adopt_at, MANNER.timeout) as client:
            for load in self._loads:
                adopt_initial(client, load.name)
        for load in self._loads:
            self._stack.enter_context(load)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[VersionLoad]:
        return iter(self._loads)

    @property
    def interrupted(self) -> int:
        """The number of requests that lost their connection."""
        return sum(load.interrupted for load in self._loads)

    @property
    def in_doubt(self) -> int:
        """The number of attempts with an unknown outcome."""
        return sum(call.in_doubt for load in self._loads for call in load.history.calls)

    def copied(self, target: str) -> Copy | None:
        """Record a copy of a request, as `VersionLoad.copied` does."""
        return next(filter(None, (load.copied(target) for load in self._loads)), None)

    def wait_for_answers(self, more: int) -> None:
        """Return after *more* further requests of each name were acknowledged."""
        for load in self._loads:
            load.wait_for_answers(more)

    def end(self) -> None:
        """Wait until each caller has its version, and end all callers."""
        for load in self._loads:
            load.end()

    def check(self, url: str, connect: Connect = Client) -> str:
        """End all callers, and compare their responses with what a server returns now.

        Return the statistics. *connect*: with which credentials the records are read.
        """
        self.end()
        with connect(url, MANNER.timeout) as client:
            self.records = {
                load.name.name: check(load.history, client, load.name) for load in self._loads
            }
        calls = [call for load in self._loads for call in load.history.calls]
        answered = Counter(type(call.request).__name__ for call in calls if call.result)
        releases = [each for found in self.records.values() for each in found]
        return (
            f"versions: answers to {counted(answered)}; {len(releases)} versions of {len(NAMES)} "
            f"names, {withdrawn(releases)} withdrawn; {self.in_doubt} in doubt"
        )


def counted(number_of: Counter[str]) -> str:
    """The numbers in alphabetical order of what they count."""
    return ", ".join(f"{number} {name}" for name, number in sorted(number_of.items()))
