"""Semantic versions (SemVer 2.0.0), release lines, sort keys and releases. Pure: no I/O.

The library `semver` parses and compares versions. This module adds bounds and error messages.
"""

import re
from typing import NamedTuple

from semver import Version

from monotron.errors import InvalidName, InvalidVersion, MonotronError
from monotron.model.series import INT64_MAX, MAX_LENGTH, parse_key

MAX_NAME_LENGTH = 200
"""The maximum length of a name, in Unicode characters. Keys of its series contain it."""

MAX_VERSION_LENGTH = 256
"""The maximum length of a version, in characters. Assigned versions are shorter."""


_DIGITS = len(str(INT64_MAX))
_LABEL = re.compile(r"(?=[0-9]*[A-Za-z-])[0-9A-Za-z-]{1,40}")
_METADATA = re.compile(r"[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*")
_LINE = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.(0|[1-9][0-9]{0,18}))?")


class VersionName(NamedTuple):
    """What is versioned: its account, and its name, which is unique in the account."""

    account: int
    name: str


class Final(NamedTuple):
    """A final version. Tuples are compared much faster than a `semver.Version`."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def of(cls, version: Version) -> "Final":
        """The version without its pre-release part: the target of a pre-release."""
        return cls(version.major, version.minor, version.patch)

    @property
    def sort_key(self) -> str:
        """The sort key of the version. All its pre-releases sort below it."""
        return f"{self.prefix}~"

    @property
    def prefix(self) -> str:
        """What the sort keys of the version and of all its pre-releases start with."""
        return f"{self.major:0{_DIGITS}d}.{self.minor:0{_DIGITS}d}.{self.patch:0{_DIGITS}d}."


ZERO_VERSION = Final(0, 0, 0)
"""The version before the first one. It is never assigned."""


class Line(NamedTuple):
    """A release line: the versions of one major version, or of one minor version of it."""

    major: int
    minor: int | None = None

    def __str__(self) -> str:
        return f"{self.major}" if self.minor is None else f"{self.major}.{self.minor}"

    def covers(self, version: Version | Final) -> bool:
        """Whether the version belongs to the line."""
        return self.major == version.major and self.minor in (None, version.minor)


class Withdrawal(NamedTuple):
    """When, by whom and why a version was withdrawn."""

    at: int
    """Milliseconds since the epoch, UTC."""
    by: str
    """The name of the principal."""
    reason: str
    """At most 500 characters."""
    ignore_commits: bool = False
    """Whether `bump=auto` does not read the commits of the version again."""
    replaced: bool = False
    """Whether its token has a new version, so that the withdrawal cannot be reversed."""
    releases: int = 0
    """The number of releases of the name at that moment. Clocks of two servers differ."""


class Release(NamedTuple):
    """The record of a version and the token it was assigned to.

    The token is None if the version was adopted. `created_at` is None if the version is not
    recorded, but computed from component series that were advanced directly.
    """

    name: VersionName
    token: str | None
    target: Final
    """The version, without build metadata. For a pre-release: the version that it precedes."""
    label: str | None = None
    """The pre-release label, or None for a final version."""
    number: int = 0
    """The number of the pre-release."""
    bump: str | None = None
    line: Line | None = None
    metadata: str | None = None
    previous: Final | None = None
    """The highest final version below this one when it was created."""
    previous_token: str | None = None
    """The token of the previous version. None if that was adopted."""
    reason: str | None = None
    created_at: int | None = None
    """Milliseconds since the epoch, UTC."""
    assigned_by: str | None = None
    """The name of the principal, or None if it is unknown."""
    attempt: int = 1
    """1, and one more for each withdrawn version that the token had before with this label."""
    base: str | None = None
    """The parameter `base` of the request: the version that it assumed to be the newest."""
    base_use: int = 0
    """1, and one more for each earlier version of the line with this base."""
    position: int = 0
    """1 for the first release of the name, and one more for each later one."""
    withdrawn: Withdrawal | None = None

    @property
    def version(self) -> Version:
        """The version, without build metadata, which is not part of its identity."""
        if self.label is None:
            return Version(*self.target)
        return Version(*self.target, f"{self.label}.{self.number}")

    @property
    def pre_release(self) -> str | None:
        """The pre-release part of the version: `rc.2`."""
        return None if self.label is None else f"{self.label}.{self.number}"

    @property
    def version_text(self) -> str:
        """The version, without build metadata."""
        return f"{self.target}" if self.label is None else f"{self.target}-{self.pre_release}"

    @property
    def full_text(self) -> str:
        """The version with its build metadata."""
        return self.version_text + (f"+{self.metadata}" if self.metadata else "")

    @property
    def sort_key(self) -> str:
        """The sort key of the version."""
        if self.label is None:
            return self.target.sort_key
        return self.target.prefix + label_sort_key(self.label, self.number)


def label_and_number(version: Version) -> tuple[str | None, int]:
    """`1.3.0-rc.2` → `("rc", 2)`; a final version → `(None, 0)`.

    Raises `ValueError` for a pre-release that Monotron does not assign.
    """
    if version.prerelease is None:
        return None, 0
    label, _, number = version.prerelease.partition(".")
    return label, int(number)


def sort_key(version: Version) -> str:
    """The sort key of a version: bytewise order of sort keys is the order of SemVer 2.0.0 §11.

    A final version ends with `~`, which sorts above everything in a pre-release. Pre-releases that
    Monotron assigns have exact sort keys. Any other pre-release gets one between its neighbours.
    """
    parts = [f"{part:0{_DIGITS}d}" for part in (version.major, version.minor, version.patch)]
    pre = version.prerelease
    return ".".join([*parts, "~" if pre is None else _pre_release_sort_key(*pre.split("."))])


def label_sort_key(label: str, number: int) -> str:
    """The part of a sort key that a pre-release adds to that of its target."""
    return f"{_sortable(label)}.{number:0{_DIGITS}d}"


def _pre_release_sort_key(label: str, *identifiers: str) -> str:
    if label.isdigit():
        return ""  # sorts below every label
    label = _sortable(label)
    if not identifiers:
        return label
    number, *more = identifiers
    if not number.isdigit() or len(number) > _DIGITS:
        return f"{label}.~"  # sorts above every assigned number
    return f"{label}.{int(number):0{_DIGITS}d}" + ("." if more else "")


def _sortable(label: str) -> str:
    """The label in a sort key. `/` sorts above `.`, which ends a label, and below digits."""
    return label.replace("-", "/")


def sort_key_range(
    line: Line | None = None, target: Final | None = None, label: str | None = None
) -> tuple[str, str]:
    """The range of sort keys of all versions of *line*: start (inclusive) and end (exclusive).

    With *target* and *label*, the range of the pre-releases of the target with this label. Without
    arguments, the range of all versions.
    """
    if target is not None and label is not None:
        start = f"{target.prefix}{_sortable(label)}."
    elif line is not None:
        start = "".join(f"{part:0{_DIGITS}d}." for part in line if part is not None)
    else:
        start = ""
    return start, f"{start}\x7f"


def parse_name(raw: str) -> str:
    """Decode the percent-encoded name of a version. Raises `InvalidName` if it is invalid."""
    try:
        name = parse_key(raw)
    except MonotronError as error:
        raise InvalidName(error.detail.replace("key", "name")) from None
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidName(
            f"The name has {len(name)} characters. At most {MAX_NAME_LENGTH} are allowed, because "
            f"the keys of its series, at most {MAX_LENGTH} characters, contain it. Shorten it."
        )
    return name


def parse_version(text: str) -> Version:
    """Parse a semantic version, with or without a `v`, and remove its build metadata.

    Raises `InvalidVersion` if it is invalid.
    """
    bare = text[1:] if text[:1] in ("v", "V") else text
    if len(text) > MAX_VERSION_LENGTH:
        raise InvalidVersion(
            f"The version {text[:64]!r}… has {len(text)} characters. At most {MAX_VERSION_LENGTH} "
            "are allowed. Shorten its pre-release or build metadata."
        )
    try:
        if not bare.isascii():
            raise ValueError
        version = Version.parse(bare).replace(build=None)
    except ValueError:
        raise InvalidVersion(
            f"{text[:64]!r} is not a semantic version. Write three numbers without leading zeros, "
            "for example 1.4.2 or v1.4.2."
        ) from None
    if max(version.major, version.minor, version.patch) > INT64_MAX:
        raise InvalidVersion(
            f"{text[:64]!r} exceeds the largest possible version. Use numbers up to {INT64_MAX}."
        )
    return version


def parse_final(text: str) -> Final:
    """Parse a final version. Raises `InvalidVersion` if it is invalid or a pre-release."""
    version = parse_version(text)
    if version.prerelease is not None:
        raise InvalidVersion(
            f"{text[:64]!r} is a pre-release, but a final version is required. Use the last final "
            "version before it."
        )
    return Final.of(version)


def parse_label(text: str) -> str:
    """Parse a pre-release label. Raises `ValueError` with the expected form if it is invalid."""
    if not _LABEL.fullmatch(text):
        raise ValueError(
            "1 to 40 letters, digits and hyphens, not only digits, for example rc or feature-login"
        )
    return text


def parse_metadata(text: str) -> str:
    """Parse build metadata (SemVer 2.0.0 §10). Raises `ValueError` with the expected form."""
    if len(text) > 100 or not _METADATA.fullmatch(text):
        raise ValueError(
            "letters, digits and hyphens in parts separated by dots, at most 100 characters, "
            "for example sha.7d4c379"
        )
    return text


def parse_line(text: str) -> Line:
    """Parse a line, `1` or `1.2`. Raises `ValueError` with the expected form if it is invalid."""
    match = _LINE.fullmatch(text)
    numbers = [int(part) for part in match.groups() if part is not None] if match else []
    if not numbers or max(numbers) > INT64_MAX:
        raise ValueError("a major version such as 1, or a major and minor version such as 1.2")
    return Line(*numbers)
