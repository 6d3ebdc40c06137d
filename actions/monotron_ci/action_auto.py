"""`bump: auto` of the action: the version that commits and labels request, and its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from monotron_ci import workflow_commands
from monotron_ci.action_commits import ActionCommits
from monotron_ci.auto import request_auto
from monotron_ci.client import Client
from monotron_ci.responses import VersionInfo


class ActionVersion(NamedTuple):
    """A version, and how it was determined."""

    version: VersionInfo
    source: str
    """What was read, such as `7 commits since 1.2.57`."""


def version_of_commits(
    client: Client, name: str, token: str, query: Mapping[str, str], commits: ActionCommits
) -> ActionVersion:
    """The version that the commits since the previous version request. Logs the decision."""
    version, read = request_auto(client, name, token, query, commits.since)
    if read is None:
        return ActionVersion(version, "the commit has this version already")
    for warning in read.warnings:
        workflow_commands.warning("Monotron", warning)
    decision = "no release" if version.is_unchanged else version.bump
    workflow_commands.log(f"{decision}: {version.reason} ({read.text})")
    return ActionVersion(version, read.text)
