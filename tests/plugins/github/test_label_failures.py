"""Labels of pull requests that cannot be read, and inputs that contradict labels."""

from __future__ import annotations

import json

import pytest

from monotron_ci.github_api import MAX_REQUESTS
from plugins.github.action_step import ActionStep
from plugins.github.request_shop import LABELS, MAIN, RequestShop
from support.github_api import RATE_LIMITED, GitHubApi
from support.stand_in import HANG_UP, Reply

Output = pytest.CaptureFixture[str]


class TestFailures:
    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_missing_permission_is_an_error_with_the_yaml_to_write(
        self, status: int, shop: RequestShop, capsys: Output
    ) -> None:
        shop.project.commit("feat: a")
        message = {"message": "Resource not accessible by integration"}
        with GitHubApi(shop.project.origin, pulls=Reply.json(message, status)) as shop.api:
            shop.fails(LABELS)
        printed = capsys.readouterr().out
        assert f"GitHub returned {status}: `github-token` cannot read the labels of" in printed
        assert "permissions:%0A  pull-requests: read" in printed

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (RATE_LIMITED, "the rate limit of GitHub's API is exhausted"),
            (Reply.json({}, 403, Retry_After="60"), "the rate limit of GitHub's API is exhausted"),
            (Reply.json({}, 429), "the rate limit of GitHub's API is exhausted"),
            (Reply.json({}, 500), "GitHub's API returned 500 without a list"),
            (HANG_UP, "connection closed"),
            (Reply(200, b"<html>", {"Content-Type": "text/html"}), "returned 200 without a list"),
            (Reply.json({"labels": []}), "returned 200 without a list"),
        ],
        ids=["primary", "secondary", "429", "500", "connection", "HTML", "object"],
    )
    def test_labels_that_cannot_be_read_fail_the_step(
        self, reply: Reply, cause: str, shop: RequestShop, capsys: Output
    ) -> None:
        shop.project.commit("feat: a")
        with GitHubApi(shop.project.origin, pulls=reply) as shop.api:
            shop.fails({**LABELS, "on-unavailable": "skip"})
        printed = capsys.readouterr().out
        assert "The labels of the pull requests that were merged since the last version" in printed
        assert cause in printed
        assert "Run the job again later" in printed

    @pytest.mark.parametrize(
        "member",
        [
            {"number": "12"},
            {"number": True},
            {"number": -1},
            {"labels": None},
            {"labels": ["minor"]},
            {"labels": [{"name": 1}]},
            {"labels": {"name": "minor"}},
            {"merged_at": True},
        ],
        ids=json.dumps,
    )
    def test_a_request_in_an_unknown_format_fails_the_step(
        self, member: dict[str, object], shop: RequestShop, capsys: Output
    ) -> None:
        commit = shop.project.commit("feat: a")
        shop.api.add(commit, {"number": 12, "labels": [], "merged_at": "2026", **member})
        shop.fails(LABELS)
        assert "returned a pull request in an unknown format" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "request_of_event",
        [
            {"number": "12", "labels": [1, {"name": 2}, None], "head": 1, "base": []},
            {"number": -1, "labels": "minor", "title": 1, "merge_commit_sha": 1},
        ],
        ids=json.dumps,
    )
    def test_members_of_unexpected_types_in_an_event_are_ignored(
        self, request_of_event: dict[str, object], shop: RequestShop
    ) -> None:
        shop.project.commit("feat: a")
        for merged in (True, False):
            shop.step.event = {**MAIN, "pull_request": {**request_of_event, "merged": merged}}
            inputs = {**LABELS, "dry-run": "true"}
            assert shop.run(inputs, GITHUB_EVENT_NAME="pull_request") == ""
            assert shop.step.outputs["version"] == "1.3.0"

    def test_a_commit_that_github_does_not_know_has_no_request(self, shop: RequestShop) -> None:
        shop.project.commit("feat: a")
        reply = Reply.json({"message": "No commit found for SHA"}, 422)
        with GitHubApi(shop.project.origin, pulls=reply) as shop.api:
            assert shop.run(LABELS) == "1.3.0"

    def test_too_many_commits_are_an_error(self, shop: RequestShop, capsys: Output) -> None:
        shop.topic("fix: a")
        for number in range(MAX_REQUESTS):
            shop.project.git("commit", "--quiet", "--allow-empty", "-m", f"fix: {number}")
        shop.fails(LABELS)
        assert shop.api.requests == []  # the limit of an hour is kept for other jobs
        printed = capsys.readouterr().out
        assert "more than 300 requests to GitHub's API are necessary for 301 commits." in printed
        assert "with:%0A  since: v1.4.2" in printed
        shop.merge("topic", "Merge a branch without a request")
        shop.fails(LABELS)
        assert len(shop.api.requests) == MAX_REQUESTS
        assert "more than 300 requests to GitHub's API are neces" in capsys.readouterr().out


class TestCombinations:
    @pytest.mark.parametrize("name", ["major", "minor", "patch", "skip"])
    def test_labels_require_commits(self, name: str, step: ActionStep, capsys: Output) -> None:
        assert step.run({f"{name}-labels": "a"}) == 1
        assert f"`{name}-labels` requires `bump: auto`." in capsys.readouterr().out
        assert step.run({f"{name}-labels": "a", "mode": "counter"}) == 1
        assert f"does not support `{name}-labels`" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("types", "bump"),
        [
            ({"skip-types": "docs, Feat"}, "minor"),
            ({"skip-types": "Perf", "minor-types": "perf"}, "minor"),
            ({"skip-types": "fix"}, "patch"),
            ({"minor-types": "feat,fix"}, "patch"),
        ],
        ids=str,
    )
    def test_types_that_labels_count_as_are_refused(
        self, types: dict[str, str], bump: str, step: ActionStep, capsys: Output
    ) -> None:
        inputs = {"bump": "auto", "skip-labels": "a", **types}
        assert step.run(inputs) == 1
        assert f"with:%0A  {bump}-labels: none" in capsys.readouterr().out
        step.event = {"commits": [{"message": "fix: a"}]}
        for allowed in ({**inputs, f"{bump}-labels": "none"}, {"bump": "auto", **types}):
            assert step.run({**allowed, "dry-run": "true", "skip-labels": ""}) == 0
