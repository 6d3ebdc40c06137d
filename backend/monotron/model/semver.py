"""Semantic versions (SemVer 2.0.0): names, lines, releases, parsing and sort keys.

`semver.Version` parses and compares. This module adds limits, and what `Version` does not have.
"""

import re
from typing import NamedTuple

from semver import Version

from monotron.errors import InvalidName, InvalidVersion, MonotronError
from monotron.model.series import INT64_MAX, MAX_LENGTH, parse_key

MAX_NAME = 200
"""The maximum length of a name in Unicode characters. The keys of its series are longer."""

MAX_VERSION = 256
"""The maximum length of a version in characters. Assigned versions are shorter."""

ZERO_VERSION = Version(0, 0, 0)
"""The version of a name without versions. It is never assigned."""

_DIGITS = len(str(INT64_MAX))
_LABEL = re.compile(r"(?=[0-9]*[A-Za-z])[0-9A-Za-z]{1,20}")
_METADATA = re.compile(r"[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*")
_LINE = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.(0|[1-9][0-9]{0,18}))?")


class VersionName(NamedTuple):
    """The name of what is versioned, and the account that owns it."""

    account: int
    name: str


class Line(NamedTuple):
    """A maintenance line: all versions with this major version, or with this major and minor."""

    major: int
    minor: int | None = None

    def __str__(self) -> str:
        return f"{self.major}" if self.minor is None else f"{self.major}.{self.minor}"

    def covers(self, version: Version) -> bool:
        return self.major == version.major and self.minor in (None, version.minor)


class Release(NamedTuple):
    """The record of a version and of the token that it is assigned to.

    An adopted version has no token. A version without a timestamp has no record: it is inferred
    from series that were counted directly.
    """

    product: VersionName
    token: str | None
    version: Version
    """Without build metadata, which is stored separately."""
    bump: str | None = None
    line: Line | None = None
    metadata: str | None = None
    previous: Version | None = None
    """The highest lower final version when this one was assigned."""
    reason: str | None = None
    given_at: int | None = None
    """Milliseconds since the epoch, UTC."""
    by: str | None = None
    """The credential of the request; None if it was not recorded."""

    @property
    def label(self) -> str | None:
        """The label of a pre-release; None for a final version."""
        return label_and_number(self.version)[0]


def pre_release(target: Version, label: str, number: int) -> Version:
    """`1.3.0` → `1.3.0-rc.2`."""
    return Version(target.major, target.minor, target.patch, f"{label}.{number}")


def label_and_number(version: Version) -> tuple[str | None, int]:
    """`1.3.0-rc.2` → `("rc", 2)`; a final version → `(None, 0)`.

    Only for versions that this service assigned.
    """
    if version.prerelease is None:
        return None, 0
    label, _, number = version.prerelease.partition(".")
    return label, int(number)


def place(version: Version) -> str:
    """The sort key of a version: text whose byte order is the precedence of SemVer §11.

    A final version sorts after its pre-releases, because `~` sorts after all characters of a
    pre-release. The key is exact for pre-releases that this service assigned. Any other
    pre-release sorts between the assigned ones that precede and follow it.
    """
    parts = [f"{part:0{_DIGITS}d}" for part in (version.major, version.minor, version.patch)]
    pre = version.prerelease
    return ".".join([*parts, "~" if pre is None else _place_of_pre_release(*pre.split("."))])


def _place_of_pre_release(label: str, *identifiers: str) -> str:
    if label.isdigit():
        return ""  # numeric identifiers precede labels
    label = label.replace("-", "/")  # unlike `-`, it sorts after `.`, and before letters
    if not identifiers:
        return label
    number, *more = identifiers
    if not number.isdigit() or len(number) > _DIGITS:
        return f"{label}.~"  # after any assigned number
    return f"{label}.{int(number):0{_DIGITS}d}" + ("." if more else "")


def places(
    line: Line | None = None, target: Version | None = None, label: str | None = None
) -> tuple[str, str]:
    """The range of sort keys of all versions, of a line, or of the pre-releases of a target.

    The lower bound is inclusive, the upper bound exclusive. *label* is required with *target*.
    """
    if target is not None:
        parts = [f"{part:0{_DIGITS}d}" for part in (target.major, target.minor, target.patch)]
        prefix = f"{'.'.join(parts)}.{label}."
    elif line is not None:
        prefix = "".join(f"{part:0{_DIGITS}d}." for part in line if part is not None)
    else:
        prefix = ""
    return prefix, f"{prefix}\x7f"


def parse_name(raw: str) -> str:
    """Decode a percent-encoded name of a path. Raises `InvalidName`."""
    try:
        name = parse_key(raw)
    except MonotronError as error:
        raise InvalidName(error.detail.replace("key", "name")) from None
    if len(name) > MAX_NAME:
        raise InvalidName(
            f"The name has {len(name)} characters (maximum: {MAX_NAME}). The keys of its series "
            f"are longer, and a key has at most {MAX_LENGTH} characters. Use a shorter name."
        )
    return name


def parse_version(text: str) -> Version:
    """Parse a version, and drop `v` and build metadata. Raises `InvalidVersion`."""
    bare = text[1:] if text[:1] in ("v", "V") else text
    if len(bare) > MAX_VERSION:
        raise InvalidVersion(
            f"The version {text[:64]!r}… has {len(text)} characters (maximum: {MAX_VERSION}). Pass "
            "only a version, such as 1.4.2."
        )
    try:
        if not bare.isascii():
            raise ValueError
        version = Version.parse(bare).replace(build=None)
    except ValueError:
        raise InvalidVersion(
            f"{text[:64]!r} is not a semantic version. Use three numbers without leading zeros, "
            "such as 1.4.2 or v1.4.2."
        ) from None
    if max(version.major, version.minor, version.patch) > INT64_MAX:
        raise InvalidVersion(
            f"{text[:64]!r} contains a number that is too large. The maximum is {INT64_MAX}."
        )
    return version


def parse_final(text: str) -> Version:
    """Parse a final version. Raises `InvalidVersion`, also for a pre-release."""
    version = parse_version(text)
    if version.prerelease is not None:
        raise InvalidVersion(
            f"{text[:64]!r} is a pre-release. Versions can continue only from a final version. "
            "Pass the last final version before it."
        )
    return version


def parse_label(text: str) -> str:
    """Parse a pre-release label. Raises `ValueError` with the allowed form."""
    if not _LABEL.fullmatch(text):
        raise ValueError("1 to 20 letters and digits, at least one of them a letter, such as rc")
    return text


def parse_metadata(text: str) -> str:
    """Parse build metadata (SemVer §10). Raises `ValueError` with the allowed form."""
    if len(text) > 100 or not _METADATA.fullmatch(text):
        raise ValueError(
            "letters, digits and hyphens in parts separated by dots, at most 100 characters, "
            "such as sha.7d4c379"
        )
    return text


def parse_line(text: str) -> Line:
    """Parse a line such as `1` or `1.2`. Raises `ValueError` with the allowed form."""
    match = _LINE.fullmatch(text)
    numbers = [int(part) for part in match.groups() if part is not None] if match else []
    if not numbers or max(numbers) > INT64_MAX:
        raise ValueError("a major version, such as 1, or a major and a minor one, such as 1.2")
    return Line(*numbers)
