"""The action if no commit requests a version: nothing that a later step could publish again."""

from __future__ import annotations

import pytest

from plugins.github.action_step import ActionStep
from plugins.github.test_client import VERSION
from support.stand_in import Reply, StandIn

SKIPPED = (
    "1 commit of the event: No commit requests a version. "
    "The newest contains [skip release] or [no release]: feat: a [skip release]"
)

NOTHING: dict[str, object] = {
    **dict.fromkeys(VERSION),
    "name": "a",
    "latest": False,
    "reused": True,
    "changed": False,
    "notes": [],
    "reason": "No commit requests a version.",
    "latest_in_major": False,
    "latest_in_minor": False,
}
"""The response for a name without versions."""

Output = pytest.CaptureFixture[str]


def push(step: ActionStep, *messages: str) -> None:
    step.event = {"commits": [{"message": message} for message in messages]}


def without_version(step: ActionStep) -> bool:
    """Whether the outputs contain no version, and no part or spelling of one."""
    others = {"changed", "reused", "is_latest", "latest_in_major", "latest_in_minor"}
    texts = {name: text for name, text in step.outputs.items() if name not in {"reason", *others}}
    assert {step.outputs[name] for name in others} == {"false"}
    return set(texts.values()) == {""}


class TestOutputs:
    @pytest.mark.parametrize("dry_run", ["false", "true"])
    @pytest.mark.parametrize("prerelease", ["", "rc"])
    def test_a_name_with_versions_has_empty_outputs_and_a_reason(
        self, dry_run: str, prerelease: str, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({"idempotency-token": "earlier"}) == 0
        push(step, "feat: a [skip release]")
        inputs = {"bump": "auto", "dry-run": dry_run, "prerelease": prerelease}
        assert step.run(inputs) == 0
        assert without_version(step)
        assert step.outputs["reason"] == SKIPPED
        assert "### Monotron: no release\n" in step.summary
        assert f"| reason | `{SKIPPED}` |" in step.summary
        assert (
            "Monotron: no release (1 commit of the event: No commit requests"
            in capsys.readouterr().out
        )

    def test_a_name_without_versions_has_empty_outputs(self, step: ActionStep) -> None:
        push(step, "docs: a\n\n[no release]")
        assert step.run({"bump": "auto"}) == 0
        assert without_version(step)

    def test_no_tag_is_created(self, step: ActionStep) -> None:
        push(step, "feat: a [skip release]")
        with StandIn([Reply.json({}, 500)]) as github:
            inputs = {"bump": "auto", "create-tag": "true", "github-token": "ghs_secret"}
            assert step.run(inputs, GITHUB_API_URL=github.url) == 0
        assert not [each for each in github.requests if each.method == "POST"]

    def test_the_commit_gets_a_version_later(self, step: ActionStep) -> None:
        push(step, "feat: a [skip release]")
        assert step.run({"bump": "auto"}) == 0
        assert step.run({"bump": "minor"}) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "true")


class TestResponses:
    @pytest.mark.parametrize(
        "members",
        [
            {"changed": True},
            {"changed": None},
            {"name": "b"},
            {"notes": None},
            {"notes": [1]},
            {"reason": 1},
            {"major": 1},
            {"version": "0.0.1"},
        ],
        ids=str,
    )
    def test_an_inconsistent_response_is_refused(
        self, members: dict[str, object], step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([Reply.json({**NOTHING, **members})]) as service:
            step.url = service.url
            assert step.run({"name": "a"}) == 1
        assert "not a Monotron response" in capsys.readouterr().out
        assert not step.output_lines

    def test_the_version_of_another_token_is_accepted_for_no_release_only(
        self, step: ActionStep
    ) -> None:
        for changed, code in ((False, 0), (True, 1)):
            with StandIn([Reply.json({**VERSION, "changed": changed})]) as service:
                step.url = service.url
                assert step.run({"name": "a"}) == code


class TestReasons:
    def test_a_reused_version_shows_its_stored_reason(self, step: ActionStep) -> None:
        push(step, "feat: a coupon")
        assert step.run({"bump": "auto"}) == 0
        assert step.outputs["reason"] == "1 commit of the event: feat: a coupon"
        merged = {"merged": True, "merge_commit_sha": step.outputs["idempotency_token"]}
        step.event = {"pull_request": {"labels": [{"name": "patch"}], **merged}}
        assert step.run({"bump": "auto"}) == 0
        assert (step.outputs["reused"], step.outputs["release_type"]) == ("true", "minor")
        assert step.outputs["reason"] == "feat: a coupon"
        assert "label" not in step.summary

    def test_the_notes_of_the_service_are_in_outputs_summary_and_log(
        self, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({"idempotency-token": "c0ffee"}) == 0
        note = "is probably a short commit hash"
        assert note in step.outputs["notes"]
        assert note in step.summary
        assert f"{note}. Its complete hash" in capsys.readouterr().out
