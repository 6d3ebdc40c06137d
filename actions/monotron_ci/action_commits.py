"""The commits of a step: from the clone of the job, a fetch, GitHub's API, or the event."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import NamedTuple, Union

from monotron_ci.client import Client
from monotron_ci.commit_range import CommitRange, read_range, starts_after
from monotron_ci.commits import Commit
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure
from monotron_ci.events import Event
from monotron_ci.git import Clone, Fetched
from monotron_ci.github_api import GitHubApi, is_repository
from monotron_ci.github_commits import GitHubCommits
from monotron_ci.hashes import is_hash
from monotron_ci.history import Parents, added_by, parents_of
from monotron_ci.http import RetryPolicy
from monotron_ci.inputs import Inputs
from monotron_ci.labels import apply_labels
from monotron_ci.merged_requests import MergedRequests
from monotron_ci.pull_requests import PullRequest
from monotron_ci.responses import VersionInfo
from monotron_ci.urls import parse_url


class OpenRequest(NamedTuple):
    """An open pull request whose commits decide, because no label does. Newest commits first."""

    request: PullRequest
    counted: Sequence[Commit]
    """Its commits that count: with `paths`, only those that change one of them."""
    all: Sequence[Commit]
    """All of its commits."""
    others: Sequence[Commit]
    """The unreleased commits of the target branch."""


class ActionCommits:
    """Reads the commits since the previous version of the token's commit."""

    def __init__(
        self, inputs: Inputs, event: Event, token: str, client: Client, policy: RetryPolicy
    ) -> None:
        self._inputs = inputs
        self._event = event
        self._client = client
        self._policy = policy
        # `idempotency-token` can select another commit than the event.
        self._head = token if is_hash(token) and token != event.commit else event.head
        self._api = GitHubApi(event.api_url, event.repository, inputs.github_token, policy)
        merged = None if event.origin.unmerged else event.request
        self._merged = MergedRequests(self._api, merged, event.commit)
        self.open_request: OpenRequest | None = None
        """Set by `since` if the merge method can affect the version."""

    def since(self, newest: VersionInfo | None) -> CommitRange:
        """The commits after the newest version, and the title of an open pull request.

        A message with the label replaces the commits of a request whose labels decide.
        """
        inputs, event = self._inputs, self._event
        request = event.request if event.origin.unmerged else None
        with closing(self._sources()) as sources:
            found = read_range(
                sources,
                lambda: starts_after(
                    self._client, newest, inputs.tag_prefix, inputs.initial_version
                ),
                self._head,
                lambda: event.commits,
                since=inputs.since,
                paths=inputs.paths,
                with_history=request is not None,
            )
        if request:
            return self._with_request(found, request)
        if event.origin.unmerged:
            return found
        requests = self._requests_of(found.commits)
        return found._replace(commits=apply_labels(found.commits, requests, inputs.labels))

    def _with_request(self, found: CommitRange, request: PullRequest) -> CommitRange:
        """The range with the title or the label of an open request."""
        self.open_request = None
        rules = self._inputs.labels
        own = self._own(found, request)
        others = [commit for commit in found.commits if commit.hash not in own]
        try:
            requests = self._requests_of(others)
        except Failure as failure:  # a preview assigns nothing
            requests = {}
            warning = f"{failure.cause} The commits of the target branch count by their messages."
            found = found._replace(warnings=(*found.warnings, warning))
        others = apply_labels(others, requests, rules)
        counted = [commit for commit in found.commits if commit.hash in own]
        if self._inputs.paths and not self._changes_paths(found, request, counted):
            return found._replace(commits=others)
        choice = rules.choose(request.labels) if rules.are_set else None
        if choice:
            return found._replace(commits=[Commit("", choice.message(request)), *others])
        if not request.title:
            return found._replace(commits=apply_labels(found.commits, requests, rules))
        if self._event.origin.is_open and found.start and counted:
            everything = [commit for commit in found.history if commit.hash in own]
            self.open_request = OpenRequest(
                request, self._without_head(counted), self._without_head(everything), others
            )
        return found._replace(
            commits=[Commit("", request.title), *apply_labels(found.commits, requests, rules)],
            text=f"the title and {found.text}",
        )

    def _own(self, found: CommitRange, request: PullRequest) -> set[str]:
        """The hashes of the commits that an open request adds to its target branch."""
        parents = parents_of(found.history)
        target = self._target_of_run(parents, request)
        return added_by(parents, self._head, target or request.base)

    def _changes_paths(
        self, found: CommitRange, request: PullRequest, counted: Sequence[Commit]
    ) -> bool:
        """Whether the request changes one of the paths. *counted* are its commits that do.

        These include merges of the target branch into its branch. The merge commit of the run shows
        what remains.
        """
        if self._target_of_run(parents_of(found.history), request):
            return self._head in {commit.hash for commit in counted}
        return bool(counted)

    def _target_of_run(self, parents: Parents, request: PullRequest) -> str:
        """The commit of the target branch that the run merged the request into. Empty if the head
        is not such a merge.
        """
        target, *merged = parents.get(self._head, ()) or ("",)
        return target if request.head in merged else ""

    def _without_head(self, commits: Sequence[Commit]) -> list[Commit]:
        """The commits without the merge commit of the run, which is never part of a branch."""
        request = self._event.request
        return [
            commit
            for commit in commits
            if commit.hash != self._head or (request and commit.hash == request.head)
        ]

    def _requests_of(self, commits: Sequence[Commit]) -> Mapping[str, Sequence[PullRequest]]:
        """The merged requests of the commits, if the workflow sets labels."""
        branch = self._event.branch
        # GitHub lists the requests of commits on the default branch only.
        is_other = branch.name and branch.default and branch.name != branch.default
        if not self._inputs.labels.are_set:
            return {}
        return self._merged.of(commits, only_event=bool(is_other))

    def _sources(self) -> Generator[Repository, None, None]:
        if is_hash(self._head):
            token = self._inputs.github_token
            yield from repositories(self._event, self._api, token, self._policy)


Repository = Union[Clone, GitHubCommits]


def repositories(
    event: Event, api: GitHubApi, token: Credential | None, policy: RetryPolicy
) -> Generator[Repository, None, None]:
    """The repository of the job: its clone, a separate bare one, and GitHub's API."""
    if event.workspace:
        yield Clone(event.workspace, policy)
    if is_repository(event.repository) and parse_url(event.server_url):
        url = f"{event.server_url.rstrip('/')}/{event.repository}.git"
        with TemporaryDirectory(prefix="monotron-") as folder:
            yield Fetched(folder, url, token or "", policy)
    yield GitHubCommits(api)
