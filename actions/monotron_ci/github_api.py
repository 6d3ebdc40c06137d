"""Reads a repository with GitHub's API. All requests of a step share one limit.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping

from monotron_ci.client import AGENT
from monotron_ci.credential import Credential
from monotron_ci.errors import NoResponse
from monotron_ci.git import Unavailable
from monotron_ci.http import HttpResponse, RetryPolicy, send
from monotron_ci.urls import parse_url

MAX_REQUESTS = 300
"""GITHUB_TOKEN has 1,000 requests per hour and repository."""

TOO_MANY = f"more than {MAX_REQUESTS} requests to GitHub's API are necessary"

MAX_BODY_BYTES = 64 << 20
"""The first page of a comparison also contains changes of files."""


class GitHubApi:
    """One repository."""

    name = "GitHub's API"

    def __init__(
        self, api_url: str, repository: str, token: Credential | None, policy: RetryPolicy
    ) -> None:
        """*repository* is OWNER/REPOSITORY."""
        self._is_valid = is_repository(repository) and parse_url(api_url) is not None
        self._url = f"{api_url.rstrip('/')}/repos/{repository}"
        self._token = token
        self._policy = policy
        self._requests = 0

    @property
    def remaining(self) -> int:
        """How many requests the step may still send."""
        return MAX_REQUESTS - self._requests

    def get(self, path: str) -> HttpResponse:
        """A response of any status. Raises `Unavailable` without one, and beyond the limits."""
        if not self._is_valid:
            raise Unavailable("GITHUB_API_URL or GITHUB_REPOSITORY is invalid")
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            raise Unavailable(TOO_MANY)
        request = urllib.request.Request(f"{self._url}/{path}")  # noqa: S310 - checked above
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("User-Agent", AGENT)
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        if self._token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            response = send(request, self._policy, MAX_BODY_BYTES)
        except NoResponse as error:
            raise Unavailable(error.cause.rstrip(".")) from None
        if response.status == 429 or (response.status == 403 and _is_limit(response.headers)):
            raise Unavailable("the rate limit of GitHub's API is exhausted")
        return response


def is_repository(name: str) -> bool:
    """Whether the text is OWNER/REPOSITORY, and can be part of a URL."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII) is not None


def _is_limit(headers: Mapping[str, str]) -> bool:
    """Whether a request was refused by the primary or a secondary rate limit."""
    return headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers
