"""Conventional Commits: the bump that commit messages request. Pure: no I/O.

The running time is linear in the length of the text. `commit_texts` splits it into messages and
commits, `commit_headers` and `commit_footers` read a commit, `commit_messages` pairs reverts with
their commits, and `commit_notes` reports text that resembles a marker.
"""

from itertools import islice
from typing import NamedTuple

from monotron.model.commit_footers import ReleaseAs
from monotron.model.commit_headers import PLAIN_HEADER, Header, parse_header
from monotron.model.commit_messages import (
    Commit,
    Message,
    is_plain,
    parse_message,
    read_messages,
    split_plain,
)
from monotron.model.commit_notes import (
    MAX_CANDIDATES,
    MAX_NOTE_LENGTH,
    MAX_NOTES,
    SYNONYMS,
    is_prose,
    may_have_notes,
    notes_on,
)
from monotron.model.commit_reverts import parse_revert
from monotron.model.commit_rules import DEFAULT_RULES, CommitRules
from monotron.model.commit_texts import split_messages
from monotron.model.component_keys import Component
from monotron.model.printable_lines import printable_line
from monotron.model.semver import Final

__all__ = ["MAX_NOTES", "MAX_NOTE_LENGTH", "CommitDecision", "CommitRules", "ReleaseAs", "decide"]

MAX_REASON_LENGTH = 200
"""The maximum length of a reason, in Unicode characters."""

MAX_RELEASE_AS = 10

_BUMPS: tuple[Component | None, ...] = (None, "patch", "minor", "major")
_RANK = {bump: rank for rank, bump in enumerate(_BUMPS)}


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
    tally = _Tally(rules.in_lower_case())
    for message, is_paired in read_messages(texts, strict=rules.strict):
        if not isinstance(message, str):
            tally.add(message)
        elif tally.can_change(message, is_paired):
            tally.add(parse_message(message, strict=rules.strict, is_paired=is_paired))
    return tally.decision(len(texts))


class _Tally:
    """What messages request, which are added newest first."""

    def __init__(self, rules: CommitRules) -> None:
        self._rules = rules
        self._types = rules.minor_types | rules.skip_types | SYNONYMS
        self._best: _Claim | None = None
        self._rank = -1
        self._release_as: dict[Final, ReleaseAs] = {}
        self._notes: dict[str, None] = {}
        self._candidates = MAX_CANDIDATES
        self._accepts_notes = True
        self._irrelevant: set[str] = set()

    def can_change(self, message: str, is_paired: bool) -> bool:
        """Whether the message requests more than those before it, or can have notes."""
        if message in self._irrelevant:
            return False
        if not is_plain(message):
            return True
        rules = self._rules
        if is_prose(message, self._types) and _RANK[_bump(PLAIN_HEADER, "", rules)] <= self._rank:
            self._irrelevant.add(message)
            return False
        line, body = split_plain(message)
        header = parse_header(line, strict=rules.strict)
        is_untyped_revert = '"' in line and not header.type and not rules.strict
        type = "revert" if is_untyped_revert and parse_revert(line) else header.type
        bump = None if is_paired and not header.is_breaking else _bump(header, type, rules)
        if _RANK[bump] > self._rank or (
            self._accepts_notes and may_have_notes(line, body, header, bump, rules)
        ):
            return True
        if not is_paired:
            self._irrelevant.add(message)
        return False

    def add(self, message: Message) -> None:
        """Add the commits of a message."""
        highest = 0
        for commit in message.commits:
            claim = _claim(commit, self._rules)
            rank = _RANK[claim[0]]
            highest = max(highest, rank)
            if rank > self._rank:
                self._rank, self._best = rank, claim
            if commit.footers.release_as and not commit.is_skipped:
                for item in commit.footers.release_as:
                    self._release_as.setdefault(item.version, item)
        if not self._accepts_notes:
            return
        bump = _BUMPS[highest]
        for commit in message.commits:
            if commit.is_skipped or commit.reverts:
                continue
            if may_have_notes(*commit.text, commit.header, bump, self._rules):
                found = notes_on(commit.text, commit.header, commit.footers, bump, self._rules)
                for note in islice(found, self._candidates):
                    self._notes[note] = None
                    self._candidates -= 1
        self._accepts_notes = len(self._notes) < MAX_NOTES and self._candidates > 0

    def decision(self, messages: int) -> CommitDecision:
        """The decision about this number of messages."""
        assert self._best is not None  # noqa: S101 - the newest message is never reverted
        bump, line, obstacle = self._best
        if bump is None:
            line = f"No commit requests a version. The newest {obstacle}: {line}"
        return CommitDecision(
            bump,
            printable_line(line, MAX_REASON_LENGTH),
            tuple(islice(self._release_as.values(), MAX_RELEASE_AS)),
            tuple(islice(self._notes, MAX_NOTES)),
            messages,
        )


def _claim(commit: Commit, rules: CommitRules) -> _Claim:
    line, header = commit.text.header, commit.header
    if commit.is_skipped:
        return None, line, "contains [skip release] or [no release]"
    if not header.is_breaking:
        if commit.footers.breaking:
            return "major", commit.footers.breaking, ""
        if commit.is_paired:
            return None, line, "is a revert"
    type = header.type or ("revert" if commit.reverts else "")
    bump = _bump(header, type, rules)
    return bump, line, "" if bump else f"has the skipped type {type}"


def _bump(header: Header, type: str, rules: CommitRules) -> Component | None:
    """The bump that a header of this type requests."""
    if header.is_breaking:
        return "major"
    if type in rules.skip_types:
        return None
    return "minor" if header.is_feature or type in rules.minor_types else "patch"
