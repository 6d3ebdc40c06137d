"""Splits the output of `git log` into messages, and messages into the commits that they list.

Pure: no I/O. The running time is linear: a fixed number of passes, with patterns that start at the
beginning of a line or at a fixed word, and never backtrack.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from monotron.errors import BodyTooLarge
from monotron.model.commit_footers import BREAKING_FOOTER
from monotron.model.commit_headers import LISTED_HEADER, PLAIN_HEADER, parse_header
from monotron.model.commit_reverts import parse_revert, request_number

MAX_COMMITS = 20_000
"""The number of messages in a text, and of commits that they list. Each may have to be parsed,
which takes up to 20 µs."""

_TRAILING_SPACE = re.compile(r"(?<![^\S\n])[^\S\n]++(?=\n|\Z)")

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

_BULLET = re.compile(
    rf'^\* (?={LISTED_HEADER}|{BREAKING_FOOTER}|Re(?:vert|apply) "[^\n]+")', re.MULTILINE
)
_SQUASHED = re.compile(r"^Squashed commit of the following:$", re.MULTILINE)
_COMMIT = re.compile(r"^commit [0-9a-f]+\n", re.MULTILINE)


class CommitText(NamedTuple):
    """The message of one commit, in two parts."""

    header: str
    """The first line. In a merge commit, the title of the request."""
    body: str = ""


class MessageText(NamedTuple):
    """A message, and the commits that a squash listed in it."""

    first_line: str
    own: CommitText
    body: str = ""
    """The body, including the listed commits."""
    listed: tuple[CommitText, ...] = ()
    """Newest first. git lists them in this order, GitHub and GitLab in the opposite order."""


def split_messages(text: str) -> list[str]:
    """The messages in *text* that are not blank. Raises `BodyTooLarge`."""
    text = text.replace("\ufeff", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    messages = [message for part in text.split("\0") if (message := part.strip())]
    listed = text.count("\n* ") + text.count("\ncommit ")  # at most
    if len(messages) + listed > MAX_COMMITS:
        listed = len(_BULLET.findall(text)) + len(_COMMIT.findall(text))
        if len(messages) + listed > MAX_COMMITS:
            raise BodyTooLarge(
                f"The text contains more than {MAX_COMMITS:,} commits. Send only the commits since "
                "the last version. For a name without versions, adopt the last version first."
            )
    return messages


def read_literally(message: str) -> MessageText:
    """The message as Conventional Commits 1.0.0 read it: a header, and all text below it."""
    first_line, _, body = _trim(message).partition("\n")
    return MessageText(first_line, CommitText(first_line, body), body)


def read_message(message: str) -> MessageText:
    """The message with the title of its request, the visible part of its body, listed commits."""
    if "\n" not in message:
        return MessageText(message, CommitText(_header(message, "")[0]))
    message = _trim(message)
    if not ("Squashed" in message and (squashed := _SQUASHED.search(message))):
        return _unlist(message)
    own, *commits = map(_unlist, _unsquash(message, squashed.end()))
    listed = (*own.listed, *(each for commit in commits for each in (commit.own, *commit.listed)))
    return own._replace(listed=listed)


def _unlist(message: str) -> MessageText:
    """The message, and the commits in the list of a squash by a forge."""
    first_line, _, rest = message.partition("\n")
    header, body = _header(first_line, rest)
    if (visible := _visible(body)) != body:
        body = _trim(visible)
    is_squash = "* " in body and (request_number(first_line) or "\nSee merge request " in rest)
    if not is_squash:
        return MessageText(first_line, CommitText(header, body), body)
    own_body, *commits = _BULLET.split(body)
    listed = tuple([_split_header(commit) for commit in reversed(commits)])
    return MessageText(first_line, CommitText(header, own_body), body, listed)


def _split_header(commit: str) -> CommitText:
    header, _, body = commit.partition("\n")
    return CommitText(header, body)


def _trim(text: str) -> str:
    """The text without white space at the ends of lines."""
    return _TRAILING_SPACE.sub("", text)


def _unsquash(message: str, end: int) -> Iterator[str]:
    """The message, then each commit message that `git merge --squash` listed in it below *end*."""
    own_text, *blocks = _COMMIT.split(message[end:])
    logs = [block.partition("\n\n")[2].split("\n") for block in blocks]  # below their metadata
    rest = "\n".join(line for log in logs for line in log if not line.startswith("    "))
    yield message[:end] + own_text + rest
    for log in logs:
        lines = (line[4:] for line in log if not line or line.startswith("    "))
        if commit := "\n".join(lines).strip():
            yield commit


def _header(first_line: str, rest: str) -> tuple[str, str]:
    """The header and the body. In a merge commit, the title of the request is the header."""
    if not first_line.startswith(("Merge", "Pull request ")):
        return first_line, rest
    if titled := _REQUEST_TITLE.match(first_line):
        return titled["title"] or titled["quoted"], rest
    if rest and _MERGE.match(first_line):
        title, _, body = rest.lstrip("\n").partition("\n")
        if not _TRAILER.match(title) and (
            parse_header(title) != PLAIN_HEADER or parse_revert(title)
        ):
            return title, body
    return first_line, rest


def _visible(body: str) -> str:
    """The body without code fences, HTML comments and `<details>` that are closed."""
    if not ("```" in body or "~~~" in body or "<" in body):
        return body
    marks = list(_DELIMITER.finditer(body))
    last = {mark[0].lstrip()[:3]: mark.start() for mark in marks if not mark["info"]}
    kept, start, opened, closer = list[str](), 0, 0, ""
    for mark in marks:
        if closer:
            if mark[0].lstrip().startswith(closer) and not mark["info"]:
                kept.append(body[start:opened])
                start, closer = mark.end(), ""
            continue
        expected_closer = mark["fence"] or _CLOSERS.get(mark[0], "")
        if last.get(expected_closer[:3], -1) > mark.start():
            opened, closer = mark.start(), expected_closer
    return "".join([*kept, body[start:]]) if kept else body
