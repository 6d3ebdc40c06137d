"""Untrusted text cannot add an output, run a workflow command or a shell command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monotron_ci import outputs
from monotron_ci.errors import Failure
from monotron_ci.summary import summary
from monotron_ci.workflow_commands import escape_commands
from plugins.github.action_step import COMMIT, ActionStep
from plugins.github.request_shop import RequestShop
from plugins.github.test_client import VERSION
from support.commits import MEBIBYTE
from support.github_api import GitHubApi
from support.stand_in import Reply, StandIn

HOSTILE = [
    "a\nversion=9.9.9",
    "a\r\nversion=9.9.9",
    "a\rversion=9.9.9",
    "version<<EOF\nx\nEOF",
    "a\u2028version=9.9.9",
    "a\u0085version=9.9.9",
    "a\x0bversion=9.9.9",
    "::set-output name=version::9.9.9",
    "::add-mask::1",
    "##[set-output name=version]9.9.9",
    "##vso[task.setvariable variable=x]y",
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "${{ secrets.KEY }}",
    "%0A::error::x",
    "<script>alert(1)</script>",
    "| a | b |\n| --- | --- |",
    "](javascript:alert(1))",
    "\x1b[31mred",
    "\u202egnp.exe",
    "a" * 300,
    "../../etc/passwd",
    "-rf",
    "\x00",
]

Output = pytest.CaptureFixture[str]


def is_note(line: str) -> bool:
    """Whether the line shows a note of the service, and no runner executes it."""
    return line.startswith("note: ") and "::" not in line and "##[" not in line


class TestStep:
    def check(self, step: ActionStep, printed: str, text: str) -> None:
        names = [line.partition("=")[0] for line in step.output_lines]
        assert names in ([], list(outputs.GRAMMAR)), text
        preview = "Preview only: an open pull request never gets a final version."
        for line in printed.splitlines():
            command = re.match(
                r"::(add-mask|(error|warning) title=Monotron)::|minor: |"
                r"The version depends on the merge method: |"
                r"Monotron: [0-9][0-9A-Za-z.-]*$",
                line,
            )
            assert command or line == preview or is_note(line), text
        assert "\x1b" not in printed, text
        assert not list(step.folder.rglob("pwned")), text
        assert step.outputs.get("version", "0.0.1") != "9.9.9", text

    def test_hostile_text_in_an_event_is_harmless(self, step: ActionStep, capsys: Output) -> None:
        for number, text in enumerate(HOSTILE):
            step.event = {
                "pull_request": {
                    "title": text,
                    "labels": [{"name": text}, {"name": "minor"}],
                    "head": {"sha": COMMIT},
                },
                "commits": [{"message": text}],
            }
            assert step.run({"bump": "auto", "name": f"{step.name}-{number}"}) == 0, text
            self.check(step, capsys.readouterr().out, text)
            assert step.outputs["version"] == "0.1.0", text

    def test_hostile_text_in_the_reason_stays_in_its_cell_of_the_summary(
        self, step: ActionStep, capsys: Output
    ) -> None:
        for number, text in enumerate(HOSTILE):
            step.event = {"pull_request": {"title": f"feat: a {text}"}}
            assert step.run({"bump": "auto", "name": f"{step.name}-{number}"}) == 0, text
            self.check(step, capsys.readouterr().out, text)
            heading, _, *rows, end = step.summary.splitlines()
            assert (heading, end) == ("### Monotron: `0.1.0`", ""), text
            assert all(row.count("|") == 3 for row in rows), text
            assert "<script" not in step.summary

    def test_hostile_labels_and_titles_of_an_open_request_are_harmless(
        self, shop: RequestShop, capsys: Output
    ) -> None:
        shop.topic("add coupons")
        for text in [*HOSTILE, "a" * MEBIBYTE]:
            assert shop.preview({"minor-labels": "minor"}, text, title=f"feat: a {text}"[:9_999])
            printed = capsys.readouterr().out
            self.check(shop.step, printed, text)
            assert shop.step.outputs["version"] == "1.3.0", text
            rows = shop.step.summary.splitlines()
            assert {row.count("|") for row in rows if row.startswith("|")} <= {3, 4}, text
            assert "<script" not in shop.step.summary

    def test_hostile_labels_of_merged_requests_are_harmless(
        self, shop: RequestShop, capsys: Output
    ) -> None:
        for number, text in enumerate([*HOSTILE, "a" * MEBIBYTE]):
            inputs = {"minor-labels": f"minor,{text[:99]}", "dry-run": "true"}
            shop.squash(f"fix: {number}", number + 1, text, f"{text} ", "\nMINOR")
            assert shop.run(inputs) == ""  # a preview
            self.check(shop.step, capsys.readouterr().out, text)
            assert shop.step.outputs["version"] == "1.3.0", text
            assert re.search(r"feat: label .* of #\d+$", shop.step.outputs["reason"]), text
            assert all(row.count("|") == 3 for row in shop.step.summary.splitlines()[2:-1]), text

    def test_hostile_text_in_the_responses_of_github_is_harmless(
        self, shop: RequestShop, capsys: Output
    ) -> None:
        shop.project.commit("fix: a")
        for text in HOSTILE:
            for reply in (
                Reply.json({"message": text}, 403),
                Reply.json([{"number": text, "labels": [{"name": text}], "merged_at": text}]),
                Reply(200, text.encode(), {"Content-Type": "application/json"}),
            ):
                with GitHubApi(shop.project.origin, pulls=reply) as shop.api:
                    shop.fails({"skip-labels": "skip"})
                self.check(shop.step, capsys.readouterr().out, text)

    @pytest.mark.parametrize("name", ["name", "idempotency-token", "tag-prefix", "prerelease"])
    def test_hostile_text_in_an_input_is_harmless_or_refused(
        self, name: str, step: ActionStep, capsys: Output
    ) -> None:
        for number, text in enumerate(HOSTILE):
            code = step.run({"name": f"{step.name}-{number}", name: text})
            printed = capsys.readouterr().out
            self.check(step, printed, text)
            assert (code == 1) == ("::error" in printed), text
            assert (code == 0) == bool(step.output_lines), text

    @pytest.mark.parametrize("member", ["version", "bump", "previous", "prerelease", "token"])
    def test_hostile_text_in_a_response_is_refused(
        self, member: str, step: ActionStep, capsys: Output
    ) -> None:
        for text in HOSTILE:
            version = {
                "name": "a",
                "token": COMMIT,
                "version": "0.0.1",
                "major": 0,
                "minor": 0,
                "patch": 1,
                "latest": True,
                "latest_in_major": True,
                "latest_in_minor": True,
                "spellings": {},
                "changed": True,
                "notes": [],
                "reused": False,
                member: text,
            }
            with StandIn([Reply.json(version)]) as service:
                step.url = service.url
                assert step.run({"name": "a"}) == 1, text
            self.check(step, capsys.readouterr().out, text)

    def test_hostile_text_as_previous_token_is_not_an_output(self, step: ActionStep) -> None:
        for text in [*HOSTILE, "a" * 41, COMMIT.upper(), f"{COMMIT}\n"]:
            document = {**VERSION, "token": COMMIT, "name": "a", "previous_token": text}
            with StandIn([Reply.json(document)]) as service:
                step.url = service.url
                assert step.run({"name": "a"}) == 0, text
            assert step.outputs["previous_commit"] == "", text

    @pytest.mark.parametrize("member", ["reason", "notes"])
    def test_hostile_free_text_in_a_response_stays_in_its_output(
        self, member: str, step: ActionStep, capsys: Output
    ) -> None:
        for number, text in enumerate(HOSTILE):
            document = {**VERSION, "token": COMMIT, "name": "a", "version": "0.0.1", "major": 0}
            document |= {"minor": 0, "patch": 1, "prerelease": None}
            document[member] = [text] if member == "notes" else text
            with StandIn([Reply.json(document)]) as service:
                step.url = service.url
                assert step.run({"name": "a"}) == 0, number
            self.check(step, capsys.readouterr().out, text)
            assert step.outputs["version"] == "0.0.1", text
            assert not re.search("::|##\\[", step.outputs[member]), text
            assert all(row.count("|") == 3 for row in step.summary.splitlines()[2:-1]), text

    def test_hostile_text_in_an_error_of_the_server_is_harmless(
        self, step: ActionStep, capsys: Output
    ) -> None:
        for text in HOSTILE:
            with StandIn([Reply.problem(422, "invalid_bump", text)]) as service:
                step.url = service.url
                assert step.run({}) == 1, text
            self.check(step, capsys.readouterr().out, text)


class TestOutputs:
    @pytest.mark.parametrize("name", outputs.GRAMMAR)
    def test_an_output_with_a_line_break_is_refused(self, name: str) -> None:
        for value in ("1\n", "\n", "1.0.0\nversion=2.0.0", "true\r", "\u2028"):
            with pytest.raises(Failure, match=f"`{name}`"):
                outputs.lines({name: value})

    def test_an_invalid_output_prevents_all_outputs(self, tmp_path: Path) -> None:
        file = tmp_path / "output"
        with pytest.raises(Failure):
            outputs.write(str(file), {"version": "1.0.0", "docker_tag": "a b"})
        assert not file.exists() or not file.read_text()


class TestEscaping:
    @pytest.mark.parametrize("text", HOSTILE, ids=ascii)
    def test_escaped_text_is_one_line_without_commands(self, text: str) -> None:
        escaped = escape_commands(text)
        assert escaped.splitlines() in ([escaped], [])
        assert "::" not in escaped
        assert "##[" not in escaped

    def test_the_summary_shows_the_version_and_the_reason(self) -> None:
        values = {**dict.fromkeys(outputs.GRAMMAR, ""), "version": "1.3.0", "reused": "true"}
        text = summary("shop", {**values, "reason": "label 'minor'"}, "")
        assert "### Monotron: `1.3.0`" in text
        assert "| reason | `label 'minor'` |" in text
        assert "| reused | true |" in text
