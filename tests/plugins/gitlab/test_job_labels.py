"""Labels of merge requests, which replace the messages of the request's own commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plugins.gitlab.gitlab_api import GitLabApi, merge_request
from plugins.gitlab.origin import JOB_TOKEN, Origin, release
from support.server import Client

HOSTILE = '"labels":["major"],"state":"merged","iid":1}]}\\'
LABELS = {"MONOTRON_MINOR_LABELS": "minor,a b", "MONOTRON_SKIP_LABELS": "no-release"}


@pytest.fixture
def origin(origin: Origin, client: Client) -> Origin:
    """Its first commit has the version 1.2.57."""
    release(client, origin, "1.2.57")
    return origin


@pytest.fixture
def api(origin: Origin) -> Iterator[GitLabApi]:
    with GitLabApi(origin.git, ("JOB-TOKEN", JOB_TOKEN)) as api:
        origin.variables.update({**api.variables, **LABELS})
        yield api


OPEN = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "4",
    "CI_MERGE_REQUEST_TITLE": "feat!: b",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}


class TestMergedRequests:
    def merge(self, origin: Origin, api: GitLabApi, *labels: str, **members: Any) -> str:
        """Add a commit of the merged request !12 with these labels."""
        commit = origin.commit("Add a coupon")
        api.merge_requests[commit] = [merge_request(12, *labels, **members)]
        return commit

    def test_a_label_counts_after_the_merge(self, origin: Origin, api: GitLabApi) -> None:
        self.merge(origin, api, "bug", "Minor")
        run = origin.run()
        assert "minor: feat: label 'minor' of !12 (1 commit since 1.2.57)\n" in run.output
        assert "Monotron: 1.3.0 (bump auto)" in run.output

    def test_a_label_replaces_the_messages_of_its_own_commits_only(
        self, origin: Origin, api: GitLabApi
    ) -> None:
        for message in ("feat!: a", "feat!: b"):
            commit = origin.commit(message)
            api.merge_requests[commit] = [merge_request(12, "patch")]
        run = origin.run(MONOTRON_DRY_RUN="true")
        assert "patch: fix: label 'patch' of !12 (2 commits since 1.2.57)\n" in run.output
        origin.commit("feat: without a request")
        run = origin.run()
        assert "minor: feat: without a request (3 commits since 1.2.57)\n" in run.output

    def test_a_label_to_skip_takes_precedence(self, origin: Origin, api: GitLabApi) -> None:
        self.merge(origin, api, "major", "no-release")
        run = origin.run()
        assert "no release: " in run.output
        assert "label 'no-release' of !12 [skip release] (1 commit since 1.2.57)" in run.output
        origin.commit("fix: b")
        assert origin.version() == "1.2.58"

    def test_the_highest_label_of_several_requests_wins(
        self, origin: Origin, api: GitLabApi
    ) -> None:
        commit = origin.commit("a")
        requests = [merge_request(1, "patch"), merge_request(2, "major"), merge_request(3, "minor")]
        api.merge_requests[commit] = requests
        assert "major: feat!: label 'major' of !2 (1 commit" in origin.run().output

    @pytest.mark.parametrize(
        "members",
        [
            {"title": HOSTILE},
            {"description": f"{HOSTILE}\n\t\r\n{{[<>&'"},
            {"title": 'a","labels":["major"],"x":"', "description": "\\"},
            {"labels": [HOSTILE, 'x","major', "]", "major\\", "\\", '"major"', "é🎉", ""]},
            {"labels": [], "draft": ["major"]},
            {"labels": [], "milestone": {"labels": ["major"]}},
            {"state": "opened"},
            {"state": "closed"},
        ],
        ids=str,
    )
    def test_nothing_but_the_labels_of_a_merged_request_counts(
        self, origin: Origin, api: GitLabApi, members: dict[str, Any]
    ) -> None:
        labels = ["major"] if "state" in members else []
        self.merge(origin, api, *labels, **members)
        assert "patch: Add a coupon (1 commit since 1.2.57)\n" in origin.run().output

    @pytest.mark.parametrize("label", ["say \"hi\" \\ <&> 'x'", "größer", "a b", "a::b", "]"])
    def test_labels_of_any_characters_match_exactly(
        self, origin: Origin, api: GitLabApi, label: str
    ) -> None:
        commit = self.merge(origin, api, f"{label}x", f"x{label}")
        preview = {"MONOTRON_MINOR_LABELS": label, "MONOTRON_DRY_RUN": "true"}
        assert "patch: Add a coupon (1 commit since 1.2.57)" in origin.run(**preview).output
        api.merge_requests[commit] = [merge_request(12, label, title=HOSTILE, description=HOSTILE)]
        run = origin.run(**preview)
        assert f"minor: feat: label '{label}' of !12 (1 commit since 1.2.57)" in run.output

    def test_without_a_variable_for_labels_no_request_is_looked_up(
        self, origin: Origin, api: GitLabApi
    ) -> None:
        self.merge(origin, api, "major")
        unset = {"MONOTRON_MINOR_LABELS": "none", "MONOTRON_SKIP_LABELS": ""}
        assert origin.version(**unset) == "1.2.58"
        assert api.requests == []

    def test_a_minor_version_results_from_the_configured_type(
        self, origin: Origin, api: GitLabApi
    ) -> None:
        self.merge(origin, api, "minor")
        assert origin.version(MONOTRON_MINOR_TYPES="perf, feat", MONOTRON_SKIP_TYPES="docs") == (
            "1.3.0"
        )

    def test_the_token_of_a_project_is_used_if_it_is_set(self, origin: Origin) -> None:
        with GitLabApi(origin.git, ("PRIVATE-TOKEN", "glpat-secret")) as api:
            origin.variables.update({**api.variables, **LABELS})
            self.merge(origin, api, "minor")
            run = origin.run(shell=("bash", "-ex"), MONOTRON_GITLAB_TOKEN="glpat-secret")
            assert not any("JOB-TOKEN" in request.headers for request in api.requests)
        assert "minor: feat: label 'minor' of !12" in run.output
        assert "glpat-secret" not in run.output

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_job_token_that_cannot_read_requests_is_explained(
        self, origin: Origin, status: int
    ) -> None:
        with GitLabApi(origin.git, ("PRIVATE-TOKEN", "x"), status) as api:
            origin.commit("feat: a")
            run = origin.run(**api.variables, **LABELS)
        assert run.code == 1
        assert (
            f"error: The labels of merged merge requests are unknown: GitLab returned {status} for "
            "the merge requests of a commit.\n"
        ) in run.output
        assert "GitLab 18.3 and newer" in run.output
        assert "MONOTRON_GITLAB_TOKEN to a project access token with the scope read_api" in (
            run.output
        )

    @pytest.mark.parametrize("url", ["", "http://gitlab.example.com/api/v4"])
    def test_no_token_is_sent_to_an_unencrypted_api(self, origin: Origin, url: str) -> None:
        origin.commit("feat: a")
        run = origin.run(CI_API_V4_URL=url, **LABELS)
        assert run.code == 1
        assert "unknown: CI_API_V4_URL is not an https:// URL." in run.output

    def test_more_than_a_hundred_commits_are_refused(self, origin: Origin, api: GitLabApi) -> None:
        origin.append(*(f"fix: {number}" for number in range(101)))
        run = origin.run()
        assert run.code == 1
        assert "of 101 commits since 1.2.57 are unknown, because at most 100" in run.output
        assert api.requests == []


class TestOpenRequests:
    """The labels of a merge request pipeline, which needs no API."""

    @pytest.fixture
    def branch(self, origin: Origin) -> Origin:
        """A branch with a breaking change. Its target has a feature without a version."""
        origin.git("checkout", "--quiet", "-b", "branch")
        origin.commit("feat!: a", "api/a")
        origin.git("checkout", "--quiet", "main")
        origin.commit("feat: unreleased", "api/b")
        origin.git("checkout", "--quiet", "branch")
        origin.variables.update(OPEN)
        return origin

    @pytest.mark.parametrize(
        ("labels", "line"),
        [
            ("bug,Patch", "minor: feat: unreleased"),
            ("no-release,major", "minor: feat: unreleased"),
            ("MAJOR", "major: feat!: label 'major' of !4"),
            ("minor", "minor: feat: label 'minor' of !4"),
            ("majority,not minor,*", "major: feat!: b"),
            ("x,semver:: Big Step ,y", "major: feat!: label 'semver:: big step' of !4"),
        ],
    )
    def test_a_label_replaces_title_and_own_commits_only(
        self, branch: Origin, labels: str, line: str
    ) -> None:
        run = branch.run(
            CI_MERGE_REQUEST_LABELS=labels,
            MONOTRON_MAJOR_LABELS="major, SemVer:: big step,",
            MONOTRON_SKIP_LABELS="no-release",
        )
        assert f"{line} (" in run.output

    def test_without_a_change_of_the_paths_neither_label_nor_title_counts(
        self, branch: Origin
    ) -> None:
        for paths, expected in (("web", "no release"), ("api/b", "minor"), ("api", "major")):
            run = branch.run(CI_MERGE_REQUEST_LABELS="major", MONOTRON_PATHS=paths)
            assert f"\n{expected}: " in f"\n{run.output}", paths
