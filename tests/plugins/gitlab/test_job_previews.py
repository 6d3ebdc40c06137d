"""The preview of a merge request: the version that its merge will get."""

from __future__ import annotations

import pytest

from plugins.gitlab.origin import Origin, release
from support.server import Client

MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "4",
    "CI_MERGE_REQUEST_TITLE": "Draft: A coupon",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}
SQUASH = "CI_MERGE_REQUEST_SQUASH_ON_MERGE"


@pytest.fixture
def branch(origin: Origin, client: Client) -> Origin:
    """A branch with a fix. The version of its target branch is 1.2.57."""
    release(client, origin, "1.2.57")
    origin.git("checkout", "--quiet", "-b", "branch")
    origin.commit("fix: a")
    origin.variables.update(MERGE_REQUEST)
    return origin


@pytest.fixture
def outdated(branch: Origin) -> Origin:
    """The target of the branch has a feature without a version."""
    branch.git("checkout", "--quiet", "main")
    branch.commit("feat: unreleased")
    branch.git("checkout", "--quiet", "branch")
    return branch


class TestTargetBranch:
    def test_its_unreleased_commits_count(self, outdated: Origin) -> None:
        run = outdated.run()
        assert "minor: feat: unreleased (the title and 2 commits since 1.2.57)" in run.output
        assert "Preview: nothing was assigned." in run.output
        assert "depends" not in run.output

    def test_the_title_counts_without_its_draft_mark(self, outdated: Origin) -> None:
        run = outdated.run(CI_MERGE_REQUEST_TITLE="Draft: feat!: b")
        assert "major: feat!: b (the title and" in run.output

    def test_a_merged_result_shows_whether_the_request_itself_changes_the_paths(
        self, branch: Origin
    ) -> None:
        """Its branch was updated with a commit of the target branch that changes them."""
        branch.git("checkout", "--quiet", "main")
        branch.commit("fix: b", "api/b")
        branch.git("checkout", "--quiet", "branch")
        branch.git("merge", "--quiet", "--no-ff", "-m", "feat: update", "main")
        source = branch.git("rev-parse", "HEAD")
        branch.git("checkout", "--quiet", "--detach", "main")
        branch.git("merge", "--quiet", "--no-ff", "-m", "Merge branch into main", "branch")
        result = {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": source, "MONOTRON_PATHS": "api"}
        run = branch.run(CI_MERGE_REQUEST_TITLE="feat!: web", **result)
        assert "patch: fix: b (1 commit since 1.2.57)" in run.output
        branch.git("checkout", "--quiet", "branch")
        branch.commit("fix: c", "api/c")
        result["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] = branch.git("rev-parse", "HEAD")
        branch.git("checkout", "--quiet", "--detach", "main")
        branch.git("merge", "--quiet", "--no-ff", "-m", "Merge branch into main", "branch")
        run = branch.run(CI_MERGE_REQUEST_TITLE="feat!: web", **result)
        assert "major: feat!: web (the title and 4 commits since 1.2.57)" in run.output

    def test_the_commit_of_a_merged_result_contains_all_commits(self, outdated: Origin) -> None:
        source = outdated.git("rev-parse", "HEAD")
        outdated.git("merge", "--quiet", "-m", "Merge main into branch", "main")
        merged = outdated.git("rev-parse", "HEAD")
        outdated.git("reset", "--quiet", "--hard", "HEAD^")
        result = {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": source, "MONOTRON_PRERELEASE": "mr"}
        run = outdated.run(merged, **result)
        assert "minor: feat: unreleased (the title and 3 commits since 1.2.57)" in run.output
        assert outdated.version(MONOTRON_PRERELEASE="mr") == "1.3.0-mr.1", "that of the source"


class TestMergeMethods:
    """The branch has `fix: a`. Its title becomes the message of a squash commit."""

    def test_a_squash_leads_to_the_title_only(self, branch: Origin) -> None:
        branch.commit("feat!: b")
        run = branch.run(**{SQUASH: "true", "CI_MERGE_REQUEST_TITLE": "feat: c"})
        assert "minor: feat: c (the title and 0 commits since 1.2.57)" in run.output
        assert "depends" not in run.output

    def test_a_squash_keeps_the_commits_of_the_target_branch(self, outdated: Origin) -> None:
        run = outdated.run(**{SQUASH: "true"})
        assert "minor: feat: unreleased (the title and 1 commit since 1.2.57)" in run.output

    @pytest.mark.parametrize(
        ("title", "more", "merge", "methods"),
        [
            ("feat: c", {SQUASH: "false"}, "1.3.0", "1.3.0 (merge commit), 1.2.58 (fast-forward)"),
            ("chore: c", {SQUASH: "false"}, "1.2.58", ""),
            (
                "feat: c",
                {},
                "1.3.0",
                "1.3.0 (squash), 1.3.0 (merge commit), 1.2.58 (fast-forward)",
            ),
            (
                "docs: c",
                {},
                "1.2.58",
                "no release (squash), 1.2.58 (merge commit), 1.2.58 (fast-forward)",
            ),
            (
                "feat!: c",
                {"MONOTRON_PRERELEASE": "mr"},
                "2.0.0-mr.1",
                "2.0.0-mr.1 (squash), 2.0.0-mr.1 (merge commit), 1.2.58-mr.1 (fast-forward)",
            ),
        ],
    )
    def test_otherwise_the_title_of_the_merge_commit_counts_and_the_log_lists_all_methods(
        self, branch: Origin, title: str, more: dict[str, str], merge: str, methods: str
    ) -> None:
        """The title is part of GitLab's merge commits, which a fast-forward omits."""
        variables = {"CI_MERGE_REQUEST_TITLE": title, "MONOTRON_SKIP_TYPES": "docs", **more}
        run = branch.run(**variables)
        assert "(the title and 1 commit since 1.2.57)" in run.output
        assert f"Monotron: {merge} (bump auto)" in run.output
        if methods:
            assert f"\nThe version depends on the merge method: {methods}\n" in f"\n{run.output}"
        else:
            assert "depends" not in run.output

    def test_the_title_decides_with_a_squash_of_an_older_release(
        self, branch: Origin, client: Client
    ) -> None:
        release(client, branch, "1.3.0", "0" * 40)
        run = branch.run(**{SQUASH: "true", "CI_MERGE_REQUEST_TITLE": "feat: c"})
        assert "patch: fix: the title and 0 commits since 1.2.57" in run.output
