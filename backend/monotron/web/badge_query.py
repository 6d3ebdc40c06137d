"""Query parameters of badges."""

from dataclasses import dataclass

from monotron.model.semver import Line, parse_line
from monotron.web.badge_image import MAX_SHOWN
from monotron.web.query import Query, parameter


def _shown_label(text: str) -> str:
    if len(text) > MAX_SHOWN:
        raise ValueError(f"at most {MAX_SHOWN} characters long")
    return text


@dataclass(frozen=True)
class BadgeQuery(Query):
    """`GET /badge/{badge}.svg` and `GET /badge/{badge}.json`"""

    label: str | None = parameter(_shown_label)
    line: Line | None = parameter(parse_line)
