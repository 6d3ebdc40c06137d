"""Workflows that sign in, with an identity token or with a key: nothing in between is made up.

The runner is real, and so are Monotron, its trusts and its keys; the tokens are signed by an issuer
whose keys Monotron fetches, as GitHub's, with claims of their shape.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import section
from support.claims import AUDIENCE, github
from support.keyless import RUNNER_SECRET, Keyless, keyless, token_endpoint, watched
from support.server import ROOT as ROOT_KEY
from support.workflows import ROOT, Repository, Run, expect, step, workflow


@pytest.fixture(scope="module")
def monotron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """It trusts the branch main of acme/shop."""
    with keyless("github", tmp_path_factory.mktemp("keyless")) as monotron:
        ids = ("--repository-id=777", "--owner-id=42", "--prefix=gh:acme:shop")
        issuer = f"--issuer={monotron.issuer.url}"
        monotron.operator.prints("trust", "github", "acme/shop", "--branch=main", *ids, issuer)
        yield monotron


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"gh:acme:shop:{request.node.name}"


def refused(run: Run) -> str:
    """The one annotation of a run that failed."""
    assert not run.succeeded, run.said
    (annotation,) = set(run.annotations)
    return annotation


def unmasked(run: Run) -> str:
    """All that a runner shows: every line but those that tell it what to hide."""
    return json.dumps([line for line in run.lines if line.get("command") != "add-mask"])


class TestIdentityToken:
    def test_gets_a_version_and_a_number_without_a_stored_secret(
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
            run = repository.run(text, env=env)
        assert run.succeeded, run.said
        with monotron.server.client(authorization=ROOT_KEY) as root:
            page = root.request("GET", f"/v1/entries/{name}-n?assigned_by=true").json()
        (entry,) = page["entries"]
        assert entry["assigned_by"].endswith(":acme/shop:9876543210")
        assert len(tokens) == 2
        masked = {str(line["arg"]) for line in run.commands("add-mask")}
        assert masked == {*tokens, RUNNER_SECRET}
        assert any("actions" in line for line in processes)
        for token in tokens:
            assert token not in unmasked(run)
            assert token not in "".join(processes)

    def test_is_what_the_page_about_security_takes(
        self, monotron: Keyless, repository: Repository
    ) -> None:
        page = section(
            (ROOT / "docs/security.md").read_text(), "### Keyless in five minutes: GitHub"
        )
        (lines,) = re.findall(r"^   ```yaml\n(.*?)^   ```$", page, re.DOTALL | re.MULTILINE)
        jobs = textwrap.dedent(lines).replace(f" url: {AUDIENCE}", f" url: {monotron.server.url}")
        with token_endpoint(lambda audience: monotron.token(github(aud=audience))) as (env, _):
            run = repository.run(
                f"on: [push]\n{jobs}", env={**env, "GITHUB_REPOSITORY": "acme/shop"}
            )
        assert run.succeeded, run.said
        assert "Monotron: 0.0.1" in run.printed

    def test_of_a_branch_that_is_not_trusted_fails_with_the_check_and_the_cure(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        claims = github(ref="refs/heads/feature", sub="repo:acme/shop:ref:refs/heads/feature")
        with token_endpoint(lambda audience: monotron.token({**claims, "aud": audience})) as (
            env,
            tokens,
        ):
            call = step(url=monotron.server.url, audience=AUDIENCE, name=name)
            run = repository.run(workflow(call), env=env)
        annotation = refused(run)
        assert "401 unauthenticated" in annotation
        assert "the ref is 'refs/heads/feature', and the rule wants 'refs/heads/main'" in annotation
        assert "monotron trust github OWNER/REPOSITORY" in annotation
        assert tokens[0] not in unmasked(run)

    def test_for_another_audience_fails_with_the_one_to_write(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        with token_endpoint(lambda audience: monotron.token(github(aud=audience))) as (env, _):
            call = step(url=monotron.server.url, audience="monotron", name=name)
            annotation = refused(repository.run(workflow(call), env=env))
        assert f"takes only tokens for exactly '{AUDIENCE}'" in annotation


class TestKey:
    def test_gets_a_version_of_a_name_that_it_is_for_and_no_other(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        key = monotron.new_key("--scope=read,write:series", f"--prefix={name}")
        with watched(monotron.server) as (url, processes):
            call = step(url=url, api_key="${{ secrets.KEY }}", name=name)
            other = step("other", url=url, api_key="${{ secrets.KEY }}", name="gh:acme:other")
            text = workflow(call + expect(version="0.0.1") + other)
            run = repository.run(text, secrets={"KEY": key})
        annotation = refused(run)
        assert any("EXPECTED version" in line for line in run.printed), run.said
        assert "403 forbidden" in annotation
        assert f"names that begin with '{name}' only" in annotation
        assert key not in unmasked(run)
        assert not [line for line in processes if key in line and "actions" in line]

    def test_that_was_revoked_fails_with_the_cure(
        self, monotron: Keyless, repository: Repository, name: str
    ) -> None:
        key = monotron.new_key("--scope=read,write:series")
        monotron.operator.prints("key", "revoke", key[:14])
        call = step(url=monotron.server.url, api_key="${{ secrets.KEY }}", name=name)
        annotation = refused(repository.run(workflow(call), secrets={"KEY": key}))
        assert "401 unauthenticated" in annotation
        assert "Give the step a key that is valid" in annotation
