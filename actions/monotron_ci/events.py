"""What the runner tells of the event: which commit, which labels, which messages.

https://docs.github.com/en/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci.errors import Failure


class Event(NamedTuple):
    """The event that a job runs for. All of it may have been written by a stranger."""

    name: str
    repository: str
    """`owner/repo`"""
    repository_id: str
    run_id: str
    commit: str
    """Of a pull request its head, not the merge that GitHub makes up for the run; once merged, what
    it became; of a workflow_run what that run was of, not the newest of the default branch."""
    labels: tuple[str, ...]
    messages: tuple[str, ...]
    """Of the pushed commits; of a pull request its title, which a squash gives the commit."""
    api_url: str


def read_event(environ: Mapping[str, str]) -> Event:
    """The event of this job; `Failure` where there is none."""
    payload = _payload(environ.get("GITHUB_EVENT_PATH", ""))
    request = _dict(payload.get("pull_request"))
    return Event(
        name=environ.get("GITHUB_EVENT_NAME", ""),
        repository=environ.get("GITHUB_REPOSITORY", ""),
        repository_id=environ.get("GITHUB_REPOSITORY_ID", ""),
        run_id=environ.get("GITHUB_RUN_ID", ""),
        commit=_commit(payload, request) or environ.get("GITHUB_SHA", ""),
        labels=tuple(_texts(request.get("labels"), "name")),
        messages=tuple(_messages(payload, request)),
        api_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
    )


def _payload(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            return _dict(json.load(file))
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(
            f"The event's payload cannot be read: {type(error).__name__}.",
            "GITHUB_EVENT_PATH names it. Run the action on the runner itself, or, in a container, "
            "mount that file.",
        ) from None


def _commit(payload: dict[str, Any], request: dict[str, Any]) -> str:
    """The commit that the event is about, where it is not GITHUB_SHA; else empty."""
    if request.get("merged") is True and _text(request, "merge_commit_sha"):
        return _text(request, "merge_commit_sha")
    return _text(request.get("head"), "sha") or _text(payload.get("workflow_run"), "head_sha")


def _messages(payload: dict[str, Any], request: dict[str, Any]) -> list[str]:
    if request:
        return _texts([request], "title")
    pushed = _texts(payload.get("commits"), "message")
    if pushed:
        return pushed
    within = [payload, _dict(payload.get("merge_group")), _dict(payload.get("workflow_run"))]
    return _texts([_dict(each.get("head_commit")) for each in within], "message")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(values: object, member: str) -> list[str]:
    """The member of each object in a list, where it is a text."""
    found = [_text(value, member) for value in (values if isinstance(values, list) else [])]
    return [text for text in found if text]


def _text(value: object, member: str) -> str:
    """A member of what may be an object, where it is a text; else empty."""
    found = _dict(value).get(member)
    return found if isinstance(found, str) else ""
