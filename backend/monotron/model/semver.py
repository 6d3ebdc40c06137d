"""Semantic versions (SemVer 2.0.0), lines of them, and the records of who was given which.

Parsing and comparing are the library's, `semver.Version`; here are our own bounds and words.
"""

import re
from typing import NamedTuple

from semver import Version

from monotron.errors import InvalidName, InvalidVersion, MonotronError
from monotron.model.series import INT64_MAX, MAX_LENGTH, parse_key

MAX_NAME = 200
"""Of a name, in Unicode characters: the keys of its series are longer than it is."""

MAX_VERSION = 256
"""Of the text of a version, in characters: more than any that is given here has."""

NOTHING = Version(0, 0, 0)
"""Where counting begins. It is never given."""

_DIGITS = len(str(INT64_MAX))
_LABEL = re.compile(r"(?=[0-9]*[A-Za-z])[0-9A-Za-z]{1,20}")
_METADATA = re.compile(r"[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*")
_LINE = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.(0|[1-9][0-9]{0,18}))?")


class VersionName(NamedTuple):
    """What is versioned, by the account that owns it and its name there."""

    account: int
    name: str


class Line(NamedTuple):
    """The versions of one major version, or of one minor version of it."""

    major: int
    minor: int | None = None

    def __str__(self) -> str:
        return f"{self.major}" if self.minor is None else f"{self.major}.{self.minor}"

    def covers(self, version: Version) -> bool:
        return self.major == version.major and self.minor in (None, version.minor)


class Release(NamedTuple):
    """The fact that *token* was given *version*.

    One without a token was adopted; one without a time stands in no record, and is read from
    series that were counted by hand.
    """

    product: VersionName
    token: str | None
    version: Version
    """Without build metadata, which is no part of what is counted."""
    bump: str | None = None
    line: Line | None = None
    metadata: str | None = None
    previous: Version | None = None
    """The highest final version below it at that time."""
    reason: str | None = None
    created_at: int | None = None
    """Milliseconds since the epoch, UTC."""
    assigned_by: str | None = None
    """The credential by which it was given; None where that was not recorded."""

    @property
    def label(self) -> str | None:
        """The channel: that of a pre-release, or None for a final version."""
        return label_and_number(self.version)[0]


def pre_release(target: Version, label: str, number: int) -> Version:
    """`1.3.0` → `1.3.0-rc.2`."""
    return Version(target.major, target.minor, target.patch, f"{label}.{number}")


def label_and_number(version: Version) -> tuple[str | None, int]:
    """`1.3.0-rc.2` → `("rc", 2)`; a final version has no label, and the number 0.

    For versions that were given here.
    """
    if version.prerelease is None:
        return None, 0
    label, _, number = version.prerelease.partition(".")
    return label, int(number)


def sort_key(version: Version) -> str:
    """Where a version stands among others: places sort, byte by byte, as SemVer §11 says.

    A final version comes after its pre-releases, since a `~` sorts above all that they hold. Of
    pre-releases, those given here have exact places; any other has one between its neighbours.
    """
    parts = [f"{part:0{_DIGITS}d}" for part in (version.major, version.minor, version.patch)]
    pre = version.prerelease
    return ".".join([*parts, "~" if pre is None else _pre_release_sort_key(*pre.split("."))])


def _pre_release_sort_key(label: str, *identifiers: str) -> str:
    if label.isdigit():
        return ""  # lower than any label
    label = label.replace("-", "/")  # which sorts above a `.` too, and still below letters
    if not identifiers:
        return label
    number, *more = identifiers
    if not number.isdigit() or len(number) > _DIGITS:
        return f"{label}.~"  # above any number that is given
    return f"{label}.{int(number):0{_DIGITS}d}" + ("." if more else "")


def sort_key_range(
    line: Line | None = None, target: Version | None = None, label: str | None = None
) -> tuple[str, str]:
    """The places, from the first to below the second, of a line's versions.

    Or of all; or of the pre-releases of *target* with *label*.
    """
    if target is not None:
        parts = [f"{part:0{_DIGITS}d}" for part in (target.major, target.minor, target.patch)]
        beginning = f"{'.'.join(parts)}.{label}."
    elif line is not None:
        beginning = "".join(f"{part:0{_DIGITS}d}." for part in line if part is not None)
    else:
        beginning = ""
    return beginning, f"{beginning}\x7f"


def parse_name(raw: str) -> str:
    """The name that stands percent-encoded in a path, exactly; else `InvalidName`."""
    try:
        name = parse_key(raw)
    except MonotronError as error:
        raise InvalidName(error.detail.replace("key", "name")) from None
    if len(name) > MAX_NAME:
        raise InvalidName(
            f"The name is {len(name)} characters long, and at most {MAX_NAME} are taken, since "
            f"the keys of its series hold more than the name and at most {MAX_LENGTH}."
        )
    return name


def parse_version(text: str) -> Version:
    """A semantic version, perhaps with a `v` before it, without its build metadata."""
    bare = text[1:] if text[:1] in ("v", "V") else text
    if len(bare) > MAX_VERSION:
        raise InvalidVersion(
            f"A version has at most {MAX_VERSION} characters here, and {text[:64]!r}… has "
            f"{len(text)}. Leave out what is no part of it."
        )
    try:
        if not bare.isascii():
            raise ValueError
        version = Version.parse(bare).replace(build=None)
    except ValueError:
        raise InvalidVersion(
            f"{text[:64]!r} is no semantic version. Write three numbers without leading zeros, "
            "such as 1.4.2 or v1.4.2."
        ) from None
    if max(version.major, version.minor, version.patch) > INT64_MAX:
        raise InvalidVersion(f"No part of a version can be larger than {INT64_MAX}.")
    return version


def parse_final(text: str) -> Version:
    """A final version, to start from."""
    version = parse_version(text)
    if version.prerelease is not None:
        raise InvalidVersion(
            f"{text[:64]!r} is a pre-release, and counting goes on from a final version only. "
            "Name the last final version before it."
        )
    return version


def parse_label(text: str) -> str:
    """The label of a pre-release; else `ValueError` says what it must be."""
    if not _LABEL.fullmatch(text):
        raise ValueError("1 to 20 letters and digits, at least one of them a letter, such as rc")
    return text


def parse_metadata(text: str) -> str:
    """Build metadata (SemVer §10); else `ValueError` says what it must be."""
    if len(text) > 100 or not _METADATA.fullmatch(text):
        raise ValueError(
            "letters, digits and hyphens in parts separated by dots, at most 100 characters, "
            "such as sha.7d4c379"
        )
    return text


def parse_line(text: str) -> Line:
    """`1` or `1.2`; else `ValueError` says what it must be."""
    match = _LINE.fullmatch(text)
    numbers = [int(part) for part in match.groups() if part is not None] if match else []
    if not numbers or max(numbers) > INT64_MAX:
        raise ValueError("a major version, such as 1, or a major and a minor one, such as 1.2")
    return Line(*numbers)
