"""The numbers of component series: each belongs to a version or a caller, and none is skipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import inf

from monotron.model.component_keys import (
    COMPONENTS,
    Component,
    component_key,
    component_value,
    label_key,
)
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName
from monotron.model.series import SeriesKey
from simulation.version_commits import Commit, Snapshot
from simulation.version_history import Call, Count


class Numbers:
    """The ledgers of the component series of a name."""

    def __init__(self, name: VersionName, calls: Sequence[Call]) -> None:
        self._name = name
        self.entries: dict[tuple[SeriesKey, int], str | None] = {}
        self._values: dict[SeriesKey, list[int]] = defaultdict(lambda: [0])
        """All values that a series had, in order."""
        self._last: dict[SeriesKey, tuple[int, str | None]] = {}
        """The last entry of a series, unless it has restarted since."""
        self._counts = {
            call.request: call.called
            for call in reversed(calls)
            if isinstance(call.request, Count) and not call.refused
        }
        """When each value was first requested without a version."""
        self.are_counted = any(count.series.key.startswith(name.name) for count in self._counts)

    def add(
        self, commit: Commit, before: Snapshot, after: Snapshot, new: Sequence[Release]
    ) -> Iterator[str]:
        """Add the entries of a commit, and yield what is wrong with them."""
        yield from self._restarts(commit, before, after)
        yield from self._entries(commit, before, after, new)
        for record in new:
            if not is_exact(record) and self.entries.get(number_of(record)) != record.token:
                series, value = number_of(record)
                yield f"{record.version_text} of {record.token!r} is not {value} of {series.key}"
            yield from self._follows(record, after)

    def _restarts(self, commit: Commit, before: Snapshot, after: Snapshot) -> Iterator[str]:
        """Yield series that restart without a withdrawal, or not at their value before, or not."""
        withdrawn = [
            each.target
            for each in commit.records
            if each.withdrawn and not each.label and not before.is_withdrawn(each.version_text)
        ]
        restarts = dict(commit.restarts)
        for series, value in restarts.items():
            *earlier, advanced = self._values[series]
            if not any(advanced == number for number in self._of(series, withdrawn)):
                yield f"{series.key} restarted after {advanced} without a withdrawal"
            if value != earlier[-1]:
                yield f"{series.key} restarted at {value}, and had {earlier[-1]} before {advanced}"
        for target in withdrawn:
            lines = (Line(target.major), Line(target.major, target.minor), None)
            for component, line in zip(COMPONENTS, lines, strict=True):
                series = component_key(self._name, component, target)
                is_used = line is not None and after.recorded(line) != ZERO_VERSION
                is_last = self._last.get(series) == (component_value(target, component), None)
                if is_last and not is_used and series not in restarts:
                    yield f"{target} was withdrawn, and {series.key} remains advanced to it"
        for series, value in restarts.items():
            self._values[series].append(value)
            self._last.pop(series, None)

    def _of(self, series: SeriesKey, versions: Sequence[Final]) -> Iterator[int]:
        """Yield the numbers of versions in a component series."""
        for version in versions:
            for component in COMPONENTS:
                if component_key(self._name, component, version) == series:
                    yield component_value(version, component)

    def _entries(
        self, commit: Commit, before: Snapshot, after: Snapshot, new: Sequence[Release]
    ) -> Iterator[str]:
        """Yield numbers that belong neither to a version nor to a caller."""
        assigned = {(*number_of(each), each.token) for each in new if not is_exact(each)}
        exact = [
            each.target
            for each in commit.records
            if each.label is None
            and (
                is_exact(each)
                or each.bump in ("final", "calendar")
                or each.version_text in before.records
            )
        ]
        used = {number_of(each) for each in after.records.values()}
        for series, value, token in commit.entries:
            head = self._values[series][-1]
            if token is None and value == head:
                continue  # a series that has restarted records the value that it continues after
            self._values[series].append(value)
            self.entries[series, value] = token
            self._last[series] = value, token
            if token is None:
                versions = [
                    version for each in after.records.values() for version in _current(each)
                ]
                # An adoption skips numbers, and its series may have restarted since.
                known = max(self._of(series, [*exact, *versions]), default=0)
                skipped = [n for n in range(head + 1, value + 1) if (series, n) not in used]
                if skipped and skipped[-1] > known:
                    yield f"{series.key} was advanced to {value}, and no version has {skipped}"
            elif (series, value, token) not in assigned and (
                self._counts.get(Count(series, token), inf) > commit.at
            ):
                yield f"{value} of {series.key} belongs to {token!r}, which has no version for it"

    def _follows(self, record: Release, after: Snapshot) -> Iterator[str]:
        """Yield a version that skips numbers: no version has the number before.

        Numbers remain if several versions are withdrawn in another order than that of the numbers.
        """
        if is_exact(record) or record.bump == "final" or record.withdrawn:
            return
        series, number = number_of(record)
        records = after.records.values()
        through = {value for each in records for value in self._of(series, _current(each))}
        withdrawn = {value for each in records for value in self._of(series, _withdrawn(each))}
        exactly = {number_of(each) for each in records}
        while number > 1:
            number -= 1
            if number in through or self.entries.get((series, number)) is not None:
                return
            if (series, number) not in exactly and len(withdrawn) < 2:
                yield f"{record.version_text} skips {number} of {series.key}"
                return


def _current(record: Release) -> list[Final]:
    return [] if record.label or record.withdrawn else [record.target]


def _withdrawn(record: Release) -> list[Final]:
    return [record.target] if record.withdrawn and not record.label else []


def is_exact(record: Release) -> bool:
    """Whether the series are advanced to the version: it was adopted or requested exactly."""
    return record.label is None and (record.token is None or record.bump == "exact")


def number_of(record: Release) -> tuple[SeriesKey, int]:
    """The value that the version of a token has in a series."""
    target = record.target
    if record.label is not None:
        return label_key(record.name, record.label, target), record.number
    component: Component = "patch" if target.patch else "minor" if target.minor else "major"
    return component_key(record.name, component, target), component_value(target, component)
