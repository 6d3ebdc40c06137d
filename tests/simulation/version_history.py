"""The requests for versions in a simulated world, and their responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple, TypeAlias

from monotron.errors import MonotronError
from monotron.model.semver import Line
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Adopt, Assign, GetNewest, Request, VersionResult


class Count(NamedTuple):
    """A request for a value of a component series, without a version."""

    series: SeriesKey
    token: str


VersionTraffic: TypeAlias = "Request | Count"


@dataclass(slots=True)
class Call:
    """One attempt of a request."""

    request: VersionTraffic
    called: float
    returned: float = inf
    result: Any = None
    """A `VersionResult`, or the `Allocation` of a `Count`."""
    error: MonotronError | None = None
    refused: bool = False
    """Whether it is known that nothing was applied."""

    @property
    def changes(self) -> bool:
        """Whether the request may assign a version to its token."""
        return isinstance(self.request, Assign) and not self.request.parameters.dry_run

    @property
    def line(self) -> Line | None:
        """The line of the request."""
        request = self.request
        if isinstance(request, GetNewest):
            return request.line
        return request.parameters.line if isinstance(request, Assign) else None

    @property
    def is_new(self) -> bool:
        """Whether the response reports that the call has assigned a version, or adopted it."""
        is_change = self.changes or isinstance(self.request, Adopt)
        return is_change and self.result is not None and not self.result.reused

    @property
    def in_doubt(self) -> bool:
        return self.result is None and not self.refused


class VersionHistory:
    """All attempts, on the clock of the world."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.calls: list[Call] = []

    def call(self, request: VersionTraffic) -> Call:
        """Record an attempt. Its outcome is unknown until it is answered or refused."""
        call = Call(request, self._clock())
        self.calls.append(call)
        return call

    def refused(self, call: Call, error: MonotronError | None = None) -> None:
        """Record that the attempt was not applied and never will be."""
        call.returned, call.refused, call.error = self._clock(), True, error

    def answered(self, call: Call, result: object) -> None:
        call.returned, call.result = self._clock(), result

    def answers(self) -> Iterator[tuple[Call, VersionResult]]:
        """Yield the attempts with a version, and the responses."""
        for call in self.calls:
            if call.result is not None and not isinstance(call.request, Count):
                yield call, call.result
