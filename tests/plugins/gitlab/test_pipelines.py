"""Real pipelines in gitlab-ci-local: the job and the jobs that follow it."""

from __future__ import annotations

from pathlib import Path

from plugins.gitlab.pipelines import TEMPLATE, component_pipeline, repository_with, version
from plugins.gitlab.responses import html_response
from support.pipelines import run_pipeline
from support.server import Server
from support.stand_in import StandIn

MESSAGE = 'feat: it\'s "so" `touch pwned` $(touch pwned) ${HOME}\n\nMONOTRON_VERSION=6.6.6'


def test_a_later_job_sees_the_variables_of_the_version(tmp_path: Path, url: str, name: str) -> None:
    run = run_pipeline(repository_with(tmp_path), {"MONOTRON_URL": url, "MONOTRON_NAME": name})
    assert version(run) == "0.0.1"
    seen = run.printed_variables("build")
    assert seen["MONOTRON_TAG"] == "v0.0.1"
    assert seen["MONOTRON_PREVIOUS_VERSION"] == ""
    assert seen["MONOTRON_IS_LATEST"] == "true"
    assert "monotron-version > Monotron: 0.0.1 (bump patch)" in run.output


def test_a_pipeline_in_counter_mode_gets_a_number(tmp_path: Path, url: str, name: str) -> None:
    repository = repository_with(tmp_path, component_pipeline("      mode: counter\n"))
    run = run_pipeline(repository, {"MONOTRON_URL": url, "MONOTRON_NAME": name})
    assert run.passed, run.output
    assert run.printed_variables("build")["MONOTRON_BUILD_NUMBER"] == "1"


def test_a_merge_request_pipeline_previews_the_version_of_the_branch(
    tmp_path: Path, url: str, name: str
) -> None:
    repository = repository_with(tmp_path, TEMPLATE + "  rules:\n    - when: on_success\n")
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "auto"}
    request = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "4",
        "CI_MERGE_REQUEST_TITLE": "feat: a coupon",
    }
    preview = run_pipeline(repository, {**variables, **request})
    assert version(preview) == "0.1.0"
    assert "Preview: nothing was assigned." in preview.output
    repository.commit("feat: a coupon")
    assert version(run_pipeline(repository, variables)) == "0.1.0"


def test_the_project_and_the_commit_are_the_default_name_and_token(tmp_path: Path) -> None:
    with Server("sqlite://") as server, server.client() as client:
        repository = repository_with(tmp_path)
        assert version(run_pipeline(repository, {"MONOTRON_URL": server.url})) == "0.0.1"
        commit = repository.git("rev-parse", "HEAD")
        response = client.request("GET", f"/v1/versions/gl:acme:shop/{commit}")
        assert response.json()["version"] == "0.0.1"


def test_an_untrusted_commit_message_is_not_executed(tmp_path: Path, url: str, name: str) -> None:
    repository = repository_with(tmp_path)
    repository.commit(MESSAGE)
    variables = {"MONOTRON_URL": url, "MONOTRON_NAME": name, "MONOTRON_BUMP": "auto"}
    run = run_pipeline(repository, variables)
    assert version(run) == "0.1.0"
    assert not list(tmp_path.rglob("pwned"))


def test_the_api_key_of_a_variable_is_sent_and_not_printed(tmp_path: Path) -> None:
    key = "mtk_canary-0123456789"
    pipeline = TEMPLATE.replace("| grep", "| grep -v API_KEY | grep")
    with StandIn([html_response()]) as stand_in:
        run = run_pipeline(
            repository_with(tmp_path, pipeline),
            {"MONOTRON_URL": stand_in.url, "MONOTRON_API_KEY": key},
        )
    assert stand_in.requests[0].headers["Authorization"] == f"Bearer {key}"
    assert key not in run.output


def test_a_stopped_server_fails_the_pipeline_with_its_url(tmp_path: Path) -> None:
    with StandIn([]) as stand_in:
        url = stand_in.url
    run = run_pipeline(repository_with(tmp_path), {"MONOTRON_URL": url, "MONOTRON_RETRIES": "0"})
    assert not run.passed
    assert f"error: No response from {url}: curl: (7)" in run.output
    assert "run the job again" in run.output
    assert "build " not in run.output.replace("build pending", "")
