"""`monotron trust github-org` and `gitlab-group`, with platform APIs that a test controls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.stand_in import Reply, StandIn
from support.terminal import Terminal

GITHUB = Reply.json({"login": "Acme", "id": 42, "type": "Organization"})
GITLAB = Reply.json({"full_path": "acme/web", "id": 72})
TOKENS = {"GITHUB_TOKEN": "", "GITLAB_TOKEN": ""}


class TestGitHub:
    def test_the_owner_is_looked_up(self, operator: Terminal, account: str) -> None:
        with StandIn([GITHUB]) as api:
            options = (f"--github-api={api.url}", "--issuer=github", account, "--retries=0")
            process = operator.run("trust", "github-org", "acme", "--protected", *options, **TOKENS)
        (request,) = api.requests
        assert request.path == "/users/acme"
        assert process.stdout.startswith("Created trust policy ")
        assert process.stdout.endswith(
            ": Acme (id 42), protected branches and tags → read,write:series on each repository's "
            "own names, within gh:*\n"
        )

    def test_the_claims_bind_the_policy_to_the_owner_id(
        self, operator: Terminal, account: str
    ) -> None:
        file = "acme/ci/.github/workflows/release.yml@refs/tags/v1"
        options = ("--owner-id=42", f"--workflow={file}", account, "--output=json")
        trust = created(operator, "github-org", "acme", *options)
        assert trust["claims"] == {"repository_owner_id": "42", "job_workflow_ref": file}
        assert (trust["names_from"], trust["description"]) == ("repository", "acme")

    def test_a_restriction_is_required(self, operator: Terminal, account: str) -> None:
        errors = operator.fails(2, "trust", "github-org", "acme", "--owner-id=42", account)
        assert "pass --protected, --workflow, or both" in errors

    @pytest.mark.parametrize("name", ["acme/shop", "../x", "", "a b", "https://github.com/acme"])
    def test_an_invalid_name_is_refused(self, operator: Terminal, account: str, name: str) -> None:
        options = ("--protected", account, "--github-api=http://127.0.0.1:9", "--retries=0")
        errors = operator.fails(2, "trust", "github-org", name, *options)
        assert "not the name of an organization or user" in errors


class TestGitLab:
    def test_the_group_is_looked_up(self, operator: Terminal, account: str) -> None:
        with StandIn([GITLAB]) as api:
            options = (f"--gitlab-url={api.url}", "--issuer=gitlab.com", account, "--retries=0")
            process = operator.run("trust", "gitlab-group", "acme/web", *options, **TOKENS)
        (request,) = api.requests
        assert request.path == "/api/v4/groups/acme%2Fweb?with_projects=false"
        assert process.stdout.endswith(
            ": acme/web (id 72), protected branches and tags → read,write:series on each "
            "repository's own names, within gl:*\n"
        )

    def test_a_branch_must_be_protected(self, operator: Terminal, account: str) -> None:
        options = ("--namespace-id=72", "--branch=main", account, "--output=json")
        trust = created(operator, "gitlab-group", "acme", *options)
        assert trust["claims"] == {
            "namespace_id": "72",
            "ref": "main",
            "ref_type": "branch",
            "ref_protected": "true",
        }

    def test_a_repeated_command_finds_the_existing_policy(
        self, operator: Terminal, account: str
    ) -> None:
        command = ("trust", "gitlab-group", "acme", "--namespace-id=72", account)
        created, found = (operator.run(*command).stdout for _ in range(2))
        assert created.startswith("Created trust policy 1 ")
        assert found == created.replace("Created", "Found existing")

    def test_a_list_marks_own_names(self, operator: Terminal, account: str) -> None:
        created(operator, "gitlab-group", "acme", "--namespace-id=72", account, "--output=json")
        assert "gl:* (own)" in operator.run("trust", "list", account).stdout


def created(operator: Terminal, *arguments: str) -> dict[str, Any]:
    process = operator.run("trust", *arguments)
    assert process.returncode == 0, process.stderr
    trust: dict[str, Any] = json.loads(process.stdout)
    return trust
