"""Conventional Commits: the bump that commit messages request. Pure: no I/O.

The running time is linear in the length of the text. `commit_texts` splits it into messages and
commits, `commit_headers` and `commit_footers` read a commit, `commit_reverts` pairs reverts with
their commits, and `commit_notes` reports text that resembles a marker.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import NamedTuple

from monotron.model.commit_footers import NO_FOOTERS, Footers, ReleaseAs, parse_footers
from monotron.model.commit_headers import Header, parse_header
from monotron.model.commit_kinds import SimpleKinds
from monotron.model.commit_notes import MAX_CANDIDATES, MAX_NOTE_LENGTH, MAX_NOTES, notes_on
from monotron.model.commit_reverts import RevertPairs, Subject, parse_revert, request_number
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
    reverts: Subject | None
    is_skipped: bool
    """Whether the commit contains `[skip release]`."""
    is_paired: bool = False
    """Whether the commit is a revert that cancels another one."""


class _Message(NamedTuple):
    first_line: str
    commits: tuple[_Commit, ...]
    """The message's own commit, then the commits that it lists, newest first."""


_Claim = tuple[Component | None, str, str]
"""The bump that a commit requests, its line, and why it requests no version."""


def decide(text: str, rules: CommitRules = DEFAULT_RULES) -> CommitDecision | None:
    """The highest bump that a commit in *text* requests, with the newest such line as the reason.

    NUL separates messages, as in `git log --format=%B%x00`. The newest message is the first one.
    Returns None if *text* contains no message.
    """
    texts = split_messages(text)
    if not texts:
        return None
    rules = rules.in_lower_case()
    messages = _significant(texts, rules)
    best: _Claim | None = None
    release_as: dict[Final, ReleaseAs] = {}
    notes, candidates = dict[str, None](), MAX_CANDIDATES
    for message in messages:
        highest: Component | None = None
        for commit in message.commits:
            claim = _claim(commit, rules)
            if _RANK[claim[0]] > _RANK[highest]:
                highest = claim[0]
            if best is None or _RANK[claim[0]] > _RANK[best[0]]:
                best = claim
            if commit.footers is not NO_FOOTERS and not commit.is_skipped:
                for item in commit.footers.release_as:
                    release_as.setdefault(item.version, item)
        for commit in message.commits if len(notes) < MAX_NOTES and candidates > 0 else ():
            if not commit.is_skipped and not commit.reverts:
                found = notes_on(commit.text, commit.header, commit.footers, highest, rules)
                for note in islice(found, candidates):
                    notes[note] = None
                    candidates -= 1
    assert best is not None  # noqa: S101 - the newest message is never reverted
    bump, line, obstacle = best
    if bump is None:
        line = f"No commit requests a version. The newest {obstacle}: {line}"
    return CommitDecision(
        bump,
        printable_line(line, MAX_REASON_LENGTH),
        tuple(release_as.values())[:MAX_RELEASE_AS],
        tuple(notes)[:MAX_NOTES],
        len(texts),
    )


def _significant(texts: list[str], rules: CommitRules) -> Iterable[_Message]:
    """The messages that can change the decision, without those that a newer revert cancels.

    Repetitions are dropped, unless there are reverts. Of the simple messages of one kind, only the
    newest is parsed, because a caller can send hundreds of thousands of them.
    """
    kind_of = SimpleKinds(rules)
    kinds = {text: kind_of(text) for text in dict.fromkeys(texts)}
    parsed = {
        text: _parse(text, strict=rules.strict) for text, kind in kinds.items() if kind is None
    }
    commits = (commit for message in parsed.values() for commit in message.commits)
    reverted = {commit.reverts.text for commit in commits if commit.reverts}
    messages, seen = list[_Message](), set[str | None]()
    for text in texts if reverted else kinds:
        kind = kinds[text]
        if kind is None:
            messages.append(parsed[text])
            continue
        is_reverted = bool(reverted) and (
            text in reverted or text.removesuffix(request_number(text)) in reverted
        )
        if is_reverted or kind not in seen:
            messages.append(_parse(text, strict=rules.strict))
        if not is_reverted:
            seen.add(kind)
    return _without_reverted(messages) if reverted else messages


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
        None if strict else parse_revert(header),
        is_skipped or _has_marker(header, body),
    )


def _has_marker(header: str, body: str) -> bool:
    """Whether a marker is in the header, or on a line of its own in the body."""
    return bool(
        ("[" in header and _SKIP_MARKER.search(header)) or ("[" in body and _SKIP_LINE.search(body))
    )


def _without_reverted(messages: list[_Message]) -> Iterator[_Message]:
    """The messages and listed commits that no newer revert cancels."""
    pairs, numbers = RevertPairs(), count()
    remaining: list[tuple[_Message, list[tuple[int, _Commit]]]] = []
    for message in messages:
        own = message.commits[0]
        if pairs.cancels(_subject(own)) or pairs.cancels(Subject(0, message.first_line)):
            continue  # with everything that it lists
        commits = []
        for number, commit in zip(numbers, message.commits, strict=False):
            is_own = commit is own
            if not is_own and pairs.cancels(_subject(commit)):
                continue
            if commit.reverts:
                if not is_own and commit.reverts == own.reverts:
                    continue  # the message is a squash of this revert
                pairs.add_revert(number, commit.reverts)
            commits.append((number, commit))
        remaining.append((message, commits))
    for message, commits in remaining:
        yield _Message(
            message.first_line,
            tuple(
                commit._replace(is_paired=True) if number in pairs.paired else commit
                for number, commit in commits
            ),
        )


def _subject(commit: _Commit) -> Subject:
    return commit.reverts or Subject(0, commit.text.header)


def _claim(commit: _Commit, rules: CommitRules) -> _Claim:
    line, header = commit.text.header, commit.header
    if commit.is_skipped:
        return None, line, "contains [skip release] or [no release]"
    if header.is_breaking:
        return "major", line, ""
    if commit.footers.breaking:
        return "major", commit.footers.breaking, ""
    if commit.is_paired:
        return None, line, "is a revert"
    type = header.type or ("revert" if commit.reverts else "")
    if type in rules.skip_types:
        return None, line, f"has the skipped type {type}"
    return "minor" if header.is_feature or type in rules.minor_types else "patch", line, ""
