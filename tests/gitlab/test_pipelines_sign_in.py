"""Pipelines that sign in, with an identity token or with a key: nothing in between is made up.

The runner is real, and so are Monotron, its trusts and its keys. gitlab-ci-local makes no identity
tokens: they come as the variable that `id_tokens` fills, signed by an issuer whose keys Monotron
fetches, with claims of GitLab's shape.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import section
from support.claims import AUDIENCE, gitlab
from support.keyless import Keyless, keyless, watched
from support.pipelines import ROOT, Repository, Run, run_pipeline

BUILD = """
build:
  stage: build
  script:
    - echo "MONOTRON_VERSION=$MONOTRON_VERSION"
"""
TEMPLATE = f"include:\n  - local: monotron.gitlab-ci.yml\n{BUILD}"


@pytest.fixture(scope="module")
def monotron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """It trusts the protected branch main of acme/shop."""
    with keyless("gitlab", tmp_path_factory.mktemp("keyless")) as monotron:
        ids = ("--project-id=20", "--namespace-id=72", "--prefix=gl:acme:shop")
        issuer = f"--issuer={monotron.issuer.url}"
        monotron.operator.prints("trust", "gitlab", "acme/shop", "--branch=main", *ids, issuer)
        yield monotron


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"gl:acme:shop:{request.node.name}"


def version(run: Run) -> str:
    """What the job after it saw."""
    assert run.passed, run.output
    return run.seen("build")["MONOTRON_VERSION"]


def of_the_job(processes: list[str]) -> str:
    """The command lines without the runner's own, which is told the variables there."""
    return "\n".join(line for line in processes if "gitlab-ci-local" not in line)


@pytest.mark.parametrize("way", ["template", "component"])
def test_an_identity_token_is_all_that_the_documented_pipeline_takes(
    monotron: Keyless, tmp_path: Path, name: str, way: str
) -> None:
    page = section((ROOT / "docs/security.md").read_text(), "### Keyless in five minutes: GitLab")
    blocks = re.findall(r"^   ```yaml\n(.*?)^   ```$", page, re.DOTALL | re.MULTILINE)
    component, template = map(textwrap.dedent, blocks)
    token = monotron.token(gitlab())
    with watched(monotron.server) as (url, processes):
        text = (template if way == "template" else component).replace(
            "your-group/monotron/version@1.0.0", "acme/shop/version@$CI_COMMIT_SHA"
        )
        text = re.sub(rf"( url|MONOTRON_URL): {AUDIENCE}", rf"\1: {url}", text)
        repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": text + BUILD})
        run = run_pipeline(repository, {"MONOTRON_NAME": name, "MONOTRON_ID_TOKEN": token})
    assert version(run) == "0.0.1"
    assert "curl" in of_the_job(processes)
    assert token not in of_the_job(processes)
    assert token not in run.output


def test_an_identity_token_of_a_branch_that_is_not_trusted_fails_with_the_check_and_the_cure(
    monotron: Keyless, tmp_path: Path, name: str
) -> None:
    token = monotron.token(gitlab(ref="feature", ref_path="refs/heads/feature"))
    repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": TEMPLATE})
    variables = {"MONOTRON_URL": monotron.server.url, "MONOTRON_NAME": name}
    run = run_pipeline(repository, {**variables, "MONOTRON_ID_TOKEN": token})
    assert not run.passed
    assert "401 unauthenticated" in run.output
    assert "`ref` is 'feature', but trust " in run.output
    assert "monotron trust gitlab acme/shop" in run.output
    assert token not in run.output


def test_a_key_gets_a_number_of_a_name_that_it_is_for(
    monotron: Keyless, tmp_path: Path, name: str
) -> None:
    key = monotron.new_key("--scope=read,write:series", f"--prefix={name}")
    pipeline = TEMPLATE.replace("VERSION", "BUILD_NUMBER")
    repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})
    variables = {"MONOTRON_NAME": name, "MONOTRON_MODE": "counter", "MONOTRON_API_KEY": key}
    with watched(monotron.server) as (url, processes):
        run = run_pipeline(repository, {**variables, "MONOTRON_URL": url})
    assert run.passed, run.output
    assert run.seen("build")["MONOTRON_BUILD_NUMBER"] == "1"
    assert key not in of_the_job(processes)
    assert key not in run.output


def test_a_key_for_other_names_fails_with_the_cure(
    monotron: Keyless, tmp_path: Path, name: str
) -> None:
    key = monotron.new_key("--scope=read,write:series", "--prefix=gl:acme:other")
    repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": TEMPLATE})
    variables = {"MONOTRON_URL": monotron.server.url, "MONOTRON_NAME": name}
    run = run_pipeline(repository, {**variables, "MONOTRON_API_KEY": key})
    assert not run.passed
    assert "403 forbidden" in run.output
    assert "names that start with 'gl:acme:other'" in run.output
    assert "Give MONOTRON_API_KEY a key with the scope read,write:series" in run.output
    assert key not in run.output
