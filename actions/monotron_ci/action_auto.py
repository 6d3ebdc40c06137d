"""`bump: auto` of the action: the version that commits and labels request, and its explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from monotron_ci import workflow_commands
from monotron_ci.action_commits import ActionCommits
from monotron_ci.auto import AutoVersion, preview, request_auto
from monotron_ci.client import Client
from monotron_ci.commits import Commit
from monotron_ci.errors import Failure
from monotron_ci.merge_methods import MethodVersion, versions_by_method
from monotron_ci.responses import VersionInfo


class ActionVersion(NamedTuple):
    """A version, and how it was determined."""

    version: VersionInfo
    source: str
    """What was read, such as `7 commits since 1.2.57`."""
    methods: Sequence[MethodVersion] = ()
    """The version for each merge method, if they differ."""


def version_of_commits(
    client: Client, name: str, token: str, query: Mapping[str, str], commits: ActionCommits
) -> ActionVersion:
    """The version that the commits since the previous version request. Logs the decision."""
    found = request_auto(client, name, token, query, commits.since)
    version, read, _ = found
    if read is None:
        return ActionVersion(version, "the commit has this version already")
    for warning in read.warnings:
        workflow_commands.warning("Monotron", warning)
    decision = "no release" if version.is_unchanged else version.bump
    workflow_commands.log(f"{decision}: {version.reason} ({read.text})")
    # A pre-release that was just assigned would be reused for every method.
    is_preview = "dry_run" in query and "prerelease" not in query
    methods = _methods(client, name, token, query, commits, found) if is_preview else []
    return ActionVersion(version, read.text, methods)


def _methods(
    client: Client,
    name: str,
    token: str,
    query: Mapping[str, str],
    commits: ActionCommits,
    found: AutoVersion,
) -> Sequence[MethodVersion]:
    def version_for(messages: Sequence[Commit]) -> VersionInfo:
        assert found.commits is not None  # noqa: S101 - checked by the caller
        changed = found._replace(commits=found.commits._replace(commits=messages))
        return preview(client, name, token, query, changed)

    if commits.open_request is None:
        return ()
    try:
        methods = versions_by_method(commits.open_request, found.version, version_for)
    except Failure as failure:  # such as `base_outdated`: the preview itself is complete
        workflow_commands.log(f"The version for each merge method is unknown: {failure.cause}")
        return ()
    if methods:
        listed = ", ".join(f"{row.version or 'no release'} ({row.method})" for row in methods)
        workflow_commands.log(f"The version depends on the merge method: {listed}")
    return methods
