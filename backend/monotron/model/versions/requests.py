"""The requests for versions, and their results."""

from typing import Literal, NamedTuple, TypeAlias, get_args

from monotron.model.conventional_commits import BumpDecision
from monotron.model.semver import Final, Line, Release, VersionName
from monotron.model.series import ANYONE
from monotron.model.versions.changes import Change

Bump = Literal["major", "minor", "patch", "final", "auto"]
BUMPS: tuple[Bump, ...] = get_args(Bump)


class VersionRequest(NamedTuple):
    """The parameters of a request for a version."""

    bump: Bump = "patch"
    label: str | None = None
    promote: str | None = None
    """The pre-release label to promote, for `bump=final`. None: whichever exists."""
    line: Line | None = None
    metadata: str | None = None
    initial: Final | None = None
    """The version to adopt before the bump if the name has no version."""
    reuse_on_conflict: bool = False
    initial_development: bool = True
    """Whether a breaking change of 0.x is a minor bump."""
    dry_run: bool = False
    """Whether nothing is changed, and the result is what the same request would get now."""
    assigned_by: str = ANYONE
    """The credential of the caller. It is recorded and does not affect the version."""


class Assign(NamedTuple):
    """Assign a version to a token, unless it has one."""

    name: VersionName
    token: str
    parameters: VersionRequest
    commits: BumpDecision | None = None
    """The bump that commit messages require, for `bump=auto`."""


class Adopt(NamedTuple):
    """Record an existing version, so that the next one continues from it."""

    name: VersionName
    version: Final
    assigned_by: str


class GetNewest(NamedTuple):
    """Look up the newest final version."""

    name: VersionName


class GetOfToken(NamedTuple):
    """Look up the version of a token.

    Without a label, its final version, or else its highest pre-release.
    """

    name: VersionName
    token: str
    label: str | None


class GetRelease(NamedTuple):
    """Look up the release of a version, which is identified by its sort key."""

    name: VersionName
    sort_key: str
    text: str
    """The version, for messages."""


Request: TypeAlias = Assign | Adopt | GetNewest | GetOfToken | GetRelease


class VersionResult(NamedTuple):
    """The result of a request."""

    release: Release
    latest: bool
    """Whether it is the highest final version of its name."""
    reused: bool
    """Whether the release existed before the request."""


class Decision(NamedTuple):
    """The result of a request, and what must be written before it is sent."""

    result: VersionResult
    change: Change = Change()
