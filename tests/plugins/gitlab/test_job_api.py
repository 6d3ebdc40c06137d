"""The commits that GitLab's API lists, for jobs without git or without a fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.gitlab.gitlab_api import GitLabApi, merge_request
from plugins.gitlab.origin import Origin, release
from plugins.gitlab.tools import tools_without_git
from support.server import Client

TOKEN = "glpat-0123456789abcdef"


@pytest.fixture
def api(origin: Origin, client: Client, tmp_path: Path) -> Iterator[GitLabApi]:
    """The API of a repository at version 1.2.57. Its jobs have no git."""
    release(client, origin, "1.2.57")
    with GitLabApi(origin.git, ("PRIVATE-TOKEN", TOKEN)) as api:
        tools = {"PATH": tools_without_git(tmp_path), "MONOTRON_GITLAB_TOKEN": TOKEN}
        origin.variables.update({**api.variables, **tools})
        yield api


def test_all_pages_count(origin: Origin, api: GitLabApi) -> None:
    origin.commit("feat: a")
    for number in range(100):
        origin.commit(f"fix: {number}")
    run = origin.run(shell=("sh", "-ex"))
    assert "minor: feat: a (101 commits since 1.2.57)" in run.output
    assert "warning:" not in run.output
    assert TOKEN not in run.output
    assert [request.path[-7:] for request in api.requests[1:]] == ["&page=1", "&page=2"]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("fix: \"a\" \\n <b> & 'c' ü 🎉 {[", "patch: fix: \"a\" \\n <b> & 'c' ü 🎉 {["),
        ("fix: a\n\nBREAKING CHANGE: b\nRefs: #1", "major: BREAKING CHANGE: b"),
        ("fix: a\n\nBREAKING CHANGE:\tb", "major: BREAKING CHANGE: b"),
        ('fix: ","message":"feat!: b', 'patch: fix: ","message":"feat!: b'),
        ("fix: a\\\n\nfeat!: not a header", "patch: fix: a\\"),
    ],
)
def test_messages_are_decoded(origin: Origin, api: GitLabApi, message: str, line: str) -> None:
    origin.commit(message)
    assert f"{line} (1 commit since 1.2.57)" in origin.run().output


def test_without_a_version_the_complete_history_counts(origin: Origin, api: GitLabApi) -> None:
    origin.commit("feat: a")
    run = origin.run(MONOTRON_NAME="new-with-the-api")
    assert "minor: feat: a (all 2 commits)" in run.output


def test_a_merge_request_counts_the_commits_of_its_target(origin: Origin, api: GitLabApi) -> None:
    origin.git("checkout", "--quiet", "-b", "branch")
    origin.commit("fix: a")
    origin.git("checkout", "--quiet", "main")
    origin.commit("feat: unreleased")
    run = origin.run(
        "branch",
        CI_PIPELINE_SOURCE="merge_request_event",
        CI_MERGE_REQUEST_IID="4",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
    )
    assert "minor: feat: unreleased (2 commits since 1.2.57)" in run.output


def test_a_label_replaces_a_message(origin: Origin, api: GitLabApi) -> None:
    origin.commit("fix: a")
    api.merge_requests[origin.commit("feat!: b")] = [merge_request(12, "minor")]
    run = origin.run(MONOTRON_MINOR_LABELS="minor")
    assert "minor: feat: label 'minor' of !12 (2 commits since 1.2.57)" in run.output


def test_a_tag_is_a_start(origin: Origin, client: Client, api: GitLabApi) -> None:
    origin.git("tag", "v1.2.58")
    release(client, origin, "1.2.58", "0" * 40)
    origin.commit("feat: a")
    run = origin.run()
    assert "The commits since the tag v1.2.58 were read." in run.output
    assert "minor: feat: a (1 commit since 1.2.58)" in run.output


def test_the_api_resolves_since(origin: Origin, api: GitLabApi) -> None:
    origin.git("branch", "feature/a")
    origin.commit("feat: a")
    run = origin.run(MONOTRON_SINCE="v9.9.9")
    assert "error: MONOTRON_SINCE is 'v9.9.9', which is not a commit, tag or branch" in run.output
    assert "(1 commit since feature/a)" in origin.run(MONOTRON_SINCE="feature/a").output


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"MONOTRON_GITLAB_TOKEN": ""}, "this image has no git"),
        (
            {"MONOTRON_GITLAB_TOKEN": "glpat-wrong"},
            "this image has no git; GitLab's API: GitLab returned 401",
        ),
        ({"CI_API_V4_URL": "http://a/b"}, "this image has no git; GitLab's API: CI_API_V4_URL"),
    ],
    ids=["no token", "a rejected token", "http"],
)
def test_without_the_api_the_message_of_the_pipeline_is_the_last_source(
    origin: Origin, api: GitLabApi, variables: dict[str, str], reason: str
) -> None:
    origin.commit("feat: a")
    run = origin.run(CI_COMMIT_MESSAGE="fix: b", **variables)
    assert f"warning: Only the message of one commit was read: {reason}" in run.output
    assert "patch: fix: b (1 commit of the pipeline)" in run.output
