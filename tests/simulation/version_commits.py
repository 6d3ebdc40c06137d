"""The commits about a name, and the state after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from monotron.model.component_keys import component_key
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName
from monotron.model.series import SeriesKey


class Summary(NamedTuple):
    """The summary of a name after a commit."""

    releases: int
    withdrawn: int
    newest: Final | None
    newest_token: str | None


class Commit(NamedTuple):
    """What one transaction wrote about a name."""

    at: float
    """When it was applied, before or after its commit."""
    committed_at: float
    entries: Sequence[tuple[SeriesKey, int, str | None]]
    """New entries of component series, in order of their values."""
    restarts: Sequence[tuple[SeriesKey, int]]
    """Component series that got a new generation, and the value that they continue after."""
    records: Sequence[Release]
    """Records that are new, or whose withdrawal changed."""
    summary: Summary | None
    """None: there is none yet."""


class Snapshot:
    """What is known after a commit."""

    def __init__(self, at: float, committed_at: float) -> None:
        self.at = at
        self.committed_at = committed_at
        self.heads: dict[SeriesKey, int] = {}
        self.records: dict[str, Release] = {}
        """All records by their versions."""
        self.finals: dict[Final, str | None] = {}
        """The final versions that are not withdrawn, and their tokens."""
        self.added: list[Final] = []
        """Those of the commit: each was perhaps the newest one while its batch was decided."""

    def then(self, commit: Commit) -> Snapshot:
        after = Snapshot(commit.at, commit.committed_at)
        after.heads = self.heads | dict(commit.restarts)
        after.heads |= {series: value for series, value, _ in commit.entries}
        after.records = self.records | {record.version_text: record for record in commit.records}
        after.finals = dict(self.finals)
        for record in commit.records:
            if record.label is None:
                after.finals.pop(record.target, None)
                if record.withdrawn is None:
                    after.finals[record.target] = record.token
                    after.added.append(record.target)
        return after

    def recorded(self, line: Line | None = None) -> Final:
        """The newest final version in the records, or 0.0.0."""
        return max(
            (each for each in self.finals if line is None or line.covers(each)),
            default=ZERO_VERSION,
        )

    def counted(self, name: VersionName, also: Final = ZERO_VERSION) -> Final:
        """The newest version that the records and the component series show."""
        major, minor, patch = max([also, *self.finals])
        counted = self._head(name, "major", 0, 0)
        if counted > major:
            major, minor, patch = counted, 0, 0
        counted = self._head(name, "minor", major, 0)
        if counted > minor:
            minor, patch = counted, 0
        return Final(major, minor, max(patch, self._head(name, "patch", major, minor)))

    def of_token(self, token: str | None, label: str | None) -> list[Release]:
        """All records of a token with a label."""
        return [
            record
            for record in self.records.values()
            if record.token == token and record.label == label
        ]

    def is_withdrawn(self, version: str) -> bool:
        record = self.records.get(version)
        return record is not None and record.withdrawn is not None

    def below(self, target: Final) -> Final:
        """The highest recorded final version below the target, or 0.0.0."""
        return max((each for each in self.finals if each < target), default=ZERO_VERSION)

    def _head(self, name: VersionName, component: str, major: int, minor: int) -> int:
        return self.heads.get(component_key(name, component, Final(major, minor, 0)), 0)  # type: ignore[arg-type]


BEFORE = Snapshot(-inf, -inf)
"""The state before the first commit."""
