"""Pipelines that sign in with an identity token or an API key.

The runner is real, and so are Monotron, its trust policies and its API keys. gitlab-ci-local
creates no identity tokens: the tests set the variable that `id_tokens` sets, signed by an issuer
whose keys Monotron fetches, with the claims that GitLab sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import section
from plugins.gitlab.pipelines import version
from support.claims import AUDIENCE, gitlab
from support.keyless import Keyless, keyless_for_main, watched
from support.log_lines import has_request_of
from support.pipelines import ROOT, Repository, run_pipeline

BUILD = """
build:
  stage: build
  script:
    - echo "MONOTRON_VERSION=$MONOTRON_VERSION"
"""
TEMPLATE = f"include:\n  - local: monotron.gitlab-ci.yml\n{BUILD}"


@pytest.fixture(scope="module")
def monotron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    """Start Monotron with a trust policy for the protected branch main of acme/shop."""
    with keyless_for_main("gitlab", tmp_path_factory.mktemp("keyless")) as monotron:
        yield monotron


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"gl:acme:shop:{request.node.name}"


def of_job(processes: list[str]) -> str:
    """Return the command lines except that of the runner, which contains all variables."""
    return "\n".join(line for line in processes if "gitlab-ci-local" not in line)


def test_the_pipeline_of_the_readme_signs_in_with_only_an_identity_token(
    monotron: Keyless, tmp_path: Path, name: str
) -> None:
    page = section((ROOT / "README.md").read_text(), "## In a GitLab pipeline")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert text.count(AUDIENCE) == 2
    text = re.sub(r"remote: .*", "local: monotron.gitlab-ci.yml", text)
    token = monotron.token(gitlab())
    with watched(monotron.server) as (url, processes):
        text = text.replace(f"MONOTRON_URL: {AUDIENCE}", f"MONOTRON_URL: {url}")
        repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": text + BUILD})
        variables = {"MONOTRON_NAME": name, "MONOTRON_ID_TOKEN": token}
        run = run_pipeline(repository, variables, check_schema=True)
    assert version(run) == "0.1.0"
    assert "curl" in of_job(processes)
    assert token not in of_job(processes)
    assert token not in run.output


def test_an_identity_token_of_an_untrusted_branch_is_refused_with_a_hint(
    monotron: Keyless, tmp_path: Path, name: str
) -> None:
    token = monotron.token(gitlab(ref="feature", ref_path="refs/heads/feature"))
    repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": TEMPLATE})
    variables = {"MONOTRON_URL": monotron.server.url, "MONOTRON_NAME": name}
    run = run_pipeline(repository, {**variables, "MONOTRON_ID_TOKEN": token})
    assert not run.passed
    assert "error: unauthenticated (401): " in run.output
    assert "`ref` is 'feature', but trust policy " in run.output
    assert "monotron trust gitlab acme/shop" in run.output
    assert has_request_of(monotron.server, run.output)
    assert token not in run.output


def test_an_api_key_gets_a_number_of_its_name(monotron: Keyless, tmp_path: Path, name: str) -> None:
    key = monotron.new_key("--scope=read,write:series", f"--name={name}")
    pipeline = TEMPLATE.replace("VERSION", "BUILD_NUMBER")
    repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})
    variables = {"MONOTRON_NAME": name, "MONOTRON_MODE": "counter", "MONOTRON_API_KEY": key}
    with watched(monotron.server) as (url, processes):
        run = run_pipeline(repository, {**variables, "MONOTRON_URL": url})
    assert run.passed, run.output
    assert run.printed_variables("build")["MONOTRON_BUILD_NUMBER"] == "1"
    assert key not in of_job(processes)
    assert key not in run.output


def test_an_api_key_for_other_names_is_refused_with_a_hint(
    monotron: Keyless, tmp_path: Path, name: str
) -> None:
    key = monotron.new_key("--scope=read,write:series", "--name=gl:acme:other")
    repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": TEMPLATE})
    variables = {"MONOTRON_URL": monotron.server.url, "MONOTRON_NAME": name}
    run = run_pipeline(repository, {**variables, "MONOTRON_API_KEY": key})
    assert not run.passed
    assert "error: forbidden (403): " in run.output
    assert "Their names are `gl:acme:other`." in run.output
    assert "Set MONOTRON_API_KEY to a key with the scope read,write:series" in run.output
    assert key not in run.output
