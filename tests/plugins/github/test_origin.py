"""Events of strangers and unmerged pull requests: what the action rejects, previews and tags."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.github.action_step import COMMIT, ActionStep
from support.stand_in import Reply, StandIn

HEAD = "f" * 40
MERGED = "e" * 40
QUEUE = "refs/heads/gh-readonly-queue/main/pr-104-0123456"

Output = pytest.CaptureFixture[str]

OPEN = {"pull_request": {"head": {"sha": HEAD}, "state": "open", "merged": False}}
CLOSED = {"pull_request": {**OPEN["pull_request"], "state": "closed", "merge_commit_sha": MERGED}}
ACCEPTED = {"pull_request": {**CLOSED["pull_request"], "merged": True}}


def of_run(**members: Any) -> dict[str, Any]:
    """The payload of workflow_run, by default for a push to this repository."""
    own = {"event": "push", "head_sha": HEAD, "head_repository": {"id": 4711}}
    return {"repository": {"id": 4711}, "workflow_run": {**own, **members}}


PULL = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/5/merge"}
REVIEW = {**PULL, "GITHUB_EVENT_NAME": "pull_request_review"}
GROUP = {"GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF": QUEUE}
RUN = {"GITHUB_EVENT_NAME": "workflow_run"}
WITHOUT_ID = {**RUN, "GITHUB_REPOSITORY_ID": ""}

UNMERGED = [
    pytest.param(PULL, OPEN, id="open"),
    pytest.param(REVIEW, OPEN, id="review"),
    pytest.param(PULL, {}, id="unreadable pull request"),
    pytest.param(PULL, {"pull_request": {"merged": "true"}}, id="merged as a text"),
    pytest.param(RUN, of_run(event="pull_request"), id="run for a pull request"),
    pytest.param(RUN, of_run(event="pull_request_target"), id="run for a target"),
]
"""Events of pull requests that may be merged."""

NEVER_MERGED = [
    pytest.param(PULL, CLOSED, id="closed"),
    pytest.param(GROUP, {"merge_group": {"head_sha": COMMIT}}, id="merge queue"),
    pytest.param({"GITHUB_REF": QUEUE}, {"commits": []}, id="push to a merge queue"),
    pytest.param(RUN, of_run(event="merge_group"), id="run for a merge queue"),
]

COMMITS = [
    pytest.param({}, {"commits": []}, COMMIT, id="push"),
    pytest.param({"GITHUB_REF": "refs/tags/v1"}, {}, COMMIT, id="tag"),
    pytest.param({"GITHUB_EVENT_NAME": "schedule"}, {}, COMMIT, id="schedule"),
    pytest.param({"GITHUB_EVENT_NAME": "workflow_dispatch"}, {}, COMMIT, id="manual"),
    pytest.param({"GITHUB_EVENT_NAME": "pull_request"}, ACCEPTED, MERGED, id="merge"),
    pytest.param(RUN, of_run(), HEAD, id="run for a push"),
    pytest.param(WITHOUT_ID, of_run(), HEAD, id="run, id in the payload"),
]
"""Events whose commit is part of this repository, and the commit."""


def latest(step: ActionStep) -> str:
    """The latest final version of the name."""
    step.event = {}
    assert step.run({"bump": "none"}) == 0
    return step.outputs["version"]


class TestRejection:
    @pytest.mark.parametrize("inputs", [{}, {"mode": "counter"}, {"bump": "none"}], ids=str)
    @pytest.mark.parametrize(
        ("environ", "event", "message"),
        [
            ({"GITHUB_EVENT_NAME": "pull_request_target"}, OPEN, "anyone can cause it"),
            ({"GITHUB_EVENT_NAME": "pull_request_target"}, ACCEPTED, "anyone can cause it"),
            (RUN, of_run(head_repository={"id": 666}), "ran for another repository"),
            (RUN, of_run(head_repository=None), "ran for another repository"),
            (RUN, of_run(head_repository={}), "ran for another repository"),
            (RUN, {}, "ran for another repository"),
            (RUN, {"workflow_run": "x"}, "ran for another repository"),
            (WITHOUT_ID, {"workflow_run": {"head_repository": {}}}, "ran for another repository"),
        ],
    )
    def test_an_event_of_a_stranger_is_rejected_and_assigns_nothing(
        self,
        inputs: dict[str, str],
        environ: dict[str, str],
        event: dict[str, object],
        message: str,
        step: ActionStep,
        capsys: Output,
    ) -> None:
        step.event = event
        with StandIn([]) as service:
            assert step.run({**inputs, "url": service.url}, **environ) == 1
        assert service.requests == []
        printed = capsys.readouterr().out
        assert printed.startswith("::error title=Monotron::")
        assert message in printed
        assert not step.output_lines


class TestPreviews:
    @pytest.mark.parametrize("inputs", [{}, {"dry-run": "false"}, {"create-tag": "true"}], ids=str)
    @pytest.mark.parametrize(("environ", "event"), [*UNMERGED, *NEVER_MERGED])
    def test_an_unmerged_commit_gets_a_preview_and_no_final_version(
        self,
        inputs: dict[str, str],
        environ: dict[str, str],
        event: dict[str, object],
        step: ActionStep,
        capsys: Output,
    ) -> None:
        step.event = event
        assert step.run({"bump": "minor", **inputs}, **environ) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "false")
        assert "preview, nothing was assigned: a" in step.summary
        assert "never gets a final version." in capsys.readouterr().out
        assert latest(step) == "0.0.0"

    @pytest.mark.parametrize(("environ", "event"), UNMERGED)
    def test_an_open_pull_request_gets_a_pre_release(
        self, environ: dict[str, str], event: dict[str, object], step: ActionStep
    ) -> None:
        step.event = event
        assert step.run({"prerelease": "pr"}, **environ) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.0.1-pr.1", "true")
        step.event = event
        assert step.run({"bump": "final"}, **environ) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.0.1", "false")
        assert latest(step) == "0.0.0"

    @pytest.mark.parametrize(("environ", "event"), NEVER_MERGED)
    def test_a_commit_that_is_not_merged_as_it_is_gets_no_pre_release(
        self, environ: dict[str, str], event: dict[str, object], step: ActionStep
    ) -> None:
        for _ in range(2):
            step.event = event
            assert step.run({"prerelease": "pr"}, **environ) == 0
            assert (step.outputs["version"], step.outputs["changed"]) == ("0.0.1-pr.1", "false")
            assert step.outputs["reused"] == "false"

    @pytest.mark.parametrize(("environ", "event", "commit"), COMMITS)
    def test_a_commit_of_the_repository_gets_a_final_version(
        self, environ: dict[str, str], event: dict[str, object], commit: str, step: ActionStep
    ) -> None:
        step.event = event
        assert step.run({}, **environ) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.0.1", "true")
        assert step.outputs["idempotency_token"] == commit

    @pytest.mark.parametrize(("environ", "event"), [*UNMERGED, *NEVER_MERGED])
    def test_every_run_gets_a_build_number(
        self, environ: dict[str, str], event: dict[str, object], step: ActionStep
    ) -> None:
        step.event = event
        assert step.run({"mode": "counter"}, **environ) == 0
        assert (step.outputs["value"], step.outputs["changed"]) == ("1", "true")


TAG = {"create-tag": "true", "github-token": "ghs_secret"}


class TestTags:
    @pytest.mark.parametrize(("environ", "event", "commit"), COMMITS)
    def test_a_commit_of_the_repository_is_tagged(
        self, environ: dict[str, str], event: dict[str, object], commit: str, step: ActionStep
    ) -> None:
        step.event = event
        with StandIn([Reply.json({}, 201)]) as github:
            assert step.run(TAG, **environ, GITHUB_API_URL=github.url) == 0
        (request,) = github.requests
        assert json.loads(request.body)["sha"] == commit

    @pytest.mark.parametrize(("environ", "event"), UNMERGED)
    def test_the_pre_release_of_a_pull_request_is_not_tagged_and_not_assigned(
        self, environ: dict[str, str], event: dict[str, object], step: ActionStep, capsys: Output
    ) -> None:
        step.event = event
        with StandIn([]) as service:
            inputs = {**TAG, "prerelease": "pr", "url": service.url}
            assert step.run(inputs, **environ, GITHUB_API_URL=service.url) == 1
        assert service.requests == []
        assert "`create-tag` cannot tag the commit of an " in capsys.readouterr().out

    @pytest.mark.parametrize("ref", ["", "refs/pull/5/merge", "main"])
    def test_the_commit_of_an_event_without_a_branch_is_not_tagged(
        self, ref: str, step: ActionStep, capsys: Output
    ) -> None:
        environ = {"GITHUB_EVENT_NAME": "deployment", "GITHUB_REF": ref}
        with StandIn([]) as service:
            assert step.run({**TAG, "url": service.url}, **environ) == 1
        assert service.requests == []
        assert "`create-tag` cannot tag the commit of this event." in capsys.readouterr().out
