"""A tag on GitHub, made over its API: output, not the database of versions.

https://docs.github.com/en/rest/git/refs
"""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any
from urllib.parse import quote

from monotron_ci.client import AGENT
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure
from monotron_ci.http import HttpResponse, RetryPolicy, send, split
from monotron_ci.inputs import TAG_PREFIX

PERMISSION = """permissions:
  contents: write"""


class Tags:
    """The tags of one repository."""

    def __init__(
        self, api_url: str, repository: str, key: Credential, patience: RetryPolicy
    ) -> None:
        if split(api_url) is None or not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
            raise Failure("GITHUB_API_URL and GITHUB_REPOSITORY name no repository to tag.")
        self._url = f"{api_url.rstrip('/')}/repos/{repository}/git"
        self._key = key
        self._patience = patience

    def create(self, prefix: str, version: str, commit: str) -> bool:
        """Let the tag point at *commit*; whether it is new. `Failure` if it points elsewhere."""
        tag = f"{prefix}{version}"
        body = {"ref": f"refs/tags/{tag}", "sha": commit}
        made = self._ask("/refs", body)
        if made.status == 201:
            return True
        if made.status == 422:  # "Reference already exists", among other things
            there = self._commit_of(tag)
            if there == commit:
                return False
            if there:
                flag = f" --tag-prefix={prefix}" if prefix != TAG_PREFIX else ""
                raise Failure(
                    f"The tag {tag} exists and points at {there[:12]}, not at {commit[:12]}. It "
                    "was not moved.",
                    "Delete the tag if it is wrong. If the project had versions before, let "
                    "counting go on after them, in a clone that has its tags:\n\n"
                    f"monotron adopt NAME{flag}",
                )
        raise self._refused(tag, made)

    def _commit_of(self, tag: str) -> str | None:
        """What the tag points at, through an annotated tag too."""
        target = self._object(f"/ref/tags/{quote(tag)}")
        if target.get("type") == "tag" and is_hash(target.get("sha")):
            target = self._object(f"/tags/{target['sha']}")
        return target["sha"] if is_hash(target.get("sha")) else None

    def _object(self, path: str) -> dict[str, Any]:
        found = self._ask(path).json()
        target = found.get("object") if isinstance(found, dict) else None
        return target if isinstance(target, dict) else {}

    def _ask(self, path: str, body: dict[str, str] | None = None) -> HttpResponse:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data)  # noqa: S310 - looked at
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        request.add_header("User-Agent", AGENT)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        return send(request, self._patience)

    def _refused(self, tag: str, answer: HttpResponse) -> Failure:
        if answer.status in (401, 403, 404):
            return Failure(
                f"GitHub answers {answer.status}: `github-token` may not make the tag {tag}.",
                f"Let the job do so, and pass the token:\n\n{PERMISSION}\n\n"
                "with:\n  create-tag: true\n  github-token: ${{ github.token }}",
            )
        return Failure(
            f"GitHub answers {answer.status} and did not make the tag {tag}. A rule of the "
            "repository may forbid it.",
            "Look at the repository's rules for tags, and whether the commit is in it.",
        )


def is_hash(value: object) -> bool:
    """Whether it is the whole hash of a commit."""
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", value))
