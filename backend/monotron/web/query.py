"""Query parameters: one small class per endpoint. A field is a parameter, with default and parser.

Parsing is strict: unknown and duplicate parameters are rejected. Results are cached by text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Self, cast

from semver import Version

from monotron.errors import InvalidBump, InvalidRequest, OutOfLine, literal
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
from monotron.model.series import INT64_MAX, MAX_LENGTH, Reuse, percent_decode
from monotron.model.spellings import Spellings
from monotron.model.versions.requests import BUMPS, Bump, VersionRequest
from monotron.web.formats import Format, require_spelling

MAX_COMMIT_TYPES = 32

_COMMIT_TYPE = re.compile(r"[\w-]{1,40}")

DEFAULT_DOTENV_PREFIX = "MONOTRON_"


def parameter(parser: Callable[[str], Any], default: Any = None) -> Any:
    """Declare a parameter. The ValueError of its parser states what the value must be."""
    return field(default=default, metadata={"parser": parser})


def one_of(**choices: object) -> Callable[[str], Any]:
    """Return a parser that maps the names of *choices* to their values."""

    def parse(text: str) -> Any:
        if text not in choices:
            *others, last = (f"`{name}`" for name in choices)
            raise ValueError(f"{', '.join(others)} or {last}")
        return choices[text]

    return parse


def _integer(text: str) -> int:
    """Parse a signed 64-bit integer."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -INT64_MAX - 1 <= int(text) <= INT64_MAX:
        raise ValueError("a 64-bit integer")
    return int(text)


def _initial_value(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > INT64_MAX:
        raise ValueError(f"an integer from 0 to {INT64_MAX}")
    return int(text)


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 1000:
        raise ValueError("an integer from 1 to 1000")
    return int(text)


def _name(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"at most {MAX_LENGTH} characters long")
    return text


def _variable_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text):
        raise ValueError("a letter or `_` and up to 63 letters, digits or `_`")
    return text


def _bump(text: str) -> Bump:
    for bump in BUMPS:
        if text.lower() == bump:
            return bump
    raise InvalidBump(
        f"Unknown bump {literal(text)}.{_did_you_mean(text.lower(), BUMPS)} Use `major`, "
        "`minor` or `patch`, `final` to promote a pre-release, `auto` to decide from commit "
        "messages, or `calendar` to derive the version from the date."
    )


def _base(text: str) -> Final:
    """Parse a base. 0.0.0 stands for none."""
    return ZERO_VERSION if text == "none" else parse_final(text)


def _commit_types(text: str) -> frozenset[str]:
    """Parse a list of types of commits."""
    types = text.split(",")
    if len(types) > MAX_COMMIT_TYPES or not all(map(_COMMIT_TYPE.fullmatch, types)):
        raise ValueError(
            f"up to {MAX_COMMIT_TYPES} types of commits, separated by commas, such as docs,ci"
        )
    return frozenset(types)


def _label_or_empty(text: str) -> str:
    """Parse the label of a filter. Final versions have the empty label."""
    try:
        return parse_label(text) if text else text
    except ValueError as error:
        raise ValueError(f"empty, or {error}") from None


_boolean = one_of(true=True, false=False)


@dataclass(frozen=True)
class Query:
    """Base class, and the query of endpoints without parameters."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the part of the URL after `?`. Raises InvalidRequest or InvalidBump."""
        return cast(Self, _parse(cast(Any, cls), text))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the allowed parameters, those of the most specific class first."""
        return tuple(name for base in cls.__mro__ for name in vars(base).get("__annotations__", {}))


@dataclass(frozen=True)
class FormatQuery(Query):
    """The query of endpoints that return one entry or version."""

    format: Format | None = parameter(one_of(**{each.value: each for each in Format}))
    dotenv_prefix: str | None = parameter(_variable_prefix)

    def __post_init__(self) -> None:
        if self.dotenv_prefix is not None and self.format is not Format.DOTENV:
            raise InvalidRequest(
                "`dotenv_prefix` requires `format=dotenv`. Add that parameter, or omit the prefix."
            )

    @property
    def variable_prefix(self) -> str:
        return self.dotenv_prefix or DEFAULT_DOTENV_PREFIX


@dataclass(frozen=True)
class NextValueQuery(FormatQuery):
    """`PUT /v1/series/{key}/{token}`"""

    reuse: Reuse = parameter(one_of(current=Reuse.CURRENT, any=Reuse.ANY), Reuse.CURRENT)
    initial: int = parameter(_initial_value, 0)


@dataclass(frozen=True)
class DeleteSeriesQuery(Query):
    """`DELETE /v1/series/{key}`"""

    restart: bool = parameter(_boolean, default=False)


@dataclass(frozen=True)
class SeriesPageQuery(Query):
    """`GET /v1/series`"""

    prefix: str = parameter(_name, "")
    limit: int = parameter(_limit, 100)
    after: str = parameter(_name, "")


@dataclass(frozen=True)
class LedgerQuery(Query):
    """`GET /v1/entries/{key}`"""

    limit: int = parameter(_limit, 100)
    before: int | None = parameter(_integer)
    assigned_by: bool = parameter(_boolean, default=False)


@dataclass(frozen=True)
class VersionQuery(FormatQuery):
    """The query of endpoints that return one version."""

    spelling: str | None = parameter(one_of(**{name: name for name in Spellings._fields}))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spelling is not None and self.format is not Format.TEXT:
            raise InvalidRequest(
                "`spelling` requires `format=text`. Add that parameter, or read the member "
                "`spellings` of the JSON answer."
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
    initial: Final | None = parameter(parse_final)
    initial_development: bool = parameter(_boolean, default=True)
    base: Final | None = parameter(_base)
    skip_types: frozenset[str] | None = parameter(_commit_types)
    minor_types: frozenset[str] | None = parameter(_commit_types)
    commits: str | None = parameter(one_of(lenient="lenient", strict="strict"))
    on_conflict: str = parameter(one_of(fail="fail", reuse="reuse"), "fail")
    on_withdrawn: str = parameter(one_of(fail="fail", new="new"), "fail")
    dry_run: bool = parameter(_boolean, default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.version is not None:
            for name in ("bump", "line", "prerelease", "initial", "calendar"):
                if getattr(self, name) is not None:
                    raise InvalidRequest(
                        f"`version` cannot be combined with `{name}`. It assigns exactly this "
                        "version. Omit one of the two."
                    )
        for name in ("base", "skip_types", "minor_types", "commits"):
            if getattr(self, name) is not None and self.bump != "auto":
                raise InvalidRequest(
                    f"`{name}` requires `bump=auto`. It affects how commit messages are read. Add "
                    "that parameter, or omit this one."
                )
        if self.calendar is not None and self.bump != "calendar":
            raise InvalidRequest("`calendar` requires `bump=calendar`. Add that parameter.")
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
            initial=self.initial,
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

    prefix: str = parameter(_name, "")
    limit: int = parameter(_limit, 100)
    after: str = parameter(_name, "")


@dataclass(frozen=True)
class ReleasesQuery(Query):
    """`GET /v1/releases/{name}`"""

    limit: int = parameter(_limit, 100)
    before: Version | None = parameter(parse_version)
    line: Line | None = parameter(parse_line)
    label: str | None = parameter(_label_or_empty)


@dataclass(frozen=True)
class ApiKeysQuery(Query):
    """`GET /v1/accounts/{id}/grants`"""

    limit: int = parameter(_limit, 100)
    after: str = parameter(_name, "")


@dataclass(frozen=True)
class RevokeQuery(Query):
    """`DELETE /v1/accounts/{id}/grants/{key}`"""

    with_descendants: bool = parameter(_boolean, default=False)


@dataclass(frozen=True)
class IdPageQuery(Query):
    """`GET /v1/accounts/{id}/trusts` and `GET /v1/system/events`"""

    limit: int = parameter(_limit, 100)
    after: int | None = parameter(_integer)


@dataclass(frozen=True)
class AccountsQuery(IdPageQuery):
    """`GET /v1/accounts`"""

    name: str | None = parameter(_name)

    def __post_init__(self) -> None:
        if self.name is not None and self.after is not None:
            raise InvalidRequest(
                "`name` cannot be combined with `after`. At most one account has a name."
            )


@lru_cache(maxsize=1024)
def _parse(cls: type[Query], text: str) -> Query:
    names = cls.names()
    parsers = {each.name: each.metadata["parser"] for each in fields(cls)}
    values: dict[str, Any] = {}
    for pair in text.split("&") if text else ():
        raw_name, equals, raw_value = pair.replace("+", "%20").partition("=")
        name = percent_decode(raw_name, "query", InvalidRequest)
        if name not in names:
            raise InvalidRequest(_unknown(name, names))
        if name in values:
            raise InvalidRequest(f"Duplicate parameter `{name}`. Pass it once.")
        if not equals:
            raise InvalidRequest(f"Parameter `{name}` has no value. Write `{name}=…`.")
        value = percent_decode(raw_value, f"parameter `{name}`", InvalidRequest)
        try:
            values[name] = parsers[name](value)
        except ValueError as error:
            raise InvalidRequest(f"`{name}` must be {error}, not {literal(value)}.") from None
    return cls(**values)


def _unknown(name: str, allowed: tuple[str, ...]) -> str:
    names = ", ".join(f"`{each}`" for each in allowed)
    suggestion = _did_you_mean(name, allowed)
    rule = f"Allowed here: {names}." if allowed else "No parameters are allowed here."
    return f"Unknown parameter {literal(name)}.{suggestion} {rule}"


def _did_you_mean(text: str, choices: tuple[str, ...]) -> str:
    matches = get_close_matches(text[:64], choices, n=1)
    return f" Did you mean `{matches[0]}`?" if matches else ""
