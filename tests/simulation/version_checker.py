"""What the responses to callers of versions must have in common, whatever the rows are.

A version belongs to one token, and a token has one version with each label that is not withdrawn. A
withdrawn version is not assigned again. A version is higher than the versions that were answered
before its token was first requested: a plain one than all final versions, a pre-release than those
of its label and line. Versions that may have been withdrawn meanwhile do not count. `latest` and
`previous` are not older than the call, and no two versions have the same base.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate, chain
from math import inf
from typing import TypeAlias

from monotron.model.semver import Final, Line, Release, VersionName
from monotron.model.versions.requests import Adopt, Assign, Reverse, VersionResult
from simulation.version_history import Call
from simulation.version_withdrawals import Withdrawals

Answer: TypeAlias = "tuple[Call, VersionResult]"
Owner: TypeAlias = "tuple[str | None, str | None]"
"""A label and a token."""


def violations(answers: list[Answer], calls: list[Call]) -> Iterator[str]:
    """Yield every violation in these responses to all calls of all names."""
    names = dict.fromkeys(result.release.name for _, result in answers)
    for name in names:
        own = [each for each in answers if each[1].release.name == name]
        check = _Check(own, _first_calls(name, calls), Withdrawals(name, calls))
        yield from (f"{name.name}: {each}" for each in check.violations())


def is_recorded(call: Call, result: VersionResult) -> bool:
    """Whether the response shows a record: not the plan of a dry run, or counted series."""
    is_planned = isinstance(call.request, Assign) and not call.changes and not result.reused
    return result.release.created_at is not None and not is_planned


def is_plain(release: Release) -> bool:
    """Whether the version must be higher than all final versions before.

    A version that only the series showed is recorded when it is withdrawn, without a bump.
    """
    is_free = release.bump not in ("final", "exact")
    is_counted = release.bump is None and release.token is not None
    return release.label is None and release.line is None and is_free and not is_counted


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

    def __init__(
        self, answers: list[Answer], first: dict[Owner, float], withdrawals: Withdrawals
    ) -> None:
        self._first = first
        self._withdrawals = withdrawals
        self._answers = answers
        self._recorded = sorted(
            (each for each in answers if is_recorded(*each)), key=lambda each: each[0].returned
        )
        known: dict[Final, float] = {}
        self._of_label: dict[str, list[tuple[float, Release]]] = defaultdict(list)
        for call, result in self._recorded:
            release = result.release
            if release.label is None:
                known.setdefault(release.target, call.returned)
            else:
                self._of_label[release.label].append((call.returned, release))
        self._fragile = {each: at for each, at in known.items() if withdrawals.requested(f"{each}")}
        """The final versions that may have been withdrawn, and when they were first answered."""
        self._finals = [each for each in known if each not in self._fragile]
        """The others, in the order of their first responses."""
        self._returned = [known[each] for each in self._finals]
        self._highest = list(accumulate(self._finals, max))

    def violations(self) -> Iterator[str]:
        yield from self._belong()
        yield from self._reversed()
        yield from self._based()
        for call, result in self._answers:
            release = result.release
            began = self._began(call, result)
            if self._is_plain(call, release) or result.latest.overall:
                asked = call.called if result.latest.overall else began
                newest = self._newest_before(asked, call.returned)
                if newest is not None and not self._may_follow(call, release, newest):
                    yield f"{release.version_text} was answered as the newest after {newest}"
            if release.label is not None:
                yield from self._not_after(release, began, call.returned)
            below = self._below(release.target, began, call.returned)
            if below is not None and (release.previous is None or release.previous < below):
                yield (
                    f"{release.version_text} has the previous version {release.previous}, and "
                    f"{below} was answered before"
                )

    def _belong(self) -> Iterator[str]:
        """Yield tokens with two versions, and versions with two tokens or that are new twice."""
        of_token: dict[Owner, dict[str, Call]] = defaultdict(dict)
        of_version: dict[str, Release] = {}
        new: set[str] = set()
        for call, result in self._recorded:
            release = result.release
            version = release.version_text
            owner = (release.label, release.token)
            other = of_version.setdefault(version, release)
            if other.token != release.token:
                yield f"{version} has the tokens {other.token!r} and {release.token!r}"
            if release.token is not None:
                for earlier, of_earlier in of_token[owner].items():
                    if earlier != version and not self._follows(call, version, of_earlier, earlier):
                        yield f"{release.token!r} has the versions {earlier} and {version}"
                of_token[owner].setdefault(version, call)
            if call.is_new:
                if version in new:
                    yield f"{version} was reported as new twice"
                new.add(version)
                if self._withdrawals.withdrawn_at(version) < call.called:
                    yield f"{version} was assigned after it was withdrawn"

    def _follows(self, call: Call, version: str, other: Call, earlier: str) -> bool:
        """Whether a token can have both versions, because one of them was withdrawn."""
        if not (call.is_new and other.is_new):
            return any(map(self._withdrawals.requested, (version, earlier)))
        start, end = min(call.called, other.called), max(call.returned, other.returned)
        return any(self._withdrawals.possible(each, start, end) for each in (version, earlier))

    def _is_plain(self, call: Call, release: Release) -> bool:
        if not is_recorded(call, call.result) and call.line is not None:
            return False  # the newest version of a line
        return is_plain(release)

    def _reversed(self) -> Iterator[str]:
        """Yield reversed withdrawals of versions whose token had another version since."""
        new = [(call, result.release) for call, result in self._recorded if call.is_new]
        known = {each.version_text: call.returned for call, each in reversed(new)}
        for reversal, result in self._recorded:
            release = result.release
            if not isinstance(reversal.request, Reverse) or release.token is None:
                continue
            at = known.get(release.version_text, inf)
            for call, other in new:
                if (
                    (other.token, other.label) == (release.token, release.label)
                    and at <= call.called
                    and call.returned <= reversal.called
                ):
                    yield (
                        f"the withdrawal of {release.version_text} was reversed, and "
                        f"{release.token!r} had {other.version_text}"
                    )

    def _based(self) -> Iterator[str]:
        """Yield two versions with the same base."""
        of_base: dict[tuple[Line | None, Final], Release] = {}
        for call, result in self._recorded:
            request, release = call.request, result.release
            if not (isinstance(request, Assign) and call.is_new and result.changed):
                continue
            base = request.parameters.base
            if base is None or release.label or self._withdrawals.requested(f"{release.target}"):
                continue
            if release.target < base:  # by a `Release-As` footer: the base is still the newest
                continue
            other = of_base.setdefault((request.parameters.line, base), release)
            if other.target != release.target:
                yield f"{other.target} and {release.target} have the base {base}"

    def _began(self, call: Call, result: VersionResult) -> float:
        """When the call began that has assigned the version, at the earliest."""
        release = result.release
        if call.is_new or not is_recorded(call, result):
            return call.called
        version = release.version_text if release.token is None else release.label
        return self._first.get((version, release.token), -inf)

    def _newest_before(self, start: float, end: float) -> Final | None:
        """The newest version that was answered before, and was not withdrawn until the end."""
        position = bisect_left(self._returned, start)
        fragile = self._fragile_before(start, end)
        highest = self._highest[position - 1 : position] if position else []
        return max(chain(highest, fragile), default=None)

    def _fragile_before(self, start: float, end: float) -> Iterator[Final]:
        for version, at in self._fragile.items():
            if at < start and not self._withdrawals.possible(f"{version}", start, end):
                yield version

    def _may_follow(self, call: Call, release: Release, newest: Final) -> bool:
        is_planned = isinstance(call.request, Assign) and call.request.parameters.dry_run
        if call.is_new or (is_planned and not call.result.reused):
            return release.target > newest
        return release.target >= newest

    def _below(self, target: Final, start: float, end: float) -> Final | None:
        """The highest final version below the target that was answered before."""
        before = self._finals[: bisect_left(self._returned, start)]
        fragile = self._fragile_before(start, end)
        return max((each for each in chain(before, fragile) if each < target), default=None)

    def _not_after(self, release: Release, start: float, end: float) -> Iterator[str]:
        """Yield a higher pre-release of the same label and line that was answered before."""
        line: Line | None = release.line
        for at, other in self._of_label[release.label or ""]:
            if at >= start:
                break
            if (
                (line is None or line.covers(other.target))
                and (other.target, other.number) > (release.target, release.number)
                and not any(
                    self._withdrawals.possible(each, start, end)
                    for each in (other.version_text, f"{other.target}")
                )
            ):
                yield f"{release.version_text} was assigned after {other.version_text}"
                return
