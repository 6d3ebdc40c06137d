"""GitHub's API for commits and references, as documented, with the content of a real repository.

https://docs.github.com/en/rest/commits/commits and https://docs.github.com/en/rest/git/refs
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from support.stand_in import ReceivedRequest, Reply, StandIn

NOT_FOUND = Reply.json({"message": "Not Found", "status": "404"}, 404)
RATE_LIMITED = Reply.json(
    {"message": "API rate limit exceeded"}, 403, X_RateLimit_Remaining="0", X_RateLimit_Limit="1000"
)


class GitHubApi(StandIn):
    """The commits, pull requests and tags of `acme/shop`, which is the repository in a folder.

    *pulls* replaces the response about the pull requests of a commit.
    """

    def __init__(
        self, folder: Path, *, token: str = "", limited: bool = False, pulls: Reply | None = None
    ) -> None:
        self._folder = folder
        self._pulls = pulls
        self._requests_of: dict[str, list[dict[str, Any]]] = {}
        self._token = token
        self._limited = limited
        super().__init__(self._respond)

    def merged(self, number: int, commits: list[str], *labels: str, head: str = "") -> None:
        """Add a pull request that was merged with these commits. *head* was its newest commit."""
        request = {
            "number": number,
            "title": f"Request {number}",
            "state": "closed",
            "merged_at": "2026-11-29T20:00:00Z",
            "labels": [{"id": 1, "name": label} for label in labels],
            "head": {"sha": head or commits[0]},
            "base": {"ref": "main"},
        }
        for commit in commits:
            self.add(commit, request)

    def add(self, commit: str, *requests: dict[str, Any]) -> None:
        """Add pull requests to a commit."""
        self._requests_of.setdefault(commit, []).extend(requests)

    @property
    def lookups(self) -> list[str]:
        """The commits whose pull requests were read, one for each page."""
        found = (re.search(r"/commits/([0-9a-f]+)/pulls", each.path) for each in self.requests)
        return [match[1] for match in found if match]

    def _respond(self, request: ReceivedRequest) -> Reply:
        path, _, query_text = unquote(request.path).partition("?")
        query = {name: values[0] for name, values in parse_qs(query_text).items()}
        if self._limited:
            return RATE_LIMITED
        if self._token and request.headers.get("Authorization") != f"Bearer {self._token}":
            return NOT_FOUND  # a private repository
        if match := re.fullmatch(r"/repos/acme/shop/compare/([0-9a-f]+)\.\.\.([0-9a-f]+)", path):
            return self._compare(match[1], match[2], query)
        if match := re.fullmatch(r"/repos/acme/shop/commits/(.+)/pulls", path):
            return self._pulls_of(match[1], query)
        if match := re.fullmatch(r"/repos/acme/shop/commits/(.+)", path):
            return self._commit(match[1], query)
        if match := re.fullmatch(r"/repos/acme/shop/git/matching-refs/(tags/.*)", path):
            return self._references(match[1])
        if path == "/repos/acme/shop/commits":
            return Reply.json(self._page(self._log(query["sha"]), query))
        return NOT_FOUND

    def _compare(self, base: str, head: str, query: dict[str, str]) -> Reply:
        if not (self._hash(base) and self._hash(head) and self._git("merge-base", base, head)):
            return NOT_FOUND
        commits = self._log(f"{base}..{head}")[::-1]  # the oldest first
        common = self._git("merge-base", base, head).strip()
        files = self._changed(common, head)[:300] if query.get("page", "1") == "1" else []
        return Reply.json(
            {
                "status": "ahead",
                "total_commits": len(commits),
                "commits": self._page(commits, query),
                "files": files,
            }
        )

    def _pulls_of(self, commit: str, query: dict[str, str]) -> Reply:
        if self._pulls:
            return self._pulls
        if not self._hash(commit):
            return self._commit(commit, query)
        return Reply.json(self._page(self._requests_of.get(commit, []), query))

    def _commit(self, reference: str, query: dict[str, str]) -> Reply:
        revision = reference.replace("tags/", "refs/tags/").replace("heads/", "refs/heads/")
        if found := self._hash(revision):
            (document,) = self._log(found, "--max-count=1")
            files = self._files(found)[:3000]
            page = int(query.get("page", "1"))
            document["files"] = files[(page - 1) * 300 : page * 300]
            is_last = page * 300 >= len(files)
            url = f"{self.url}/repositories/1/commits/{found}?page={page + 1}"
            return Reply.json(document, **({} if is_last else {"Link": f'<{url}>; rel="next"'}))
        message = f"No commit found for SHA: {reference}"
        return Reply.json({"message": message, "status": "422"}, 422)

    def _references(self, prefix: str) -> Reply:
        lines = self._git("for-each-ref", "--format=%(refname) %(objecttype) %(objectname)")
        references = [line.split() for line in lines.splitlines()]
        return Reply.json(
            [
                {"ref": name, "object": {"type": kind, "sha": sha}}
                for name, kind, sha in references
                if name.startswith(f"refs/{prefix}")
            ]
        )

    @staticmethod
    def _page(commits: list[Any], query: dict[str, str]) -> list[Any]:
        size = min(int(query.get("per_page", "30")), 100)
        start = (int(query.get("page", "1")) - 1) * size
        return commits[start : start + size]

    def _files(self, sha: str) -> list[dict[str, str]]:
        """The changes of a commit, compared with its first parent."""
        parent = self._git("rev-parse", "--verify", "--quiet", f"{sha}^").strip()
        commits = [parent, sha] if parent else ["--root", "--no-commit-id", sha]
        return self._changed("-M", *commits)

    def _changed(self, *arguments: str) -> list[dict[str, str]]:
        output = self._git("diff-tree", "-r", "-z", "--name-status", *arguments)
        parts = iter(output.split("\0")[:-1])
        return [_file(status, next(parts), parts) for status in parts]

    def _log(self, revisions: str, *options: str) -> list[dict[str, Any]]:
        text = self._git("log", "-z", "--format=%H %P%n%B", *options, revisions, "--")
        parts = [entry.partition("\n") for entry in text.split("\0") if entry]
        return [_commit(*header.split(), message=message) for header, _, message in parts]

    def _hash(self, revision: str) -> str:
        return self._git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()

    def _git(self, *arguments: str) -> str:
        process = subprocess.run(
            ["git", *arguments], cwd=self._folder, capture_output=True, check=False
        )
        return process.stdout.decode()


def _commit(sha: str, *parents: str, message: str) -> dict[str, Any]:
    return {
        "sha": sha,
        "commit": {"message": message.rstrip()},
        "parents": [{"sha": parent} for parent in parents],
    }


STATUSES = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}


def _file(status: str, name: str, following: Iterator[str]) -> dict[str, str]:
    if status[0] == "R":
        return {"filename": next(following), "status": "renamed", "previous_filename": name}
    return {"filename": name, "status": STATUSES[status[0]]}
