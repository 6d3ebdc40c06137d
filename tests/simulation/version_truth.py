"""The records of versions: every commit, compared with what must hold.

The commits of all decisions are replayed in their order. So these statements are stricter than
those between responses: a plain version is higher than all final versions that were committed
before and are not withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from monotron.model.calendar_versions import period
from monotron.model.component_keys import COMPONENTS, component_key, component_value
from monotron.model.semver import ZERO_VERSION, Final, Release, VersionName
from monotron.model.versions.requests import Assign, Reverse, Withdraw
from simulation.clock import Dates
from simulation.version_checker import is_plain
from simulation.version_commits import BEFORE, Commit, Snapshot, Summary
from simulation.version_history import Call, Count
from simulation.version_numbers import Numbers, is_exact


class Replay:
    """The states of a name after each of its commits, and what is wrong with them."""

    def __init__(
        self, name: VersionName, commits: Sequence[Commit], calls: Sequence[Call], dates: Dates
    ) -> None:
        """*dates*: the dates that the clock of the store has shown."""
        self.name = name
        self.dates = dates
        self.calls = [each for each in calls if _name_of(each) in (None, name)]
        self.snapshots = [BEFORE]
        self.created: dict[str, int] = {}
        """The index of the first snapshot with each record."""
        self._numbers = Numbers(name, self.calls)
        self.entries = self._numbers.entries
        self.is_counted = self._numbers.are_counted
        """Whether its component series are also counted without versions."""
        self._since = {
            (call.request.parameters.label, call.request.token): call.called
            for call in reversed(self.calls)
            if isinstance(call.request, Assign) and call.changes and not call.refused
        }
        """When each owner of a version was first requested."""
        self.wrong = [f"{name.name}: {each}" for commit in commits for each in self._step(commit)]

    def newest(self, snapshot: Snapshot, also: Final = ZERO_VERSION) -> tuple[Final, Final]:
        """The lowest and the highest final version that can be the newest one.

        Only records determine it if the series were not counted directly. Otherwise a withdrawal
        leaves numbers that may belong to a version.
        """
        recorded, counted = max(snapshot.recorded(), also), snapshot.counted(self.name, also)
        if all(record.withdrawn is None for record in snapshot.records.values()):
            return counted, counted
        return recorded, counted if self.is_counted else recorded

    def _step(self, commit: Commit) -> Iterator[str]:
        before = self.snapshots[-1]
        self.snapshots.append(before.then(commit))
        new = [each for each in commit.records if each.version_text not in before.records]
        for record in new:
            self.created[record.version_text] = len(self.snapshots) - 1
        yield from self._numbers.add(commit, before, self.snapshots[-1], new)
        for record in new:
            yield from self._assigned(record, commit, before)
        for record in commit.records:
            if record.version_text in before.records:
                yield from self._changed(before.records[record.version_text], record, commit)
        yield from self._summarized(commit)

    def _assigned(self, record: Release, commit: Commit, before: Snapshot) -> Iterator[str]:
        version, after = record.version_text, self.snapshots[-1]
        if self._since.get((record.label, record.token or ""), inf) > commit.at and (
            record.token is not None and not record.withdrawn
        ):
            yield f"{version} was assigned to {record.token!r} without a request"
        if record.token is not None:
            others = [
                each
                for each in after.of_token(record.token, record.label)
                if each.version_text != version
            ]
            if any(not (each.withdrawn and each.withdrawn.replaced) for each in others):
                yield f"{record.token!r} was assigned {version} and {others}"
            if record.attempt != len(others) + 1:
                yield f"{version} is version {record.attempt} of {record.token!r} after {others}"
        for other in before.records.values() if record.label is not None else ():
            if (
                record.label == other.label
                and (record.line is None or record.line.covers(other.target))
                and (record.target, record.number) < (other.target, other.number)
                and other.withdrawn is None
                and not before.is_withdrawn(f"{other.target}")
            ):
                yield f"{version} was assigned after {other.version_text}"
        if is_plain(record) and not record.withdrawn and record.target <= before.recorded():
            yield f"{version} was assigned after {before.recorded()}"
        if is_exact(record) and not record.withdrawn:
            yield from self._advanced(record)
        yield from self.wrong_previous(record, before, after)
        yield from self._based(record, before, after)
        yield from self._dated(record, commit)

    def _advanced(self, record: Release) -> Iterator[str]:
        for component in COMPONENTS:
            series = component_key(self.name, component, record.target)
            if self.snapshots[-1].heads.get(series, 0) < component_value(record.target, component):
                yield f"{series.key} was not advanced to {record.version_text}"

    def wrong_previous(self, record: Release, before: Snapshot, after: Snapshot) -> Iterator[str]:
        """Yield a previous version that was not it at any moment between two commits."""
        previous = record.previous or ZERO_VERSION
        lowest, highest = before.below(record.target), after.below(record.target)
        if self.is_counted and lowest == ZERO_VERSION and record.previous_token is None:
            # It was perhaps inferred from the series, before records of the same batch.
            if previous >= record.target:
                yield f"{record.version_text} follows {previous}"
            return
        if not min(lowest, highest) <= previous <= max(lowest, highest):
            yield f"{record.version_text} follows {previous}, not {lowest} to {highest}"
        elif previous in after.finals and record.previous_token != after.finals[previous]:
            yield f"{record.version_text} follows {previous} of {record.previous_token!r}"

    def _based(self, record: Release, before: Snapshot, after: Snapshot) -> Iterator[str]:
        """Yield a version whose base was not the newest version."""
        if record.base is None or record.withdrawn:
            return
        base = ZERO_VERSION if record.base == "none" else Final(*map(int, record.base.split(".")))
        newest = before.recorded(record.line)
        is_known = base in (ZERO_VERSION, newest) or base in after.finals or self.is_counted
        if newest > base or not is_known:
            yield f"{record.version_text} has the base {base}, and the newest version is {newest}"

    def _dated(self, record: Release, commit: Commit) -> Iterator[str]:
        """Yield a calendar version before the date, or after all dates so far."""
        if record.bump != "calendar" or record.withdrawn:
            return
        formats = {
            call.request.parameters.calendar
            for call in self.calls
            if isinstance(call.request, Assign)
            and (call.request.token, call.request.parameters.label) == (record.token, record.label)
            and call.request.parameters.bump == "calendar"
        }
        since = self._since.get((record.label, record.token or ""), commit.at)
        now = [period(each, day) for each in formats for day in self.dates(since, commit.at)]
        past = [period(each, day) for each in formats for day in self.dates(0.0, commit.at)]
        if (record.target.major, record.target.minor) < min(
            (each.major, each.minor or 0) for each in now
        ):
            yield f"{record.version_text} is a calendar version in {now}"
        if record.label is None and not any(each.covers(record.target) for each in past):
            yield f"{record.version_text} is a calendar version after {past}"

    def _changed(self, seen: Release, record: Release, commit: Commit) -> Iterator[str]:
        """Yield a record that changed otherwise than by a withdrawal, its end or its use."""
        version, was, now = record.version_text, seen.withdrawn, record.withdrawn
        if seen._replace(withdrawn=None) != record._replace(withdrawn=None):
            yield f"{seen} became {record}"
        if now is None:
            if was is not None and was.replaced:
                yield f"the withdrawal of {version} was reversed after its token was used again"
            if not self._requested(Reverse, version, commit):
                yield f"the withdrawal of {version} was reversed without a request"
            if record.label is None:
                yield from self._advanced(record)
        elif was is None:
            if now.replaced or not self._requested(Withdraw, version, commit):
                yield f"{version} was withdrawn without a request"
        elif now != was._replace(replaced=True) or not any(
            (each.token, each.label, each.attempt > record.attempt)
            == (record.token, record.label, True)
            for each in commit.records
        ):
            yield f"the withdrawal {was} of {version} became {now}"

    def _requested(
        self, kind: type[Withdraw] | type[Reverse], version: str, commit: Commit
    ) -> bool:
        return any(
            isinstance(call.request, kind)
            and str(call.request.version) == version
            and not call.refused
            and call.called <= commit.at
            for call in self.calls
        )

    def _summarized(self, commit: Commit) -> Iterator[str]:
        after = self.snapshots[-1]
        newest = max(after.finals, default=None)
        withdrawn = sum(record.withdrawn is not None for record in after.records.values())
        expected = (
            Summary(len(after.records), withdrawn, newest, after.finals.get(newest))  # type: ignore[arg-type]
            if after.records
            else None
        )
        if commit.summary != expected:
            yield f"the records amount to {expected}, and the summary is {commit.summary}"


def _name_of(call: Call) -> VersionName | None:
    """The name of a request. None: a value of a component series."""
    return None if isinstance(call.request, Count) else call.request.name
