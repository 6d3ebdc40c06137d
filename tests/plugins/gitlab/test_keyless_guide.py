"""A visitor follows "Keyless in five minutes: GitLab" in docs/security.md from start to end.

gitlab-ci-local creates no identity tokens. The test sets the variable that `id_tokens` sets, with
the audience that the YAML requests.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.keyless_guide import followed
from docs.page_blocks import blocks
from plugins.gitlab.pipelines import (
    COMPONENT,
    COMPONENT_OF_PAGES,
    provide_docker,
    requested_audience,
)
from support.claims import AUDIENCE, gitlab
from support.pipelines import JOB, Repository, run_pipeline

SHOP = {
    "id": 20,
    "path_with_namespace": "acme/shop",
    "namespace": {"id": 72, "full_path": "acme"},
    "default_branch": "main",
}
"""The response of GitLab's API for the project."""


@pytest.mark.parametrize("file", ["component", "template"])
def test_the_guide_leads_to_the_version_that_it_shows(tmp_path: Path, file: str) -> None:
    with followed("GitLab", SHOP, "--gitlab-url={} --issuer=gitlab.com", tmp_path) as server:
        files = dict(zip(("component", "template"), server.guide.files, strict=True))
        pipeline = files[file].replace(COMPONENT_OF_PAGES, COMPONENT)
        repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})
        token = server.token(gitlab(aud=requested_audience(repository)))
        run = run_pipeline(repository, {"MONOTRON_ID_TOKEN": token}, check_schema=True)
        assert run.passed, run.output
        assert server.guide.log.startswith("Monotron: 0.0.1 ")
        assert server.guide.log in run.lines(JOB)
        assert server.versions("gl:acme:shop") == ["0.0.1"]
    assert token not in run.output


@pytest.mark.parametrize("file", ["template", "component"])
def test_the_first_pipelines_of_the_readme_sign_in(tmp_path: Path, file: str) -> None:
    """With the jobs that use the version, in a later stage or as a need."""
    template, component, docker, needs, *_ = blocks("gitlab/README.md", "yaml")
    pipeline = component.replace(COMPONENT_OF_PAGES, COMPONENT) + docker
    if file == "template":
        include = re.sub(r"remote: .*", "local: monotron.gitlab-ci.yml", template)
        pipeline = include + docker + needs.removeprefix("build:\n")
    with followed("GitLab", SHOP, "--gitlab-url={} --issuer=gitlab.com", tmp_path) as server:
        pipeline = pipeline.replace(AUDIENCE, server.server.url)
        repository = Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})
        token = server.token(gitlab(aud=requested_audience(repository)))
        env = provide_docker(tmp_path / "programs")
        variables = {"MONOTRON_ID_TOKEN": token}
        run = run_pipeline(repository, variables, env=env, check_schema=True)
        assert run.passed, run.output
        assert "docker build --tag shop:0.1.0 ." in run.lines("build")
        assert server.versions("gl:acme:shop") == ["0.1.0"]
