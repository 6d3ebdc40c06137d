"""The words of a request for a version and of its answer."""

from typing import Literal, NamedTuple, get_args

from semver import Version

from monotron.model.component_keys import Component
from monotron.model.semver import Line, Release, pre_release, sort_key_range
from monotron.model.series import ANYBODY, INT64_MAX, SeriesKey

Bump = Literal["major", "minor", "patch", "final", "auto"]
BUMPS: tuple[Bump, ...] = get_args(Bump)


class VersionRequest(NamedTuple):
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
    assigned_by: str = ANYBODY
    """The name of the principal who asks: kept with what is given, and decides nothing."""


class VersionResult(NamedTuple):
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
    label: str | None
    newest: Version
    """The newest version of the line that it starts from."""
    latest: Version
    """The highest final version when it was planned."""
    least: int
    """The value that the step gives if nobody else is faster, and no less unless restarted."""
    bump: str
    reason: str | None = None
    initial: Version | None = None
    """What is started from, where the product had not begun."""

    def version(self, value: int) -> Version:
        """What the token is given if the step gives this value."""
        if self.label:
            return pre_release(self.target, self.label, value)
        return self.target.replace(**{self.component: value})

    @property
    def up_to(self) -> int:
        """The last value that is of use: a promotion is to its target or to nothing."""
        return self.least if self.bump == "final" else INT64_MAX

    @property
    def scope(self) -> tuple[str, str]:
        """The places of all versions that are counted in the series, or below it."""
        if self.label:
            return sort_key_range(target=self.target, label=self.label)
        major, minor = self.target.major, self.target.minor
        lines = {"major": None, "minor": Line(major), "patch": Line(major, minor)}
        return sort_key_range(lines[self.component])
