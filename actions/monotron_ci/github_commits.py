"""Reads commits and tags with GitHub's API, for jobs without git.

https://docs.github.com/en/rest/commits/commits and https://docs.github.com/en/rest/git/refs
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Callable
from urllib.parse import quote

from monotron_ci.commits import Commit
from monotron_ci.errors import Failure
from monotron_ci.git import Unavailable
from monotron_ci.github_api import TOO_MANY, GitHubApi
from monotron_ci.hashes import is_hash
from monotron_ci.history import changing
from monotron_ci.http import HttpResponse
from monotron_ci.path_patterns import matcher
from monotron_ci.version_tags import RepositoryTags

PAGE_SIZE = 100

MAX_FILES = 3000
"""How many files of a commit GitHub lists, on several pages."""

MAX_COMPARED_FILES = 300
"""How many files GitHub lists for a comparison, on its first page."""

PERMISSION = """permissions:
  contents: read

with:
  github-token: ${{ github.token }}"""


class GitHubCommits:
    """The commits and tags of one repository."""

    name = GitHubApi.name
    has_all_tags = True

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def commits(self, start: str, commit: str, paths: Sequence[str] = ()) -> list[Commit] | None:
        """As `Clone.commits`. Raises Failure if the token cannot read the commits."""
        matches = matcher(paths) if paths else None
        commits: list[Commit] | None
        if not start:
            commits = self._history(commit)
        else:
            base = start if is_hash(start) else self._commit(start.replace("refs/tags/", "tags/"))
            commits = self._compare(base, commit) if base else None
        if matches is None or commits is None:
            return commits
        found = changing(commits, lambda some, position: self._differing(some, position, matches))
        return [commit._replace(parents=()) for commit in found]

    def _differing(
        self, commits: Sequence[Commit], position: int, matches: Callable[[str], bool]
    ) -> list[Commit]:
        """The commits that change one of the files, compared with the parent at the position."""
        if len(commits) > self._api.remaining:
            raise Unavailable(f"{TOO_MANY} for {len(commits)} commits")
        return [each for each in commits if any(map(matches, self._files(each, position)))]

    def _files(self, commit: Commit, position: int) -> Iterator[str]:
        """The files that differ from a parent, with the earlier names of those that are renamed."""
        sha = commit.hash
        path = f"compare/{commit.parents[position]}...{sha}?per_page=1" if position else ""
        # The files of a commit are those that differ from its first parent.
        documents = [self._get(path)] if path else self._pages(f"commits/{sha}")
        limit = MAX_COMPARED_FILES if path else MAX_FILES
        number = 0
        for document in documents:
            files = _list(document.get("files") if isinstance(document, dict) else None)
            number += len(files)
            for file in files:
                yield from filter(None, (_text(file, "filename"), _text(file, "previous_filename")))
        if number >= limit:
            raise Unavailable(f"GitHub's API lists only {limit:,} files of commit {sha[:12]}")

    def _pages(self, path: str) -> Iterator[Any]:
        """The documents of all pages. The path has no query."""
        page = 0
        is_last = False
        while not is_last:
            page += 1
            response = self._api.get(path if page == 1 else f"{path}?page={page}")
            yield self._checked(response)
            is_last = 'rel="next"' not in (response.headers.get("Link") or "")

    def tags(self, prefix: str, commit: str) -> RepositoryTags:
        """The tags that start with *prefix*. None is known to be reachable."""
        path = f"git/matching-refs/tags/{quote(prefix)}"
        names: list[str] = []
        try:
            for documents in self._pages(path):
                references = [_text(each, "ref") for each in _list(documents)]
                names += [each.partition("refs/tags/")[2] for each in references]
        except Failure as failure:
            raise Unavailable(failure.cause.rstrip(".")) from None
        return RepositoryTags(names)

    def _history(self, commit: str) -> list[Commit]:
        found: list[Any] = []
        while True:
            page = 1 + len(found) // PAGE_SIZE
            document = self._get(f"commits?sha={commit}&per_page={PAGE_SIZE}&page={page}")
            added = _list(document)
            found += added
            if len(added) < PAGE_SIZE:
                return list(map(_commit, found))

    def _compare(self, base: str, commit: str) -> list[Commit] | None:
        """The commits after *base*. None if the commit is unknown, or its history unrelated."""
        commits: list[Any] = []
        while True:
            page = 1 + len(commits) // PAGE_SIZE
            path = f"compare/{base}...{commit}?per_page={PAGE_SIZE}&page={page}"
            document = self._get(path, missing=True)
            if document is None:
                self._commit(base)  # perhaps the permission is missing
                return None
            added = _list(document.get("commits") if isinstance(document, dict) else None)
            commits += added
            if len(added) < PAGE_SIZE:
                break
        if len(commits) != document.get("total_commits"):
            raise Unavailable(
                f"GitHub's API returned {len(commits)} of {document.get('total_commits')} commits"
            )
        return list(map(_commit, reversed(commits)))  # GitHub lists the oldest first

    def _commit(self, reference: str) -> str | None:
        """The hash of a commit, or None. Raises Failure if the token cannot read commits."""
        response = self._api.get(f"commits/{quote(reference, safe='/')}")
        if response.status == 422:  # No commit found for SHA
            return None
        document = self._checked(response)
        found = document.get("sha") if isinstance(document, dict) else None
        return found if is_hash(found) else None

    def _get(self, path: str, *, missing: bool = False) -> Any:
        """The document of a response; with *missing*, None for one that does not exist."""
        response = self._api.get(path)
        return None if missing and response.status == 404 else self._checked(response)

    def _checked(self, response: HttpResponse) -> Any:
        if response.status == 200:
            document = response.json()
            if document is not None:
                return document
            raise Unavailable("GitHub's API returned no JSON")
        if response.status in (401, 403, 404):
            raise Failure(
                f"GitHub returned {response.status}: `github-token` cannot read the repository.",
                f"Add this permission to the job, and pass the token:\n\n{PERMISSION}",
            )
        raise Unavailable(f"GitHub's API returned {response.status}")


def _commit(document: Any) -> Commit:
    """The commit in a response. Raises `Unavailable` if the document is anything else."""
    details = document.get("commit") if isinstance(document, dict) else None
    message = details.get("message") if isinstance(details, dict) else None
    if not isinstance(message, str) or not is_hash(document.get("sha")):
        raise Unavailable("GitHub's API returned a commit in an unknown format")
    parents = [each for each in _list(document.get("parents")) if isinstance(each, dict)]
    hashes = (parent["sha"] for parent in parents if is_hash(parent.get("sha")))
    return Commit(document["sha"], message, tuple(hashes))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(document: object, member: str) -> str:
    """The text that a document has in *member*, or empty."""
    value = document.get(member) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""
