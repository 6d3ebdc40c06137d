"""What a merge request gets: a preview, a pre-release or a number, but no final version."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.gitlab.project import Project, run_against
from plugins.gitlab.responses import dotenv_response
from support.pipelines import dotenv

COUNTER = {"MONOTRON_MODE": "counter"}


def test_a_merge_request_previews_the_version_that_the_branch_gets(project: Project) -> None:
    merge_request = {"CI_PIPELINE_SOURCE": "merge_request_event"}
    assert project.version("a", MONOTRON_BUMP="minor", **merge_request) == "0.1.0"
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.0"
    assert project.version("c", MONOTRON_BUMP="minor", CI_PIPELINE_SOURCE="push") == "0.1.0"


def test_a_child_pipeline_of_a_merge_request_previews_its_version(project: Project) -> None:
    project.version(CI_PIPELINE_SOURCE="parent_pipeline", CI_MERGE_REQUEST_IID="4")
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.0"


MERGE_REQUESTS = {
    "merge request": {"CI_PIPELINE_SOURCE": "merge_request_event"},
    "child pipeline": {"CI_PIPELINE_SOURCE": "parent_pipeline", "CI_MERGE_REQUEST_IID": "4"},
    "external": {"CI_PIPELINE_SOURCE": "external_pull_request_event"},
    "child of external": {"CI_EXTERNAL_PULL_REQUEST_IID": "4"},
}
TRAIN = {"CI_MERGE_REQUEST_IID": "4", "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train"}


@pytest.mark.parametrize(
    ("variables", "bump", "dry_run"),
    [
        *((variables, "minor", "false") for variables in (*MERGE_REQUESTS.values(), TRAIN)),
        (MERGE_REQUESTS["merge request"], "minor", ""),
        (MERGE_REQUESTS["merge request"], "minor", "true"),
        (MERGE_REQUESTS["merge request"], "auto", "false"),
    ],
    ids=str,
)
def test_a_merge_request_never_gets_a_final_version(
    project: Project, variables: dict[str, str], bump: str, dry_run: str
) -> None:
    options = {"MONOTRON_BUMP": bump, "CI_COMMIT_MESSAGE": "feat: a", **variables}
    run = project.run("a", MONOTRON_DRY_RUN=dry_run, **options)
    assert run.passed, run.output
    assert dotenv(project.directory)["MONOTRON_VERSION"] == "0.1.0"
    assert "Preview: nothing was assigned." in run.output
    explained = "Preview only: a merge request never gets a final version." in run.output
    assert explained == (dry_run == "false")
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.0"


@pytest.mark.parametrize("variables", MERGE_REQUESTS.values(), ids=MERGE_REQUESTS)
def test_a_merge_request_gets_a_pre_release(project: Project, variables: dict[str, str]) -> None:
    options = {"MONOTRON_PRERELEASE": "mr", **variables}
    assert project.version("a", MONOTRON_DRY_RUN="true", **options) == "0.0.1-mr.1"
    assert project.version("b", **options) == "0.0.1-mr.1"
    assert project.version("c", **options) == "0.0.1-mr.2"
    assert project.version("c", MONOTRON_BUMP="final", **variables) == "0.0.1"
    assert project.version("d", MONOTRON_BUMP="none") == "0.0.0"


def test_a_merge_train_gets_no_pre_release(project: Project) -> None:
    for commit in ("a", "b"):
        options = {"MONOTRON_PRERELEASE": "mr", "MONOTRON_DRY_RUN": "false", **TRAIN}
        assert project.version(commit, **options) == "0.0.1-mr.1"


def test_a_merge_request_with_dry_run_false_gets_a_number(project: Project) -> None:
    merge_request = {"CI_PIPELINE_SOURCE": "merge_request_event", **COUNTER}
    assert project.report(**merge_request)["MONOTRON_VALUE"] == "1"
    assert project.report(**COUNTER, MONOTRON_BUMP="none")["MONOTRON_VALUE"] == "0"
    number = project.report(**merge_request, MONOTRON_DRY_RUN="false")
    assert number["MONOTRON_VALUE"] == "1"
    assert project.report(**COUNTER, MONOTRON_BUMP="none")["MONOTRON_VALUE"] == "1"


def test_the_token_of_a_merged_result_is_the_commit_of_the_source_branch(tmp_path: Path) -> None:
    stand_in, _ = run_against(
        tmp_path, dotenv_response(), CI_MERGE_REQUEST_SOURCE_BRANCH_SHA="5ea1ed"
    )
    assert stand_in.requests[0].path.startswith("/v1/versions/gl:acme:shop/5ea1ed?")


@pytest.mark.parametrize("mark", ["Draft: ", "[Draft] ", "(Draft) ", "draft:"])
def test_the_draft_mark_of_a_title_is_ignored(project: Project, mark: str) -> None:
    merge_request = {"CI_MERGE_REQUEST_IID": "4", "CI_MERGE_REQUEST_TITLE": f"{mark}feat: a coupon"}
    assert project.version(MONOTRON_BUMP="auto", **merge_request) == "0.1.0"


def test_a_label_does_not_change_the_version_of_a_commit(project: Project) -> None:
    assert project.version("a") == "0.0.1"
    labels = {"CI_MERGE_REQUEST_IID": "4", "CI_MERGE_REQUEST_LABELS": "major"}
    auto = {"MONOTRON_BUMP": "auto", **labels}
    assert project.version("a", **auto) == "0.0.1"
