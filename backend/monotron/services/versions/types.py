"""The input, the plan and the result of a request for a version."""

from typing import Literal, NamedTuple, get_args

from semver import Version

from monotron.model.component_keys import Component
from monotron.model.semver import Line, Release, pre_release, sort_key_range
from monotron.model.series import ANYONE, INT64_MAX, SeriesKey

Bump = Literal["major", "minor", "patch", "final", "auto"]
BUMPS: tuple[Bump, ...] = get_args(Bump)


class VersionRequest(NamedTuple):
    """The parameters of a request for a version."""

    bump: Bump = "patch"
    label: str | None = None
    line: Line | None = None
    metadata: str | None = None
    initial: Version | None = None
    """The version to adopt before the bump if the name has no version."""
    reuse_on_conflict: bool = False
    initial_development: bool = True
    """Whether a breaking change of 0.x is a minor bump."""
    dry_run: bool = False
    assigned_by: str = ANYONE
    """The credential of the caller. It is recorded and does not affect the version."""


class VersionResult(NamedTuple):
    """The result of a request for a version."""

    release: Release
    latest: bool
    """Whether it is the highest final version of its name."""
    reused: bool
    """Whether the release existed before the request."""


class Plan(NamedTuple):
    """The allocation that assigns a version to a token."""

    series: SeriesKey
    component: Component
    target: Version
    """The version to assign, unless a concurrent request gets it. For a pre-release: the version
    that it precedes."""
    label: str | None
    base: Version
    """The highest final version of the line, which the bump increments."""
    latest: Version
    """The highest final version of the name when the plan was made."""
    next_value: int
    """The value to allocate, unless a concurrent request gets it. A lower value can be allocated
    only after the series was restarted."""
    bump: str
    reason: str | None = None
    initial: Version | None = None
    """The version to adopt before the allocation, because the name has no version."""

    def version(self, value: int) -> Version:
        """The version that results from this value of the series."""
        if self.label:
            return pre_release(self.target, self.label, value)
        return self.target.replace(**{self.component: value})

    @property
    def up_to(self) -> int:
        """The last usable value. A promotion can use only the value of its target."""
        return self.next_value if self.bump == "final" else INT64_MAX

    @property
    def counted_range(self) -> tuple[str, str]:
        """The range of sort keys of all versions whose numbers depend on the series."""
        if self.label:
            return sort_key_range(target=self.target, label=self.label)
        major, minor = self.target.major, self.target.minor
        lines = {"major": None, "minor": Line(major), "patch": Line(major, minor)}
        return sort_key_range(lines[self.component])
