"""The commits about a name, and the state after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from monotron.model.component_keys import component_key
from monotron.model.semver import ZERO_VERSION, Final, Release, VersionName
from monotron.model.series import SeriesKey


class Summary(NamedTuple):
    """The summary of a name after a commit."""

    releases: int
    newest: Final | None
    newest_token: str | None


class Commit(NamedTuple):
    """What one transaction wrote about a name."""

    at: float
    """When it was applied, before or after its commit."""
    committed_at: float
    entries: Sequence[tuple[SeriesKey, int, str | None]]
    """New entries of component series, in order of their values."""
    records: Sequence[Release]
    summary: Summary | None
    """None: there is none yet."""


class Snapshot:
    """What is known after a commit."""

    def __init__(self, at: float, committed_at: float) -> None:
        self.at = at
        self.committed_at = committed_at
        self.heads: dict[SeriesKey, int] = {}
        self.finals: dict[Final, str | None] = {}

    def then(self, commit: Commit) -> Snapshot:
        after = Snapshot(commit.at, commit.committed_at)
        after.heads = self.heads | {series: value for series, value, _ in commit.entries}
        after.finals = dict(self.finals)
        for record in commit.records:
            if record.label is None:
                after.finals[record.target] = record.token
        return after

    def newest(self, name: VersionName, also: Final = ZERO_VERSION) -> Final:
        """The newest final version: recorded, or shown by the component series."""
        major, minor, patch = max([also, *self.finals])
        counted = self._head(name, "major", 0, 0)
        if counted > major:
            major, minor, patch = counted, 0, 0
        counted = self._head(name, "minor", major, 0)
        if counted > minor:
            minor, patch = counted, 0
        return Final(major, minor, max(patch, self._head(name, "patch", major, minor)))

    def below(self, target: Final) -> Final:
        """The highest recorded final version below the target, or 0.0.0."""
        return max((each for each in self.finals if each < target), default=ZERO_VERSION)

    def _head(self, name: VersionName, component: str, major: int, minor: int) -> int:
        return self.heads.get(component_key(name, component, Final(major, minor, 0)), 0)  # type: ignore[arg-type]


def final_newest(name: VersionName, commits: Sequence[Commit]) -> Final:
    """The newest final version after all commits."""
    snapshot = Snapshot(-inf, -inf)
    for commit in commits:
        snapshot = snapshot.then(commit)
    return snapshot.newest(name)
