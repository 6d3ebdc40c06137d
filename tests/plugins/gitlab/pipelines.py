"""Pipelines that include the job, and a later job that prints the variables it sees."""

from __future__ import annotations

from pathlib import Path

from support.pipelines import Repository, Run

BUILD = """
build:
  stage: build
  script:
    - env -u CI_COMMIT_MESSAGE | grep -E '^(MONOTRON|SEMREL|NEXT|API)_' | sort
"""
TEMPLATE = "include:\n  - local: monotron.gitlab-ci.yml\n" + BUILD
COMPONENT = "$CI_SERVER_FQDN/$CI_PROJECT_PATH/version@$CI_COMMIT_SHA"
"""The address of the component in the project itself."""


def repository_with(tmp_path: Path, pipeline: str = TEMPLATE) -> Repository:
    return Repository(tmp_path / "shop", {".gitlab-ci.yml": pipeline})


def component_pipeline(inputs: str, more: str = BUILD) -> str:
    return f"include:\n  - component: {COMPONENT}\n    inputs:\n{inputs}{more}"


def version(run: Run) -> str:
    """Return the version that the later job saw; the pipeline must pass."""
    assert run.passed, run.output
    return run.printed_variables("build")["MONOTRON_VERSION"]
