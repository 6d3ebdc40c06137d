"""The versions of an open pull request, for each method of merging it.

https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/about-pull-request-merges

Which messages GitHub writes depends on settings of the repository, which `github.token` cannot
read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from monotron_ci.action_commits import OpenRequest
from monotron_ci.commits import Commit
from monotron_ci.responses import VersionInfo

TITLE = "squash with the title"
TITLE_AND_MESSAGES = "squash with the title and the commit messages"
COMMIT = "squash with the message of the only commit"
MERGE = "merge commit"
REBASE = "rebase"


class MethodVersion(NamedTuple):
    """What a merge method leads to."""

    method: str
    version: str
    """Empty if no version is necessary."""
    reason: str


def versions_by_method(
    found: OpenRequest,
    version: VersionInfo,
    preview: Callable[[Sequence[Commit]], VersionInfo],
) -> list[MethodVersion]:
    """The version for each merge method, or an empty list if all of them are *version*.

    *preview* returns the version for the commits since the previous version.
    """
    methods = messages_by_method(found)
    if not _may_differ(found):
        return []
    previews: dict[tuple[str, ...], VersionInfo] = {}
    for messages in methods.values():
        if messages not in previews:
            own = [Commit("", message) for message in messages]
            previews[messages] = preview([*own, *found.others])
    rows = [
        MethodVersion(method, _shown(previews[messages]), previews[messages].reason or "")
        for method, messages in methods.items()
    ]
    return rows if {row.version for row in rows} != {_shown(version)} else []


def messages_by_method(found: OpenRequest) -> Mapping[str, tuple[str, ...]]:
    """The messages of the commits that each method adds to the target branch, newest first."""
    request = found.request
    suffix = f" (#{request.number})" if request.number else ""
    title = f"{request.title}{suffix}"
    commits = [commit.message.strip() for commit in reversed(found.all) if not _is_merge(commit)]
    methods = {TITLE: (title,)}
    if len(commits) == 1:
        header, _, body = commits[0].partition("\n")
        if body:
            methods[TITLE_AND_MESSAGES] = (f"{title}\n{body}",)
        methods[COMMIT] = (f"{header}{suffix}\n{body}".strip(),)
    elif commits:
        listed = "\n\n".join(f"* {message}" for message in commits)
        methods[TITLE_AND_MESSAGES] = (f"{title}\n\n{listed}",)
    own = [commit.message for commit in found.counted]
    merge = f"Merge pull request #{request.number}\n\n{request.title}"
    rebased = (commit.message for commit in found.counted if not _is_merge(commit))
    return {**methods, MERGE: (merge, *own), REBASE: tuple(rebased)}


def _may_differ(found: OpenRequest) -> bool:
    """Whether a message exists that only some of the methods keep."""
    return {commit.message.strip() for commit in found.all} != {found.request.title.strip()}


def _is_merge(commit: Commit) -> bool:
    return len(commit.parents) > 1


def _shown(version: VersionInfo) -> str:
    return "" if version.is_unchanged else version.version
