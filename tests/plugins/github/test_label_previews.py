"""Labels in the previews of pull requests."""

from __future__ import annotations

import pytest

from plugins.github.request_shop import LABELS, SKIP, RequestShop
from support.github_api import GitHubApi
from support.stand_in import Reply

Output = pytest.CaptureFixture[str]


class TestPreviews:
    def test_commits_that_reached_the_target_branch_after_the_event_are_not_replaced(
        self, shop: RequestShop
    ) -> None:
        """The merge commit of the run is newer than the payload."""
        old = shop.project.git("rev-parse", "main")
        shop.project.commit("feat: unreleased")
        shop.topic("feat!: a")
        assert shop.preview(LABELS, "patch", base=old) == "1.3.0"

    def test_without_the_merge_commit_of_the_run_the_payload_contains_the_target(
        self, shop: RequestShop
    ) -> None:
        shop.project.commit("feat: unreleased")
        first, _ = shop.topic("feat!: a", "fix: b")
        assert shop.preview({**LABELS, "idempotency-token": first}, "patch") == "1.3.0"

    def test_a_label_replaces_the_messages_and_the_title_of_the_request(
        self, shop: RequestShop
    ) -> None:
        shop.project.commit("feat: unreleased")
        shop.topic("feat!: a", "fix: b")
        assert shop.preview(LABELS, "patch", title="feat!: a") == "1.3.0"
        assert shop.preview(LABELS, "major", title="fix: a") == "2.0.0"
        assert shop.step.outputs["reason"] == "4 commits since 1.2.57: feat!: label 'major' of #12"
        assert shop.preview({}, "patch", title="feat!: a") == "1.2.58"
        assert shop.step.outputs["reason"] == "label 'patch'"

    def test_a_label_counts_only_if_the_request_changes_the_paths(self, shop: RequestShop) -> None:
        shop.topic("fix: a")  # changes the file `topic`
        assert shop.preview({"paths": "api/**"}, "minor") == ""
        assert shop.preview({"paths": "api/**", **LABELS}, "minor") == ""
        assert shop.preview({"paths": "topic", **LABELS}, "minor") == "1.3.0"
        assert shop.preview({"paths": "topic"}, "minor") == "1.2.58"

    def test_a_merge_of_the_target_branch_does_not_change_the_paths(
        self, shop: RequestShop
    ) -> None:
        """GitHub's button "Update branch" adds the files of the target branch."""
        shop.topic("feat: a")  # changes the file `topic`
        shop.project.git("checkout", "--quiet", "main")
        shop.project.commit("fix: unreleased", "api/a")
        shop.merge("main", "Merge branch 'main' into topic", into="topic")
        assert shop.preview({"paths": "api/**"}, title="feat: a") == "1.2.58"
        assert shop.preview({"paths": "topic"}, title="feat: a") == "1.3.0"

    def test_a_skip_label_leaves_the_commits_of_the_target_branch(self, shop: RequestShop) -> None:
        shop.topic("feat!: a")
        assert shop.preview(SKIP, "skip") == ""
        assert "label 'skip' of #12" in shop.step.outputs["reason"]
        shop.project.git("checkout", "--quiet", "main")
        shop.project.commit("docs: unreleased")
        assert shop.preview(SKIP, "skip") == "1.2.58"

    def test_without_a_deciding_label_the_title_and_all_commits_count(
        self, shop: RequestShop
    ) -> None:
        shop.topic("fix: a")
        assert shop.preview(LABELS, "docs", title="feat: a") == "1.3.0"

    def test_labels_of_merged_requests_of_the_target_branch_count(self, shop: RequestShop) -> None:
        shop.squash("Add coupons (#11)", 11, "major")
        shop.topic("feat: a")
        assert shop.preview(LABELS) == "2.0.0"
        assert shop.preview(LABELS, "patch") == "2.0.0"

    def test_labels_of_the_target_branch_that_cannot_be_read_are_a_warning(
        self, shop: RequestShop, capsys: Output
    ) -> None:
        shop.project.commit("feat: unreleased")
        shop.topic("fix: a")
        with GitHubApi(shop.project.origin, pulls=Reply.json({}, 403)) as shop.api:
            assert shop.preview(LABELS) == "1.3.0"
        printed = capsys.readouterr().out
        assert "The commits of the target branch count by their messages." in printed

    def test_a_request_that_does_not_change_the_paths_does_not_count(
        self, shop: RequestShop
    ) -> None:
        shop.topic("feat: a")
        inputs = {**LABELS, "paths": "api/**"}
        assert shop.preview(inputs, "major", title="feat!: a") == ""
        assert shop.preview({**inputs, "paths": "topic"}, "minor", title="feat!: a") == "1.3.0"
        assert shop.preview({"paths": "api/**"}, title="feat!: a") == ""
