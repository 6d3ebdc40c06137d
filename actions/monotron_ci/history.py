"""What merges add to their branches. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Callable

from monotron_ci.commits import Commit

Parents = Mapping[str, Sequence[str]]
"""The parents of the commits of a range, by hash."""


def parents_of(commits: Iterable[Commit]) -> Parents:
    return {commit.hash: commit.parents for commit in commits}


def reachable(parents: Parents, commit: str) -> set[str]:
    """The commits of the range that are *commit*, or precede it."""
    found: set[str] = set()
    waiting = [commit]
    while waiting:
        current = waiting.pop()
        if current in parents and current not in found:
            found.add(current)
            waiting += parents[current]
    return found


def first_parents(commits: Sequence[Commit]) -> list[str]:
    """The commits of the range that were made on its branch, from the first one in the list.

    All commits, if the parents are unknown.
    """
    parents = parents_of(commits)
    if not any(parents.values()):
        return list(parents)
    chain: list[str] = []
    current = commits[0].hash
    while current in parents:
        chain.append(current)
        current = (*parents[current], "")[0]
    return chain


def added_by(parents: Parents, head: str, target: str) -> set[str]:
    """The commits of the range that *head* contains and *target* does not contain."""
    return reachable(parents, head) - reachable(parents, target)


def changing(
    commits: Sequence[Commit], differ: Callable[[Sequence[Commit], int], Sequence[Commit]]
) -> list[Commit]:
    """The commits that change files in the branch that they belong to.

    *differ* returns those of some commits whose files differ from a parent, given by its position.
    A merge of commits outside of the range, such as released ones, differs from its first parent
    only. So without a commit that is not a merge, a merge must differ from all of its parents.
    """
    found = list(differ(commits, 0))
    if any(len(commit.parents) < 2 for commit in found):
        return found
    for position in range(1, max((len(commit.parents) for commit in found), default=0)):
        merges = [commit for commit in found if len(commit.parents) > position]
        equal = {commit.hash for commit in merges}
        equal -= {commit.hash for commit in differ(merges, position)}
        found = [commit for commit in found if commit.hash not in equal]
    return found
