"""Query parameters of the pages, and the queries of their links."""

from dataclasses import dataclass
from urllib.parse import quote

from semver import Version

from monotron.model.semver import Line, parse_line, parse_version
from monotron.web.query import Query, integer, parameter, text_of_name
from monotron.web.version_query import label_or_empty


@dataclass(frozen=True)
class ListPageQuery(Query):
    """`GET /` and `GET /series`"""

    prefix: str = parameter(text_of_name, "")
    after: str = parameter(text_of_name, "")


@dataclass(frozen=True)
class NamePageQuery(Query):
    """`GET /names/{name}`"""

    before: Version | None = parameter(parse_version)
    line: Line | None = parameter(parse_line)
    label: str | None = parameter(label_or_empty)
    find: str = parameter(text_of_name, "")
    """A version, a token or an abbreviated commit, whose page is requested instead."""


@dataclass(frozen=True)
class LedgerPageQuery(Query):
    """`GET /series/{key}`"""

    before: int | None = parameter(integer)


def link(path: str, **parameters: str | None) -> str:
    """A path with the parameters that are not None."""
    query = "&".join(
        f"{name}={quote(text, safe='')}" for name, text in parameters.items() if text is not None
    )
    return f"{path}?{query}" if query else path
