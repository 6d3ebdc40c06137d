"""Query parameters of the pages, and the queries of their links."""

from dataclasses import dataclass
from urllib.parse import quote

from monotron.web.query import Query, parameter, text_of_name


@dataclass(frozen=True)
class ListPageQuery(Query):
    """`GET /` and `GET /series`"""

    prefix: str = parameter(text_of_name, "")
    after: str = parameter(text_of_name, "")


def link(path: str, **parameters: str | None) -> str:
    """A path with the parameters that are not empty."""
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in parameters.items() if text)
    return f"{path}?{query}" if query else path
