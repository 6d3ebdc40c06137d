"""Parses commit messages, and drops those that a newer revert cancels. Pure: no I/O."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from monotron.model.commit_footers import Footers, parse_footers
from monotron.model.commit_headers import Header, parse_header
from monotron.model.commit_reverts import MAYBE_REVERT, RevertPairs, Subject, parse_revert
from monotron.model.commit_texts import CommitText, read_literally, read_message

_SKIP_MARKER = re.compile(r"\[(?i:(?:skip|no) release)\]")
_SKIP_LINE = re.compile(rf"^[ \t]*+{_SKIP_MARKER.pattern}$", re.MULTILINE)

_LISTING = (
    r"Squashed commit|\A(?:Merge|Pull request )|\A[^\n]*\)[^\S\n]*+\n(?s:.*\n)?\* "
    r"|\nSee merge request "
)
_MAY_LIST = re.compile(_LISTING)
"""A part of every message that lists commits, or that has the title of a request as its header."""
_SPECIAL = re.compile(rf"{_SKIP_MARKER.pattern}|BREAKING|(?i:release-as)|<!--|<details|{_LISTING}")


class Commit(NamedTuple):
    """One commit, parsed."""

    text: CommitText
    header: Header
    footers: Footers
    reverts: Subject | None
    is_skipped: bool
    """Whether the commit contains `[skip release]`."""
    is_paired: bool = False
    """Whether the commit is a revert that cancels another one."""


class Message(NamedTuple):
    """A parsed message."""

    first_line: str
    commits: list[Commit]
    """The message's own commit, then the commits that it lists, newest first."""


def read_messages(texts: list[str], *, strict: bool) -> Iterable[tuple[Message | str, bool]]:
    """The messages that no newer revert cancels, and whether each is a revert that cancels another.

    Most messages are not parsed, because a caller can send hundreds of thousands of them.
    Repetitions are dropped, unless there are reverts.
    """
    if not strict and any(map(MAYBE_REVERT.search, texts)):
        remaining = _without_reverted(texts)
        if remaining:
            return remaining
    return ((text, False) for text in dict.fromkeys(texts))


def is_plain(text: str) -> bool:
    """Whether a message is one commit without footers of interest and without `[skip release]`.

    Its header is the first line. Lines of its body can resemble a marker.
    """
    return _SPECIAL.search(text) is None


def parse_message(text: str, *, strict: bool, is_paired: bool = False) -> Message:
    """Parse a message and the commits that it lists."""
    first_line, own, body, listed = read_literally(text) if strict else read_message(text)
    is_skipped = _has_marker(first_line, body)
    commits = [_parse_commit(commit, is_skipped, strict) for commit in (own, *listed)]
    if is_paired:
        commits[0] = commits[0]._replace(is_paired=True)
    return Message(first_line, commits)


def split_plain(text: str) -> tuple[str, str]:
    """The header and the body of a message that lists no commits."""
    if "\n" not in text:
        return text, ""
    header, _, body = text.partition("\n")
    return header.rstrip(), body


def _parse_commit(text: CommitText, is_skipped: bool, strict: bool) -> Commit:
    header, body = text
    return Commit(
        text,
        parse_header(header, strict=strict),
        parse_footers(header, body, strict=strict),
        None if strict else parse_revert(header),
        is_skipped or _has_marker(header, body),
    )


def _has_marker(header: str, body: str) -> bool:
    """Whether a marker is in the header, or on a line of its own in the body."""
    return ("[" in header and _SKIP_MARKER.search(header) is not None) or (
        "[" in body and _SKIP_LINE.search(body) is not None
    )


def _without_reverted(texts: Iterable[str]) -> list[tuple[Message | str, bool]]:
    """The messages and listed commits that no newer revert cancels. Empty without reverts."""
    pairs = RevertPairs()
    remaining: list[tuple[Message | str, int]] = []
    listed_reverts: list[tuple[int, list[Commit], int]] = []
    for text in texts:
        may_revert = MAYBE_REVERT.search(text)
        if (may_revert or pairs.are_waiting) and _MAY_LIST.search(text):
            message = parse_message(text, strict=False)
            message.commits[:] = _remaining_commits(message, pairs, listed_reverts)
            if message.commits:
                remaining.append((message, 0))
            continue
        line = split_plain(text)[0]
        subject = parse_revert(line) if may_revert else None
        if subject and pairs.cancels(subject):
            continue
        if not pairs.cancels((0, line)):
            remaining.append((text, pairs.add_revert(subject) if subject else 0))
    for revert, commits, place in listed_reverts:
        if revert in pairs.paired:
            commits[place] = commits[place]._replace(is_paired=True)
    if not pairs.has_reverts:
        return []
    return [(message, revert in pairs.paired) for message, revert in remaining]


def _remaining_commits(
    message: Message, pairs: RevertPairs, listed_reverts: list[tuple[int, list[Commit], int]]
) -> list[Commit]:
    """The commits of a message that no newer revert cancels, with their reverts as waiting."""
    own = message.commits[0]
    if pairs.cancels(_subject(own)) or pairs.cancels((0, message.first_line)):
        return []  # with everything that it lists
    commits: list[Commit] = []
    for commit in message.commits:
        if commit is not own and pairs.cancels(_subject(commit)):
            continue
        if commit.reverts:
            if commit is not own and commit.reverts == own.reverts:
                continue  # the message is a squash of this revert
            revert = pairs.add_revert(commit.reverts)
            listed_reverts.append((revert, message.commits, len(commits)))
        commits.append(commit)
    return commits


def _subject(commit: Commit) -> tuple[int, str]:
    return commit.reverts or (0, commit.text.header)
