"""Query parameters: one small class per endpoint. A field is a parameter, with default and parser.

Parsing is strict: unknown and duplicate parameters are rejected. Results are cached by text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Self, cast

from monotron.errors import InvalidRequest, InvalidVersion, literal
from monotron.model.series import INT64_MAX, MAX_LENGTH, Reuse, percent_decode
from monotron.web.formats import Format

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


def integer(text: str) -> int:
    """Parse a signed 64-bit integer."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -INT64_MAX - 1 <= int(text) <= INT64_MAX:
        raise ValueError("a 64-bit integer")
    return int(text)


def _initial_value(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > INT64_MAX:
        raise ValueError(f"an integer from 0 to {INT64_MAX}")
    return int(text)


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of small integers."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"an integer from {minimum} to {maximum}")
        return int(text)

    return parse


limit_of_page = whole_number(1, 1000)


def text_of_name(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"at most {MAX_LENGTH} characters long")
    return text


def _variable_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text):
        raise ValueError("a letter or `_` and up to 63 letters, digits or `_`")
    return text


boolean = one_of(true=True, false=False)


@dataclass(frozen=True)
class Query:
    """Base class, and the query of endpoints without parameters."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the part of the URL after `?`. Raises an error with status 4xx."""
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

    restart: bool = parameter(boolean, default=False)


@dataclass(frozen=True)
class SeriesPageQuery(Query):
    """`GET /v1/series`"""

    prefix: str = parameter(text_of_name, "")
    limit: int = parameter(limit_of_page, 100)
    after: str = parameter(text_of_name, "")


@dataclass(frozen=True)
class LedgerQuery(Query):
    """`GET /v1/entries/{key}`"""

    limit: int = parameter(limit_of_page, 100)
    before: int | None = parameter(integer)
    assigned_by: bool = parameter(boolean, default=False)


@dataclass(frozen=True)
class TextPageQuery(Query):
    """`GET /v1/accounts/{account}/grants` and `GET /v1/badges`"""

    limit: int = parameter(limit_of_page, 100)
    after: str = parameter(text_of_name, "")


@dataclass(frozen=True)
class RevokeQuery(Query):
    """`DELETE /v1/accounts/{account}/grants/{api_key}`"""

    with_descendants: bool = parameter(boolean, default=False)


@dataclass(frozen=True)
class IdPageQuery(Query):
    """`GET /v1/accounts/{account}/trusts` and `GET /v1/system/events`"""

    limit: int = parameter(limit_of_page, 100)
    after: int | None = parameter(integer)


@dataclass(frozen=True)
class AccountsQuery(IdPageQuery):
    """`GET /v1/accounts`"""

    name: str | None = parameter(text_of_name)

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
            shown = literal(value) if value else "empty"
            raise InvalidRequest(f"`{name}` must be {error}, not {shown}.") from None
        except InvalidVersion as error:
            raise InvalidVersion(f"`{name}` is invalid. {error}") from None
    return cls(**values)


def _unknown(name: str, allowed: tuple[str, ...]) -> str:
    names = ", ".join(f"`{each}`" for each in allowed)
    suggestion = did_you_mean(name, allowed)
    rule = f"Allowed here: {names}." if allowed else "No parameters are allowed here."
    return f"Unknown parameter {literal(name)}.{suggestion} {rule}"


def did_you_mean(text: str, choices: tuple[str, ...]) -> str:
    matches = get_close_matches(text[:64], choices, n=1)
    return f" Did you mean `{matches[0]}`?" if matches else ""
