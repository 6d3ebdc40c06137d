"""The commits of a step: from the clone of the job, an own fetch, GitHub's API, or the event."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing
from tempfile import TemporaryDirectory

from monotron_ci.client import Client
from monotron_ci.commit_range import CommitRange, Source, read_range, starts_after
from monotron_ci.commits import Commit
from monotron_ci.events import Event
from monotron_ci.git import Clone, Fetched
from monotron_ci.github_commits import GitHubCommits
from monotron_ci.hashes import is_hash
from monotron_ci.http import RetryPolicy
from monotron_ci.inputs import Inputs
from monotron_ci.responses import VersionInfo
from monotron_ci.urls import parse_url


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

    def since(self, newest: VersionInfo | None) -> CommitRange:
        """The commits after the newest version, and the title of an open pull request."""
        inputs, event = self._inputs, self._event
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
            )
        if event.title and event.origin.unmerged:
            commits = [Commit("", event.title), *found.commits]
            return found._replace(commits=commits, text=f"the title and {found.text}")
        return found

    def _sources(self) -> Generator[Source, None, None]:
        event, token = self._event, self._inputs.github_token
        if not is_hash(self._head):
            return
        if event.workspace:
            yield Clone(event.workspace, self._policy)
        if re.fullmatch(r"[\w.-]+/[\w.-]+", event.repository, re.ASCII):
            if parse_url(event.server_url):
                url = f"{event.server_url.rstrip('/')}/{event.repository}.git"
                with TemporaryDirectory(prefix="monotron-") as folder:
                    yield Fetched(folder, url, token or "", self._policy)
            if parse_url(event.api_url):
                yield GitHubCommits(event.api_url, event.repository, token, self._policy)
