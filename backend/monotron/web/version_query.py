"""Query parameters of versions and releases. `query.py` explains the declarations."""

import re
from dataclasses import dataclass
from typing import Literal

from semver import Version

from monotron.errors import InvalidBump, InvalidRequest, InvalidVersion, OutOfLine, literal
from monotron.model.calendar_versions import CalendarFormat, parse_calendar
from monotron.model.commit_rules import CommitRules
from monotron.model.semver import (
    ZERO_VERSION,
    Final,
    Line,
    parse_final,
    parse_label,
    parse_line,
    parse_metadata,
    parse_version,
)
from monotron.model.spellings import Spellings
from monotron.model.versions.requests import BUMPS, Bump, VersionRequest
from monotron.web.formats import Format, require_spelling
from monotron.web.query import (
    FormatQuery,
    Query,
    boolean,
    did_you_mean,
    limit_of_page,
    one_of,
    parameter,
    text_of_name,
)

MAX_COMMIT_TYPES = 32

_WITH_AUTO = ("base", "skip_types", "minor_types", "commits")
"""The parameters that require `bump=auto`."""

_COMMIT_TYPE = re.compile(r"[\w-]{1,40}")


def _bump(text: str) -> Bump:
    for bump in BUMPS:
        if text.lower() == bump:
            return bump
    raise InvalidBump(
        f"Unknown bump {literal(text)}.{did_you_mean(text.lower(), BUMPS)} Use `major`, "
        "`minor` or `patch`, `final` to promote a pre-release, `auto` to decide from commit "
        "messages, or `calendar` to derive the version from the date."
    )


def _initial(text: str) -> Final | Literal["required"]:
    try:
        return "required" if text == "required" else parse_final(text)
    except InvalidVersion as error:
        raise InvalidVersion(f"{error} Use `required` to refuse a name without versions.") from None


def _base(text: str) -> Final:
    """Parse a base. 0.0.0 stands for none."""
    try:
        return ZERO_VERSION if text == "none" else parse_final(text)
    except InvalidVersion as error:
        raise InvalidVersion(f"{error} Use `none` for a name without versions.") from None


def _commit_types(text: str) -> frozenset[str]:
    """Parse a list of types of commits."""
    types = text.split(",")
    if len(types) > MAX_COMMIT_TYPES or not all(map(_COMMIT_TYPE.fullmatch, types)):
        raise ValueError(
            f"1 to {MAX_COMMIT_TYPES} types of commits, separated by commas without spaces, for "
            "example docs,ci"
        )
    return frozenset(types)


def label_or_empty(text: str) -> str:
    """Parse the label of a filter. Final versions have the empty label."""
    try:
        return parse_label(text) if text else text
    except ValueError as error:
        raise ValueError(f"empty, or {error}") from None


@dataclass(frozen=True)
class VersionQuery(FormatQuery):
    """The query of endpoints that return one version."""

    spelling: str | None = parameter(one_of(**{name: name for name in Spellings._fields}))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spelling is not None and self.format is not Format.TEXT:
            raise InvalidRequest(
                "`spelling` requires `format=text`. Add that parameter, or read the member "
                "`spellings` of the JSON response."
            )


@dataclass(frozen=True)
class NextVersionQuery(VersionQuery):
    """`PUT /v1/versions/{name}/{token}`"""

    bump: Bump | None = parameter(_bump)
    prerelease: str | None = parameter(parse_label)
    line: Line | None = parameter(parse_line)
    version: Final | None = parameter(parse_final)
    calendar: CalendarFormat | None = parameter(parse_calendar)
    metadata: str | None = parameter(parse_metadata)
    initial: Final | Literal["required"] | None = parameter(_initial)
    initial_development: bool = parameter(boolean, default=True)
    base: Final | None = parameter(_base)
    skip_types: frozenset[str] | None = parameter(_commit_types)
    minor_types: frozenset[str] | None = parameter(_commit_types)
    commits: str | None = parameter(one_of(lenient="lenient", strict="strict"))
    on_conflict: str = parameter(one_of(fail="fail", reuse="reuse"), "fail")
    on_withdrawn: str = parameter(one_of(fail="fail", new="new"), "fail")
    dry_run: bool = parameter(boolean, default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.version is not None:
            for name in ("bump", "line", "prerelease", "initial", "calendar", *_WITH_AUTO):
                if getattr(self, name) is not None:
                    raise InvalidRequest(
                        f"`version` cannot be combined with `{name}`. It assigns exactly this "
                        "version. Omit one of the two."
                    )
        for name in _WITH_AUTO:
            if getattr(self, name) is not None and self.bump != "auto":
                raise InvalidRequest(
                    f"`{name}` requires `bump=auto`. It affects how commit messages are read. Add "
                    "that parameter, or omit this one."
                )
        if self.calendar is not None and self.bump != "calendar":
            raise InvalidRequest(
                "`calendar` requires `bump=calendar`. Add that parameter, or omit this one."
            )
        if self.bump == "calendar" and self.line is not None:
            raise OutOfLine(
                "`bump=calendar` cannot be combined with `line`. The date determines the line. "
                "Omit `line`."
            )
        require_spelling(self.spelling, None if self.bump == "final" else self.prerelease)

    def version_request(self, assigned_by: str) -> VersionRequest:
        """Return the request of a caller with the credential *assigned_by*."""
        bump = "exact" if self.version is not None else self.bump or "patch"
        return VersionRequest(
            bump=bump,
            label=None if bump == "final" else self.prerelease,
            promote=self.prerelease if bump == "final" else None,
            line=self.line,
            metadata=self.metadata,
            version=self.version,
            calendar=self.calendar or CalendarFormat.YEAR_MONTH,
            initial=None if self.initial == "required" else self.initial,
            initial_required=self.initial == "required",
            reuse_on_conflict=self.on_conflict == "reuse",
            new_if_withdrawn=self.on_withdrawn == "new",
            initial_development=self.initial_development,
            commit_rules=self._commit_rules(),
            base=self.base,
            dry_run=self.dry_run,
            assigned_by=assigned_by,
        )

    def _commit_rules(self) -> CommitRules:
        rules = CommitRules(strict=self.commits == "strict")
        if self.skip_types is not None:
            rules = rules._replace(skip_types=self.skip_types)
        if self.minor_types is not None:
            rules = rules._replace(minor_types=self.minor_types)
        return rules


@dataclass(frozen=True)
class TokenVersionQuery(VersionQuery):
    """`GET /v1/versions/{name}/{token}`"""

    prerelease: str | None = parameter(parse_label)


@dataclass(frozen=True)
class NewestVersionQuery(VersionQuery):
    """`GET /v1/versions/{name}`"""

    line: Line | None = parameter(parse_line)


@dataclass(frozen=True)
class NamesQuery(Query):
    """`GET /v1/versions`"""

    prefix: str = parameter(text_of_name, "")
    limit: int = parameter(limit_of_page, 100)
    after: str = parameter(text_of_name, "")


@dataclass(frozen=True)
class ReleasesQuery(Query):
    """`GET /v1/releases/{name}`"""

    limit: int = parameter(limit_of_page, 100)
    before: Version | None = parameter(parse_version)
    line: Line | None = parameter(parse_line)
    label: str | None = parameter(label_or_empty)
    format: Format | None = parameter(one_of(**{each.value: each for each in Format}))

    def __post_init__(self) -> None:
        if self.format is Format.DOTENV:
            raise InvalidRequest("A list has no `format=dotenv`. Use `format=text`, or omit it.")
