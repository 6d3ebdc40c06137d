"""Bumps: the next final version, or a pre-release of it."""

from typing import cast

from monotron.errors import OutOfLine
from monotron.model.component_keys import COMPONENTS, Component, component_key
from monotron.model.semver import Final, Line, Release, sort_key_range
from monotron.model.versions.counting import bumped, component_number, label_number, next_value
from monotron.model.versions.facts import HeadOf
from monotron.model.versions.lookup import base_of, highest_open
from monotron.model.versions.requests import Assign, Assigned
from monotron.model.versions.state import State


def bump(state: State, request: Assign) -> Assigned:
    """Assign a final version, or a pre-release, by bump=major, minor or patch."""
    component = cast(Component, request.parameters.bump)
    base = base_of(state, request.name, request.parameters.line)
    return bumped_by(state, request, component, base)


def bumped_by(
    state: State, request: Assign, component: Component, base: Final, reason: str | None = None
) -> Assigned:
    """Increment a component of *base*. *reason* is the commit message that requires it."""
    allowed = _allowed(request.parameters.line)
    if component not in allowed:
        raise OutOfLine(
            f"`bump={component}` is not allowed on line {request.parameters.line}. "
            + (f"The commit message {reason!r} requires it. " if reason else "")
            + f"Use {' or '.join(f'`bump={each}`' for each in allowed)}, or omit `line` to bump "
            "the latest version."
        )
    release = Release(request.name, request.token, base, bump=component, reason=reason)
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
        state.need(HeadOf(component_key(name, component, base)))
        target = bumped(base, component, next_value(state, name, component, base))
        return pre_release(state, request, release, target, base)
    return Assigned(release, number.entries(state, token, parameters.assigned_by), base)


def pre_release(
    state: State, request: Assign, release: Release, target: Final, base: Final
) -> Assigned:
    """The release as the next pre-release of the target, or of a higher one of its label.

    The versions of a label never go backwards: a target of the label that is above the newest
    final version (of the line) counts, if it is higher.
    """
    name, token, parameters, _ = request
    label = parameters.label or ""
    target = max(target, _highest_target(state, request, label, base))
    number = label_number(state, name, label, target, token)
    release = release._replace(target=target, label=label, number=number.value)
    return Assigned(release, number.entries(state, token, parameters.assigned_by), base)


def _highest_target(state: State, request: Assign, label: str, base: Final) -> Final:
    """The highest target of the label above *base*, or *base*. Withdrawn targets do not count."""
    start, end = sort_key_range(request.parameters.line)
    record = highest_open(state, request.name, label, max(start, base.sort_key), end)
    return record.target if record else base


def _allowed(line: Line | None) -> tuple[Component, ...]:
    if line is None:
        return COMPONENTS
    return ("minor", "patch") if line.minor is None else ("patch",)
