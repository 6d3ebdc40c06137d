"""Pairs each revert with the nearest older message that has its subject. Pure: no I/O.

git names a revert `Revert "subject"`, and the revert of a revert `Reapply "subject"` (before git
2.43 `Revert "Revert "subject""`). A reapplied commit therefore reverts its revert. Conventional
Commits write `revert: subject`.
"""

import re
from typing import NamedTuple

from monotron.model.commit_headers import AROUND

MAX_LEVELS = 8
"""Deeper nested reverts are read as a subject."""

_REVERT = re.compile(
    rf'{AROUND}(?i:(?P<verb>revert|reapply):? "(?P<quoted>.+)"'
    r"|revert(?:\([^()\n]++\))?!?(?:: +|：)(?P<typed>.+))"
)
MAYBE_REVERT = re.compile(r'(?i:re(?:vert|apply):? "|revert(?:\([^()\n]++\))?!?(?:: |：))')
"""A part of every header of a revert."""

_REQUEST_NUMBER = re.compile(r" \((?:(?:pull request )?#|(?:[\w.-]++(?:/[\w.-]++)++)?!)[0-9]++\)")


class Subject(NamedTuple):
    """The subject of a message, without the reverts around it."""

    levels: int
    """0 for a commit, 1 for its revert, 2 for the revert of its revert, and so on."""
    text: str


def request_number(header: str) -> str:
    """The number of the request at the end of a squash title, such as ` (#12)`, or nothing."""
    start = header.rfind(" (")
    match = _REQUEST_NUMBER.fullmatch(header, start) if start >= 0 else None
    return match[0] if match else ""


def parse_revert(header: str) -> Subject | None:
    """The subject of a revert, and how often it is reverted. None for another header."""
    levels = 0
    while levels < MAX_LEVELS and MAYBE_REVERT.search(header):
        match = _REVERT.fullmatch(header.removesuffix(request_number(header)))
        if not match:
            break
        verb, quoted, typed = match.group("verb", "quoted", "typed")
        levels += 2 if quoted and verb.lower() == "reapply" else 1
        header = quoted or typed
    return Subject(levels, header) if levels else None


class RevertPairs:
    """Finds the messages that are reverted. Messages are passed newest first."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, str], int] = {}
        """The last revert of each subject that is to be cancelled."""
        self._previous = [0]
        """For each revert, the previous one of its subject, or 0."""
        self.paired: set[int] = set()
        """The reverts that cancelled a message."""

    @property
    def are_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def has_reverts(self) -> bool:
        return len(self._previous) > 1

    def add_revert(self, subject: Subject) -> int:
        """Cancel the next message that *subject* reverts. Returns the number of the revert."""
        target, revert = (subject.levels - 1, subject.text), len(self._previous)
        self._previous.append(self._waiting.get(target, 0))
        self._waiting[target] = revert
        return revert

    def cancels(self, subject: tuple[int, str]) -> bool:
        """Whether a newer revert cancels the message with this `Subject`."""
        if not self._waiting:
            return False
        if subject not in self._waiting:
            levels, text = subject
            subject = (levels, text.removesuffix(request_number(text)))
        if revert := self._waiting.pop(subject, 0):
            self.paired.add(revert)
            if previous := self._previous[revert]:
                self._waiting[subject] = previous
        return revert > 0
