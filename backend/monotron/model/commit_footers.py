"""Footers of a commit message: breaking changes, and `Release-As` of release-please.

A paragraph contains either footers or prose: its first line decides. The running time is linear.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from monotron.model.semver import Final
from monotron.model.series import INT64_MAX

_TOKEN = r"(?:\*\*BREAKING(?:[ -]CHANGES?)?\*\*|BREAKING(?:[ -]CHANGES?)?)"  # noqa: S105
BREAKING_FOOTER = rf"{_TOKEN}: ."

_BREAKING = re.compile(rf"{_TOKEN}: (?P<value>.+)")
_STRICT_BREAKING = re.compile(r"BREAKING[ -]CHANGE: .")
_NUMBER = "(0|[1-9][0-9]{0,18})"
_RELEASE_AS = re.compile(rf"release-as: +v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}$", re.IGNORECASE)

_CANDIDATE = r"(?:(?:\*\*)?BREAKING|(?i:release-as): ).*"
_HEADER = re.compile(_CANDIDATE)
_FOOTER = re.compile(rf"(?:{_TOKEN}|[\w-]++)(?:: | #)")
_LINE = re.compile(
    rf"^(?:(?P<end>(?:#{{1,6}} .*|-{{3,}}|_{{3,}}|\*{{3,}})?\n)|{_CANDIDATE})", re.MULTILINE
)
"""A line that can be a footer of interest, or that ends a paragraph.

An empty line ends it, and a heading or horizontal rule of Markdown.
"""
_STRICT_LINE = re.compile(rf"^(?:(?P<end>\n)|{_CANDIDATE})", re.MULTILINE)

_VALUE_BELOW_TOKEN = re.compile(
    rf"^({_TOKEN}:)\n++(?!(?:{_TOKEN}|[\w-]++)(?::[ \n]|:\Z| #)|#{{1,6}} |---"
    r"|[-*+] \[[ xX]\]|\(cherry picked from |See merge request )[ \t]*",
    re.MULTILINE,
)
"""A footer whose value starts below its token, and is not a footer, heading, rule or checkbox."""

MAX_EXAMINED = 1000
"""The number of footers of one commit that are searched for a version."""

_EMPTY_VALUES = {"", "no", "none", "n/a"}
_DECORATION = " `*_().-–—"


class ReleaseAs(NamedTuple):
    """A final version that a footer requests, and the line of this footer."""

    version: Final
    line: str


class Footers(NamedTuple):
    """The footers of one commit that are used."""

    breaking: str = ""
    """The first line that declares a breaking change. Empty if there is none."""
    release_as: tuple[ReleaseAs, ...] = ()


NO_FOOTERS = Footers()


def parse_footers(header: str, body: str, *, strict: bool = False) -> Footers:
    """Parse the footers in the body. The header can be one, too."""
    lines = [header] if header[:1] in "BRr*" and _HEADER.match(header) else []
    if body and ("BREAKING" in body or "release-as" in body.lower()):
        lines += _footer_lines(body, strict=strict)
    if not lines:
        return NO_FOOTERS
    is_breaking = _STRICT_BREAKING.match if strict else is_breaking_footer
    breaking, release_as = "", list[ReleaseAs]()
    for number, line in enumerate(dict.fromkeys(lines)):
        if not breaking and is_breaking(line):
            breaking = line
        elif number < MAX_EXAMINED and (item := _release_as(line)):
            release_as.append(item)
    return Footers(breaking, tuple(release_as))


def is_breaking_footer(line: str) -> bool:
    """Whether the line declares a breaking change, with a value that is not "none"."""
    match = _BREAKING.match(line)
    return match is not None and not is_empty_value(match["value"])


def is_empty_value(value: str) -> bool:
    """Whether a template was not filled in."""
    return value.strip(_DECORATION).lower() in _EMPTY_VALUES


def _release_as(line: str) -> ReleaseAs | None:
    match = _RELEASE_AS.match(line)
    if not match:
        return None
    version = Final(*map(int, match.groups()))
    return ReleaseAs(version, line) if max(version) <= INT64_MAX else None


def _footer_lines(body: str, *, strict: bool) -> Iterator[str]:
    """The lines of paragraphs that start with a footer, if they can be a footer of interest.

    With *strict*, a value must be on the line of its token, and only empty lines separate
    paragraphs.
    """
    if not strict and ":\n" in body:
        body = _VALUE_BELOW_TOKEN.sub(r"\1 ", body)
    start, are_footers = 0, False if strict else None
    for line in (_STRICT_LINE if strict else _LINE).finditer(body):
        if line["end"]:
            start, are_footers = line.end(), None
            continue
        if are_footers is None:
            are_footers = _FOOTER.match(body, start) is not None
        if are_footers:
            yield line[0]
