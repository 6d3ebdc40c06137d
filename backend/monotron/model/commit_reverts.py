"""Pairs each revert with the nearest older message that has its subject. Pure: no I/O.

git names a revert `Revert "subject"`, and the revert of a revert `Reapply "subject"` (before git
2.43 `Revert "Revert "subject""`). A reapplied commit therefore reverts its revert. Conventional
Commits write `revert: subject`.
"""

import re
from typing import NamedTuple

from monotron.model.commit_headers import without_decoration

MAX_LEVELS = 8
"""Deeper nested reverts are read as a subject."""

_QUOTED = re.compile(r'(?P<verb>revert|reapply):? "(?P<subject>.+)"', re.IGNORECASE)
_TYPED = re.compile(r"revert(?:\([^()\n]++\))?!?(?:: +|：)(?P<subject>.+)", re.IGNORECASE)

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
    while levels < MAX_LEVELS and ('"' in header or "revert" in header.lower()):
        line = without_decoration(header.removesuffix(request_number(header)))
        if match := _QUOTED.fullmatch(line):
            levels += 2 if match["verb"].lower() == "reapply" else 1
        elif match := _TYPED.fullmatch(line):
            levels += 1
        else:
            break
        header = match["subject"]
    return Subject(levels, header) if levels else None


class RevertPairs:
    """Finds the messages that are reverted. Messages are passed newest first."""

    def __init__(self) -> None:
        self._waiting: dict[Subject, list[int]] = {}
        self.paired: set[int] = set()
        """The reverts that cancelled a message."""

    def add_revert(self, revert: int, subject: Subject) -> None:
        """Cancel the next message that *subject* reverts."""
        target = Subject(subject.levels - 1, subject.text)
        self._waiting.setdefault(target, []).append(revert)

    def cancels(self, subject: Subject) -> bool:
        """Whether a newer revert cancels the message with this subject."""
        if not self._waiting:
            return False
        bare = subject.text.removesuffix(request_number(subject.text))
        for candidate in (subject, Subject(subject.levels, bare)):
            if reverts := self._waiting.get(candidate):
                self.paired.add(reverts.pop())
                if not reverts:
                    del self._waiting[candidate]
                return True
        return False
