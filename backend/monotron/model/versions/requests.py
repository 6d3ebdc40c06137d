"""The requests for versions, and their results."""

from typing import Literal, NamedTuple, TypeAlias, get_args

from semver import Version

from monotron.model.calendar_versions import CalendarFormat
from monotron.model.commit_rules import CommitRules
from monotron.model.conventional_commits import CommitDecision
from monotron.model.semver import ZERO_VERSION, Final, Line, Release, VersionName
from monotron.model.series import ANYONE
from monotron.model.versions.changes import Change, NewEntry

Bump = Literal["major", "minor", "patch", "final", "auto", "calendar", "exact"]
BUMPS: tuple[Bump, ...] = get_args(Bump)[:-1]
"""The values of the parameter `bump`. The parameter `version` requests `exact`."""


class VersionRequest(NamedTuple):
    """The parameters of a request for a version."""

    bump: Bump = "patch"
    label: str | None = None
    promote: str | None = None
    """The pre-release label to promote, for `bump=final`. None: whichever exists."""
    line: Line | None = None
    metadata: str | None = None
    version: Final | None = None
    """The version to assign, for `bump=exact`."""
    calendar: CalendarFormat = CalendarFormat.YEAR_MONTH
    """How the date determines the version, for `bump=calendar`."""
    initial: Final | None = None
    """The version to adopt before the bump if the name has no version."""
    initial_required: bool = False
    """Whether a name without versions is refused. Excludes `initial`."""
    reuse_on_conflict: bool = False
    new_if_withdrawn: bool = False
    """Whether a token whose version was withdrawn gets a new one."""
    initial_development: bool = True
    """Whether a breaking change of 0.x is a minor bump."""
    commit_rules: CommitRules = CommitRules()
    """What commits request, for `bump=auto`."""
    base: Final | None = None
    """The version that the caller assumes to be the newest; 0.0.0: it assumes that there is none.

    If another one is the newest, the request is refused.
    """
    dry_run: bool = False
    """Whether nothing is changed, and the result is what the same request would get now."""
    assigned_by: str = ANYONE
    """The credential of the caller. It is recorded and does not affect the version."""


class Assign(NamedTuple):
    """Assign a version to a token, unless it has one."""

    name: VersionName
    token: str
    parameters: VersionRequest
    commits: CommitDecision | None = None
    """What the commit messages request, for `bump=auto`."""


class Adopt(NamedTuple):
    """Record an existing version, so that the next one continues from it."""

    name: VersionName
    version: Final
    assigned_by: str


class Withdraw(NamedTuple):
    """Withdraw a version."""

    name: VersionName
    version: Version
    reason: str
    ignore_commits: bool
    by: str


class Reverse(NamedTuple):
    """Reverse a withdrawal."""

    name: VersionName
    version: Version
    by: str


class GetNewest(NamedTuple):
    """Look up the newest final version, of a line if given."""

    name: VersionName
    line: Line | None = None
    or_pre_release: bool = False
    """Whether the highest pre-release is the result for a name without a final version."""


class GetOfToken(NamedTuple):
    """Look up the version of a token.

    Without a label, its final version, or else its highest pre-release.
    """

    name: VersionName
    token: str
    label: str | None


class GetRelease(NamedTuple):
    """Look up the release of a version."""

    name: VersionName
    version: Version


Request: TypeAlias = Assign | Adopt | Withdraw | Reverse | GetNewest | GetOfToken | GetRelease


ALONE = (Withdraw, Reverse)
"""The requests that must not share a batch: what was read before does not hold after them."""


class Latest(NamedTuple):
    """Whether a version is the highest final version, at some moment during the request."""

    overall: bool = False
    """Of its name."""
    in_major: bool = False
    """Of its major line: 1.8.4 beside 1.9.0 is not."""
    in_minor: bool = False
    """Of its minor line: 1.8.4 beside 1.9.0 is."""


NOT_LATEST = Latest()
LATEST = Latest(overall=True, in_major=True, in_minor=True)


class VersionResult(NamedTuple):
    """The result of a request."""

    release: Release
    latest: Latest
    reused: bool
    """Whether the release existed before the request."""
    changed: bool = False
    """Whether the request assigns this version to the caller: false for look-ups."""
    notes: tuple[str, ...] = ()
    """What the caller should know, one sentence each."""
    auto_after: str | None = None
    """For look-ups of the newest version: the token after which `bump=auto` reads commits."""
    skipped: int = 0
    """How many numbers the new version passed over, for the metrics."""


class Assigned(NamedTuple):
    """A new release without what does not depend on its bump, and the entries of its number."""

    release: Release
    entries: tuple[NewEntry, ...]
    base: Final = ZERO_VERSION
    """The version that was incremented."""
    notes: tuple[str, ...] = ()


class Decision(NamedTuple):
    """The result of a request, and what must be written before it is sent."""

    result: VersionResult
    change: Change = Change()
