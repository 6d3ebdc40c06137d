"""Labels of pull requests that the workflow lists, after the merge."""

from __future__ import annotations

import pytest

from monotron_ci.commits import Commit
from monotron_ci.labels import LabelRules, apply_labels
from monotron_ci.pull_requests import PullRequest
from plugins.github.request_shop import LABELS, MAIN, SKIP, RequestShop

Output = pytest.CaptureFixture[str]


class TestDecisions:
    @pytest.mark.parametrize(
        ("message", "labels", "version", "reason"),
        [
            ("Add coupons", ["minor"], "1.3.0", "feat: label 'minor' of #12"),
            ("Add coupons", ["docs", "MINOR"], "1.3.0", "feat: label 'MINOR' of #12"),
            ("feat!: coupons", ["patch"], "1.2.58", "fix: label 'patch' of #12"),
            ("fix: a", ["patch", "major", "minor"], "2.0.0", "feat!: label 'major' of #12"),
            ("feat: coupons", ["docs"], "1.3.0", "feat: coupons (#12)"),
            ("feat: coupons", [], "1.3.0", "feat: coupons (#12)"),
        ],
        ids=str,
    )
    def test_the_highest_label_replaces_the_messages_of_its_request(
        self,
        message: str,
        labels: list[str],
        version: str,
        reason: str,
        shop: RequestShop,
        capsys: Output,
    ) -> None:
        shop.squash(f"{message} (#12)", 12, *labels)
        assert shop.run(LABELS) == version
        assert f"{shop.step.outputs['release_type']}: {reason} (1 com" in capsys.readouterr().out
        assert f"| reason | `1 commit since 1.2.57: {reason}` |" in shop.step.summary

    @pytest.mark.parametrize("labels", [["skip"], ["NO-RELEASE"], ["major", "skip"]], ids=str)
    def test_a_skip_label_takes_precedence(self, labels: list[str], shop: RequestShop) -> None:
        shop.squash("feat!: coupons (#12)", 12, *labels)
        assert shop.run(SKIP) == ""
        assert f"label {labels[-1]!r} of #12" in shop.step.outputs["reason"]
        assert "coupons" not in shop.step.outputs["reason"]

    @pytest.mark.parametrize(
        ("inputs", "labels", "version"),
        [
            ({"patch-labels": "typo", "minor-labels": "none"}, ["minor"], "1.2.58"),
            ({"patch-labels": "typo"}, ["minor"], "1.3.0"),
            ({"major-labels": "breaking\nother"}, ["major"], "1.2.58"),
            ({"skip-labels": "none", "patch-labels": "typo"}, ["none"], "1.2.58"),
            ({"minor-labels": "minor", "minor-types": "perf, new"}, ["minor"], "1.3.0"),
        ],
        ids=str,
    )
    def test_an_input_that_is_not_set_has_its_default(
        self, inputs: dict[str, str], labels: list[str], version: str, shop: RequestShop
    ) -> None:
        shop.squash("Add coupons (#12)", 12, *labels)
        assert shop.run(inputs) == version

    def test_other_commits_count_by_their_messages(self, shop: RequestShop) -> None:
        shop.squash("feat!: coupons (#12)", 12, "patch")
        shop.project.commit("feat: direct")
        assert shop.run(LABELS) == "1.3.0"
        assert shop.step.outputs["reason"] == "2 commits since 1.2.57: feat: direct"

    def test_a_skip_label_does_not_skip_other_commits(self, shop: RequestShop) -> None:
        shop.squash("feat!: coupons (#12)", 12, "skip")
        shop.project.commit("docs: direct")
        assert shop.run(SKIP) == "1.2.58"

    def test_the_label_of_an_earlier_request_counts_if_its_run_was_cancelled(
        self, shop: RequestShop
    ) -> None:
        shop.squash("Add coupons (#11)", 11, "minor")
        shop.squash("fix: a typo (#12)", 12)
        assert shop.run(LABELS) == "1.3.0"
        assert shop.step.outputs["reason"].endswith("feat: label 'minor' of #11")

    def test_a_reused_version_shows_its_stored_reason(self, shop: RequestShop) -> None:
        shop.squash("Add coupons (#12)", 12, "minor")
        assert shop.run(LABELS) == "1.3.0"
        shop.api.add(shop.project.git("rev-parse", "HEAD"), {"number": 13})
        lookups = len(shop.api.lookups)
        assert shop.run({"major-labels": "minor"}) == "1.3.0"
        assert (shop.step.outputs["reused"], shop.step.outputs["release_type"]) == ("true", "minor")
        assert shop.step.outputs["reason"] == "feat: label 'minor' of #12"
        assert len(shop.api.lookups) == lookups

    def test_only_requests_that_change_the_paths_count(self, shop: RequestShop) -> None:
        shop.squash("Add coupons (#12)", 12, "major", file="web/a")
        shop.squash("Add an API (#13)", 13, "minor", file="api/a")
        assert shop.run({**LABELS, "paths": "api/**"}) == "1.3.0"
        assert len(shop.api.lookups) == 1


class TestLookups:
    def test_the_commits_of_a_merge_commit_are_not_looked_up(self, shop: RequestShop) -> None:
        commits = shop.topic("feat!: a", "feat: b", "fix: c")
        merge = shop.merge("topic", "Merge pull request #12 from acme/topic")
        shop.api.merged(12, [merge, *commits], "patch", head=commits[-1])
        assert shop.run(LABELS) == "1.2.58"
        assert shop.api.lookups == [merge]

    def test_commits_of_the_default_branch_in_a_branch_do_not_belong_to_its_request(
        self, shop: RequestShop
    ) -> None:
        first = shop.topic("fix: a")
        shop.project.git("checkout", "--quiet", "main")
        direct = shop.project.commit("feat: direct", "other")
        merged = shop.merge("main", "Merge branch 'main' into topic", into="topic")
        merge = shop.merge("topic", "Merge pull request #12 from acme/topic")
        shop.api.merged(12, [merge, merged, *first], "patch", head=merged)
        assert shop.run(LABELS) == "1.3.0"
        assert sorted(shop.api.lookups) == sorted([merge, direct])

    def test_a_branch_that_was_merged_by_a_push_is_looked_up_by_commit(
        self, shop: RequestShop
    ) -> None:
        """The newest commit of the request merges the default branch into it."""
        first = shop.topic("feat!: a")
        shop.project.git("checkout", "--quiet", "main")
        direct = shop.project.commit("feat: direct", "other")
        merged = shop.merge("main", "Merge branch 'main' into topic", into="topic")
        shop.project.git("checkout", "--quiet", "main")
        shop.project.git("merge", "--quiet", "--ff-only", "topic")
        shop.api.merged(12, [merged, *first], "patch", head=merged)
        assert shop.run(LABELS) == "1.3.0"
        assert set(shop.api.lookups) == {merged, direct, *first}

    def test_a_rebased_request_is_replaced_once(self, shop: RequestShop) -> None:
        commits = [shop.project.commit(message) for message in ("feat!: a", "fix: b", "feat: c")]
        shop.api.merged(12, commits, "skip", head="f" * 40)
        assert shop.run(SKIP) == ""
        assert sorted(shop.api.lookups) == sorted(commits)

    def test_one_message_replaces_all_commits_of_a_request(self) -> None:
        rules = LabelRules.of_inputs((), ("minor",), (), (), "")
        request = PullRequest(12, "a title", ("minor",), "", "")
        requests = {"a": [request], "b": [request]}
        commits = [Commit("a", "fix: a"), Commit("", "fix: c"), Commit("b", "fix: b")]
        messages = [each.message for each in apply_labels(commits, requests, rules)]
        assert messages == ["feat: label 'minor' of #12", "fix: c"]

    def test_a_commit_of_several_requests_gets_the_highest_label(self, shop: RequestShop) -> None:
        commit = shop.squash("Add coupons (#12, #13)", 12, "patch")
        shop.api.merged(13, [commit], "minor", head="f" * 40)
        shop.api.merged(14, [commit], "docs", head="f" * 40)
        assert shop.run(LABELS) == "1.3.0"

    def test_all_pages_of_requests_are_read(self, shop: RequestShop) -> None:
        commit = shop.squash("Add coupons", 12)
        for number in range(13, 113):
            shop.api.merged(number, [commit], *(["minor"] if number == 112 else []))
        assert shop.run(LABELS) == "1.3.0"
        assert shop.api.lookups == [commit, commit]

    def test_an_open_request_does_not_count(self, shop: RequestShop) -> None:
        commit = shop.project.commit("fix: a")
        request = {"number": 12, "labels": [{"name": "major"}], "merged_at": None}
        shop.api.add(commit, request)
        assert shop.run(LABELS) == "1.2.58"

    @pytest.mark.parametrize("kind", ["schedule", "workflow_dispatch", "push", "workflow_run"])
    def test_every_event_of_the_default_branch_reads_the_labels(
        self, kind: str, shop: RequestShop
    ) -> None:
        commit = shop.squash("Add coupons (#12)", 12, "minor")
        if kind == "workflow_run":
            run = {"event": "push", "head_branch": "main", "head_sha": commit}
            shop.step.event = {**MAIN, "workflow_run": {**run, "head_repository": {"id": 4711}}}
        assert shop.run(LABELS, GITHUB_EVENT_NAME=kind) == "1.3.0"

    @pytest.mark.parametrize(
        ("event", "version"), [({}, "1.3.0"), (MAIN, "1.2.58")], ids=["unknown", "other"]
    )
    def test_commits_of_another_branch_are_not_looked_up(
        self, event: dict[str, object], version: str, shop: RequestShop
    ) -> None:
        shop.squash("Add coupons (#12)", 12, "minor")
        shop.step.event = event
        assert shop.run(LABELS, GITHUB_REF="refs/heads/beta") == version
        assert bool(shop.api.lookups) == (version == "1.3.0")

    def test_labels_that_the_workflow_does_not_set_are_not_read_after_a_push(
        self, shop: RequestShop
    ) -> None:
        shop.squash("Add coupons (#12)", 12, "minor")
        assert shop.run({}) == "1.2.58"
        assert shop.run({"skip-labels": "none", "major-labels": " "}) == "1.2.58"
        assert shop.api.requests == []

    def test_the_event_of_a_merge_contains_the_labels(self, shop: RequestShop) -> None:
        shop.squash("Add gifts (#11)", 11, "minor")
        commit = shop.squash("Add coupons (#12)", 12, "major")
        request = {"number": 12, "labels": [{"name": "skip"}], "merge_commit_sha": commit}
        shop.step.event = {**MAIN, "pull_request": {**request, "merged": True}}
        assert shop.run(SKIP, GITHUB_EVENT_NAME="pull_request") == "1.3.0"
        assert commit not in shop.api.lookups

    def test_the_labels_of_the_event_apply_to_all_commits_of_its_request(
        self, shop: RequestShop
    ) -> None:
        """Someone added a label after the merge by a rebase."""
        commits = [shop.project.commit(message) for message in ("fix: a", "feat: b")]
        shop.api.merged(12, commits, "major", head="f" * 40)
        request = {"number": 12, "labels": [], "merge_commit_sha": commits[-1], "merged": True}
        shop.step.event = {**MAIN, "pull_request": request}
        assert shop.run(LABELS, GITHUB_EVENT_NAME="pull_request") == "1.3.0"
        assert shop.api.lookups == [commits[0]]

    def test_the_event_of_a_merge_into_another_branch_is_sufficient(
        self, shop: RequestShop
    ) -> None:
        commits = shop.topic("feat!: a", "feat: b")
        merge = shop.merge("topic", "Merge pull request #12 from acme/topic")
        request = {
            "number": 12,
            "labels": [{"name": "minor"}],
            "merged": True,
            "merge_commit_sha": merge,
            "head": {"sha": commits[-1]},
            "base": {"ref": "release"},
        }
        shop.step.event = {**MAIN, "pull_request": request}
        assert shop.run(LABELS, GITHUB_EVENT_NAME="pull_request") == "1.3.0"
        assert shop.api.requests == []
