"""The records of versions: every commit, compared with the rules and with the responses.

The commits of all decisions are replayed in their order. So these rules are stricter than those
between responses: a plain version is higher than all final versions that were committed before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from monotron.errors import TokenTaken, ValueWouldFall, VersionNotFound
from monotron.model.component_keys import (
    COMPONENTS,
    component_key,
    component_value,
    label_key,
    name_of_key,
)
from monotron.model.semver import ZERO_VERSION, Release, VersionName
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    VersionResult,
)
from simulation.version_checker import is_plain, is_recorded
from simulation.version_commits import Commit, Snapshot, Summary
from simulation.version_history import Call, Count


def violations(
    name: VersionName, commits: Sequence[Commit], calls: Sequence[Call]
) -> Iterator[str]:
    """Yield every violation in the rows of a name, or between them and the responses."""
    yield from (f"{name.name}: {each}" for each in _Replay(name, commits, calls).violations())


class _Replay:
    def __init__(self, name: VersionName, commits: Sequence[Commit], calls: Sequence[Call]) -> None:
        self._name = name
        self._commits = commits
        self._calls = calls
        self._snapshots = [Snapshot(-inf, -inf)]
        self._records: dict[str, tuple[Release, int]] = {}
        """Each record by its version, and the index of the snapshot that has it first."""
        self._entries: dict[tuple[SeriesKey, int], str | None] = {}
        self._counted = {
            call.request: call.called
            for call in reversed(calls)
            if isinstance(call.request, Count) and not call.refused
        }
        """When each value of a component series was first requested without a version."""

    def violations(self) -> Iterator[str]:
        for commit in self._commits:
            before = self._snapshots[-1]
            self._snapshots.append(before.then(commit))
            yield from self._of_entries(commit)
            known = list(self._records.values())
            for record in commit.records:
                yield from self._of_record(record, before, known)
            yield from self._of_summary(commit)
        yield from self._of_callers()
        for call in self._calls:
            request = call.request
            if isinstance(request, Count):
                yield from self._of_count(call, request)
            elif request.name != self._name:
                pass
            elif call.result is not None:
                yield from self._of_response(call, call.result)
            elif call.error is not None:
                yield from self._of_error(call)

    def _of_entries(self, commit: Commit) -> Iterator[str]:
        """Yield numbers of component series that belong neither to a version nor to a caller."""
        assigned = {
            (*_number(record), record.token) for record in commit.records if not _is_exact(record)
        }
        for series, value, token in commit.entries:
            self._entries[series, value] = token
            if token is None or (series, value, token) in assigned:
                continue
            if self._counted.get(Count(series, token), inf) > commit.at:
                yield f"{value} of {series.key} belongs to {token!r}, which has no version for it"

    def _of_record(
        self, record: Release, before: Snapshot, known: list[tuple[Release, int]]
    ) -> Iterator[str]:
        version, after = record.version_text, self._snapshots[-1]
        if version in self._records:
            yield f"{version} was assigned to two tokens"
        self._records[version] = record, len(self._snapshots) - 1
        for other, _ in known:
            if record.token is not None and (record.token, record.label) == (
                other.token,
                other.label,
            ):
                yield f"{record.token!r} was assigned {other.version_text} and {version}"
            if (
                record.label is not None
                and record.label == other.label
                and (record.line is None or record.line.covers(other.target))
                and (record.target, record.number) < (other.target, other.number)
            ):
                yield f"{version} was assigned after {other.version_text}"
        if is_plain(record) and record.target <= max(before.finals, default=ZERO_VERSION):
            yield f"{version} was assigned after {max(before.finals)}"
        if _is_exact(record):
            for component in COMPONENTS:
                series = component_key(self._name, component, record.target)
                if after.heads.get(series, 0) < component_value(record.target, component):
                    yield f"{series.key} was not advanced to {version}"
        elif self._entries.get(_number(record)) != record.token:
            series, value = _number(record)
            yield f"{version} of {record.token!r} is not {value} of {series.key}"
        yield from self._of_previous(record, before, after)

    def _of_previous(self, record: Release, before: Snapshot, after: Snapshot) -> Iterator[str]:
        """Yield a previous version that was not it at any moment between two commits."""
        previous = record.previous or ZERO_VERSION
        lowest, highest = before.below(record.target), after.below(record.target)
        if lowest == ZERO_VERSION and record.previous_token is None:
            # It was perhaps inferred from the series, before records of the same batch.
            if previous >= record.target:
                yield f"{record.version_text} follows {previous}"
            return
        if not lowest <= previous <= highest:
            yield f"{record.version_text} follows {previous}, not {lowest} to {highest}"
        elif previous in after.finals and record.previous_token != after.finals[previous]:
            yield f"{record.version_text} follows {previous} of {record.previous_token!r}"

    def _of_summary(self, commit: Commit) -> Iterator[str]:
        finals = self._snapshots[-1].finals
        newest = max(finals, default=None)
        expected = (
            Summary(len(self._records), newest, finals.get(newest)) if self._records else None  # type: ignore[arg-type]
        )
        if commit.summary != expected:
            yield f"the records amount to {expected}, and the summary is {commit.summary}"

    def _of_callers(self) -> Iterator[str]:
        """Yield records that no caller has requested."""
        asked = {
            (call.request.token, call.request.parameters.label): call.called
            for call in reversed(self._calls)
            if isinstance(call.request, Assign)
            and call.request.name == self._name
            and call.changes
            and not call.refused
        }
        for record, index in self._records.values():
            if record.token is None:
                continue
            if asked.get((record.token, record.label), inf) > self._snapshots[index].at:
                yield f"{record.version_text} was assigned to {record.token!r} without a request"

    def _window(self, call: Call) -> tuple[Snapshot, Snapshot]:
        """The first and the last state that the call can have seen."""
        later = [each.committed_at for each in self._snapshots[1:]] + [inf]
        visible = [
            each
            for each, end in zip(self._snapshots, later, strict=True)
            if each.at <= call.returned and call.called < end
        ]
        return visible[0], visible[-1]

    def _of_response(self, call: Call, result: VersionResult) -> Iterator[str]:
        release = result.release
        version = release.version_text
        first, last = self._window(call)
        if is_recorded(call, result):
            record, index = self._records.get(version, (None, 0))
            if record != release:
                yield f"{release} was answered, and the record is {record}"
                return
            at = self._snapshots[index].at
            if not result.reused:
                if not call.called <= at <= call.returned:
                    yield f"{version} was reported as new at {call.returned:.6f}, and is older"
                    return
                # Between its snapshot and its commit, a series may have been counted directly.
                last = self._snapshots[index]
            elif at > call.returned:
                yield f"{version} was answered before it was recorded"
            # A record made during the call can belong to the same batch, so to an earlier snapshot.
            elif first.at < at < call.called:
                first = self._snapshots[index - 1]
        elif not result.reused and release.previous != call.request.parameters.initial:
            yield from self._of_previous(release, first, last)
        if release.label is None:
            also = release.target
            is_latest = first.newest(self._name, also) == also
            is_not = last.newest(self._name, also) > also
            if not (is_latest if result.latest.overall else is_not):
                newest = first.newest(self._name), last.newest(self._name)
                yield f"{version} was answered with {result.latest} beside {newest}"
        if isinstance(call.request, GetNewest) and not result.latest.overall:
            yield f"{version} was answered as the newest, without latest"

    def _of_count(self, call: Call, count: Count) -> Iterator[str]:
        if call.result is None or name_of_key(count.series.key) != self._name.name:
            return
        value = call.result.entry.value
        if self._entries.get((count.series, value)) != count.token:
            yield f"{count} was answered with {value}, which it was never assigned"

    def _of_error(self, call: Call) -> Iterator[str]:
        """Yield errors whose reason was not true at any moment of the call."""
        request, error = call.request, call.error
        first, last = self._window(call)
        wrong = False
        if isinstance(request, Adopt) and isinstance(error, ValueWouldFall):
            wrong = last.newest(self._name, request.version) <= request.version
            wrong = wrong and request.version != ZERO_VERSION
        elif isinstance(request, GetNewest) and isinstance(error, VersionNotFound):
            wrong = first.newest(self._name) != ZERO_VERSION
        elif isinstance(request, Assign) and isinstance(error, TokenTaken):
            wrong = not self._has(request.token, request.parameters.label, last.at)
        elif isinstance(request, GetOfToken) and isinstance(error, VersionNotFound):
            labels = [request.label] if request.label else [None, "rc", "beta"]
            wrong = any(self._has(request.token, each, first.at) for each in labels)
        if wrong:
            yield f"{request} was refused without a reason: {error}"

    def _has(self, token: str, label: str | None, moment: float) -> bool:
        """Whether a token had a version with this label at the moment."""
        return any(
            (record.token, record.label) == (token, label) and self._snapshots[index].at <= moment
            for record, index in self._records.values()
        )


def _is_exact(record: Release) -> bool:
    """Whether the series are advanced to the version: it was adopted or requested exactly."""
    return record.token is None or record.bump == "exact"


def _number(record: Release) -> tuple[SeriesKey, int]:
    """The value that the version of a token has in a series."""
    target = record.target
    if record.label is not None:
        return label_key(record.name, record.label, target), record.number
    component = record.bump
    if component == "final":
        component = "patch" if target.patch else "minor" if target.minor else "major"
    series = component_key(record.name, component, target)  # type: ignore[arg-type]
    return series, component_value(target, component)  # type: ignore[arg-type]
