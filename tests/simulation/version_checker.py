"""What the responses to callers of versions must have in common, whatever the rows are.

A version belongs to one token, and a token has one version with each label. A version is higher
than the versions that were answered before its token was first requested: a plain one than all
final versions, a pre-release than those of its label and line. `latest` and `previous` are not
older than the call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from math import inf
from typing import TypeAlias

from monotron.model.semver import Final, Line, Release, VersionName
from monotron.model.versions.requests import Adopt, Assign, VersionResult
from simulation.version_history import Call

Answer: TypeAlias = "tuple[Call, VersionResult]"
Owner: TypeAlias = "tuple[str | None, str | None]"
"""A label and a token."""


def violations(answers: list[Answer], calls: list[Call]) -> Iterator[str]:
    """Yield every violation in these responses to all calls of all names."""
    names = dict.fromkeys(result.release.name for _, result in answers)
    for name in names:
        own = [each for each in answers if each[1].release.name == name]
        first = _first_calls(name, calls)
        yield from (f"{name.name}: {each}" for each in _Check(own, first).violations())


def is_recorded(call: Call, result: VersionResult) -> bool:
    """Whether the response shows a record: not the plan of a dry run, or counted series."""
    is_planned = isinstance(call.request, Assign) and not call.changes and not result.reused
    return result.release.created_at is not None and not is_planned


def is_plain(release: Release) -> bool:
    """Whether the version must be higher than all final versions before."""
    is_free = release.bump not in ("final", "exact")
    return release.label is None and release.line is None and is_free


def _first_calls(name: VersionName, calls: list[Call]) -> dict[Owner, float]:
    """When each token was first requested with each label, and each version to be adopted."""
    first: dict[Owner, float] = {}
    for call in calls:
        request = call.request
        if call.refused or getattr(request, "name", None) != name:
            continue
        if isinstance(request, Assign) and call.changes:
            owner: Owner = request.parameters.label, request.token
            first[owner] = min(call.called, first.get(owner, inf))
            if request.parameters.initial:
                owner = str(request.parameters.initial), None
                first[owner] = min(call.called, first.get(owner, inf))
        elif isinstance(request, Adopt):
            owner = str(request.version), None
            first[owner] = min(call.called, first.get(owner, inf))
    return first


class _Check:
    """The check of one name."""

    def __init__(self, answers: list[Answer], first: dict[Owner, float]) -> None:
        self._first = first
        self._answers = answers
        recorded = [each for each in answers if is_recorded(*each)]
        recorded.sort(key=lambda each: each[0].returned)
        self._recorded = recorded
        finals = [each for each in recorded if each[1].release.label is None]
        self._returned = [call.returned for call, _ in finals]
        self._finals = [result.release.target for _, result in finals]
        self._highest = list(accumulate(self._finals, max))

    def violations(self) -> Iterator[str]:
        yield from self._belong()
        for call, result in self._answers:
            release = result.release
            began = self._began(call, result)
            if is_plain(release) or result.latest.overall:
                asked = call.called if result.latest.overall else began
                newest = self._newest_before(asked)
                if newest is not None and not self._may_follow(release, result, newest):
                    yield f"{release.version_text} was answered as the newest after {newest}"
            if release.label is not None:
                yield from self._not_after(release, began)
            below = self._below(release.target, began)
            if below is not None and (release.previous is None or release.previous < below):
                yield (
                    f"{release.version_text} has the previous version {release.previous}, and "
                    f"{below} was answered before"
                )

    def _belong(self) -> Iterator[str]:
        """Yield tokens with two versions, and versions with two tokens or that are new twice."""
        of_token: dict[Owner, Release] = {}
        of_version: dict[str, Release] = {}
        new: set[str] = set()
        for _, result in self._recorded:
            release = result.release
            version = release.version_text
            owner = (release.label, release.token)
            other = of_version.setdefault(version, release)
            if other.token != release.token:
                yield f"{version} has the tokens {other.token!r} and {release.token!r}"
            other = of_token.setdefault(owner, release)
            if release.token is not None and other.version_text != version:
                yield f"{release.token!r} has the versions {other.version_text} and {version}"
            if not result.reused and version in new:
                yield f"{version} was reported as new twice"
            if not result.reused:
                new.add(version)

    def _began(self, call: Call, result: VersionResult) -> float:
        """When the call began that has assigned the version, at the earliest."""
        release = result.release
        if not result.reused or not is_recorded(call, result):
            return call.called
        version = release.version_text if release.token is None else release.label
        return self._first.get((version, release.token), -inf)

    def _newest_before(self, moment: float) -> Final | None:
        position = bisect_left(self._returned, moment)
        return self._highest[position - 1] if position else None

    def _may_follow(self, release: Release, result: VersionResult, newest: Final) -> bool:
        if result.reused:
            return release.target >= newest
        return release.target > newest

    def _below(self, target: Final, moment: float) -> Final | None:
        """The highest final version below the target that was answered before."""
        before = self._finals[: bisect_left(self._returned, moment)]
        return max((each for each in before if each < target), default=None)

    def _not_after(self, release: Release, began: float) -> Iterator[str]:
        """Yield a higher pre-release of the same label and line that was answered before."""
        line: Line | None = release.line
        for call, result in self._recorded:
            other = result.release
            if call.returned >= began:
                break
            if (
                other.label == release.label
                and (line is None or line.covers(other.target))
                and (other.target, other.number) > (release.target, release.number)
            ):
                yield f"{release.version_text} was assigned after {other.version_text}"
                return
