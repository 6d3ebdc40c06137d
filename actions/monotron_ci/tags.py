"""Git tags, created with GitHub's API. They are output: Monotron does not read them.

https://docs.github.com/en/rest/git/refs
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from monotron_ci.client import AGENT
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure
from monotron_ci.hashes import is_hash
from monotron_ci.http import RETRYABLE_STATUSES, HttpResponse, RetryPolicy, send
from monotron_ci.inputs import TAG_PREFIX
from monotron_ci.urls import parse_url

PERMISSION = """permissions:
  contents: write"""


class Tags:
    """The tags of one repository."""

    def __init__(
        self, api_url: str, repository: str, github_token: Credential, policy: RetryPolicy
    ) -> None:
        """*repository* is OWNER/REPOSITORY. Raises Failure if it or *api_url* is invalid."""
        if parse_url(api_url) is None or not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
            raise Failure(
                "GITHUB_API_URL or GITHUB_REPOSITORY is invalid.",
                "The runner sets both variables. Check that the workflow does not change them.",
            )
        self._url = f"{api_url.rstrip('/')}/repos/{repository}/git"
        self._github_token = github_token
        self._policy = policy

    def create(self, prefix: str, version: str, commit: str) -> bool:
        """Create the tag of a version. Returns False if it already exists on *commit*.

        Raises Failure if it exists on another commit or GitHub does not create it.
        """
        tag = f"{prefix}{version}"
        response = self._request("/refs", {"ref": f"refs/tags/{tag}", "sha": commit})
        if response.status == 201:
            return True
        if response.status == 422:  # "Reference already exists", among other reasons
            tagged = self.commit_of(tag)
            if tagged == commit:
                return False
            if tagged:
                option = f" --tag-prefix={prefix}" if prefix != TAG_PREFIX else ""
                raise Failure(
                    f"The tag {tag} already exists on {tagged[:12]}, not on {commit[:12]}. "
                    "It was not moved.",
                    "If the tag is wrong, delete it. If the project has versions from before "
                    "Monotron, continue from them, in a clone with its tags:\n\n"
                    f"monotron adopt NAME{option}",
                )
        raise _refused("create", tag, response)

    def move(self, tag: str, commit: str) -> None:
        """Move a tag to a commit, or create it. Raises Failure if GitHub does not do this."""
        update = (f"/refs/tags/{quote(tag)}", {"sha": commit, "force": True}, "PATCH")
        response = self._request(*update)
        if response.status == 422:  # "Reference does not exist", among other reasons
            response = self._request("/refs", {"ref": f"refs/tags/{tag}", "sha": commit})
            if response.status == 422:  # another build may have created it meanwhile
                response = self._request(*update)
        if response.status not in (200, 201):
            raise _refused("move", tag, response)

    def commit_of(self, tag: str) -> str | None:
        """The commit of a lightweight or annotated tag, or None if it does not exist.

        Raises Failure if GitHub does not return it.
        """
        target = self._object(f"/ref/tags/{quote(tag)}", tag)
        if target.get("type") == "tag" and is_hash(target.get("sha")):
            target = self._object(f"/tags/{target['sha']}", tag)
        return target["sha"] if is_hash(target.get("sha")) else None

    def _object(self, path: str, tag: str) -> dict[str, Any]:
        response = self._request(path)
        if response.status not in (200, 404):
            raise _refused("read", tag, response)
        document = response.json()
        target = document.get("object") if isinstance(document, dict) else None
        return target if isinstance(target, dict) else {}

    def _request(
        self, path: str, body: Mapping[str, object] | None = None, method: str | None = None
    ) -> HttpResponse:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._url}{path}"
        request = urllib.request.Request(url, data, method=method)  # noqa: S310 - checked above
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        request.add_header("User-Agent", AGENT)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        request.add_unredirected_header("Authorization", f"Bearer {self._github_token}")
        return send(request, self._policy)


def _refused(verb: str, tag: str, response: HttpResponse) -> Failure:
    if response.status in (401, 403, 404):
        return Failure(
            f"GitHub returned {response.status}: `github-token` cannot {verb} the tag {tag}.",
            f"Add this permission to the job, and pass the token:\n\n{PERMISSION}\n\n"
            "with:\n  create-tag: true\n  github-token: ${{ github.token }}\n\n"
            "If the commit changes .github/workflows, GitHub can refuse `github.token`. Pass a "
            "token that may write workflows, such as one of a GitHub App.",
        )
    if response.status in RETRYABLE_STATUSES:
        return Failure(
            f"GitHub returned {response.status} and did not {verb} the tag {tag}.",
            "Run the job again later.",
        )
    return Failure(
        f"GitHub returned {response.status} and did not {verb} the tag {tag}. A rule of the "
        "repository may forbid it.",
        "Check the repository's rules for tags, and that the repository contains the commit.",
    )
