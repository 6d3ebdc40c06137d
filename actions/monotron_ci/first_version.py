"""The first version of a name: a project with version tags must not start from 0.0.0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from monotron_ci.errors import Failure
from monotron_ci.git import Unavailable
from monotron_ci.version_tags import RepositoryTags, VersionTag, version_tags


class TagSource(Protocol):
    """Reads tags."""

    name: str

    has_all_tags: bool
    """Whether it knows all tags of the repository. A clone may lack some."""

    def tags(self, prefix: str, commit: str) -> RepositoryTags:
        """The tags that start with *prefix*. Raises `Unavailable` if they cannot be read.

        *commit* is the commit of the build, or empty.
        """


class TagsFound(Failure):
    """The repository has version tags, and the name has no versions."""

    def __init__(self, name: str, tag: str, version: str) -> None:
        """*version* is that of *tag*."""
        cause = f"{name!r} has no versions, but the repository has the tag {tag}."
        super().__init__(cause, code="initial_required")
        self.version = version


def check_first_version(name: str, sources: Iterable[TagSource], prefix: str, commit: str) -> str:
    """Raise `TagsFound` if the repository has version tags with *prefix*.

    Returns a warning if its tags cannot be read, otherwise an empty text.
    """
    reasons = []
    for source in sources:
        try:
            found = source.tags(prefix, commit)
        except Unavailable as error:
            reasons.append(f"{source.name}: {error}")
            continue
        if tag := _highest(found, prefix):
            raise TagsFound(name, f"{prefix}{tag.version}", tag.version.partition("+")[0])
        if source.has_all_tags:
            return ""
    if not reasons:
        return ""
    return (
        f"The tags of the repository cannot be read ({'; '.join(reasons)}), so {name!r} starts "
        "without them. If the project has earlier versions, continue from the last one: "
        f"monotron adopt {name} --version 1.4.2"
    )


def _highest(found: RepositoryTags, prefix: str) -> VersionTag | None:
    """The highest version among the reachable tags, otherwise among all of them."""
    reachable = version_tags(found.reachable, prefix)
    return max(reachable or version_tags(found.all, prefix), default=None)
