"""The action in one process, without a runner: events, inputs, masking and unexpected errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monotron_ci import main
from monotron_ci.inputs import NAMES, Inputs, parse_inputs
from monotron_ci.main import run
from plugins.github.action_step import COMMIT, ActionStep
from support.stand_in import ReceivedRequest, Reply, StandIn

HEAD = "f" * 40
MERGED = "e" * 40

Output = pytest.CaptureFixture[str]


def pull_request(**members: object) -> dict[str, object]:
    return {"pull_request": {"head": {"sha": HEAD}, **members}}


def workflow_run(**members: object) -> dict[str, object]:
    """A run of another workflow for a commit of this repository."""
    return {"workflow_run": {"event": "push", "head_repository": {"id": 4711}, **members}}


class TestDefaults:
    def test_all_attempts_of_a_run_get_the_same_number(self, step: ActionStep) -> None:
        for attempt in ("1", "2"):
            assert step.run({"mode": "counter"}, GITHUB_RUN_ATTEMPT=attempt) == 0
            assert step.outputs["idempotency_token"] == "gh-4711-42"
            assert step.outputs["value"] == "1"

    def test_a_blank_input_has_its_default(self, step: ActionStep) -> None:
        blank = dict.fromkeys([name for name in NAMES if name not in ("url", "name")], " ")
        assert step.run({**blank, "tag-prefix": "v"}) == 0
        assert step.outputs["tag"] == "v0.0.1"

    def test_the_tag_prefix_may_be_empty(self, step: ActionStep) -> None:
        assert step.run({"tag-prefix": ""}) == 0
        assert step.outputs["tag"] == "0.0.1"

    def test_the_summary_can_be_disabled(self, step: ActionStep) -> None:
        assert step.run({"summary": "false"}) == 0
        assert not (step.folder / "summary").exists()


class TestEvents:
    @pytest.mark.parametrize(
        "event", [{}, {"pull_request": None}, {"commits": "x"}, {"head_commit": [1]}], ids=str
    )
    def test_an_event_with_unexpected_members_is_accepted(
        self, event: dict[str, object], step: ActionStep
    ) -> None:
        step.event = event
        assert step.run({}) == 0

    @pytest.mark.parametrize(
        ("event", "version"),
        [
            ({"head_commit": {"message": "feat: a"}}, "0.1.0"),
            ({"merge_group": {"head_commit": {"message": "feat: a"}}}, "0.1.0"),
            (workflow_run(head_commit={"message": "feat: a"}), "0.1.0"),
            ({"commits": [{"message": "fix: a"}, {"message": "feat: b"}]}, "0.1.0"),
            ({"commits": [], "head_commit": {"message": "fix: a"}}, "0.0.1"),
        ],
        ids=["tag", "merge queue", "workflow_run", "push", "no commits"],
    )
    def test_the_messages_of_an_event_select_the_bump(
        self, event: dict[str, object], version: str, step: ActionStep
    ) -> None:
        step.event = event
        assert step.run({"bump": "auto"}) == 0
        assert step.outputs["version"] == version

    @pytest.mark.parametrize(
        ("kind", "event", "commit"),
        [
            ("pull_request", pull_request(), HEAD),
            ("pull_request", pull_request(merge_commit_sha=MERGED), HEAD),
            ("pull_request", pull_request(merged=True, merge_commit_sha=MERGED), MERGED),
            ("pull_request", pull_request(merged=False, merge_commit_sha=MERGED), HEAD),
            ("workflow_run", workflow_run(head_sha=HEAD), HEAD),
            ("schedule", {"schedule": "0 4 * * *"}, COMMIT),
            ("workflow_dispatch", {"inputs": None}, COMMIT),
        ],
        ids=["open", "mergeable", "merged", "closed", "workflow_run", "cron", "manual"],
    )
    def test_the_commit_of_the_event_gets_the_version(
        self, kind: str, event: dict[str, object], commit: str, step: ActionStep
    ) -> None:
        step.event = event
        assert step.run({}, GITHUB_EVENT_NAME=kind) == 0
        assert step.outputs["idempotency_token"] == commit

    def test_two_workflow_runs_get_the_versions_of_their_own_commits(
        self, step: ActionStep
    ) -> None:
        versions = []
        for sha, message in (("a" * 40, "feat: a"), ("b" * 40, "fix: b")):
            step.event = workflow_run(head_sha=sha, head_commit={"message": message})
            assert step.run({"bump": "auto"}, GITHUB_EVENT_NAME="workflow_run") == 0
            versions.append(step.outputs["version"])
        assert versions == ["0.1.0", "0.1.1"]

    @pytest.mark.parametrize("text", ["{", "\xff", "[" * 200_000], ids=["cut", "bytes", "deep"])
    def test_an_unreadable_event_is_an_error_with_a_hint(
        self, text: str, step: ActionStep, tmp_path: Path, capsys: Output
    ) -> None:
        broken = tmp_path / "broken.json"
        broken.write_text(text, encoding="latin-1")
        for path in (broken, tmp_path / "missing.json"):
            assert step.run({}, GITHUB_EVENT_PATH=str(path)) == 1
            printed = capsys.readouterr().out
            assert "Cannot read the event payload: " in printed
            assert "mount the file that GITHUB_EVENT_PATH names" in printed

    def test_a_run_without_an_id_is_an_error(self, step: ActionStep, capsys: Output) -> None:
        assert step.run({"mode": "counter"}, GITHUB_RUN_ID="") == 1
        assert "This event has no run, so `idempotency-token` is" in capsys.readouterr().out


class TestBumps:
    def test_an_event_without_messages_requires_a_bump(
        self, step: ActionStep, capsys: Output
    ) -> None:
        step.event = {"schedule": "0 4 * * *"}
        assert step.run({"bump": "auto"}, GITHUB_EVENT_NAME="schedule") == 1
        printed = capsys.readouterr().out
        assert "No commit messages were found. Only the messages of the event were read" in printed
        assert "Set the bump that you want" in printed

    def test_a_commit_that_needs_no_version_changes_nothing(
        self, step: ActionStep, capsys: Output
    ) -> None:
        versions = []
        for sha, message in (
            ("a" * 40, "fix: a [skip release]"),
            ("b" * 40, "fix: b"),
            ("c" * 40, "fix: c [skip release]"),
        ):
            step.event = {"head_commit": {"message": message}}
            assert step.run({"bump": "auto"}, GITHUB_SHA=sha) == 0
            versions.append((step.outputs["version"], step.outputs["changed"]))
        assert versions == [("", "false"), ("0.0.1", "true"), ("", "false")]
        assert "No commit requests a version." in step.summary

    def test_the_title_of_the_pull_request_selects_the_bump(self, step: ActionStep) -> None:
        step.event = pull_request(title="feat(cart): a coupon")
        assert step.run({"bump": "auto"}, GITHUB_EVENT_NAME="pull_request") == 0
        assert step.outputs["version"] == "0.1.0"
        assert "the title and 0 commits of the event: feat(cart): a coupon" in step.summary

    def test_changed_labels_do_not_change_the_version_of_a_commit(self, step: ActionStep) -> None:
        for labels, reused in ((["minor"], "false"), (["major"], "true"), ([], "true")):
            merged = {"merged": True, "merge_commit_sha": MERGED}
            step.event = pull_request(labels=[{"name": label} for label in labels], **merged)
            assert step.run({"bump": "auto"}) == 0
            assert (step.outputs["version"], step.outputs["reused"]) == ("0.1.0", reused)

    @pytest.mark.parametrize("label", ["rc", "feature-login"])
    def test_a_pre_release_is_promoted_later(self, step: ActionStep, label: str) -> None:
        assert step.run({"bump": "major", "prerelease": label}) == 0
        assert (step.outputs["version"], step.outputs["is_latest"]) == (f"1.0.0-{label}.1", "false")
        assert step.outputs["prerelease"] == f"{label}.1"
        assert step.outputs["prerelease_label"] == label
        assert step.run({"bump": "final"}) == 0
        assert (step.outputs["version"], step.outputs["release_type"]) == ("1.0.0", "final")

    @pytest.mark.parametrize(
        ("token", "commit"), [(HEAD, HEAD), ("e" * 64, "e" * 64), ("nightly", ""), ("e" * 39, "")]
    )
    def test_the_commit_of_the_previous_version_is_an_output(
        self, token: str, commit: str, step: ActionStep
    ) -> None:
        assert step.run({"idempotency-token": token}) == 0
        assert step.run({}) == 0
        assert step.outputs["previous_version"] == "0.0.1"
        assert step.outputs["previous_commit"] == commit

    def test_a_maintenance_line_continues_after_an_initial_version(self, step: ActionStep) -> None:
        for inputs, version in (
            ({"initial-version": "v1.4.2"}, "1.4.3"),
            ({"bump": "major", "idempotency-token": "x"}, "2.0.0"),
            ({"line": "1.4", "idempotency-token": "y"}, "1.4.4"),
        ):
            assert step.run(inputs) == 0
            assert step.outputs["version"] == version
        assert (step.outputs["is_latest"], step.outputs["idempotency_token"]) == ("false", "y")

    def test_a_preview_of_a_promotion_promotes_nothing(self, step: ActionStep) -> None:
        assert step.run({"bump": "minor", "prerelease": "rc"}) == 0
        for _ in range(2):
            assert step.run({"bump": "final", "dry-run": "true"}) == 0
            assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "false")
            assert step.outputs["reused"] == "false"

    def test_a_label_that_the_line_does_not_allow_is_refused(
        self, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({"initial-version": "1.2.0"}) == 0
        step.event = pull_request(labels=[{"name": "major"}])
        assert step.run({"bump": "auto", "line": "1.2"}) == 1
        printed = capsys.readouterr().out
        assert "out_of_line (422)" in printed
        assert "use a smaller bump" in printed

    def test_a_dry_run_shows_the_version_and_assigns_nothing(self, step: ActionStep) -> None:
        for _ in range(2):
            assert step.run({"bump": "minor", "dry-run": "true"}) == 0
            assert step.outputs["version"] == "0.1.0"
            assert (step.outputs["changed"], step.outputs["reused"]) == ("false", "false")
        assert "preview, nothing was assigned" in step.summary

    def test_a_dry_run_shows_the_number_and_assigns_nothing(self, step: ActionStep) -> None:
        assert step.run({"mode": "counter", "idempotency-token": "x"}) == 0
        for _ in range(2):
            assert step.run({"mode": "counter", "dry-run": "true"}) == 0
            assert (step.outputs["value"], step.outputs["changed"]) == ("2", "false")

    def test_bump_none_reads_the_latest_version_or_zero(self, step: ActionStep) -> None:
        assert step.run({"bump": "none"}) == 0
        for output in ("tag", "docker_tag"):
            assert step.outputs[output] == ""
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.0.0", "false")
        assert step.run({"bump": "major"}) == 0
        assert step.run({"bump": "none"}) == 0
        assert (step.outputs["version"], step.outputs["tag"]) == ("1.0.0", "v1.0.0")
        assert (step.outputs["changed"], step.outputs["is_latest"]) == ("false", "true")

    def test_bump_none_reads_the_version_or_number_of_the_token(self, step: ActionStep) -> None:
        for token in ("a", "b"):
            assert step.run({"idempotency-token": token}) == 0
            assert step.run({"idempotency-token": token, "mode": "counter"}) == 0
        read = {"bump": "none", "idempotency-token": "a"}
        assert step.run(read) == 0
        assert (step.outputs["version"], step.outputs["reused"]) == ("0.0.1", "true")
        assert step.run({**read, "mode": "counter"}) == 0
        assert step.outputs["value"] == "1"
        assert step.run({**read, "idempotency-token": "c"}) == 0
        assert step.outputs["version"] == "0.0.0"


class TestSecrets:
    @pytest.mark.parametrize(
        ("key", "variants"),
        [
            ("  key1234 ", {"  key1234 ", "key1234"}),
            ("kid:s3cr3t", {"kid:s3cr3t", "a2lkOnMzY3IzdA==", "s3cr3t"}),
            ("0ne\n tw0 ", {"0ne\n tw0 ", "0ne", " tw0 ", "tw0"}),
        ],
        ids=["blanks", "pair", "lines"],
    )
    def test_all_variants_of_an_api_key_are_masked_before_anything_else_is_printed(
        self, key: str, variants: set[str], step: ActionStep, capsys: Output
    ) -> None:
        def echo(request: ReceivedRequest) -> Reply:
            return Reply.problem(401, "unauthenticated", f"Not {request.headers['Authorization']}")

        with StandIn(echo) as service:
            step.url = service.url
            assert step.run({"api-key": key}) == 1
        printed = capsys.readouterr().out
        masked = re.findall(r"^::add-mask::(.*)$", printed, re.MULTILINE)
        assert printed.startswith("".join(f"::add-mask::{text}\n" for text in masked))
        assert {text.replace("%0A", "\n") for text in masked} == variants
        error = printed[printed.index("::error") :]
        assert not [variant for variant in variants if variant in error]


class TestIdentityTokens:
    def test_an_identity_token_for_the_audience_is_requested_and_masked(
        self, step: ActionStep, capsys: Output
    ) -> None:
        refusal = Reply.problem(401, "unauthenticated", "No.")
        token = Reply.json({"count": 1, "value": "eyJ.identity.token"})
        with StandIn([token]) as runner, StandIn([refusal]) as service:
            step.url = service.url
            code = step.run(
                {"audience": "https://m.example.com/?a=b"},
                ACTIONS_ID_TOKEN_REQUEST_URL=f"{runner.url}/oidc?api-version=2.0",
                ACTIONS_ID_TOKEN_REQUEST_TOKEN="runner-secret",
            )
        assert code == 1
        (request,) = runner.requests
        assert request.path == (
            "/oidc?api-version=2.0&audience=https%3A%2F%2Fm.example.com%2F%3Fa%3Db"
        )
        assert request.headers["Authorization"] == "Bearer runner-secret"
        assert service.requests[0].headers["Authorization"] == "Bearer eyJ.identity.token"
        printed = capsys.readouterr().out
        assert printed.startswith("::add-mask::runner-secret\n::add-mask::eyJ.identity.token\n")
        assert "Create a trust policy for these jobs" in printed

    def test_a_missing_permission_is_an_error_with_the_yaml_to_write(
        self, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run({"audience": "monotron"}) == 1
        assert "permissions:%0A  id-token: write" in capsys.readouterr().out


class TestResponses:
    @pytest.mark.parametrize(
        ("reply", "message"),
        [
            (
                Reply.problem(401, "unauthenticated", "No."),
                "api-key: ${{ secrets.MONOTRON_API_KEY }}",
            ),
            (Reply.problem(403, "forbidden", "No."), "read,write:series"),
            (Reply(404, b"Not found", {"Content-Type": "text/plain"}), "not a Monotron response"),
            (Reply(200, b"<html>Login", {"Content-Type": "text/html"}), "not a Monotron response"),
            (Reply(302, b"", {"Location": "https://example.com"}), "redirects to another URL"),
            (Reply.json({"version": "1.0.0"}), "not a Monotron response"),
            (Reply(200, b'{"v', {"Content-Type": "application/json"}, length=400), "truncated"),
            (Reply(200, b'{"v', {"Content-Type": "application/json"}), "not a Monotron response"),
        ],
        ids=["401", "403", "proxy 404", "login page", "redirect", "foreign", "truncated", "broken"],
    )
    def test_a_response_without_a_version_is_an_error(
        self, reply: Reply, message: str, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([reply]) as service:
            step.url = service.url
            assert step.run({}) == 1
        printed = capsys.readouterr().out
        assert printed.startswith("::error title=Monotron::")
        assert message in printed
        assert not step.output_lines


class TestUnexpected:
    def test_a_lone_surrogate_in_a_response_is_refused(
        self, step: ActionStep, capsys: Output
    ) -> None:
        version = {"name": step.name, "version": "0.0.1", "major": 0, "minor": 0, "patch": 1}
        version |= {"latest": True, "reused": True, "token": "\ud800"}
        version |= {"latest_in_major": True, "latest_in_minor": True, "spellings": {}}
        version |= {"changed": False, "notes": []}
        with StandIn([Reply.json(version)]) as service:
            step.url = service.url
            assert step.run({"bump": "none"}) == 1
        message = "The output `idempotency_token` contains invalid characters"
        assert message in capsys.readouterr().out
        assert not step.output_lines

    def test_an_internal_error_shows_its_place_but_not_its_text(
        self, step: ActionStep, monkeypatch: pytest.MonkeyPatch, capsys: Output
    ) -> None:
        def broken(*_: object) -> None:
            raise LookupError("the text contains the key")

        monkeypatch.setattr(main, "choose_bump", broken)
        assert step.run({}) == 1
        printed = capsys.readouterr().out
        assert re.match(r"::error title=Monotron::.* LookupError at test_main\.py:\d+\.", printed)
        assert "the key" not in printed

    def test_the_program_outside_of_the_action_is_an_error(self, capsys: Output) -> None:
        assert run({}) == 1
        assert "Run this program as a step of the Monotron action." in capsys.readouterr().out


class TestInputs:
    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ({"mode": "calver"}, "`mode` must be `semver` or `counter`, not 'calver'."),
            ({"bump": "micro"}, "`calendar` or `none`, not 'micro'.\n\nwith:\n  bump: patch"),
            ({"prerelease": "rc.1"}, "`prerelease` must be a label of letters, digits and hyphens"),
            ({"prerelease": "x" * 41}, "`prerelease` must be a label"),
            (
                {"line": "1.2.3"},
                "must be a maintenance line, or `branch`, not '1.2.3'.\n\nwith:\n  line: \"1.2\"",
            ),
            ({"initial-version": "1.4"}, "`initial-version` must be a version"),
            ({"on-conflict": "yes"}, "`on-conflict` must be `fail` or `reuse`"),
            ({"create-tag": "yes"}, "`create-tag` must be `true` or `false`"),
            ({"dry-run": "1"}, "`true` or `false`, not '1'.\n\nwith:\n  dry-run: false"),
            ({"tag-prefix": "a b"}, "`tag-prefix` must contain only letters"),
            ({"tag-prefix": "a..b"}, "`tag-prefix` must contain only letters"),
            ({"tag-prefix": "-v"}, "`tag-prefix` must contain only letters"),
            ({"build-metadata": "a+b"}, "`build-metadata` must be letters"),
            ({"timeout": "0"}, "`timeout` must be an integer from 1 to 3600"),
            ({"timeout": "1.5"}, "`timeout` must be an integer"),
            ({"retries": "-1"}, "`retries` must be an integer from 0 to 100"),
            ({"url": "http://monotron.example.com"}, "`url` must be an https:// URL"),
            ({"url": "https://monotron..example.com"}, "`url` must be an https:// URL"),
            ({"url": ""}, "The input `url` is required."),
            (
                {"idempotency-token": "HEAD"},
                "HEAD is a different commit in every build.\n\nUse the commit hash.\n\n"
                "with:\n  idempotency-token: ${{ github.sha }}\n",
            ),
            ({"idempotency-token": "$GITHUB_SHA"}, "'$GITHUB_SHA' is a variable that was not"),
            ({"mode": "counter", "line": "1"}, "`mode: counter` does not support `line`"),
            ({"mode": "counter", "bump": "major"}, "does not support `bump`"),
            ({"mode": "counter", "create-tag": "true"}, "does not support `create-tag`"),
            ({"bump": "none", "prerelease": "rc"}, "cannot be combined with `prerelease`"),
            ({"bump": "none", "line": "1"}, "cannot be combined with `line`"),
            ({"api-key": "a", "audience": "b"}, "`api-key` cannot be combined with `audience`"),
            ({"api-key": "a b"}, "The input `api-key` contains spaces"),
        ],
        ids=str,
    )
    def test_an_invalid_input_is_named_with_the_valid_values(
        self, inputs: dict[str, str], message: str, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run(inputs) == 1
        assert message in capsys.readouterr().out.replace("%0A", "\n")
        assert not step.output_lines

    def test_every_input_is_parsed(self) -> None:
        assert {name.replace("-", "_") for name in NAMES} == set(Inputs._fields)

    def test_a_bump_in_upper_case_is_accepted(self) -> None:
        raw = {"url": "https://m.example.com", "bump": "Minor"}
        assert parse_inputs(raw, "version").bump == "minor"

    def test_an_explicit_default_is_allowed_in_counter_mode(self) -> None:
        defaults = {"create-tag": "False", "on-conflict": "fail", "bump": "patch"}
        raw = {"url": "https://m.example.com", "mode": "counter", **defaults}
        assert parse_inputs(raw, "version").mode == "counter"
