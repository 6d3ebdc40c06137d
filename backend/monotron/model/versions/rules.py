"""The rules of versions: what each request results in, and what must be written for it. Pure."""

from typing import cast

from monotron.errors import InvalidBump, OutOfLine, VersionNotFound
from monotron.model.component_keys import COMPONENTS, Component, component_key, component_value
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName, sort_key_range
from monotron.model.versions.changes import Change
from monotron.model.versions.conflicts import (
    already_released,
    check_repeat,
    counted_beyond,
    too_low_to_adopt,
)
from monotron.model.versions.counting import (
    Number,
    advances_to,
    bumped,
    component_number,
    label_number,
    next_value,
)
from monotron.model.versions.facts import (
    ANY_LABEL,
    HeadOf,
    HighestRecord,
    LastValueOf,
    OpenLabels,
    RecordAt,
    RecordsOf,
    SummaryOf,
)
from monotron.model.versions.newest import line_not_found, newest, newest_of_line
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    Decision,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    VersionResult,
)
from monotron.model.versions.state import State


def decide(state: State, request: Request) -> Decision:
    """Decide about a request. Raises its error, or `Missing`."""
    match request:
        case Assign():
            decision = _assign(state, request)
        case Adopt():
            decision = _adopt(state, request)
        case GetNewest():
            decision = Decision(_newest_release(state, request.name))
        case GetOfToken():
            decision = Decision(_of_token(state, request))
        case GetRelease():
            decision = Decision(_release(state, request))
    state.check_quota(decision.change)
    return decision


def _assign(state: State, request: Assign) -> Decision:
    name, token, parameters, _ = request
    for release in state.get(RecordsOf(name, token)):
        if release.label == parameters.label:
            check_repeat(release, parameters)
            return Decision(_reused(state, release))
    adopted = Change()
    if parameters.initial not in (None, ZERO_VERSION) and not _has_versions(state, name):
        adopted = _adoption(state, name, parameters.initial, parameters.assigned_by)
    decide_new = _promote if parameters.bump == "final" else _bump
    decision = decide_new(state.after(adopted) if adopted else state, request)
    if parameters.dry_run:
        return Decision(decision.result)
    return Decision(decision.result, adopted.then(decision.change))


def _bump(state: State, request: Assign) -> Decision:
    """Assign a final version, or a pre-release, by bump=major, minor, patch or auto."""
    name, token, parameters, commits = request
    if parameters.bump == "auto" and commits is None:
        raise InvalidBump(NO_MESSAGES)
    bump = cast(Component, commits.bump if commits else parameters.bump)
    base = _base(state, name, parameters.line)
    if commits and bump == "major" and base.major == 0 and parameters.initial_development:
        bump = "minor"
    if bump not in _allowed(parameters.line):
        raise OutOfLine(
            f"bump={bump} is not allowed on line {parameters.line}. "
            + (f"The commit message {commits.reason!r} requires it. " if commits else "")
            + f"Use bump={' or bump='.join(_allowed(parameters.line))}, or omit `line` to bump "
            "the latest version."
        )
    if parameters.label is None:
        number = component_number(state, name, bump, base, token)
        version = bumped(base, bump, number.value)
        release = Release(name, token, version)
    else:
        target = _target(state, request, bump, base)
        number = label_number(state, name, parameters.label, target, token)
        release = Release(name, token, target, parameters.label, number.value)
    reason = commits.reason if commits else None
    return _assigned(state, request, release._replace(bump=bump, reason=reason), number, base)


def _target(state: State, request: Assign, bump: Component, base: Final) -> Final:
    """The target of a pre-release: never below an earlier one of the same label and line.

    It is the result of the bump, or the highest target of the label above the newest final version.
    """
    name, parameters = request.name, request.parameters
    state.need(HeadOf(component_key(name, bump, base)))
    target = bumped(base, bump, next_value(state, name, bump, base))
    start, end = sort_key_range(parameters.line)
    start = max(start, base.sort_key)
    while record := state.get(HighestRecord(name, start, end, label=parameters.label)):
        if not _is_withdrawn(state, name, record.target):
            return max(target, record.target)
        end = record.target.prefix
    return target


def _promote(state: State, request: Assign) -> Decision:
    """Assign the target of a pre-release, by bump=final."""
    name, token, parameters, _ = request
    target = _promoted(state, request)
    if target is None:
        if parameters.line is not None:
            _base(state, name, parameters.line)  # perhaps the line does not exist
        line_text = f" on line {parameters.line}" if parameters.line else ""
        raise InvalidBump(
            f"{name.name!r} has no pre-release{line_text} to promote. Create a pre-release "
            "first, or use bump=major, bump=minor or bump=patch."
        )
    component: Component = "patch" if target.patch else "minor" if target.minor else "major"
    series = component_key(name, component, target)
    value = component_value(target, component)
    state.need(HeadOf(series), LastValueOf(series, token), RecordAt(name, target.sort_key))
    is_own = state.get(LastValueOf(series, token)) == value
    highest = _highest_of_its_line(state, name, target)
    if (
        state.get(RecordAt(name, target.sort_key))
        or (state.get(HeadOf(series)).value >= value and not is_own)
        or highest > target
        or (highest == target and not is_own)
    ):
        raise already_released(name, target)
    number = Number(series, value, is_new=not is_own)
    release = Release(name, token, target, bump="final")
    return _assigned(state, request, release, number, ZERO_VERSION)


def _promoted(state: State, request: Assign) -> Final | None:
    """The version that a promotion assigns: the target of a pre-release, or None.

    Pre-releases of the token take precedence over those of the name.
    """
    name, token, parameters, _ = request
    line, label = parameters.line, parameters.promote
    own = [
        release
        for release in state.get(RecordsOf(name, token))
        if release.label is not None
        and release.withdrawn is None
        and label in (None, release.label)
        and (line is None or line.covers(release.target))
    ]
    if own:
        return _common_target(name, own)
    start, end = sort_key_range(line)
    above = _newest_on(state, name, line).sort_key
    found = state.get(OpenLabels(name, max(start, above), end))
    open_releases = [
        release
        for release in found
        if label in (None, release.label) and not _is_withdrawn(state, name, release.target)
    ]
    if open_releases:
        return _common_target(name, open_releases)
    highest = state.get(HighestRecord(name, start, end, label=label or ANY_LABEL))
    return highest.target if highest else None


def _common_target(name: VersionName, releases: list[Release]) -> Final:
    """The highest target. Raises `InvalidBump` if labels have different ones."""
    highest: dict[str | None, Release] = {}
    for release in sorted(releases, key=lambda release: release.sort_key):
        highest[release.label] = release
    if len({release.target for release in highest.values()}) > 1:
        versions = ", ".join(release.version_text for release in highest.values())
        raise InvalidBump(
            f"{name.name!r} has pre-releases of different versions: {versions}. Add `prerelease`, "
            "for example `bump=final&prerelease=rc`, to select the label to promote."
        )
    return max(release.target for release in releases)


def _highest_of_its_line(state: State, name: VersionName, version: Final) -> Final:
    """The newest version of the minor line of a version.

    If that line does not exist, of its major line; if that does not exist, of the name.
    """
    for line in (Line(version.major, version.minor), Line(version.major)):
        highest = newest_of_line(state, name, line)
        if highest is not None:
            return highest
    return newest(state, name)


def _assigned(
    state: State, request: Assign, release: Release, number: Number, base: Final
) -> Decision:
    """The decision to assign this version to the token."""
    name, token, parameters, _ = request
    previous, previous_token = _previous(state, name, release.target)
    if previous is None:  # the series were counted directly
        below = [each for each in (base, newest(state, name)) if each < release.target]
        previous = max((each for each in below if each != ZERO_VERSION), default=None)
    release = release._replace(
        line=parameters.line,
        metadata=parameters.metadata,
        previous=previous,
        previous_token=previous_token,
        created_at=state.now,
        assigned_by=parameters.assigned_by,
    )
    entries = number.entries(state, token, parameters.assigned_by)
    return Decision(
        VersionResult(release, _is_latest(state, release), reused=False),
        Change(entries=entries, records=(release,)),
    )


def _adopt(state: State, request: Adopt) -> Decision:
    name, version, assigned_by = request
    current = newest(state, name)
    if version < current or version == ZERO_VERSION:
        raise too_low_to_adopt(name, version, current)
    record = state.get(RecordAt(name, version.sort_key))
    if record is not None:
        return Decision(_reused(state, record))
    change = _adoption(state, name, version, assigned_by)
    return Decision(VersionResult(change.records[0], latest=True, reused=False), change)


def _adoption(state: State, name: VersionName, version: Final, assigned_by: str) -> Change:
    """Record a version without a token, and advance the series to it.

    Raises `ValueWouldFall` if the series have already passed it.
    """
    beyond = newest(state, name, also=version)
    if beyond > version:
        raise counted_beyond(name, version, beyond)
    previous, previous_token = _previous(state, name, version)
    current = newest(state, name)
    if previous is None and ZERO_VERSION < current < version:
        previous = current
    release = Release(
        name,
        None,
        version,
        previous=previous,
        previous_token=previous_token,
        created_at=state.now,
        assigned_by=assigned_by,
    )
    return Change(entries=advances_to(state, name, version, assigned_by), records=(release,))


def _newest_release(state: State, name: VersionName) -> VersionResult:
    version = newest(state, name)
    if version == ZERO_VERSION:
        raise VersionNotFound(
            f"{name.name!r} has no versions yet. The first PUT /v1/versions/NAME/COMMIT creates "
            "one."
        )
    record = state.get(RecordAt(name, version.sort_key))
    return VersionResult(record or _inferred(state, name, version), latest=True, reused=True)


def _of_token(state: State, request: GetOfToken) -> VersionResult:
    name, token, label = request
    releases = sorted(
        state.get(RecordsOf(name, token)), key=lambda each: each.sort_key, reverse=True
    )
    for release in sorted(releases, key=lambda release: release.label is not None):
        if label in (None, release.label):
            return _reused(state, release)
    kind = "version" if label is None else f"pre-release with the label {label!r}"
    raise VersionNotFound(
        f"{token!r} has no {kind} of {name.name!r}. PUT to the same path assigns one."
    )


def _release(state: State, request: GetRelease) -> VersionResult:
    name, key, text = request
    record = state.get(RecordAt(name, key))
    if record is not None:
        return _reused(state, record)
    version = newest(state, name)
    if version.sort_key == key and version != ZERO_VERSION:
        return VersionResult(_inferred(state, name, version), latest=True, reused=True)
    raise VersionNotFound(
        f"{name.name!r} has no release {text}. It was not assigned, or its series was "
        "counted directly. GET /v1/releases/NAME lists the existing versions."
    )


def _reused(state: State, release: Release) -> VersionResult:
    """The result of a request whose release is already recorded."""
    return VersionResult(release, _is_latest(state, release), reused=True)


def _is_latest(state: State, release: Release) -> bool:
    """Whether the release is, or will be, the newest final version of its name."""
    if release.label is not None or release.withdrawn is not None:
        return False
    return newest(state, release.name, also=release.target) == release.target


def _inferred(state: State, name: VersionName, version: Final) -> Release:
    """The release of a version that has no record, because its series were counted directly."""
    previous, previous_token = _previous(state, name, version)
    return Release(name, None, version, previous=previous, previous_token=previous_token)


def _previous(state: State, name: VersionName, target: Final) -> tuple[Final | None, str | None]:
    """The highest recorded final version below the target, and its token."""
    summary = state.get(SummaryOf(name))
    if summary.newest is None or summary.newest < target:
        return summary.newest, summary.newest_token
    record = state.get(HighestRecord(name, "", target.sort_key))
    return (record.target, record.token) if record else (None, None)


def _has_versions(state: State, name: VersionName) -> bool:
    return state.get(SummaryOf(name)).has_versions or newest(state, name) != ZERO_VERSION


def _base(state: State, name: VersionName, line: Line | None) -> Final:
    """The version that a bump increments. Raises `LineNotFound`."""
    if line is None:
        return newest(state, name)
    base = newest_of_line(state, name, line)
    if base is None:
        raise line_not_found(state, name, line)
    return base


def _newest_on(state: State, name: VersionName, line: Line | None) -> Final:
    """The newest final version of the line or of the name, or 0.0.0."""
    base = newest(state, name) if line is None else newest_of_line(state, name, line)
    return base or ZERO_VERSION


def _is_withdrawn(state: State, name: VersionName, version: Final) -> bool:
    if not state.get(SummaryOf(name)).withdrawn:
        return False
    record = state.get(RecordAt(name, version.sort_key))
    return record is not None and record.withdrawn is not None


def _allowed(line: Line | None) -> tuple[Component, ...]:
    if line is None:
        return COMPONENTS
    return ("minor", "patch") if line.minor is None else ("patch",)


NO_MESSAGES = (
    "bump=auto requires commit messages, and the body contains none. Send them as text, for "
    "example git log --format=%B%x00 LAST..HEAD | curl --data-binary @- …, or use bump=major, "
    "bump=minor or bump=patch."
)
