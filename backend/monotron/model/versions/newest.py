"""The newest final version of a name or of a line: from its records, and from its series.

A version counts before it has a record: component series can be counted or advanced directly. And
the series can be lower than the records, because a series can be restarted.
"""

from monotron.errors import LineNotFound
from monotron.model.component_keys import component_key
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName, sort_key_range
from monotron.model.versions.facts import (
    ANY_LABEL,
    HeadOf,
    HighestRecord,
    RecordAt,
    SummaryOf,
    TokenAt,
    component_head,
)
from monotron.model.versions.state import State


def newest(state: State, name: VersionName, also: Final = ZERO_VERSION) -> Final:
    """The newest final version of a name; 0.0.0 if there is none.

    *also* counts as a recorded version.
    """
    recorded = max(state.get(SummaryOf(name)).newest or ZERO_VERSION, also)
    of_major = component_head(name, "major", ZERO_VERSION)
    state.need(of_major, *_heads(name, recorded))
    major = state.get(of_major).value
    if major > recorded.major:
        counted = newest_in_major(state, name, Final(major, 0, 0))
        if _counts(state, name, counted):
            return counted
    return newest_in_major(state, name, recorded)


def newest_of_line(
    state: State, name: VersionName, line: Line, also: Final = ZERO_VERSION
) -> Final | None:
    """The newest final version of a line, or None if the line does not exist.

    *also* counts as a recorded version.
    """
    overall = newest(state, name, also)
    if line.covers(overall) and overall != ZERO_VERSION:
        return overall
    record = _highest(state, name, line)
    recorded = record.target if record else None
    if line.covers(also) and also != ZERO_VERSION:
        recorded = max(recorded or also, also)
    start = recorded or Final(line.major, line.minor or 0, 0)
    counted = newest_in_major(state, name, start, within=line)
    if recorded is not None or counted > start or _was_assigned(state, name, line):
        return counted
    return None


def newest_in_major(
    state: State, name: VersionName, start: Final, within: Line | None = None
) -> Final:
    """The newest version that the series count, beginning with *start*, with the same major."""
    of_minor, of_patch = _heads(name, start)
    state.need(of_minor, of_patch)
    minor = state.get(of_minor).value
    if minor > start.minor and (within is None or within.minor is None):
        above = Final(start.major, minor, 0)
        counted = above._replace(patch=state.get(_heads(name, above)[1]).value)
        if _counts(state, name, counted):
            return counted
    counted = start._replace(patch=max(start.patch, state.get(of_patch).value))
    return counted if _counts(state, name, counted) else start


def _heads(name: VersionName, version: Final) -> tuple[HeadOf, HeadOf]:
    """The heads of the series that count the minor and the patch of a version."""
    line = Final(version.major, version.minor, 0)
    return component_head(name, "minor", line), component_head(name, "patch", line)


def _counts(state: State, name: VersionName, counted: Final) -> bool:
    """Whether a version that the series show counts.

    It does not if it was withdrawn, or if its minor or major line has withdrawn versions in the
    records and no others.
    """
    if not state.get(SummaryOf(name)).withdrawn:
        return True
    record = state.get(RecordAt(name, counted.sort_key))
    if record is not None:
        return record.withdrawn is None
    lines = (Line(counted.major, counted.minor), Line(counted.major))
    return not any(
        _highest(state, name, line, withdrawn=True) and not _highest(state, name, line)
        for line in lines
    )


def _highest(
    state: State, name: VersionName, line: Line, *, withdrawn: bool = False
) -> Release | None:
    return state.get(HighestRecord(name, *sort_key_range(line), withdrawn=withdrawn))


def _was_assigned(state: State, name: VersionName, line: Line) -> bool:
    """Whether the first version of the line was assigned to a token, perhaps without a record."""
    first = Final(line.major, line.minor or 0, 0)
    if first == ZERO_VERSION or not _counts(state, name, first):
        return False
    if line.minor:
        started_by = TokenAt(component_key(name, "minor", first), line.minor)
    else:
        started_by = TokenAt(component_key(name, "major", first), line.major)
    return state.get(started_by) is not None


def line_not_found(state: State, name: VersionName, line: Line) -> LineNotFound:
    """The error of a request for a line that does not exist."""
    pre_release = state.get(HighestRecord(name, *sort_key_range(line), label=ANY_LABEL))
    if pre_release is not None:
        return LineNotFound(
            f"Line {line} of {name.name!r} has only pre-releases. A line starts with a final "
            f"version, and the highest one is {pre_release.version_text}. Promote it with "
            "`bump=final`, or omit `line`."
        )
    return LineNotFound(
        f"{name.name!r} has no {line}.x release, so line {line} does not exist. A line starts with "
        "its first version, by `bump=major` or `bump=minor`. `GET /v1/releases/NAME` lists the "
        "existing versions."
    )
