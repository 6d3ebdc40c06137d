"""`monotron trust gitlab`, with a GitLab API that a test controls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monotron.cli.forges import GITLAB_URL, gitlab_path
from monotron_ci.errors import Failure
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

PROJECT = {
    "id": 20,
    "path_with_namespace": "acme/tools/shop",
    "namespace": {"id": 72},
    "default_branch": "main",
}
CLAIMS = {"project_id": "20", "namespace_id": "72"}
IDS = ("--project-id=20", "--namespace-id=72")


class GitLab:
    """Runs `monotron trust gitlab acme/tools/shop` with a stand-in of GitLab's API."""

    def __init__(self, operator: Terminal, account: str) -> None:
        self._operator = operator
        self._account = account

    def claims(self, *arguments: str, **env: str) -> dict[str, Any]:
        """The claims of the new trust policy."""
        with StandIn([Reply.json(PROJECT)]) as stand_in:
            options = (f"--gitlab-url={stand_in.url}", "--issuer=gitlab.com", self._account)
            command = ("trust", "gitlab", "acme/tools/shop", "--output=json")
            process = self._operator.run(
                *command, *options, *arguments, **{"GITLAB_TOKEN": "", **env}
            )
        self.port = stand_in.port
        self.requests = stand_in.requests
        assert process.returncode == 0, process.stderr
        trust = json.loads(process.stdout)
        assert trust["issuer"] == "https://gitlab.com"
        claims: dict[str, Any] = trust["claims"]
        return claims


@pytest.fixture
def gitlab(operator: Terminal, account: str) -> GitLab:
    return GitLab(operator, account)


def test_the_default_is_the_protected_default_branch_of_the_project_with_these_ids(
    gitlab: GitLab,
) -> None:
    branch = {"ref": "main", "ref_type": "branch", "ref_protected": "true"}
    assert gitlab.claims() == {**CLAIMS, **branch}
    (request,) = gitlab.requests
    assert request.path == "/api/v4/projects/acme%2Ftools%2Fshop"
    assert "PRIVATE-TOKEN" not in {name.upper() for name in request.headers}


def test_the_trusted_jobs_can_be_restricted(gitlab: GitLab) -> None:
    assert gitlab.claims("--protected") == {**CLAIMS, "ref_protected": "true"}
    live = {**CLAIMS, "environment": "live"}
    assert gitlab.claims("--environment=live", "--accept-unprotected") == live
    assert gitlab.claims("--environment=live", "--protected") == {**live, "ref_protected": "true"}
    branch = {"ref": "next", "ref_type": "branch", "ref_protected": "true"}
    claims = gitlab.claims("--branch=next", "--workflow=.gitlab-ci.yml")
    workflow = f"127.0.0.1:{gitlab.port}/acme/tools/shop//.gitlab-ci.yml"
    assert claims == {**CLAIMS, **branch, "workflow": workflow}


def test_the_token_of_the_environment_is_sent(gitlab: GitLab) -> None:
    gitlab.claims(GITLAB_TOKEN="glpat-canary")
    headers = {name.upper(): value for name, value in gitlab.requests[0].headers.items()}
    assert headers["PRIVATE-TOKEN"] == "glpat-canary"


def test_ids_skip_the_lookup(gitlab: GitLab) -> None:
    assert gitlab.claims(*IDS, "--protected") == {**CLAIMS, "ref_protected": "true"}
    assert gitlab.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "acme/tools/shop",
        "https://gitlab.com/acme/tools/shop",
        "https://gitlab.com/acme/tools/shop.git",
        "git@gitlab.com:acme/tools/shop.git",
    ],
)
def test_a_url_of_a_project_is_accepted(text: str) -> None:
    assert gitlab_path(text, GITLAB_URL) == "acme/tools/shop"


@pytest.mark.parametrize("text", ["shop", "https://gitlab.com/acme", "a//b"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(Failure, match=r"^not a project name: .*\(expected GROUP/PROJECT\)"):
        gitlab_path(text, GITLAB_URL)


def test_a_url_of_another_server_is_refused() -> None:
    with pytest.raises(Failure, match=r"is not on gitlab\.com"):
        gitlab_path("https://github.com/acme/shop", GITLAB_URL)
