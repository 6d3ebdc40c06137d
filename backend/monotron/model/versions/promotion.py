"""Promotion, bump=final: the final version of a pre-release."""

from monotron.errors import InvalidBump
from monotron.model.component_keys import Component, component_key, component_value
from monotron.model.semver import Final, Release, VersionName, sort_key_range
from monotron.model.versions.conflicts import already_released, check_not_withdrawn
from monotron.model.versions.counting import Number
from monotron.model.versions.facts import (
    ANY_LABEL,
    HeadOf,
    HighestRecord,
    LastValueOf,
    OpenLabels,
    RecordAt,
    RecordsOf,
)
from monotron.model.versions.lookup import (
    base_of,
    highest_of_its_line,
    highest_open,
    is_withdrawn,
    newest_or_zero,
)
from monotron.model.versions.requests import Assign, Assigned
from monotron.model.versions.state import State


def promote(state: State, request: Assign) -> Assigned:
    """Assign the target of a pre-release, by bump=final."""
    name, token, parameters, _ = request
    target = _promoted(state, request)
    if target is None:
        if parameters.line is not None:
            base_of(state, name, parameters.line)  # perhaps the line does not exist
        label_text = f" with the label {parameters.promote!r}" if parameters.promote else ""
        line_text = f" on line {parameters.line}" if parameters.line else ""
        raise InvalidBump(
            f"{name.name!r} has no pre-release{label_text}{line_text} to promote. Create a "
            "pre-release first, or use `bump=major`, `bump=minor` or `bump=patch`."
        )
    component: Component = "patch" if target.patch else "minor" if target.minor else "major"
    series = component_key(name, component, target)
    value = component_value(target, component)
    state.need(HeadOf(series), LastValueOf(series, token), RecordAt(name, target.sort_key))
    check_not_withdrawn(state.get(RecordAt(name, target.sort_key)))
    is_own = state.get(LastValueOf(series, token)) == value
    highest = highest_of_its_line(state, name, target)
    if (
        state.get(RecordAt(name, target.sort_key))
        or (state.get(HeadOf(series)).value >= value and not is_own)
        or highest > target
        or (highest == target and not is_own)
    ):
        raise already_released(name, target)
    number = Number(series, value, is_new=not is_own)
    release = Release(name, token, target, bump="final")
    return Assigned(release, number.entries(state, token, parameters.assigned_by))


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
        and not is_withdrawn(state, name, release.target)
    ]
    if own:
        return _common_target(name, own)
    start, end = sort_key_range(line)
    above = max(start, newest_or_zero(state, name, line).sort_key)
    found = state.get(OpenLabels(name, above, end))
    open_releases = [
        release
        for each in found
        if label in (None, each.label) and (release := _open(state, each, above))
    ]
    if open_releases:
        return _common_target(name, open_releases)
    highest = state.get(HighestRecord(name, start, end, label=label or ANY_LABEL))
    return highest.target if highest else None


def _open(state: State, release: Release, start: str) -> Release | None:
    """The pre-release, or, if its target was withdrawn, the next lower one of its label."""
    name, target = release.name, release.target
    if not is_withdrawn(state, name, target):
        return release
    return highest_open(state, name, release.label or "", start, target.prefix)


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
