"""When versions may have been withdrawn, by the requests for it and their responses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import inf

from monotron.model.semver import VersionName
from monotron.model.versions.requests import Reverse, Withdraw
from simulation.version_history import Call


class Withdrawals:
    """The withdrawals of the versions of a name, and their reversals."""

    def __init__(self, name: VersionName, calls: Iterable[Call]) -> None:
        self._withdrawals: dict[str, list[Call]] = defaultdict(list)
        self._reversals: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            request = call.request
            if call.refused:
                continue
            if isinstance(request, Withdraw) and request.name == name:
                self._withdrawals[str(request.version)].append(call)
            elif isinstance(request, Reverse) and request.name == name and call.result:
                self._reversals[str(request.version)].append(call)

    def requested(self, version: str) -> bool:
        """Whether anyone has requested to withdraw the version."""
        return version in self._withdrawals

    def possible(self, version: str, start: float, end: float) -> bool:
        """Whether the version may have been withdrawn at some moment from *start* to *end*."""
        return any(
            call.called <= end
            and not any(
                call.returned <= reversal.called and reversal.returned <= start
                for reversal in self._reversals.get(version, ())
            )
            for call in self._withdrawals.get(version, ())
        )

    def withdrawn_at(self, version: str) -> float:
        """When a caller knew first that the version was withdrawn."""
        calls = self._withdrawals.get(version, ())
        return min((call.returned for call in calls if call.result), default=inf)
