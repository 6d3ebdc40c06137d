"""The event that triggered the workflow: its commit and labels, and the pushed commits.

https://docs.github.com/en/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci.branch_names import Branch
from monotron_ci.branches import read_branch
from monotron_ci.commits import Commit
from monotron_ci.errors import Failure
from monotron_ci.hashes import is_hash
from monotron_ci.origin import Origin, read_origin
from monotron_ci.pull_requests import PullRequest, read_pull_request


class Event(NamedTuple):
    """The event of a job. Untrusted: anyone who opens a pull request can write parts of it."""

    name: str
    repository: str
    """`owner/repo`"""
    repository_id: str
    run_id: str
    commit: str
    """The commit of the event, or GITHUB_SHA.

    For a pull request it is the head, not the merge commit that GitHub creates for the run, and
    after the merge the commit on the target branch. For workflow_run it is the commit of the
    triggering run, not the newest one of the default branch.
    """
    request: PullRequest | None
    """The pull request of an event for one, also after the merge."""
    head: str
    """The commit whose history is read. For an open pull request, it is the merge commit of the
    run, which also contains the commits of the target branch."""
    commits: tuple[Commit, ...]
    """The pushed commits that have a message, newest first."""
    workspace: str
    """The folder of the clone, or empty."""
    server_url: str
    api_url: str
    origin: Origin
    branch: Branch

    @property
    def default_name(self) -> str:
        """`gh:owner:repo`, without a slash, because some proxies reject %2F in a path."""
        if not self.repository:
            raise Failure(
                "`name` is required, because GITHUB_REPOSITORY is not set.", "with:\n  name: …"
            )
        return f"gh:{self.repository.replace('/', ':')}"

    @property
    def run_token(self) -> str:
        """The token of the run, or empty. Without the attempt, so a re-run gets the same value."""
        repository = self.repository_id or self.repository.replace("/", ":")
        return f"gh-{repository}-{self.run_id}" if self.run_id else ""


def read_event(environ: Mapping[str, str]) -> Event:
    """The event of this job.

    Raises Failure if its payload cannot be read, or if a stranger may control the event.
    """
    payload = _payload(environ.get("GITHUB_EVENT_PATH", ""))
    pull_request = _dict(payload.get("pull_request"))
    commit = _commit(payload, pull_request) or environ.get("GITHUB_SHA", "")
    origin = read_origin(payload, environ)
    return Event(
        name=environ.get("GITHUB_EVENT_NAME", ""),
        repository=environ.get("GITHUB_REPOSITORY", ""),
        repository_id=environ.get("GITHUB_REPOSITORY_ID", ""),
        run_id=environ.get("GITHUB_RUN_ID", ""),
        commit=commit,
        head=environ.get("GITHUB_SHA", "") if pull_request and origin.unmerged else commit,
        request=read_pull_request(pull_request) if pull_request else None,
        commits=tuple(_commits(payload)),
        workspace=environ.get("GITHUB_WORKSPACE", ""),
        server_url=environ.get("GITHUB_SERVER_URL") or "https://github.com",
        api_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
        origin=origin,
        branch=read_branch(payload, environ),
    )


def _payload(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            return _dict(json.load(file))
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(
            f"Cannot read the event payload: {type(error).__name__}.",
            "Run the action on the runner itself. In a container, mount the file that "
            "GITHUB_EVENT_PATH names.",
        ) from None


def _commit(payload: dict[str, Any], pull_request: dict[str, Any]) -> str:
    """The commit of the event if it is not GITHUB_SHA, otherwise empty."""
    if pull_request.get("merged") is True and _text(pull_request, "merge_commit_sha"):
        return _text(pull_request, "merge_commit_sha")
    return _text(pull_request.get("head"), "sha") or _text(payload.get("workflow_run"), "head_sha")


def _commits(payload: dict[str, Any]) -> list[Commit]:
    pushed = _parse_commits(payload.get("commits"))
    if pushed:
        return pushed[::-1]  # GitHub lists the oldest first
    members = [payload, _dict(payload.get("merge_group")), _dict(payload.get("workflow_run"))]
    return _parse_commits([member.get("head_commit") for member in members])


def _parse_commits(values: object) -> list[Commit]:
    commits = values if isinstance(values, list) else []
    pairs = [(_text(each, "id"), _text(each, "message")) for each in commits]
    return [Commit(hash if is_hash(hash) else "", message) for hash, message in pairs if message]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object, member: str) -> str:
    """The text that an object has in *member*, or empty if it is not an object or not a text."""
    text = _dict(value).get(member)
    return text if isinstance(text, str) else ""
