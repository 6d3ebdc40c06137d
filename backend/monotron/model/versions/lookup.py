"""What is known about a version: its record, whether it is the newest, and what precedes it."""

from semver import Version

from monotron.errors import VersionNotFound
from monotron.model.semver import (
    ZERO_VERSION,
    Final,
    Line,
    Release,
    VersionName,
    sort_key,
    sort_key_range,
)
from monotron.model.versions.facts import (
    ANY_LABEL,
    HighestRecord,
    RecordAt,
    RecordsOf,
    SummaryOf,
    component_head,
)
from monotron.model.versions.newest import line_not_found, newest, newest_of_line
from monotron.model.versions.requests import (
    LATEST,
    NOT_LATEST,
    GetNewest,
    GetOfToken,
    GetRelease,
    Latest,
    VersionResult,
)
from monotron.model.versions.state import State


def newest_release(state: State, request: GetNewest) -> VersionResult:
    """The newest version. Raises `VersionNotFound` or `LineNotFound` if there is none."""
    name, line, or_pre_release = request
    version = base_of(state, name, line)
    if version == ZERO_VERSION:
        if or_pre_release and state.get(SummaryOf(name)).has_versions:
            highest = state.get(HighestRecord(name, *sort_key_range(line), label=ANY_LABEL))
            if highest is not None:
                return reused(state, highest)
        raise VersionNotFound(
            f"{name.name!r} has no final version yet. `PUT /v1/versions/NAME/COMMIT` creates one."
        )
    release = with_record(state, name, version)
    latest = LATEST if line is None else latest_of(state, release)
    auto_after = _auto_after(state, release, line)
    return VersionResult(release, latest, reused=True, auto_after=auto_after)


def _auto_after(state: State, newest: Release, line: Line | None) -> str | None:
    """The token after which `bump=auto` reads commits.

    That of the newest version, or of a higher one that was withdrawn since, without counting its
    commits. Of several such versions, the one that was assigned last.
    """
    if not state.get(SummaryOf(newest.name)).withdrawn:
        return newest.token
    ignored: list[Release] = []
    start, end = sort_key_range(line)
    start = max(start, newest.sort_key)
    while record := state.get(HighestRecord(newest.name, start, end, withdrawn=True)):
        withdrawal, end = record.withdrawn, record.sort_key
        # A newest version that was assigned after the withdrawal has continued from its token.
        is_later = withdrawal and withdrawal.releases >= newest.position
        if withdrawal and withdrawal.ignore_commits and is_later and record.token:
            ignored.append(record)
    return max(ignored, key=lambda record: record.position, default=newest).token


def with_record(state: State, name: VersionName, version: Final) -> Release:
    """The record of a version, or what the series show without one."""
    return state.get(RecordAt(name, version.sort_key)) or _inferred(state, name, version)


def release_of_token(state: State, request: GetOfToken) -> VersionResult:
    """The version of a token. Raises `VersionNotFound` if there is none."""
    name, token, label = request
    releases = [each for each in state.get(RecordsOf(name, token)) if label in (None, each.label)]
    if releases:
        release = max(
            releases, key=lambda each: (each.label is None, each.withdrawn is None, each.sort_key)
        )
        return reused(state, release)
    kind = "version" if label is None else f"pre-release with the label {label!r}"
    raise VersionNotFound(
        f"{token!r} has no {kind} of {name.name!r}. PUT to the same path assigns one."
    )


def release_at(state: State, request: GetRelease) -> VersionResult:
    """The release of a version. Raises `VersionNotFound` if it does not exist."""
    name, version = request
    key = sort_key(version)
    record = state.get(RecordAt(name, key))
    if record is not None:
        return reused(state, record)
    highest = newest(state, name)
    if highest.sort_key == key and highest != ZERO_VERSION:
        return reused(state, _inferred(state, name, highest))
    raise release_not_found(name, version)


def release_not_found(name: VersionName, version: Version) -> VersionNotFound:
    """The error of a request for a version that does not exist."""
    return VersionNotFound(
        f"{name.name!r} has no release {version}. It was not assigned, or its series was "
        "counted directly. `GET /v1/releases/NAME` lists the existing versions."
    )


def reused(state: State, release: Release) -> VersionResult:
    """The result of a request whose release is already recorded."""
    return VersionResult(release, latest_of(state, release), reused=True)


def latest_of(state: State, release: Release) -> Latest:
    """Whether the release is, or will be, the newest final version of its name and its lines."""
    if release.label is not None or release.withdrawn is not None:
        return NOT_LATEST
    name, version = release.name, release.target
    if newest(state, name, also=version) == version:
        return LATEST
    in_major, in_minor = (
        newest_of_line(state, name, line, also=version) == version
        for line in (Line(version.major), Line(version.major, version.minor))
    )
    return Latest(overall=False, in_major=in_major, in_minor=in_minor)


def _inferred(state: State, name: VersionName, version: Final) -> Release:
    """The release of a version that has no record, because its series were counted directly."""
    previous, previous_token = previous_of(state, name, version)
    return Release(name, None, version, previous=previous, previous_token=previous_token)


def previous_of(state: State, name: VersionName, target: Final) -> tuple[Final | None, str | None]:
    """The highest recorded final version below the target, and its token."""
    summary = state.get(SummaryOf(name))
    if summary.newest is None or summary.newest < target:
        return summary.newest, summary.newest_token
    record = state.get(HighestRecord(name, "", target.sort_key))
    return (record.target, record.token) if record else (None, None)


def next_position(state: State, name: VersionName) -> int:
    """The position of the next release of the name."""
    return state.get(SummaryOf(name)).releases + 1


def has_versions(state: State, name: VersionName) -> bool:
    """Whether the name has a version that was not withdrawn."""
    return state.get(SummaryOf(name)).has_versions or newest(state, name) != ZERO_VERSION


def base_of(state: State, name: VersionName, line: Line | None) -> Final:
    """The version that a bump increments. Raises `LineNotFound`."""
    if line is None:
        return newest(state, name)
    base = newest_of_line(state, name, line)
    if base is None:
        raise line_not_found(state, name, line)
    return base


def newest_or_zero(state: State, name: VersionName, line: Line | None) -> Final:
    """The newest final version of the line or of the name, or 0.0.0."""
    base = newest(state, name) if line is None else newest_of_line(state, name, line)
    return base or ZERO_VERSION


def is_withdrawn(state: State, name: VersionName, version: Final) -> bool:
    """Whether a final version was withdrawn."""
    if not state.get(SummaryOf(name)).withdrawn:
        return False
    record = state.get(RecordAt(name, version.sort_key))
    return record is not None and record.withdrawn is not None


def highest_open(
    state: State, name: VersionName, label: str, start: str, end: str
) -> Release | None:
    """The highest pre-release of a label in a range of sort keys.

    Withdrawn pre-releases, and those of a withdrawn target, do not count.
    """
    while record := state.get(HighestRecord(name, start, end, label=label)):
        if not is_withdrawn(state, name, record.target):
            return record
        end = record.target.prefix
    return None


def highest_of_its_line(state: State, name: VersionName, version: Final) -> Final:
    """The highest version that an exact version must exceed.

    That of its minor line. If that line does not exist, of its major line; if that does not exist,
    of the name. The series of a line whose versions were all withdrawn count as soon as it has a
    version again.
    """
    patch = state.get(component_head(name, "patch", version._replace(patch=0))).value
    counted = version._replace(patch=patch)
    if counted > version and not is_withdrawn(state, name, counted):
        return counted
    for line in (Line(version.major, version.minor), Line(version.major)):
        highest = newest_of_line(state, name, line)
        if highest is not None:
            return highest
    return newest(state, name)
