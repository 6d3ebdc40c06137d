"""What a request may say in its query and in its headers: strict, and parsed once per spelling."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from monotron.errors import InvalidBump, InvalidRequest
from monotron.model.semver import Line, parse_label, parse_line, parse_metadata
from monotron.model.series import INT64_MAX, MAX_LENGTH, Reuse, percent_decode
from monotron.services.versions import BUMPS, Bump


class Format(Enum):
    """How an entry is written."""

    JSON = "json"
    TEXT = "text"
    DOTENV = "dotenv"


@dataclass(frozen=True, slots=True)
class Parameters:
    """A query's parameters, each at its default where the query does not name it."""

    reuse: Reuse = Reuse.CURRENT
    restart: bool = False
    limit: int = 100
    after: str = ""
    before: str | None = None
    prefix: str | None = None
    format: Format | None = None
    bump: Bump = "patch"
    prerelease: str | None = None
    line: Line | None = None
    metadata: str | None = None
    initial: str | None = None
    initial_development: bool = True
    on_conflict: str = "fail"
    dry_run: bool = False
    by: bool = False


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 1000:
        raise ValueError("a whole number from 1 to 1000")
    return int(text)


def whole_number(name: str, text: str) -> int:
    """A parameter that is a whole number of 64 bits."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -INT64_MAX - 1 <= int(text) <= INT64_MAX:
        raise InvalidRequest(f"The parameter `{name}` must be a whole number of 64 bits.")
    return int(text)


def before_value(parameters: Parameters) -> int | None:
    """The parameter `before`, where it is a value."""
    if parameters.before is None:
        return None
    return max(1, whole_number("before", parameters.before))  # values begin at 1


def _one_of(values: Mapping[str, Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError(" or ".join(values))
        return values[text]

    return parse


def _name(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"at most {MAX_LENGTH} characters long")
    return text


def _bump(text: str) -> Bump:
    if text not in BUMPS:
        raise InvalidBump(
            f"There is no bump {text[:64]!r}. Ask for major, minor or patch, for final to promote "
            "a pre-release, or for auto to have commit messages decide."
        )
    return text


_BOOLEAN = _one_of({"true": True, "false": False})

_PARSERS: dict[str, Callable[[str], Any]] = {
    "reuse": _one_of({reuse.value: reuse for reuse in (Reuse.CURRENT, Reuse.ANY)}),
    "restart": _BOOLEAN,
    "limit": _limit,
    "after": _name,
    "before": str,
    "prefix": _name,
    "format": _one_of({format.value: format for format in Format}),
    "bump": _bump,
    "prerelease": parse_label,
    "line": parse_line,
    "metadata": parse_metadata,
    "initial": str,
    "initial_development": _BOOLEAN,
    "on_conflict": _one_of({"fail": "fail", "reuse": "reuse"}),
    "dry_run": _BOOLEAN,
    "by": _BOOLEAN,
}

_VARIABLE_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@lru_cache(maxsize=1024)
def parse_query(query: str, allowed: tuple[str, ...]) -> Parameters:
    """The query's parameters, all of them *allowed*; else `InvalidRequest` names the wrong one."""
    given: dict[str, Any] = {}
    for pair in query.split("&") if query else ():
        raw_name, equals, raw_value = pair.replace("+", "%20").partition("=")
        name = percent_decode(raw_name, "query", InvalidRequest)
        if name not in allowed:
            raise InvalidRequest(_unknown(name, allowed))
        if name in given:
            raise InvalidRequest(f"The parameter `{name}` is given twice. Give it once.")
        if not equals:
            raise InvalidRequest(f"The parameter `{name}` has no value. Write {name}=….")
        value = percent_decode(raw_value, f"parameter `{name}`", InvalidRequest)
        try:
            given[name] = _PARSERS[name](value)
        except ValueError as error:
            raise InvalidRequest(f"The parameter `{name}` must be {error}.") from None
    return Parameters(**given)


def _unknown(name: str, allowed: tuple[str, ...]) -> str:
    takes = (
        f"It takes: {', '.join(f'`{each}`' for each in allowed)}." if allowed else "It takes none."
    )
    return f"This path and method take no parameter `{name[:64]}`. {takes}"


def variable_prefix(parameters: Parameters) -> str:
    """What the names of dotenv variables begin with."""
    if parameters.prefix is None:
        return "MONOTRON_"
    if parameters.format is not Format.DOTENV:
        raise InvalidRequest("The parameter `prefix` goes with format=dotenv only.")
    if not _VARIABLE_PREFIX.fullmatch(parameters.prefix):
        raise InvalidRequest(
            "The parameter `prefix` must begin with a letter or `_`, go on with letters, digits "
            "and `_`, and be at most 64 characters long."
        )
    return parameters.prefix


@lru_cache(maxsize=256)
def preferred_format(accept: str) -> Format:
    """The format that an Accept header likes best (RFC 9110 §12.5.1); JSON where it is equal."""
    qualities: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *details = (piece.strip() for piece in part.split(";"))
        quality = next((detail[2:] for detail in details if detail.startswith("q=")), "1")
        if re.fullmatch(r"[01](\.[0-9]{0,3})?", quality):
            qualities[name] = float(quality)

    def quality_of(kind: str, subtype: str) -> float:
        for media_range in (f"{kind}/{subtype}", f"{kind}/*", "*/*"):
            if media_range in qualities:
                return qualities[media_range]
        return 0.0

    if quality_of("text", "plain") > quality_of("application", "json"):
        return Format.TEXT
    return Format.JSON
