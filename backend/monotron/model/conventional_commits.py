"""Conventional Commits 1.0.0: the bump that commit messages require. Pure: no I/O.

The running time is linear in the length of the text: a fixed number of passes, with patterns that
start at the beginning of a line or at a fixed word, and never backtrack.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from monotron.model.component_keys import Component

MAX_REASON_LENGTH = 200
"""The maximum length of a reason, in Unicode characters."""

_RANK: dict[Component, int] = {"patch": 0, "minor": 1, "major": 2}

_HEADER = re.compile(r"(?P<type>[\w-]+)(?:\([^()]+\))?(?P<breaking>!)?: .")
_FOOTER = re.compile(r"(?:BREAKING CHANGE|[\w-]+)(?:: | #)")
_BREAKING = re.compile(r"BREAKING[ -]CHANGE: (.+)")
_EMPTY_VALUES = {"", "no", "none", "n/a"}
_DECORATION = " `*_().-–—"

_VALUE_BELOW_TOKEN = re.compile(
    r"^(BREAKING[ -]CHANGE:)\n++(?!(?:BREAKING CHANGE|[\w-]+)(?::[ \n]|:\Z| #)|#{1,6} |---"
    r"|[-*+] \[[ xX]\]|\(cherry picked from |See merge request )[ \t]*",
    re.MULTILINE,
)
"""A footer whose value starts below its token, and is not a footer, heading, rule or checkbox."""

_HEADING_OR_RULE = re.compile(r"#{1,6} |(?:-{3,}|_{3,}|\*{3,})$")
"""A heading or a horizontal rule of Markdown. The next line starts a paragraph."""

_DELIMITER = re.compile(
    r"^ {0,3}(?P<fence>`{3,}+(?=[^`\n]*$)|~{3,}+)(?P<info>.*)|<!--|-->|<details|</details>",
    re.MULTILINE,
)
_CLOSERS = {"<!--": "-->", "<details": "</details>"}

_MERGE = re.compile(r"Merge (?:pull request #[0-9]|(?:remote-tracking )?branch )|Merged in ")
_TRAILER = re.compile(r"[\w-]+-by: ", re.IGNORECASE)
_REQUEST_TITLE = re.compile(
    r"(?:Merged PR [0-9]+: |Pull request #[0-9]+: )(?P<title>.+)"
    r"|Merge pull request '(?P<quoted>.+)' \(#[0-9]+\) from "
)
"""Headers of merge commits by Azure and Bitbucket Data Center, and by Gitea and Forgejo."""

_REQUEST_NUMBER = re.compile(r" \((?:pull request )?#[0-9]+\)$")
_BULLET = re.compile(
    r"^\* (?=[a-z][a-z0-9_-]*(?:\([^()\n]+\))?!?: .|BREAKING[ -]CHANGE: .)", re.MULTILINE
)
_SQUASHED = re.compile(r"^Squashed commit of the following:$", re.MULTILINE)
_COMMIT = re.compile(r"^commit [0-9a-f]+\n", re.MULTILINE)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class BumpDecision(NamedTuple):
    """A bump, and the line of a message that requires it.

    A breaking change is always major here. The caller handles versions before 1.0.0.
    """

    bump: Component
    reason: str
    """The line: at most `MAX_REASON_LENGTH` characters, without control characters."""


def decide(text: str) -> BumpDecision | None:
    """The highest bump that a message in *text* requires, with the first such line as the reason.

    NUL separates messages, as in `git log --format=%B%x00`. Returns None if *text* contains no
    message.
    """
    claims = (claim for message in _messages(text) for claim in _claims(message))
    best = max(claims, key=lambda claim: _RANK[claim.bump], default=None)
    if best is None:
        return None
    reason = _UNPRINTABLE.sub(" ", best.reason).strip()
    return BumpDecision(best.bump, reason[:MAX_REASON_LENGTH].rstrip())


def _messages(text: str) -> Iterator[str]:
    """The messages in *text* that are not blank, without white space at the ends of lines."""
    text = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    for message in text.split("\0"):
        if message := message.strip():
            yield from _unsquash(_trim(message))


def _trim(text: str) -> str:
    return "\n".join([line.rstrip() for line in text.split("\n")]) if "\n" in text else text


def _unsquash(message: str) -> Iterator[str]:
    """The message, then each commit message that `git merge --squash` listed in it."""
    squashed = _SQUASHED.search(message)
    if not squashed:
        yield message
        return
    own_text, *blocks = _COMMIT.split(message[squashed.end() :])
    logs = [block.partition("\n\n")[2].split("\n") for block in blocks]  # below their metadata
    rest = "\n".join(line for log in logs for line in log if not line.startswith("    "))
    yield message[: squashed.end()] + own_text + rest
    for log in logs:
        lines = (line[4:] for line in log if not line or line.startswith("    "))
        if commit := "\n".join(lines).strip():
            yield commit


def _claims(message: str) -> Iterator[BumpDecision]:
    """The bumps that the message and the commits listed in it by a squash merge require."""
    first, _, rest = message.partition("\n")
    header, body = _header(first, rest)
    body = _trim(_visible(body)) if body else ""
    squash = _REQUEST_NUMBER.search(first) or "\nSee merge request " in rest
    own_body, *squashed = _BULLET.split(body) if squash else [body]
    yield from _claims_of_one(header, own_body)
    for commit in squashed:
        yield from _claims_of_one(*commit.split("\n", 1))


def _header(first: str, rest: str) -> tuple[str, str]:
    """The header and the body. In a merge commit, the title of the request is the header."""
    if titled := _REQUEST_TITLE.match(first):
        return titled["title"] or titled["quoted"], rest
    if _MERGE.match(first):
        title, _, body = rest.lstrip("\n").partition("\n")
        if _HEADER.match(title) and not _TRAILER.match(title):
            return title, body
    return first, rest


def _claims_of_one(header: str, body: str = "") -> Iterator[BumpDecision]:
    """The bump of the header, then one per breaking change in the footers (items 8 to 12)."""
    yield BumpDecision(_bump(header), header)
    if "BREAKING" not in body:
        return
    starts_paragraph, in_footers = True, False
    for line in _VALUE_BELOW_TOKEN.sub(r"\1 ", body).split("\n"):
        if not line or _HEADING_OR_RULE.match(line):
            starts_paragraph = True
            continue
        if starts_paragraph:  # a paragraph contains either footers or prose
            starts_paragraph, in_footers = False, bool(_FOOTER.match(line))
        if in_footers and _breaks(line):
            yield BumpDecision("major", line)


def _bump(header: str) -> Component:
    """The bump of a header; patch if it is not conventional (items 1, 2, 4, 5, 13 to 15)."""
    match = _HEADER.match(header)
    if (match and match["breaking"]) or _breaks(header):
        return "major"
    return "minor" if match and match["type"].lower() == "feat" else "patch"


def _breaks(line: str) -> bool:
    """Whether the line is a BREAKING CHANGE with a value, not "none" (items 12, 15, 16)."""
    match = _BREAKING.match(line)
    return match is not None and match[1].strip(_DECORATION).lower() not in _EMPTY_VALUES


def _visible(body: str) -> str:
    """The body without code fences, HTML comments and `<details>` that are closed."""
    last = {
        mark[0].lstrip()[:3]: mark.start() for mark in _DELIMITER.finditer(body) if not mark["info"]
    }
    kept, start, opened, closer = list[str](), 0, 0, ""
    for mark in _DELIMITER.finditer(body):
        if closer:
            if mark[0].lstrip().startswith(closer) and not mark["info"]:
                kept.append(body[start:opened])
                start, closer = mark.end(), ""
            continue
        expected_closer = mark["fence"] or _CLOSERS.get(mark[0], "")
        if last.get(expected_closer[:3], -1) > mark.start():
            opened, closer = mark.start(), expected_closer
    return "".join([*kept, body[start:]])
