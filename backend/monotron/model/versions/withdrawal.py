"""Withdrawal: a version stays in the records, and never counts or is assigned again."""

from semver import Version

from monotron.errors import WithdrawalReplaced
from monotron.model.component_keys import COMPONENTS, component_key, component_value
from monotron.model.semver import (
    ZERO_VERSION,
    Final,
    Line,
    Release,
    VersionName,
    Withdrawal,
    sort_key,
    sort_key_range,
)
from monotron.model.series import SeriesKey
from monotron.model.versions.changes import Change, ReleaseEvent
from monotron.model.versions.counting import advances_to
from monotron.model.versions.facts import (
    HeadOf,
    HighestRecord,
    NameSummary,
    RecordAt,
    RecordsOf,
    SummaryOf,
    TokenAt,
    ValueBefore,
)
from monotron.model.versions.lookup import latest_of, previous_of, release_not_found
from monotron.model.versions.newest import newest
from monotron.model.versions.requests import NOT_LATEST, Decision, Reverse, VersionResult, Withdraw
from monotron.model.versions.state import State


def withdraw(state: State, request: Withdraw) -> Decision:
    """Withdraw a version. Raises `VersionNotFound` if it does not exist."""
    name, version, reason, ignore_commits, by = request
    record = state.get(RecordAt(name, sort_key(version)))
    if record is not None and record.withdrawn is not None:
        return Decision(VersionResult(record, NOT_LATEST, reused=True, changed=True))
    releases = state.get(SummaryOf(name)).releases
    withdrawal = Withdrawal(state.now, by, reason, ignore_commits, releases=releases)
    if record is None:
        record = _counted(state, name, version)._replace(
            withdrawn=withdrawal, created_at=state.now, assigned_by=by, position=releases + 1
        )
        change = Change(records=(record,))
    else:
        before, record = record, record._replace(withdrawn=withdrawal)
        summary = _without(state, before)
        change = Change(replaced=((before, record),), summaries=((name, summary),))
    event = ReleaseEvent(name, record.version_text, "withdraw", by, state.now, reason)
    change = change.then(Change(events=(event,)))
    if record.label is None:
        change = change.then(Change(restarts=_restarts(state, name, record.target)))
    return Decision(VersionResult(record, NOT_LATEST, reused=False, changed=True), change)


def reverse(state: State, request: Reverse) -> Decision:
    """Reverse a withdrawal. Raises `WithdrawalReplaced` if the token has a new version."""
    name, version, by = request
    record = state.get(RecordAt(name, sort_key(version)))
    if record is None:
        raise release_not_found(name, version)
    if record.withdrawn is None:
        return Decision(VersionResult(record, latest_of(state, record), reused=True, changed=True))
    if record.withdrawn.replaced:
        raise WithdrawalReplaced(
            f"The withdrawal of {record.version_text} of {name.name!r} cannot be reversed. Its "
            f"token {record.token!r} was assigned a new version since. Use that version, or build "
            "a new commit.",
            version=record.version_text,
            bump=str(record.bump),
        )
    after = record._replace(withdrawn=None)
    change = Change(
        replaced=((record, after),),
        summaries=((name, _with(state, after)),),
        events=(ReleaseEvent(name, after.version_text, "restore", by, state.now),),
    )
    if record.label is None:
        entries = advances_to(state, name, record.target, by)
        change = change.then(Change(entries=entries))
    result = VersionResult(after, latest_of(state, after), reused=False, changed=True)
    return Decision(result, change)


def _counted(state: State, name: VersionName, version: Version) -> Release:
    """The release of a version that only the series show. Raises `VersionNotFound`."""
    target = Final.of(version)
    if version.prerelease is not None or target == ZERO_VERSION:
        raise release_not_found(name, version)
    component = COMPONENTS[2 if target.patch else 1 if target.minor else 0]
    series = component_key(name, component, target)
    token = state.get(TokenAt(series, component_value(target, component)))
    if token is None and newest(state, name) != target:
        raise release_not_found(name, version)
    if token is not None and any(each.label is None for each in state.get(RecordsOf(name, token))):
        token = None  # it has another final version
    previous, previous_token = previous_of(state, name, target)
    return Release(name, token, target, previous=previous, previous_token=previous_token)


def _without(state: State, record: Release) -> NameSummary:
    """The summary of the name after the record is withdrawn."""
    summary = state.get(SummaryOf(record.name))
    summary = summary._replace(withdrawn=summary.withdrawn + 1)
    if record.label is not None or record.target != summary.newest:
        return summary
    below = state.get(HighestRecord(record.name, "", record.sort_key))
    if below is None:
        return summary._replace(newest=None, newest_token=None)
    return summary._replace(newest=below.target, newest_token=below.token)


def _with(state: State, record: Release) -> NameSummary:
    """The summary of the name after the withdrawal of the record is reversed."""
    summary = state.get(SummaryOf(record.name))
    summary = summary._replace(withdrawn=summary.withdrawn - 1)
    if record.label is None and record.target > (summary.newest or ZERO_VERSION):
        return summary._replace(newest=record.target, newest_token=record.token)
    return summary


def _restarts(state: State, name: VersionName, version: Final) -> tuple[tuple[SeriesKey, int], ...]:
    """The component series whose newest entry is the advance to the version.

    They continue after their value before it, unless another version of their line exists, or a
    fast-forward advanced them: its values may have been assigned.
    """
    lines = {
        "major": Line(version.major),
        "minor": Line(version.major, version.minor),
        "patch": None,
    }
    restarts = []
    for component in COMPONENTS:
        series = component_key(name, component, version)
        value = component_value(version, component)
        head = state.get(HeadOf(series))
        if not value or not head.active or (head.value, head.token) != (value, None):
            continue
        line = lines[component]
        if line is not None and _has_others(state, name, version, line):
            continue
        before = state.get(ValueBefore(series, value)) or 0
        if before < value:
            restarts.append((series, before))
    return tuple(restarts)


def _has_others(state: State, name: VersionName, version: Final, line: Line) -> bool:
    """Whether the line has another final version that was not withdrawn."""
    start, end = sort_key_range(line)
    return any(
        state.get(HighestRecord(name, *key_range)) is not None
        for key_range in ((start, version.sort_key), (f"{version.sort_key}~", end))
    )
