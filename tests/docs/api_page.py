"""Generates the reference part of docs/api.md from the OpenAPI document (`make docs`).

It is between comments, and ends with `<!-- end -->`: `<!-- operation -->` below the heading of an
operation (`<!-- operation, example -->` adds the response of the document), `<!-- requests -->`,
`<!-- members NAME -->` of an object, and `<!-- common errors -->`. The rest of the page, such as
examples that tests run, is written manually.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from docs.problem_responses import ERRORS
from monotron.web.openapi.parts import Body, Member, Operation, Problem
from monotron.web.openapi.reference import Reference
from monotron.web.system import DOCUMENTATION_URL
from support.error_page import anchor
from support.openapi import GENERATED

PAGE = Path(__file__).parents[2] / "docs" / "api.md"

_PART = re.compile(
    r"(?P<heading>^### [^\n]*\n\n)?"
    r"(?P<start><!-- (?P<kind>operation|requests|members|common errors)"
    r"(?:,? (?P<argument>\w+))? -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL | re.MULTILINE,
)

TITLES = {error.code: error.title for error in reversed(ERRORS)}


def updated(page: str) -> str:
    """Return the page with its generated parts renewed."""
    reference = Reference(GENERATED)
    operations = {f"### `{each.method} {each.path}`": each for each in reference.operations()}

    def part(match: re.Match[str]) -> str:
        heading = match["heading"] or ""
        if match["kind"] == "operation":
            operation = operations[heading.strip()]
            lines = _operation(operation, with_example=match["argument"] == "example")
        elif match["kind"] == "members":
            lines = _table(
                ("member", "description"),
                map(_described, reference.schemas.members(match["argument"])),
            )
        elif match["kind"] == "requests":
            lines = _table(("request", "requires", "effect"), map(_request, operations.values()))
        else:
            lines = _table(
                ("status", "code", "when", "operations"),
                ((*_problem(row.problem), row.operations) for row in reference.common_problems()),
            )
        return f"{heading}{match['start']}{_relative(''.join(lines))}{match['end']}"

    return _PART.sub(part, page)


def _operation(operation: Operation, *, with_example: bool) -> Iterator[str]:
    yield f"\n{operation.summary}.\nRequires {operation.requires}.\n"
    if operation.description:
        yield f"\n{operation.description}\n"
    query = [each for each in operation.parameters if each.location == "query"]
    headers = [each for each in operation.parameters if each.location == "header"]
    for title, parameters in (("parameter", query), ("request header", headers)):
        rows = (
            (f"`{each.name}`", each.values, _code(each.default), each.description)
            for each in parameters
        )
        if parameters:
            yield "\n"
            yield from _table((title, "values", "default", "description"), rows)
    if operation.request:
        yield from _request_body(operation.request)
    if with_example:
        yield f"\nFor example:\n\n```text\n{operation.response.example.strip()}\n```\n"
    if operation.problems:
        yield "\n"
        yield from _table(("status", "code", "when"), map(_problem, operation.problems))
    yield "\n"


def _request_body(body: Body) -> Iterator[str]:
    types = " or ".join(f"`{each}`" for each in body.types)
    yield f"\nThe body is {types}.\n"
    if body.description:
        yield f"{body.description}\n"
    if body.members:
        yield "\n"
        rows = (
            (
                f"`{each.name}`{'' if each.is_required else ', optional'}",
                each.type,
                each.description,
            )
            for each in body.members
        )
        yield from _table(("member", "type", "description"), rows)


def _request(operation: Operation) -> tuple[str, ...]:
    name = f"{operation.method} {operation.path}"
    return f"[`{name}`](#{_heading_anchor(name)})", operation.requires, operation.summary


def _described(member: Member) -> tuple[str, ...]:
    return f"`{member.name}`", member.description


def _problem(problem: Problem) -> tuple[str, ...]:
    link = f"errors.md#{anchor(TITLES[problem.code])}"
    return str(problem.status), f"[`{problem.code}`]({link})", problem.when


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n| {' | '.join('---' for _ in head)} |\n"
    for row in rows:
        yield re.sub(r" {2,}", " ", f"| {' | '.join(row)} |\n")


def _heading_anchor(heading: str) -> str:
    """The anchor that GitHub generates for a heading."""
    return re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")


def _relative(markdown: str) -> str:
    """The text with links to pages in the same folder."""
    return markdown.replace(f"]({DOCUMENTATION_URL}/", "](")


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
