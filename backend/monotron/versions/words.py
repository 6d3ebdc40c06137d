"""The words of a request for a version and of its answer."""

from typing import Literal, NamedTuple, get_args

from semver import Version

from monotron.components import Component
from monotron.model import ANYBODY, SeriesKey
from monotron.semantic import Line, Release

Bump = Literal["major", "minor", "patch", "final", "auto"]
BUMPS: tuple[Bump, ...] = get_args(Bump)


class Wanted(NamedTuple):
    """What a request for a version asks for."""

    bump: Bump = "patch"
    label: str | None = None
    line: Line | None = None
    metadata: str | None = None
    initial: Version | None = None
    reuse_on_conflict: bool = False
    initial_development: bool = True
    """Whether a breaking change of 0.x is a minor step."""
    dry_run: bool = False
    by: str = ANYBODY
    """The name of the principal who asks: kept with what is given, and decides nothing."""


class Answer(NamedTuple):
    """A release, whether it is the highest final one, and whether it was given before."""

    release: Release
    latest: bool
    reused: bool


class Plan(NamedTuple):
    """The step that gives a token its version."""

    series: SeriesKey
    component: Component
    target: Version
    """What the step gives if nobody else is faster; of a pre-release, what it is one of."""
    newest: Version
    """The newest version of the line that it starts from."""
    latest: Version
    """The highest final version when it was planned."""
    least: int
    """What the step gives at least, unless its series is restarted meanwhile."""
    bump: str
    reason: str | None = None
