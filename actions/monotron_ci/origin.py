"""Where the commit of an event comes from, and what it may get: a final version, a tag, or nothing.

Anyone can open a pull request. Its commit never gets a final version or a tag before the merge.

https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci.errors import Failure

QUEUE = "refs/heads/gh-readonly-queue/"
"""The branches that GitHub creates for merge queues."""


class Origin(NamedTuple):
    """The origin of a commit."""

    unmerged: str = ""
    """Why the commit is not part of the repository yet, such as `an open pull request`."""
    is_open: bool = False
    """Whether the commit belongs to a pull request that may be merged. It may get a pre-release."""
    is_taggable: bool = True
    """Whether the commit was pushed to this repository, or merged into it."""


def read_origin(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Origin:
    """The origin of the event's commit. Raises Failure if a stranger may control the event."""
    event, ref = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_REF", "")
    if event == "pull_request_target":
        raise Failure(
            "The event `pull_request_target` is rejected, because anyone can cause it. It runs "
            "with the permissions of the repository.",
            "Use `pull_request` for previews, and `push` for versions:\n\non: [push, pull_request]",
        )
    if event == "workflow_run" or "workflow_run" in payload:
        return _of_workflow_run(payload, environ)
    if event == "merge_group" or "merge_group" in payload or ref.startswith(QUEUE):
        return Origin("a merge queue", is_taggable=False)
    pull_request = payload.get("pull_request")
    if isinstance(pull_request, dict) or event.startswith("pull_request"):
        return _of_pull_request(pull_request if isinstance(pull_request, dict) else {})
    return Origin(is_taggable=ref.startswith(("refs/heads/", "refs/tags/")))


def _of_pull_request(pull_request: Mapping[str, Any]) -> Origin:
    if pull_request.get("merged") is True:
        return Origin()
    if pull_request.get("state") == "closed":
        return Origin("a pull request that was closed without a merge", is_taggable=False)
    return Origin("an open pull request", is_open=True, is_taggable=False)


def _of_workflow_run(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Origin:
    run = payload.get("workflow_run")
    run = run if isinstance(run, dict) else {}
    own = environ.get("GITHUB_REPOSITORY_ID") or _id(payload.get("repository"))
    if not own or _id(run.get("head_repository")) != own:
        raise Failure(
            "The triggering workflow ran for another repository. Anyone with a fork can cause "
            "this event.",
            "Run the job for commits of this repository only:\n\n"
            "if: github.event.workflow_run.head_repository.id == github.repository_id",
        )
    event = str(run.get("event"))
    if event == "merge_group":
        return Origin("a merge queue", is_taggable=False)
    if event.startswith("pull_request"):
        return Origin("an unmerged pull request", is_open=True, is_taggable=False)
    return Origin()


def _id(repository: object) -> str:
    """The id of a repository in a payload, or empty."""
    return str(repository.get("id") or "") if isinstance(repository, dict) else ""
