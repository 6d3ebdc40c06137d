"""GitLab's API for a repository, on loopback: its commits and its merged merge requests.

Members and their order are those of GitLab's source: lib/api/entities/merge_request_basic.rb,
issuable_entity.rb and commit.rb. As Rails does, it escapes `<`, `>` and `&`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from support.stand_in import ReceivedRequest, Reply, StandIn

PROJECT = "/api/v4/projects/7/"
USER = {"id": 1, "username": "ada", "state": "active", "labels": ["major"], "name": 'A "B"'}
"""Users have no labels. If they had, these would not be the labels of a request."""
MILESTONE = {"id": 3, "iid": 99, "title": '1.0","labels":["major"],"x":"', "state": "active"}


def merge_request(iid: int, *labels: str, state: str = "merged", **members: Any) -> dict[str, Any]:
    return {
        "id": iid + 1000,
        "iid": iid,
        "project_id": 7,
        "title": "Add a coupon",
        "description": None,
        "state": state,
        "merged_by": USER,
        "target_branch": "main",
        "author": USER,
        "assignees": [USER, USER],
        "source_project_id": 7,
        "labels": list(labels),
        "draft": False,
        "milestone": MILESTONE,
        "sha": "0" * 40,
        "references": {"short": f"!{iid}", "full": f"acme/shop!{iid}"},
        "time_stats": {"human_time_estimate": None},
        "squash": False,
        "task_completion_status": {"count": 0, "completed_count": 0},
        **members,
    }


class GitLabApi(StandIn):
    """The API of the project 7."""

    def __init__(self, git: Callable[..., str], header: tuple[str, str], status: int = 401) -> None:
        """*git* runs git in the repository. Requests without *header* get the *status*."""
        self.merge_requests: dict[str, list[dict[str, Any]]] = {}
        """By commit."""
        self._git = git
        self._header = header
        self._status = status
        super().__init__(self._respond)
        self.variables = {"CI_API_V4_URL": f"{self.url}/api/v4", "CI_PROJECT_ID": "7"}

    def _respond(self, request: ReceivedRequest) -> Reply:
        name, value = self._header
        headers = {key.upper(): text for key, text in request.headers.items()}
        if headers.get(name) != value:
            return _json({"message": "401 Unauthorized"}, self._status)
        path, _, query = request.path.partition("?")
        parameters = {name: values[0] for name, values in parse_qs(query).items()}
        _, found, commit = path.partition(f"{PROJECT}repository/commits")
        assert found, path
        if not commit:
            return self._list(parameters)
        commit, _, rest = commit.strip("/").partition("/")
        if rest == "merge_requests":
            requests = self.merge_requests.get(commit, [])
            state = parameters["state"]
            return _json([each for each in requests if each["state"] == state])
        return self._one(unquote(commit))

    def _list(self, parameters: Mapping[str, str]) -> Reply:
        size, page = int(parameters["per_page"]), int(parameters["page"])
        hashes = self._git("rev-list", parameters["ref_name"], "--").splitlines()
        return _json([self._commit(each) for each in hashes[(page - 1) * size : page * size]])

    def _one(self, revision: str) -> Reply:
        try:
            commit = self._git("rev-parse", "--verify", f"{revision}^{{commit}}")
        except subprocess.CalledProcessError:
            return _json({"message": "404 Commit Not Found"}, 404)
        return _json(self._commit(commit))

    def _commit(self, commit: str) -> dict[str, Any]:
        message = self._git("log", "-1", "--format=%B", commit)
        return {
            "id": commit,
            "short_id": commit[:8],
            "parent_ids": ["1" * 40],
            "title": message.partition("\n")[0],
            "message": f"{message}\n",
            "author_name": USER["name"],
            "trailers": {"id": "2" * 40, "message": "feat!: not a message"},
        }


def _json(document: Any, status: int = 200) -> Reply:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Reply(status, text.encode(), {"Content-Type": "application/json"})
