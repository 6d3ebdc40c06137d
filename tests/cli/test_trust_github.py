"""`monotron trust github`, with a GitHub API that a test controls."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from monotron.cli.forges import GITHUB_API_URL, github_issuer, github_path
from monotron_ci.errors import Failure
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

ISSUER = "https://token.actions.githubusercontent.com"
SHOP = {"repository_id": "777", "repository_owner_id": "42"}
IDS = ("--repository-id=777", "--owner-id=42")


def repository(**changes: Any) -> Reply:
    """GitHub's response for acme/shop."""
    owner = {"login": "Acme", "id": 42}
    document = {"id": 777, "full_name": "Acme/shop", "owner": owner, "default_branch": "trunk"}
    return Reply.json({**document, **changes})


class GitHub:
    """Runs `monotron trust github acme/shop` with a stand-in of GitHub's API."""

    def __init__(self, operator: Terminal, account: str) -> None:
        self.operator = operator
        self.account = account

    def trust(
        self, *arguments: str, response: Reply | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        with StandIn([response or repository()]) as stand_in:
            api = f"--github-api={stand_in.url}"
            command = ("trust", "github", "acme/shop", api, self.account, "--retries=0")
            command += ("--issuer=github",)
            process = self.operator.run(*command, *arguments, **{"GITHUB_TOKEN": "", **env})
        self.requests = stand_in.requests
        return process

    def claims(self, *arguments: str) -> dict[str, Any]:
        """The claims of the new trust policy."""
        process = self.trust(*arguments, "--output=json")
        assert process.returncode == 0, process.stderr
        self.notes = process.stderr
        trust = json.loads(process.stdout)
        assert trust["issuer"] == ISSUER
        claims: dict[str, Any] = trust["claims"]
        return claims


@pytest.fixture
def github(operator: Terminal, account: str) -> GitHub:
    return GitHub(operator, account)


class TestJobs:
    def test_the_default_is_the_default_branch_of_the_repository_with_these_ids(
        self, github: GitHub
    ) -> None:
        assert github.claims() == {**SHOP, "ref": "refs/heads/trunk"}
        (request,) = github.requests
        assert request.path == "/repos/acme/shop"
        assert "Authorization" not in request.headers

    def test_the_new_trust_policy_is_described(self, github: GitHub) -> None:
        process = github.trust("--name=gh:acme:*", "--scope=read:series")
        assert re.fullmatch(
            r"Created trust policy \d+ in account \d+: Acme/shop \(id 777\), branch trunk → "
            r"read:series on names gh:acme:\*\n",
            process.stdout,
        )
        assert process.stderr == ""

    @pytest.mark.parametrize(
        ("arguments", "claims"),
        [
            (["--branch=a/b"], {"ref": "refs/heads/a/b"}),
            (["--protected"], {"ref_protected": "true"}),
            (["--environment=release", "--accept-unprotected"], {"environment": "release"}),
            (
                ["--environment=release", "--protected"],
                {"environment": "release", "ref_protected": "true"},
            ),
            (
                ["--workflow=.github/workflows/release.yml", "--branch=main"],
                {
                    "workflow": "Acme/shop/.github/workflows/release.yml",
                    "ref": "refs/heads/main",
                },
            ),
            (
                ["--workflow=acme/ci/.github/workflows/release.yml", "--protected"],
                {"workflow": "acme/ci/.github/workflows/release.yml", "ref_protected": "true"},
            ),
        ],
        ids=lambda each: " ".join(each) if isinstance(each, list) else "",
    )
    def test_the_trusted_jobs_can_be_restricted(
        self, github: GitHub, arguments: list[str], claims: dict[str, str]
    ) -> None:
        assert github.claims(*arguments) == {**SHOP, **claims}
        assert github.notes == ""

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("--environment=release", "set `accept_unprotected` to true"),
            ("--workflow=release.yml", "every branch has its own copy of the file"),
        ],
    )
    def test_jobs_that_anyone_with_a_branch_can_run_are_not_trusted(
        self, github: GitHub, argument: str, message: str
    ) -> None:
        process = github.trust(argument)
        assert (process.returncode, process.stdout) == (1, "")
        assert message in process.stderr

    def test_the_description_is_the_name_of_the_repository(self, github: GitHub) -> None:
        trust = json.loads(github.trust("--output=json").stdout)
        assert trust["description"] == "Acme/shop"
        trust = json.loads(github.trust("--output=json", "--description=x").stdout)
        assert trust["description"] == "x"


class TestLookup:
    def test_the_token_of_the_environment_is_sent(self, github: GitHub) -> None:
        github.trust(GITHUB_TOKEN="ghp_canary")
        assert github.requests[0].headers["Authorization"] == "Bearer ghp_canary"

    def test_ids_skip_the_lookup(self, github: GitHub) -> None:
        assert github.claims(*IDS, "--branch=main") == {**SHOP, "ref": "refs/heads/main"}
        assert github.requests == []

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--owner-id=1",), "pass both --repository-id and --owner-id"),
            (IDS, "cannot determine the default branch of acme/shop without asking GitHub"),
            (("--github-api=http://a.example.com",), "--github-api"),
        ],
        ids=str,
    )
    def test_invalid_usage_exits_with_2(
        self, operator: Terminal, arguments: tuple[str, ...], message: str
    ) -> None:
        assert message in operator.fails(2, "trust", "github", "acme/shop", *arguments)

    @pytest.mark.parametrize(
        ("response", "code", "message"),
        [
            (Reply.json({"message": "\x1b[31mNot Found"}, 404), 2, "set GITHUB_TOKEN"),
            (Reply.json({}, 403), 2, "rate limit is exceeded"),
            (Reply.json({}, 401), 2, "is invalid"),
            (Reply(301, b"", {"Location": "/repositories/777"}), 2, "pass its current name"),
            (repository(full_name="evil/shop"), 2, "describes another repository"),
            (repository(id="777"), 2, "lacks the ids"),
            (repository(owner={"id": True}), 2, "lacks the ids"),
            (repository(default_branch=None), 2, "pass --branch main"),
            (Reply(200, b"<html>", {"Content-Type": "text/html"}), 2, "without a description"),
            (Reply.json({}, 502), 4, "without a description"),
        ],
        ids=["404", "403", "401", "moved", "other", "id", "owner", "branch", "page", "502"],
    )
    def test_an_unusable_response_creates_no_trust_policy(
        self, github: GitHub, response: Reply, code: int, message: str
    ) -> None:
        process = github.trust(response=response, GITHUB_TOKEN="ghp_canary")
        assert (process.returncode, process.stdout) == (code, "")
        assert message in process.stderr
        assert "\x1b" not in process.stderr
        assert "canary" not in process.stderr
        listed = github.operator.prints("trust", "list", github.account, "--output=json")
        assert json.loads(listed) == []


class TestIssuer:
    @pytest.mark.parametrize(
        ("api", "issuer"),
        [
            (GITHUB_API_URL, "github"),
            ("https://api.acme.ghe.com", "https://token.actions.acme.ghe.com"),
            ("https://git.example.com/api/v3", "https://git.example.com/_services/token"),
            ("https://git.example.com:8443/api/v3", "https://git.example.com:8443/_services/token"),
        ],
    )
    def test_the_default_issuer_belongs_to_the_api(self, api: str, issuer: str) -> None:
        assert github_issuer(api) == issuer

    def test_ids_of_another_github_are_never_trusted_on_github_com(
        self, operator: Terminal
    ) -> None:
        api = "--github-api=https://git.example.com/api/v3"
        errors = operator.fails(1, "trust", "github", "a/b", *IDS, "--branch=main", api)
        assert "Untrusted `issuer` 'https://git.example.com/_services/token'" in errors


class TestName:
    @pytest.mark.parametrize(
        "text",
        [
            "acme/shop",
            "https://github.com/acme/shop",
            "https://github.com/acme/shop.git",
            "https://token:x-oauth@github.com/acme/shop/",
            "git@github.com:acme/shop.git",
            "ssh://git@github.com/acme/shop.git",
        ],
    )
    def test_a_url_of_a_repository_is_accepted(self, text: str) -> None:
        assert github_path(text, GITHUB_API_URL) == "acme/shop"

    def test_a_url_on_github_enterprise_is_accepted_with_its_api(self) -> None:
        url = "https://git.example.com/acme/shop"
        assert github_path(url, "https://git.example.com/api/v3") == "acme/shop"
        with pytest.raises(Failure, match=r"is not on github\.com"):
            github_path(url, GITHUB_API_URL)

    @pytest.mark.parametrize(
        "text", ["shop", "acme/shop/x", "acme/", "https://github.com/acme", "a b/c", ""]
    )
    def test_another_text_is_refused(self, text: str) -> None:
        with pytest.raises(Failure, match=r"^not a repository name: .*\(expected OWNER/REPO\)"):
            github_path(text, GITHUB_API_URL)

    def test_the_password_in_a_url_is_not_shown(self) -> None:
        for text in ("https://u:canary@github.com/acme", "https://u:canary@evil.com/acme/shop"):
            with pytest.raises(Failure) as refused:
                github_path(text, GITHUB_API_URL)
            assert "canary" not in str(refused.value)
