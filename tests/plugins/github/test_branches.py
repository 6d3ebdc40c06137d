"""`prerelease: branch` and `line: branch` for each kind of event."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.github.action_step import ActionStep
from support.stand_in import StandIn

Output = pytest.CaptureFixture[str]

REPOSITORY: dict[str, Any] = {"repository": {"id": 4711, "default_branch": "main"}}
FORK = {"id": 666}


def push(branch: str) -> tuple[dict[str, str], dict[str, Any]]:
    return {"GITHUB_REF": f"refs/heads/{branch}"}, REPOSITORY


def pull_request(base: str, **members: Any) -> tuple[dict[str, str], dict[str, Any]]:
    environ = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/12/merge",
        "GITHUB_HEAD_REF": "feature/x",
        "GITHUB_BASE_REF": base,
    }
    pull = {"number": 12, "head": {"sha": "f" * 40, "ref": "feature/x"}, "base": {"ref": base}}
    return environ, {**REPOSITORY, "pull_request": {**pull, **members}}


def workflow_run(branch: str, **members: Any) -> tuple[dict[str, str], dict[str, Any]]:
    environ = {"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main"}
    run = {"event": "push", "head_branch": branch, "head_repository": {"id": 4711}, **members}
    return environ, {**REPOSITORY, "workflow_run": run}


def of_event(name: str, ref: str = "refs/heads/main", **payload: Any) -> Any:
    return {"GITHUB_EVENT_NAME": name, "GITHUB_REF": ref}, {**REPOSITORY, **payload}


MERGED = {"merged": True, "merge_commit_sha": "e" * 40}
QUEUE = "refs/heads/gh-readonly-queue/release/1.2/pr-12-" + "e" * 40
SCHEDULE = ({"GITHUB_EVENT_NAME": "schedule"}, {"schedule": "0 4 * * *"})
PULLS = [{"number": 12, "base": {"ref": "release/1.2"}}]

EVENTS = [
    pytest.param(push("main"), "none", "none", id="default branch"),
    pytest.param(push("feature/Add_x"), "feature-add-x", "none", id="branch"),
    pytest.param(push("123"), "b123", "none", id="digits"),
    pytest.param(push("release/1.2"), "none", "1.2", id="maintenance branch"),
    pytest.param(of_event("push", "refs/tags/v1.2"), "none", "none", id="tag"),
    pytest.param(pull_request("main"), "pr-12", "none", id="pull request"),
    pytest.param(pull_request("main", number=None), "pr-12", "none", id="number from the ref"),
    pytest.param(pull_request("release/1.2"), "pr-12", "1.2", id="pull request of a line"),
    pytest.param(pull_request("main", state="closed"), "pr-12", "none", id="closed"),
    pytest.param(pull_request("main", **MERGED), "none", "none", id="merged"),
    pytest.param(pull_request("1.x", **MERGED), "none", "1", id="merged into a line"),
    pytest.param(of_event("merge_group", QUEUE), "none", "1.2", id="merge queue"),
    pytest.param(
        of_event("merge_group", QUEUE, merge_group={"base_ref": "refs/heads/main"}),
        "none",
        "none",
        id="merge queue, base in the payload",
    ),
    pytest.param(workflow_run("feature/x"), "feature-x", "none", id="workflow_run"),
    pytest.param(workflow_run("1.2.x"), "none", "1.2", id="workflow_run of a line"),
    pytest.param(workflow_run("v1.2.0-rc.1"), "none", "none", id="workflow_run of a tag"),
    pytest.param(
        workflow_run("release/1.2.0"), "release-1-2-0", "none", id="workflow_run of a branch"
    ),
    pytest.param(
        workflow_run("feature/x", event="pull_request", pull_requests=PULLS),
        "pr-12",
        "1.2",
        id="workflow_run of a pull request",
    ),
    pytest.param(
        workflow_run("feature/x", event="pull_request", pull_requests=[]),
        "feature-x",
        "none",
        id="workflow_run of an unknown pull request",
    ),
    pytest.param(SCHEDULE, "none", "none", id="schedule"),
    pytest.param(of_event("workflow_dispatch", "refs/heads/beta"), "beta", "none", id="manual"),
]


@pytest.mark.parametrize(("event", "label", "line"), EVENTS)
def test_the_label_and_the_line_come_from_the_branch(
    event: tuple[dict[str, str], dict[str, Any]],
    label: str,
    line: str,
    step: ActionStep,
    capsys: Output,
) -> None:
    for version in ("1.2.0", "3.0.0"):
        assert step.run({"version": version, "idempotency-token": version}) == 0
    environ, step.event = event
    assert step.run({"prerelease": "branch", "line": "branch"}, **environ) == 0
    expected = {"none": "3.0.1", "1": "1.2.1", "1.2": "1.2.1"}[line]
    suffix = "" if label == "none" else f"-{label}.1"
    assert step.outputs["version"] == f"{expected}{suffix}"
    printed = capsys.readouterr().out
    assert f"prerelease: {label} (from the branch)\n" in printed
    assert f"line: {line} (from the branch)\n" in printed


class TestHostileNames:
    @pytest.mark.parametrize(
        "branch",
        ["a\nversion=9.9.9", "$(touch pwned)", "::error::x", "a/../../b", "\u202e", "x" * 300],
        ids=["line break", "shell", "command", "path", "direction", "long"],
    )
    def test_the_name_of_a_branch_is_harmless(
        self, branch: str, step: ActionStep, capsys: Output
    ) -> None:
        environ, step.event = push(branch)
        assert step.run({"prerelease": "branch", "line": "branch"}, **environ) == 0
        assert step.outputs["version"].startswith("0.0.1-")
        assert "::" not in capsys.readouterr().out

    @pytest.mark.parametrize("payload", [{"repository": 1}, {"repository": {"default_branch": 1}}])
    @pytest.mark.parametrize(("name", "branch"), [("prerelease", "feature/x"), ("line", "1.x")])
    def test_an_unknown_default_branch_is_an_error_with_the_yaml_to_write(
        self,
        payload: dict[str, object],
        name: str,
        branch: str,
        step: ActionStep,
        capsys: Output,
    ) -> None:
        step.event = payload
        with StandIn([]) as service:
            inputs = {name: "branch", "url": service.url}
            assert step.run(inputs, GITHUB_REF=f"refs/heads/{branch}") == 1
        assert service.requests == []
        printed = capsys.readouterr().out
        assert f"Cannot determine whether '{branch}' is the default branch." in printed
        assert f"with:%0A  {name}: ${{{{ github.ref_name != 'main' &&" in printed
