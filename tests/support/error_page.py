"""Generates the list of errors in docs/errors.md (`make docs`)."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from monotron.errors import MonotronError
from monotron.web.pages.error_guides import error_guides

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def with_errors(page: str) -> str:
    """Return the page with its generated part renewed."""
    start = page.index("\n", page.index("<!-- generated ")) + 1
    end = page.index("<!-- end -->")
    return page[:start] + _generated() + page[end:]


def _generated() -> str:
    errors = sorted(MonotronError.__subclasses__(), key=lambda error: error.status)
    rows = [
        f"| {error.status} | [`{error.code}`](#{anchor(error.title)}) | {error.title} |"
        for error in errors
    ]
    table = "\n".join(["| status | code | title |", "| --- | --- | --- |", *rows])
    return "\n" + "\n\n".join([table, *map(_section, errors)]) + "\n\n"


def _section(error: type[MonotronError]) -> str:
    meaning, fix = error.explanation()
    causes = "\n".join(map(_item, error_guides()[error.code].causes))
    heading = f"### {error.title}\n\n`{error.status} {error.code}`"
    return f"{heading}\n\n{meaning}\n\nPossible causes:\n\n{causes}\n\n**Fix:** {fix}"


def _item(text: str) -> str:
    return fill(text, 112, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def anchor(heading: str) -> str:
    """The anchor that GitHub generates for the title of an error."""
    return heading.lower().replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(with_errors(PAGE.read_text()))
