"""`create-tag`: what the action does with each response of GitHub."""

from __future__ import annotations

import json

import pytest

from plugins.github.action_step import COMMIT, ActionStep
from support.stand_in import ReceivedRequest, Reply, StandIn

HEAD = "f" * 40

Output = pytest.CaptureFixture[str]


def run(step: ActionStep, github: StandIn, **inputs: str) -> int:
    defaults = {"create-tag": "true", "github-token": "ghs_secret"}
    return step.run({**defaults, **inputs}, GITHUB_API_URL=f"{github.url}/api/v3")


class TestCreation:
    def test_the_configured_api_and_the_tag_prefix_are_used(self, step: ActionStep) -> None:
        with StandIn([Reply.json({}, 201)]) as github:
            assert run(step, github, **{"tag-prefix": "api/v"}) == 0
        (request,) = github.requests
        assert request.path == "/api/v3/repos/acme/shop/git/refs"
        assert json.loads(request.body) == {"ref": "refs/tags/api/v0.0.1", "sha": COMMIT}
        assert request.headers["Authorization"] == "Bearer ghs_secret"
        assert "the tag was created" in step.summary

    @pytest.mark.parametrize("token", [COMMIT, "nightly"])
    def test_the_tag_points_to_the_commit_of_the_event(self, token: str, step: ActionStep) -> None:
        with StandIn([Reply.json({}, 201)]) as github:
            assert run(step, github, **{"idempotency-token": token}) == 0
        assert json.loads(github.requests[0].body)["sha"] == COMMIT

    def test_another_commit_is_not_tagged_and_gets_no_version(
        self, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([]) as github:
            assert run(step, github, **{"idempotency-token": HEAD}) == 1
        assert github.requests == []
        assert "`create-tag` tags only the commit of the event." in capsys.readouterr().out
        assert step.run({"bump": "none"}) == 0
        assert step.outputs["version"] == "0.0.0"


class TestExistingTags:
    def test_a_lightweight_tag_on_the_same_commit_is_accepted(self, step: ActionStep) -> None:
        tag = Reply.json({"object": {"type": "commit", "sha": COMMIT}})
        with StandIn([Reply.json({}, 422), tag]) as github:
            assert run(step, github) == 0
        assert len(github.requests) == 2
        assert "the tag already existed" in step.summary

    def test_an_annotated_tag_on_the_same_commit_is_accepted(self, step: ActionStep) -> None:
        tag = Reply.json({"object": {"type": "tag", "sha": "c" * 40}})
        target = Reply.json({"object": {"type": "commit", "sha": COMMIT}})
        with StandIn([Reply.json({}, 422), tag, target]) as github:
            assert run(step, github) == 0
        assert github.requests[2].path == f"/api/v3/repos/acme/shop/git/tags/{'c' * 40}"
        assert "the tag already existed" in step.summary

    def test_a_tag_on_another_commit_is_an_error_that_explains_adoption(
        self, step: ActionStep, capsys: Output
    ) -> None:
        tag = Reply.json({"object": {"type": "commit", "sha": HEAD}})
        with StandIn([Reply.json({}, 422), tag]) as github:
            assert run(step, github, **{"tag-prefix": "api/v"}) == 1
        assert github.requests[1].path == "/api/v3/repos/acme/shop/git/ref/tags/api/v0.0.1"
        assert "monotron adopt NAME --tag-prefix=api/v" in capsys.readouterr().out


class TestRefusals:
    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_missing_permission_is_named_and_the_outputs_are_written(
        self, status: int, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([Reply.json({"message": "No ghs_secret"}, status)]) as github:
            assert run(step, github) == 1
        printed = capsys.readouterr().out
        message = f"GitHub returned {status}: `github-token` cannot create the tag v0.0.1."
        assert message in printed
        assert "permissions:%0A  contents: write" in printed
        assert "No ghs_secret" not in printed
        assert step.outputs["version"] == "0.0.1"
        assert "the tag was not created" in step.summary

    def test_a_repository_rule_is_named_as_a_possible_reason(
        self, step: ActionStep, capsys: Output
    ) -> None:
        def api(request: ReceivedRequest) -> Reply:
            if request.method == "POST":
                return Reply.json({"message": "Repository rule violations found"}, 422)
            return Reply.json({"message": "Not Found"}, 404)

        with StandIn(api) as github:
            assert run(step, github) == 1
        assert "A rule of the repository may forbid it" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("inputs", "environ", "message"),
        [
            ({"github-token": ""}, {}, "`create-tag` requires a token"),
            ({"idempotency-token": "x"}, {"GITHUB_SHA": ""}, "no commit that can be tagged"),
        ],
        ids=["token", "commit"],
    )
    def test_a_missing_token_or_commit_is_an_error(
        self,
        inputs: dict[str, str],
        environ: dict[str, str],
        message: str,
        step: ActionStep,
        capsys: Output,
    ) -> None:
        assert step.run({"create-tag": "true", "github-token": "t", **inputs}, **environ) == 1
        assert message in capsys.readouterr().out
