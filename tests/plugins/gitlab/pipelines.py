"""Pipelines that include the job, and a later job that prints the variables it sees."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from string import Template

import yaml

from support.pipelines import JOB, Repository, Run, run_pipeline

BUILD = """
build:
  stage: build
  script:
    - env -u CI_COMMIT_MESSAGE | grep -E '^(MONOTRON|SEMREL|NEXT|API)_' | sort
"""
TEMPLATE = "include:\n  - local: monotron.gitlab-ci.yml\n" + BUILD
COMPONENT = "$CI_SERVER_FQDN/$CI_PROJECT_PATH/version@$CI_COMMIT_SHA"
"""The address of the component in the project itself."""
COMPONENT_OF_PAGES = "$CI_SERVER_FQDN/your-group/monotron/version@1.0.0"
"""The address of the component in the documentation."""


def repository_with(tmp_path: Path, pipeline: str = TEMPLATE) -> Repository:
    return Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})


def component_pipeline(inputs: str, more: str = BUILD) -> str:
    return f"include:\n  - component: {COMPONENT}\n    inputs:\n{inputs}{more}"


def version(run: Run) -> str:
    """Return the version that the later job saw; the pipeline must pass."""
    assert run.passed, run.output
    return run.printed_variables("build")["MONOTRON_VERSION"]


class Pipelines:
    """The pipelines of a repository."""

    def __init__(self, repository: Repository, variables: Mapping[str, str]) -> None:
        self.repository = repository
        self._variables = variables

    def run(self, **variables: str) -> Run:
        return run_pipeline(self.repository, {**self._variables, **variables})

    def commit(self, message: str, file: str = "api/a") -> str:
        path = self.repository.path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(message)
        return self.repository.commit(message)


def requested_audience(repository: Repository) -> str:
    """The audience of the identity token that the pipeline requests, with its variables."""
    preview = run_pipeline(repository, {}, args=["--preview"])
    assert preview.passed, preview.output
    _, _, document = preview.output.rpartition("---\n")
    job = yaml.safe_load(document)[JOB]
    return Template(job["id_tokens"]["MONOTRON_ID_TOKEN"]["aud"]).substitute(job["variables"])


def provide_docker(folder: Path) -> dict[str, str]:
    """Create a program `docker` that prints its arguments. Returns the environment with it."""
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\necho "docker $*"\n')
    docker.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
