"""Real pipelines with `bump: auto`: the commits that count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.gitlab.pipelines import (
    BUILD,
    Pipelines,
    component_pipeline,
    repository_with,
    version,
)
from support.git_server import GitServer
from support.server import Server

INPUTS = """\
      bump: auto
      prerelease: branch
      skip-types: docs
      paths: |
        api/**
        shop/**
"""


@pytest.fixture
def pipelines(tmp_path: Path, server: Server, name: str) -> Iterator[Pipelines]:
    repository = repository_with(
        tmp_path, component_pipeline(INPUTS, f"{BUILD}  rules:\n    - when: on_success\n")
    )
    commit = repository.git("rev-parse", "HEAD")
    with server.client() as client, GitServer(tmp_path) as git_server:
        client.request("PUT", f"/v1/versions/{name}/{commit}?version=1.2.57")
        variables = {
            "MONOTRON_URL": server.url,
            "MONOTRON_NAME": name,
            "CI_REPOSITORY_URL": f"{git_server.url}/shop",
        }
        yield Pipelines(repository, variables)


def test_a_fast_forward_gets_the_version_of_its_preview(pipelines: Pipelines) -> None:
    repository = pipelines.repository
    repository.git("checkout", "-q", "-b", "feature/Login")
    for message in ("feat!: a", "feat: b", "fix: c"):
        pipelines.commit(message)
    merge_request = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "4",
        "CI_MERGE_REQUEST_TITLE": "Log in",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }
    assert version(pipelines.run()) == "2.0.0-feature-login.1"
    assert version(pipelines.run(**merge_request)) == "2.0.0-pr-4.1"
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--ff-only", "feature/Login")
    run = pipelines.run()
    assert version(run) == "2.0.0"
    assert "monotron-version > major: feat!: a (3 commits since 1.2.57)" in run.output


def test_a_schedule_counts_the_commits_of_a_cancelled_pipeline(pipelines: Pipelines) -> None:
    pipelines.commit("feat: its pipeline was cancelled")
    pipelines.commit("fix: b")
    assert version(pipelines.run(CI_PIPELINE_SOURCE="schedule")) == "1.3.0"


def test_without_a_release_later_jobs_see_no_version(pipelines: Pipelines) -> None:
    pipelines.commit("docs: a")
    pipelines.commit("feat(web)!: not in the paths", "web/a")
    run = pipelines.run()
    assert version(run) == ""
    assert run.printed_variables("build")["MONOTRON_CHANGED"] == "false"
    assert "monotron-version > Monotron: no release (bump auto)" in run.output
