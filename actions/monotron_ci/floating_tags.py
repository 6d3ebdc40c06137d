"""`move-tags`: tags such as `v1` and `v1.2`, which follow the newest version of a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.tags import Tags

MAX_MOVES = 5
"""How often a tag is moved because another build assigned a newer version meanwhile."""


def move_tags(
    tags: Tags,
    client: Client,
    name: str,
    version: str,
    commit: str,
    prefix: str,
    kinds: Sequence[str],
) -> Iterator[str]:
    """Move the tags of *kinds* to *commit*, those in which *version* is the newest one.

    Yields a note for each tag. Raises Failure if GitHub does not move a tag.
    """
    major, minor, _ = version.partition("+")[0].split(".")
    lines = {"major": major, "minor": f"{major}.{minor}"}
    for line in (lines[kind] for kind in lines if kind in kinds):
        newest = _newest(client, name, line)
        if newest != version:
            latest = f"the latest version of {line} is {newest}" if newest else "it has no version"
            yield f"{prefix}{line} was not moved ({latest})"
        else:
            _move(tags, client, name, line, version, commit, prefix)
            yield f"{prefix}{line} was moved"


def _move(
    tags: Tags, client: Client, name: str, line: str, version: str, commit: str, prefix: str
) -> None:
    """Move one tag, and again if a newer version was assigned and tagged meanwhile.

    A build creates the tag of its version before it moves others. So without that tag, the newer
    build will move this one, and otherwise it may have moved it before this build did.
    """
    target: str | None = commit
    for _ in range(MAX_MOVES):
        tags.move(f"{prefix}{line}", str(target))
        newest = _newest(client, name, line)
        if newest == version:
            return
        version, target = newest, tags.commit_of(f"{prefix}{newest}") if newest else None
        if target is None:
            return
    raise Failure(
        f"New versions were assigned {MAX_MOVES} times while the tag {prefix}{line} was moved.",
        "Run the job of the newest version again, which moves the tag.",
    )


def _newest(client: Client, name: str, line: str) -> str:
    """The newest final version of a line, or empty if all of them were withdrawn."""
    try:
        newest = client.newest(name, line)
    except Failure as failure:
        if failure.code != "line_not_found":
            raise
        newest = None
    return newest.version if newest else ""
