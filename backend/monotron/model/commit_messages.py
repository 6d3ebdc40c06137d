"""Parses commit messages, and drops those that a newer revert cancels. Pure: no I/O."""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from monotron.model.commit_footers import Footers, parse_footers
from monotron.model.commit_headers import Header, parse_header
from monotron.model.commit_reverts import MAYBE_REVERT, RevertPairs, Subject, parse_revert
from monotron.model.commit_texts import CommitText, is_squash, read_literally, read_message

_SKIP_MARKER = re.compile(r"\[(?i:(?:skip|no) release)\]")
_SKIP_LINE = re.compile(rf"^[ \t]*+{_SKIP_MARKER.pattern}$", re.MULTILINE)

_SPECIAL = re.compile(
    rf"{_SKIP_MARKER.pattern}|BREAKING|(?i:release-as)|<!--|<details|Squashed commit"
    r"|\A(?:Merge|Pull request )"
)


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


PlainMessage: TypeAlias = str
"""A message that is one commit, with its header on the first line, and without footers of interest
or `[skip release]`.

Most messages are plain. Because a caller can send hundreds of thousands of them, they are parsed
only if they can change the decision.
"""


def read_messages(
    texts: list[str], *, strict: bool
) -> Iterable[tuple[Message | PlainMessage, bool]]:
    """The messages that no newer revert cancels, and whether each is a revert that cancels another.

    Repetitions are dropped, unless there are reverts.
    """
    if strict or not any(map(MAYBE_REVERT.search, texts)):
        return ((_read(text, strict=strict), False) for text in dict.fromkeys(texts))
    messages = {text: _read(text, strict=False) for text in dict.fromkeys(texts)}
    return _without_reverted(messages[text] for text in texts) or (
        (message, False) for message in messages.values()
    )


def parse_message(text: str, *, strict: bool, is_paired: bool = False) -> Message:
    """Parse a message and the commits that it lists."""
    first_line, own, body, listed = read_literally(text) if strict else read_message(text)
    is_skipped = _has_marker(first_line, body)
    commits = [_parse_commit(commit, is_skipped, strict) for commit in (own, *listed)]
    if is_paired:
        commits[0] = commits[0]._replace(is_paired=True)
    return Message(first_line, commits)


def split_plain(message: PlainMessage) -> tuple[str, str]:
    """The header and the body of a plain message."""
    if "\n" not in message:
        return message, ""
    header, _, body = message.partition("\n")
    return header.rstrip(), body


def _read(text: str, *, strict: bool) -> Message | PlainMessage:
    if _SPECIAL.search(text) or ("\n* " in text and is_squash(*split_plain(text))):
        return parse_message(text, strict=strict)
    return text


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


def _without_reverted(
    messages: Iterable[Message | PlainMessage],
) -> list[tuple[Message | PlainMessage, bool]]:
    """The messages and listed commits that no newer revert cancels. Empty without reverts."""
    pairs = RevertPairs()
    remaining: list[tuple[Message | PlainMessage, int]] = []
    parsed_reverts: list[tuple[int, list[Commit], int]] = []
    for message in messages:
        if isinstance(message, str):
            line = split_plain(message)[0]
            subject = parse_revert(line)
            if not pairs.cancels(subject or (0, line)) and not (
                subject and pairs.cancels((0, line))
            ):
                remaining.append((message, pairs.add_revert(subject) if subject else 0))
            continue
        own = message.commits[0]
        if pairs.cancels(_subject(own)) or pairs.cancels((0, message.first_line)):
            continue  # with everything that it lists
        commits: list[Commit] = []
        for commit in message.commits:
            if commit is not own and pairs.cancels(_subject(commit)):
                continue
            if commit.reverts:
                if commit is not own and commit.reverts == own.reverts:
                    continue  # the message is a squash of this revert
                revert = pairs.add_revert(commit.reverts)
                parsed_reverts.append((revert, commits, len(commits)))
            commits.append(commit)
        remaining.append((Message(message.first_line, commits), 0))
    for revert, commits, place in parsed_reverts:
        if revert in pairs.paired:
            commits[place] = commits[place]._replace(is_paired=True)
    if not pairs.has_reverts:
        return []
    return [(message, revert in pairs.paired) for message, revert in remaining]


def _subject(commit: Commit) -> tuple[int, str]:
    return commit.reverts or (0, commit.text.header)
