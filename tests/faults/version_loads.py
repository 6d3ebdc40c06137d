"""Callers that request versions of three names, in parallel with the series load of a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from faults.caller import MANNER
from faults.callers import Connect
from faults.tier import rounds
from faults.version_aftermath import check, withdrawn
from faults.version_load import Known, VersionLoad, adopt_initial
from monotron.model.semver import Release, VersionName
from monotron.model.versions.requests import Assign
from simulation.version_history import Call
from support.http import Client

NAMES = tuple(VersionName(1, name) for name in ("shop", "api", "web"))
CALLERS = rounds(short=1, whole=2)
"""For each name."""

PAUSE_SECONDS = 0.1
"""Between two requests of a caller. The checks compare all responses with each other, so many
requests make them slow."""

Records = dict[str, list[Release]]
"""All records of each name."""


class VersionLoads:
    """The callers of `NAMES`."""

    def __init__(self, loads: Sequence[VersionLoad]) -> None:
        self._loads = loads
        self._copied: set[tuple[str, str]] = set()
        """The name and token of each request that was sent once more."""

    def __iter__(self) -> Iterator[VersionLoad]:
        return iter(self._loads)

    @property
    def interrupted(self) -> int:
        """The number of requests that lost their connection."""
        return sum(load.interrupted for load in self._loads)

    @property
    def errors(self) -> Counter[tuple[str, str]]:
        """The number of temporary errors by code and `applied`."""
        return sum((load.known.errors for load in self._loads), Counter())

    @property
    def in_doubt(self) -> int:
        """The number of attempts with an unknown outcome."""
        return sum(call.in_doubt for load in self._loads for call in load.history.calls)

    @property
    def applied_in_doubt(self) -> int:
        """The number of tokens whose first response was already a reused version."""
        return sum(map(_applied_in_doubt, self._loads))

    def pause_between_requests(self, seconds: float) -> None:
        """Let each caller pause between its requests from now on."""
        for load in self._loads:
            load.pause_between_requests(seconds)

    def wait_for_answers(self, more: int) -> None:
        """Return after *more* further requests of each name were acknowledged."""
        enough = [load.acknowledged + more for load in self._loads]
        for load, total in zip(self._loads, enough, strict=True):
            load.wait_for_answers(max(0, total - load.acknowledged))

    def record_copy(self, name: str, token: str) -> tuple[Known, Call] | None:
        """Record that the request of a token is sent once more.

        Return where its response is to be recorded, or None if no caller has sent it.
        """
        known = next(load.known for load in self._loads if load.name.name == name)
        request = known.requests.get(token)
        if request is None:
            return None
        self._copied.add((name, token))
        return known, known.history.call(request)

    def end(self) -> None:
        """Wait until each caller has the response to its request, and end all callers."""
        for load in self._loads:
            load.stop()
        for load in self._loads:
            load.end()

    def check(self, url: str, connect: Connect = Client) -> Records:
        """End all callers, and compare their responses with what a server returns now.

        *connect*: with which credentials the records are read.
        """
        self.end()
        with connect(url, MANNER.timeout) as client:
            assert client.request("GET", "/v1/system/audit").json()["findings"] == []
            return {
                load.name.name: check(
                    load.history,
                    client,
                    load.name,
                    {token for name, token in self._copied if name == load.name.name},
                )
                for load in self._loads
            }

    def statistics(self, records: Records) -> str:
        """What was requested and assigned, in words."""
        calls = [call for load in self._loads for call in load.history.calls]
        answered = Counter(type(call.request).__name__ for call in calls if call.result)
        releases = [each for found in records.values() for each in found]
        return (
            f"versions: answers to {numbers_text(answered)}; {len(releases)} versions of "
            f"{len(records)} names, {withdrawn(releases)} withdrawn; {self.in_doubt} requests in "
            f"doubt ({self.applied_in_doubt} applied)"
        )


def _applied_in_doubt(load: VersionLoad) -> int:
    first: dict[tuple[str, str | None], Call] = {}
    for call, result in load.history.answers():
        request = call.request
        if isinstance(request, Assign) and result.release.token == request.token:
            owner = request.token, request.parameters.label
            if owner not in first or call.called < first[owner].called:
                first[owner] = call
    return sum(call.result.reused for call in first.values())


def numbers_text(number_of: Counter[str]) -> str:
    """The numbers in alphabetical order of what they count."""
    return ", ".join(f"{number} {name}" for name, number in sorted(number_of.items()))


@contextmanager
def version_loads(
    urls: Sequence[str],
    *,
    seed: int,
    connect: Connect = Client,
    timeout: float = MANNER.timeout,
    pause: float = PAUSE_SECONDS,
    adopt_at: str | None = None,
) -> Iterator[VersionLoads]:
    """Adopt the first version of each name, and run callers of the servers at *urls*.

    *connect*: with which credentials they connect. *timeout*: that of a request, *pause*: the time
    between two requests of a caller, both in seconds. *adopt_at*: the server that adopts the first
    versions, by default the first of *urls*.
    """
    loads = [
        VersionLoad(urls, callers=CALLERS, seed=seed, name=name, connect=connect, timeout=timeout)
        for name in NAMES
    ]
    with connect(adopt_at or urls[0], MANNER.timeout) as client:
        for name in NAMES:
            adopt_initial(client, name)
    with ExitStack() as stack:
        for load in loads:
            load.pause_between_requests(pause)
            stack.enter_context(load)
        yield VersionLoads(loads)
