"""The causes and an example of each error, from `error_guides.toml`."""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from monotron.errors import MonotronError
from monotron.web.pages.templates import FOLDER

READING = ("GET", "HEAD")


class ErrorGuide(NamedTuple):
    """What the page of an error shows in addition to its meaning and fix."""

    causes: list[str]
    """In Markdown."""
    request: str
    """An HTTP request that fails with this error: a line with method and path, headers, a body."""
    problem: dict[str, Any]
    """The problem document of the response."""

    @property
    def problem_text(self) -> str:
        """The problem document, indented."""
        return json.dumps(self.problem, ensure_ascii=False, indent=2)


@cache
def error_guides() -> Mapping[str, ErrorGuide]:
    """The guides of all errors, by code."""
    guides = tomllib.loads((FOLDER / "error_guides.toml").read_text("utf-8"))
    return {
        error.code: _guide(error, guides[error.code]) for error in MonotronError.__subclasses__()
    }


def _guide(error: type[MonotronError], guide: Mapping[str, Any]) -> ErrorGuide:
    request = guide["request"].strip()
    problem = {
        "type": f"/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": guide["detail"],
        "code": error.code,
        **guide.get("members", {}),
    }
    if not request.startswith(READING):
        problem["applied"] = guide.get("applied", "no")
    return ErrorGuide(guide["causes"], request, problem)
