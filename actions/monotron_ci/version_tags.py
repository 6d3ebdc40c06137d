"""Version tags: git tags that consist of a prefix and a final version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monotron_ci.responses import INT64_MAX

_FINAL = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(\+[0-9A-Za-z.-]+)?")


class RepositoryTags(NamedTuple):
    """The names of tags of a repository, without `refs/tags/`."""

    all: Sequence[str]
    reachable: Sequence[str] = ()
    """Those of commits that the commit of the build contains, if this is known."""


class VersionTag(NamedTuple):
    """The version of a tag. Tags are ordered by their versions."""

    major: int
    minor: int
    patch: int
    version: str
    """As the tag contains it."""


def version_tags(names: Iterable[str], prefix: str) -> list[VersionTag]:
    """The versions of the tags with *prefix* that are final versions."""
    tags = []
    for name in names:
        version = name[len(prefix) :]
        match = _FINAL.fullmatch(version) if name.startswith(prefix) else None
        # Digits of a longer number need not be converted, which is slow.
        if match and len(version) <= 100:
            major, minor, patch = (int(match[number]) for number in (1, 2, 3))
            if max(major, minor, patch) <= INT64_MAX:
                tags.append(VersionTag(major, minor, patch, version))
    return tags
