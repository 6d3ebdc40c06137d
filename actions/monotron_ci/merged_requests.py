"""The merged pull requests that commits of the default branch belong to.

https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monotron_ci.commits import Commit
from monotron_ci.errors import Failure
from monotron_ci.git import Unavailable
from monotron_ci.github_api import TOO_MANY, GitHubApi
from monotron_ci.history import added_by, first_parents, parents_of
from monotron_ci.pull_requests import PullRequest, is_pull_request, read_pull_request

PAGE_SIZE = 100

PERMISSION = """permissions:
  pull-requests: read

with:
  github-token: ${{ github.token }}"""

_HINT = """Run the job again later, or decide without labels:

with:
  bump: minor

If too many commits have no version, count fewer of them:

with:
  since: v1.4.2"""


class MergedRequests:
    """Reads the requests of commits. Each commit is looked up once."""

    def __init__(self, api: GitHubApi, event: PullRequest | None = None, merge: str = "") -> None:
        """*event* is the request of the event, if it was merged, and *merge* its commit."""
        self._api = api
        self._event = event
        self._known: dict[str, tuple[PullRequest, ...]] = {merge: (event,)} if event else {}

    def of(
        self, commits: Sequence[Commit], *, only_event: bool = False
    ) -> Mapping[str, Sequence[PullRequest]]:
        """The requests of the commits, by hash. Raises Failure if GitHub does not list them.

        The commits that the merge commit of a request adds belong to that request, so they are not
        looked up. With *only_event*, no commits are looked up.
        """
        try:
            if not only_event:
                self._check_limit(commits)
            return self._requests_of(commits, only_event)
        except Unavailable as error:
            raise Failure(
                "The labels of the pull requests that were merged since the last version are "
                f"unknown: {error}.",
                _HINT,
            ) from None

    def _check_limit(self, commits: Sequence[Commit]) -> None:
        """Raise `Unavailable` if it is certain that too many requests are necessary."""
        necessary = [commit for commit in first_parents(commits) if commit not in self._known]
        if len(necessary) > self._api.remaining:
            raise Unavailable(f"{TOO_MANY} for {len(commits)} commits")

    def _requests_of(
        self, commits: Sequence[Commit], only_event: bool
    ) -> dict[str, tuple[PullRequest, ...]]:
        parents = parents_of(commits)
        requests: dict[str, tuple[PullRequest, ...]] = {}
        for commit in commits:
            if not commit.hash or commit.hash in requests:
                continue
            found = self._known.get(commit.hash, ()) if only_event else self._of(commit.hash)
            requests[commit.hash] = found
            for request in found:
                if request.head in commit.parents[1:]:
                    for added in added_by(parents, request.head, commit.parents[0]):
                        requests[added] = (*requests.get(added, ()), request)
        return requests

    def _of(self, commit: str) -> tuple[PullRequest, ...]:
        if commit not in self._known:
            self._known[commit] = tuple(self._read(commit))
        return self._known[commit]

    def _read(self, commit: str) -> list[PullRequest]:
        """The merged requests of a commit."""
        found: list[PullRequest] = []
        page = 1
        while True:
            documents = self._page(commit, page)
            if not all(map(is_pull_request, documents)):
                raise Unavailable("GitHub's API returned a pull request in an unknown format")
            found += [read_pull_request(each) for each in documents if each.get("merged_at")]
            if len(documents) < PAGE_SIZE:
                return [self._newest(request) for request in found]
            page += 1

    def _newest(self, request: PullRequest) -> PullRequest:
        """The request as the event contains it, if it is that of the event."""
        event = self._event
        return event if event and event.number == request.number else request

    def _page(self, commit: str, page: int) -> list[dict[str, object]]:
        response = self._api.get(f"commits/{commit}/pulls?per_page={PAGE_SIZE}&page={page}")
        if response.status == 422:  # No commit found for SHA
            return []
        if response.status in (401, 403, 404):
            raise Failure(
                f"GitHub returned {response.status}: `github-token` cannot read the labels of "
                "merged pull requests, which the inputs for labels require.",
                f"Add this permission to the job, and pass the token:\n\n{PERMISSION}",
            )
        documents = response.json() if response.status == 200 else None
        if not isinstance(documents, list):
            raise Unavailable(f"GitHub's API returned {response.status} without a list")
        return documents
