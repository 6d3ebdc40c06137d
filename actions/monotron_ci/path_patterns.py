"""Patterns of files, with the meaning that git gives them after `:(top,glob)`.

https://git-scm.com/docs/gitglossary#Documentation/gitglossary.txt-aiddefpathspecapathspec
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Callable

from monotron_ci.git import Unavailable

_WILDCARD = re.compile(r"(\*+)(/?)|\?")


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A function that returns whether a file matches one of the patterns.

    A pattern matches files, or everything in a folder. Raises `Unavailable` for a pattern that only
    git can match.
    """
    regex = re.compile(b"|".join(map(_regex, patterns)), re.DOTALL)

    def matches(file: str) -> bool:
        # git compares bytes: `?` matches one of them.
        return regex.fullmatch(file.encode(errors="replace")) is not None

    return matches


def _regex(pattern: str) -> bytes:
    if "[" in pattern or "\\" in pattern:
        raise Unavailable(f"only git can match {pattern!r}, because it contains `[` or `\\`")
    # git also compares the pattern as it is, even if it contains wildcards.
    content = ".*" if pattern.endswith("/") else "(/.*)?"
    return f"{re.escape(pattern)}{content}|{_glob(pattern)}".encode()


def _glob(pattern: str) -> str:
    """The regular expression of wildcards. `**` matches several folders if it is a whole name."""
    parts = []
    end = 0
    for match in _WILDCARD.finditer(pattern):
        start = match.start()
        parts.append(re.escape(pattern[end:start]))
        stars, slash = match.groups()
        # For git, the wildcards start a new pattern after the pattern before the first one.
        begins = (not end and len(parts) == 1) or pattern[start - 1] == "/"
        if not stars:
            parts.append("[^/]")
        elif len(stars) > 1 and begins and (slash or match.end() == len(pattern)):
            parts.append("(.*/)?" if slash else ".*")
        else:
            parts.append(f"[^/]*{slash}")
        end = match.end()
    return "".join([*parts, re.escape(pattern[end:])])
