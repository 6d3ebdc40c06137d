"""Bumps: the next final version, or a pre-release of it."""

from typing import cast

from monotron.errors import InvalidBump, OutOfLine
from monotron.model.component_keys import COMPONENTS, Component, component_key
from monotron.model.semver import Final, Line, Release, sort_key_range
from monotron.model.versions.counting import bumped, component_number, label_number, next_value
from monotron.model.versions.facts import HeadOf, HighestRecord
from monotron.model.versions.lookup import base_of, is_withdrawn
from monotron.model.versions.requests import Assign, Assigned
from monotron.model.versions.state import State


def bump(state: State, request: Assign) -> Assigned:
    """Assign a final version, or a pre-release, by bump=major, minor, patch or auto."""
    name, token, parameters, commits = request
    if parameters.bump == "auto" and commits is None:
        raise InvalidBump(NO_MESSAGES)
    component = cast(Component, commits.bump if commits else parameters.bump)
    base = base_of(state, name, parameters.line)
    if commits and component == "major" and base.major == 0 and parameters.initial_development:
        component = "minor"
    if component not in _allowed(parameters.line):
        raise OutOfLine(
            f"bump={component} is not allowed on line {parameters.line}. "
            + (f"The commit message {commits.reason!r} requires it. " if commits else "")
            + f"Use bump={' or bump='.join(_allowed(parameters.line))}, or omit `line` to bump "
            "the latest version."
        )
    release = Release(name, token, base, bump=component, reason=commits.reason if commits else None)
    return numbered(state, request, release, component, base)


def numbered(
    state: State, request: Assign, release: Release, component: Component, base: Final
) -> Assigned:
    """The release with the next number of a component, or of its pre-releases."""
    name, token, parameters, _ = request
    if parameters.label is None:
        number = component_number(state, name, component, base, token)
        release = release._replace(target=bumped(base, component, number.value))
    else:
        target = _target(state, request, component, base)
        number = label_number(state, name, parameters.label, target, token)
        release = release._replace(target=target, label=parameters.label, number=number.value)
    return Assigned(release, number.entries(state, token, parameters.assigned_by), base)


def _target(state: State, request: Assign, component: Component, base: Final) -> Final:
    """The target of a pre-release: never below an earlier one of the same label and line.

    It is the result of the bump, or the highest target of the label above the newest final version.
    """
    name, parameters = request.name, request.parameters
    state.need(HeadOf(component_key(name, component, base)))
    target = bumped(base, component, next_value(state, name, component, base))
    start, end = sort_key_range(parameters.line)
    start = max(start, base.sort_key)
    while record := state.get(HighestRecord(name, start, end, label=parameters.label)):
        if not is_withdrawn(state, name, record.target):
            return max(target, record.target)
        end = record.target.prefix
    return target


def _allowed(line: Line | None) -> tuple[Component, ...]:
    if line is None:
        return COMPONENTS
    return ("minor", "patch") if line.minor is None else ("patch",)


NO_MESSAGES = (
    "bump=auto requires commit messages, and the body contains none. Send them as text, for "
    "example git log --format=%B%x00 LAST..HEAD | curl --data-binary @- …, or use bump=major, "
    "bump=minor or bump=patch."
)
