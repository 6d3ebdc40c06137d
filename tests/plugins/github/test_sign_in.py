"""Workflows that sign in with an identity token or an API key, without any mock in between.

The runner, the server, its trust policies and its API keys are real. A test issuer, whose keys the
server fetches, signs the tokens, with claims like those of GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import section
from plugins.github.action_step import ActionStep
from support.claims import AUDIENCE, github
from support.keyless import RUNNER_SECRET, Keyless, keyless_for_main, token_endpoint, watched
from support.log_lines import has_request_of
from support.server import ROOT as ROOT_KEY
from support.workflows import ROOT, Repository, annotation_of, expect, expected, step, workflow


@pytest.fixture(scope="module")
def monotron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """A server that trusts the branch main of acme/shop."""
    with keyless_for_main("github", tmp_path_factory.mktemp("keyless")) as monotron:
        yield monotron


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"gh:acme:shop:{request.node.name}"


def readme_workflows(url: str) -> tuple[str, str]:
    """The workflow with an identity token, and the step with an API key, for a local server."""
    page = section((ROOT / "README.md").read_text(), "## In a GitHub workflow")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    token, key = (block.replace(f" url: {AUDIENCE}", f" url: {url}") for block in blocks)
    return token, key


class TestIdentityTokens:
    def test_a_trusted_job_gets_a_version_and_a_number_without_a_stored_secret(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        with (
            token_endpoint(lambda audience: monotron.token(github(aud=audience))) as (env, tokens),
            watched(monotron.server) as (url, processes),
        ):
            version = step(url=url, audience=AUDIENCE, name=name, bump="minor")
            number = step("number", "actions/next", url=url, audience=AUDIENCE, name=f"{name}-n")
            text = workflow(
                version + expect(version="0.1.0") + number + expect("number", value="1")
            )
            run = expected(repository.run(text, env=env))
        with monotron.server.client(authorization=ROOT_KEY) as root:
            page = root.request("GET", f"/v1/entries/{name}-n?assigned_by=true").json()
        (entry,) = page["entries"]
        assert entry["assigned_by"].endswith(":acme/shop:9876543210")
        assert len(tokens) == 2
        masked = {str(line["arg"]) for line in run.commands("add-mask")}
        assert masked == {*tokens, RUNNER_SECRET}
        assert any("actions" in line for line in processes)
        for token in tokens:
            assert token not in run.unmasked
            assert token not in "".join(processes)

    def test_the_first_workflow_of_the_readme_signs_in(
        self, monotron: Keyless, repository: Repository
    ) -> None:
        (jobs, _) = readme_workflows(monotron.server.url)
        assert "permissions:\n      id-token: write" in jobs
        with token_endpoint(lambda audience: monotron.token(github(aud=audience))) as (env, tokens):
            env = {**env, "GITHUB_REPOSITORY": "acme/shop"}
            run = repository.run(f"on: [push]\n{jobs}", env=env)
        assert run.succeeded, run.output
        assert len(tokens) == 1
        (line,) = [line for line in run.printed if line.startswith("Monotron: ")]
        assert re.fullmatch(r"Monotron: 0\.[1-9]\d*\.0", line)

    def test_a_job_of_an_untrusted_branch_gets_the_failed_check_and_a_hint(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        def token(audience: str) -> str:
            branch = "refs/heads/feature"
            return monotron.token(
                github(ref=branch, sub=f"repo:acme/shop:ref:{branch}", aud=audience)
            )

        with token_endpoint(token) as (env, tokens):
            call = step(url=monotron.server.url, audience=AUDIENCE, name=name)
            run = repository.run(workflow(call), env=env)
        annotation = annotation_of(run)
        assert annotation.startswith("unauthenticated (401): ")
        assert "refs/heads/feature" in annotation
        assert "refs/heads/main" in annotation
        assert "monotron trust github OWNER/REPOSITORY" in annotation
        assert has_request_of(monotron.server, annotation)
        assert tokens[0] not in run.unmasked

    def test_a_token_for_another_audience_is_refused_with_the_expected_one(
        self, monotron: Keyless, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with token_endpoint(lambda audience: monotron.token(github(aud=audience))) as (env, _):
            action = ActionStep(tmp_path, monotron.server.url, name)
            assert action.run({"audience": "monotron"}, **env) == 1
        annotation = capsys.readouterr().out.splitlines()[-1]
        assert annotation.startswith("::error title=Monotron::unauthenticated (401): ")
        assert AUDIENCE in annotation


class TestApiKeys:
    def test_the_step_of_the_readme_with_an_api_key_gets_a_version(
        self, monotron: Keyless, repository: Repository
    ) -> None:
        (_, lines) = readme_workflows(monotron.server.url)
        key = monotron.new_key("--scope=read,write:series", "--name=gh:acme:other")
        run = repository.run(
            workflow(lines + expect(version="0.0.1")),
            secrets={"MONOTRON_API_KEY": key},
            env={"GITHUB_REPOSITORY": "acme/other"},
        )
        expected(run)
        assert key not in run.unmasked

    def test_an_api_key_works_for_its_names_only(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        key = monotron.new_key("--scope=read,write:series", f"--name={name}")
        with watched(monotron.server) as (url, processes):
            call = step(url=url, api_key="${{ secrets.KEY }}", name=name)
            other = step("other", url=url, api_key="${{ secrets.KEY }}", name="gh:acme:other")
            text = workflow(call + expect(version="0.0.1") + other)
            run = repository.run(text, secrets={"KEY": key})
        annotation = annotation_of(run)
        assert any("EXPECTED version" in line for line in run.printed), run.output
        assert annotation.startswith("forbidden (403): ")
        assert name in annotation
        assert key not in run.unmasked
        assert not [line for line in processes if key in line and "python3" in line]

    def test_a_revoked_api_key_is_refused_with_a_hint(
        self, monotron: Keyless, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        key = monotron.new_key("--scope=read,write:series")
        monotron.operator.prints("key", "revoke", key[:14])
        assert ActionStep(tmp_path, monotron.server.url, name).run({"api-key": key}) == 1
        annotation = capsys.readouterr().out.splitlines()[-1]
        assert annotation.startswith("::error title=Monotron::unauthenticated (401): ")
        assert "Set a valid API key" in annotation
