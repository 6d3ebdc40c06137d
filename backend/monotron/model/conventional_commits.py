"""Conventional Commits: the bump that commit messages request. Pure: no I/O.

The running time is linear in the length of the text. `commit_texts` splits it into messages and
commits, `commit_headers` and `commit_footers` read a commit, `commit_reverts` pairs reverts with
their commits, and `commit_notes` reports text that resembles a marker.
"""

import re
from collections.abc import Iterator
from itertools import count, islice
from typing import NamedTuple

from monotron.model.commit_footers import Footers, ReleaseAs, parse_footers
from monotron.model.commit_headers import Header, parse_header
from monotron.model.commit_notes import MAX_CANDIDATES, MAX_NOTE_LENGTH, MAX_NOTES, notes_on
from monotron.model.commit_reverts import RevertPairs, Subject, parse_subject
from monotron.model.commit_rules import DEFAULT_RULES, CommitRules
from monotron.model.commit_texts import CommitText, read_literally, read_message, split_messages
from monotron.model.component_keys import Component
from monotron.model.printable_lines import printable_line
from monotron.model.semver import Final

__all__ = ["MAX_NOTES", "MAX_NOTE_LENGTH", "CommitDecision", "CommitRules", "ReleaseAs", "decide"]

MAX_REASON_LENGTH = 200
"""The maximum length of a reason, in Unicode characters."""

MAX_RELEASE_AS = 10

_RANK: dict[Component | None, int] = {None: -1, "patch": 0, "minor": 1, "major": 2}

_SKIP_MARKER = re.compile(r"\[(?:skip|no) release\]", re.IGNORECASE)
_SKIP_LINE = re.compile(rf"^[ \t]*+{_SKIP_MARKER.pattern}$", re.IGNORECASE | re.MULTILINE)


class CommitDecision(NamedTuple):
    """What the commit messages in a text request.

    A breaking change is always major here. The caller handles versions before 1.0.0.
    """

    bump: Component | None
    """None if no commit requests a version."""
    reason: str
    """The line that requests the bump, or a sentence why no commit requests a version.

    At most `MAX_REASON_LENGTH` characters, without control characters.
    """
    release_as: tuple[ReleaseAs, ...] = ()
    """Versions that `Release-As` footers request, newest first: at most `MAX_RELEASE_AS`."""
    notes: tuple[str, ...] = ()
    """Lines that resemble a marker, but were not used: at most `MAX_NOTES`."""
    messages: int = 1
    """The number of messages."""


class _Commit(NamedTuple):
    text: CommitText
    header: Header
    footers: Footers
    subject: Subject
    is_skipped: bool
    """Whether the commit contains `[skip release]`."""
    is_paired: bool = False
    """Whether the commit is a revert that cancels another one."""


class _Message(NamedTuple):
    first_line: str
    commits: tuple[_Commit, ...]
    """The message's own commit, then the commits that it lists, newest first."""


class _Claim(NamedTuple):
    bump: Component | None
    line: str
    obstacle: str = ""
    """Why the commit requests no version."""


def decide(text: str, rules: CommitRules = DEFAULT_RULES) -> CommitDecision | None:
    """The highest bump that a commit in *text* requests, with the newest such line as the reason.

    NUL separates messages, as in `git log --format=%B%x00`. The newest message is the first one.
    Returns None if *text* contains no message.
    """
    texts = split_messages(text)
    if not texts:
        return None
    rules = rules.in_lower_case()
    parsed = {text: _parse(text, strict=rules.strict) for text in dict.fromkeys(texts)}
    messages = list(parsed.values())  # repetitions change nothing, unless there are reverts
    if any(commit.subject.levels for message in messages for commit in message.commits):
        messages = _without_reverted([parsed[text] for text in texts])
    claims = [[_claim(commit, rules) for commit in message.commits] for message in messages]
    best = max((claim for group in claims for claim in group), key=_rank)
    reason = best.line
    if best.bump is None:
        reason = f"No commit requests a version. The newest {best.obstacle}: {best.line}"
    bumps = [max(group, key=_rank).bump for group in claims]
    counted = [
        (commit, bump)
        for message, bump in zip(messages, bumps, strict=True)
        for commit in message.commits
        if not commit.is_skipped
    ]
    release_as: dict[Final, ReleaseAs] = {}
    for commit, _ in counted:
        for item in commit.footers.release_as:
            release_as.setdefault(item.version, item)
    notes = (note for commit, bump in counted for note in _notes(commit, bump, rules))
    return CommitDecision(
        best.bump,
        printable_line(reason, MAX_REASON_LENGTH),
        tuple(release_as.values())[:MAX_RELEASE_AS],
        tuple(islice(dict.fromkeys(islice(notes, MAX_CANDIDATES)), MAX_NOTES)),
        len(texts),
    )


def _parse(text: str, *, strict: bool) -> _Message:
    message = read_literally(text) if strict else read_message(text)
    is_skipped = _has_marker(message.first_line, message.body)
    commits = tuple(
        _parse_commit(commit, is_skipped=is_skipped, strict=strict)
        for commit in (message.own, *message.listed)
    )
    return _Message(message.first_line, commits)


def _parse_commit(text: CommitText, *, is_skipped: bool, strict: bool) -> _Commit:
    header, body = text
    return _Commit(
        text,
        parse_header(header, strict=strict),
        parse_footers(header, body, strict=strict),
        Subject(0, header) if strict else parse_subject(header),
        is_skipped or _has_marker(header, body),
    )


def _has_marker(header: str, body: str) -> bool:
    """Whether a marker is in the header, or on a line of its own in the body."""
    return bool(
        ("[" in header and _SKIP_MARKER.search(header)) or ("[" in body and _SKIP_LINE.search(body))
    )


def _without_reverted(messages: list[_Message]) -> list[_Message]:
    """The messages and listed commits that no newer revert cancels."""
    pairs, numbers = RevertPairs(), count()
    remaining: list[tuple[_Message, list[tuple[int, _Commit]]]] = []
    for message in messages:
        own = message.commits[0]
        if pairs.cancels(own.subject) or pairs.cancels(Subject(0, message.first_line)):
            continue  # with everything that it lists
        commits = []
        for number, commit in zip(numbers, message.commits, strict=False):
            is_own = commit is own
            if not is_own and pairs.cancels(commit.subject):
                continue
            if commit.subject.levels:
                if not is_own and commit.subject == own.subject:
                    continue  # the message is a squash of this revert
                pairs.add_revert(number, commit.subject)
            commits.append((number, commit))
        remaining.append((message, commits))
    return [
        message._replace(
            commits=tuple(
                commit._replace(is_paired=number in pairs.paired) for number, commit in commits
            )
        )
        for message, commits in remaining
    ]


def _claim(commit: _Commit, rules: CommitRules) -> _Claim:
    line, header = commit.text.header, commit.header
    if commit.is_skipped:
        return _Claim(None, line, "contains [skip release] or [no release]")
    if header.is_breaking:
        return _Claim("major", line)
    if commit.footers.breaking:
        return _Claim("major", commit.footers.breaking)
    if commit.is_paired:
        return _Claim(None, line, "is a revert")
    type = header.type or ("revert" if commit.subject.levels else "")
    if type in rules.skip_types:
        return _Claim(None, line, f"has the skipped type {type}")
    return _Claim("minor" if header.is_feature or type in rules.minor_types else "patch", line)


def _rank(claim: _Claim) -> int:
    return _RANK[claim.bump]


def _notes(commit: _Commit, bump: Component | None, rules: CommitRules) -> Iterator[str]:
    if commit.subject.levels:
        return iter(())
    return notes_on(commit.text, commit.header, commit.footers, bump, rules)
