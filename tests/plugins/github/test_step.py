"""The step within one process: inputs, outputs and hostile words, without a runner."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from monotron_ci import main as action
from monotron_ci import outputs
from monotron_ci.errors import Failure
from monotron_ci.inputs import NAMES, Inputs, parse_inputs
from monotron_ci.main import run
from monotron_ci.summary import summary
from monotron_ci.workflow_commands import plain
from support.server import Server
from support.stand_in import Heard, Say, StandIn

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HEAD = "f" * 40
MERGED = "e" * 40

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


class Step:
    """One run of the action, with files as the runner gives them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.event: dict[str, object] = {}

    def run(self, inputs: Mapping[str, str], **environ: str) -> int:
        event = self.folder / "event.json"
        event.write_text(json.dumps(self.event))
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        return run(
            {
                "MONOTRON_ACTION": "version",
                "MONOTRON_INPUTS": json.dumps({"url": self.url, "retries": "0", **inputs}),
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_OUTPUT": str(self.folder / "output"),
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_REPOSITORY_ID": "4711",
                "GITHUB_RUN_ID": "42",
                "GITHUB_SHA": COMMIT,
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                **environ,
            }
        )

    @property
    def lines(self) -> list[str]:
        """What stands in the runner's file."""
        file = self.folder / "output"
        return file.read_bytes().decode().splitlines() if file.exists() else []

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.lines)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def step(server: Server, tmp_path: Path) -> Step:
    return Step(tmp_path, server.url)


class TestDefaults:
    def test_a_run_is_numbered_by_its_id_and_never_by_its_attempt(self, step: Step) -> None:
        for attempt in ("1", "2"):
            assert step.run({"mode": "counter", "name": "d"}, GITHUB_RUN_ATTEMPT=attempt) == 0
            assert step.outputs["idempotency_token"] == "gh-4711-42"
            assert step.outputs["value"] == "1"

    def test_a_pull_request_is_versioned_by_its_head_not_by_the_merge(self, step: Step) -> None:
        step.event = {"pull_request": {"head": {"sha": "f" * 40}}}
        assert step.run({"name": "pr"}, GITHUB_EVENT_NAME="pull_request") == 0
        assert step.outputs["idempotency_token"] == "f" * 40

    def test_blank_inputs_are_those_left_out(self, step: Step) -> None:
        blank = dict.fromkeys([name for name in NAMES if name != "url"], " ")
        assert step.run({**blank, "tag-prefix": "v", "name": "blank"}) == 0
        assert step.outputs["tag"] == "v0.0.1"

    def test_a_tag_may_have_no_prefix(self, step: Step) -> None:
        assert step.run({"name": "bare", "tag-prefix": ""}) == 0
        assert step.outputs["tag"] == "0.0.1"

    def test_no_summary_is_written_where_none_is_wanted(self, step: Step) -> None:
        assert step.run({"name": "quiet", "summary": "false"}) == 0
        assert not (step.folder / "summary").exists()

    def test_events_without_payload_members_are_read(self, step: Step) -> None:
        for event in ({}, {"pull_request": None}, {"commits": "x"}, {"head_commit": [1]}):
            step.event = dict(event)
            assert step.run({"name": "odd"}) == 0

    @pytest.mark.parametrize(
        ("event", "version"),
        [
            ({"head_commit": {"message": "feat: a"}}, "0.1.0"),
            ({"merge_group": {"head_commit": {"message": "feat: a"}}}, "0.1.0"),
            ({"workflow_run": {"head_commit": {"message": "feat: a"}}}, "0.1.0"),
            ({"commits": [{"message": "fix: a"}, {"message": "feat: b"}]}, "0.1.0"),
            ({"commits": [], "head_commit": {"message": "fix: a"}}, "0.0.1"),
        ],
        ids=["tag", "merge queue", "workflow_run", "push", "no commits"],
    )
    def test_messages_are_found_in_the_events_that_have_some(
        self, event: dict[str, object], version: str, step: Step, request: pytest.FixtureRequest
    ) -> None:
        step.event = event
        assert step.run({"bump": "auto", "name": request.node.name}) == 0
        assert step.outputs["version"] == version

    @pytest.mark.parametrize(
        ("kind", "payload", "commit"),
        [
            ("pull_request", {"pull_request": {"head": {"sha": HEAD}}}, HEAD),
            ("pull_request_target", {"pull_request": {"head": {"sha": HEAD}}}, HEAD),
            (
                "pull_request",
                {"pull_request": {"head": {"sha": HEAD}, "merge_commit_sha": MERGED}},
                HEAD,
            ),
            (
                "pull_request",
                {
                    "action": "closed",
                    "pull_request": {
                        "head": {"sha": HEAD},
                        "merged": True,
                        "merge_commit_sha": MERGED,
                    },
                },
                MERGED,
            ),
            (
                "pull_request",
                {
                    "action": "closed",
                    "pull_request": {
                        "head": {"sha": HEAD},
                        "merged": False,
                        "merge_commit_sha": MERGED,
                    },
                },
                HEAD,
            ),
            ("workflow_run", {"workflow_run": {"head_sha": HEAD}}, HEAD),
            ("schedule", {"schedule": "0 4 * * *"}, COMMIT),
            ("workflow_dispatch", {"inputs": None}, COMMIT),
        ],
        ids=["open", "target", "mergeable", "merged", "closed", "workflow_run", "cron", "by hand"],
    )
    def test_the_commit_is_the_one_that_the_event_is_about(
        self,
        kind: str,
        payload: dict[str, object],
        commit: str,
        step: Step,
        request: pytest.FixtureRequest,
    ) -> None:
        step.event = payload
        assert step.run({"name": request.node.name}, GITHUB_EVENT_NAME=kind) == 0
        assert step.outputs["idempotency_token"] == commit

    def test_runs_after_two_runs_get_two_versions_by_their_own_messages(self, step: Step) -> None:
        versions = []
        for sha, message in (("a" * 40, "feat: a"), ("b" * 40, "fix: b")):
            head = {"message": message}
            step.event = {"workflow_run": {"head_sha": sha, "head_commit": head}}
            kind = "workflow_run"
            assert step.run({"bump": "auto", "name": "after"}, GITHUB_EVENT_NAME=kind) == 0
            versions.append(step.outputs["version"])
        assert versions == ["0.1.0", "0.1.1"]

    def test_an_event_without_messages_needs_a_bump(
        self, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        step.event = {"schedule": "0 4 * * *"}
        inputs = {"bump": "auto", "name": "cron"}
        assert step.run(inputs, GITHUB_EVENT_NAME="schedule") == 1
        assert "need a bump that the workflow names" in capsys.readouterr().out

    def test_a_preview_of_a_promotion_promotes_nothing(self, step: Step) -> None:
        assert step.run({"name": "dry", "bump": "minor", "prerelease": "rc"}) == 0
        for _ in range(2):
            assert step.run({"name": "dry", "bump": "final", "dry-run": "true"}) == 0
            assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "false")
            assert step.outputs["reused"] == "false"

    def test_a_label_that_the_line_does_not_allow_is_told(
        self, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert step.run({"name": "line", "initial-version": "1.2.0"}) == 0
        step.event = {"pull_request": {"labels": [{"name": "major"}], "head": {"sha": HEAD}}}
        assert step.run({"name": "line", "bump": "auto", "line": "1.2"}) == 1
        said = capsys.readouterr().out
        assert "422 out_of_line" in said
        assert "write a smaller bump" in said

    def test_none_looks_at_what_the_token_has_where_one_is_named(self, step: Step) -> None:
        for name in ("a", "b"):
            assert step.run({"name": "look", "idempotency-token": name}) == 0
            assert step.run({"name": "look", "idempotency-token": name, "mode": "counter"}) == 0
        look = {"name": "look", "bump": "none", "idempotency-token": "a"}
        assert step.run(look) == 0
        assert (step.outputs["version"], step.outputs["reused"]) == ("0.0.1", "true")
        assert step.run({**look, "mode": "counter"}) == 0
        assert step.outputs["value"] == "1"
        assert step.run({**look, "idempotency-token": "c"}) == 0
        assert step.outputs["version"] == "0.0.0"


class TestTags:
    """`create-tag`, against what GitHub may answer."""

    @pytest.fixture
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.node.name)

    def run(self, step: Step, api: StandIn, name: str, **inputs: str) -> int:
        given = {"name": name, "create-tag": "true", "github-token": "ghs_secret", **inputs}
        return step.run(given, GITHUB_API_URL=f"{api.url}/api/v3")

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_token_that_may_not_is_told_the_permission(
        self, status: int, step: Step, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with StandIn([Say.json({"message": "No ghs_secret"}, status)]) as api:
            assert self.run(step, api, name) == 1
        said = capsys.readouterr().out
        assert f"GitHub answers {status}: `github-token` may not make the tag v0.0.1" in said
        assert "permissions:%0A  contents: write" in said
        assert "No ghs_secret" not in said
        assert step.outputs["version"] == "0.0.1", "the outputs are there all the same"
        assert "the tag was not made" in (step.folder / "summary").read_text()

    def test_a_rule_that_forbids_the_tag_is_told(
        self, step: Step, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def github(heard: Heard) -> Say:
            if heard.method == "POST":
                return Say.json({"message": "Repository rule violations found"}, 422)
            return Say.json({"message": "Not Found"}, 404)

        with StandIn(github) as api:
            assert self.run(step, api, name) == 1
        assert "A rule of the repository may forbid it" in capsys.readouterr().out

    def test_a_lightweight_tag_of_the_same_commit_is_enough(self, step: Step, name: str) -> None:
        there = Say.json({"object": {"type": "commit", "sha": COMMIT}})
        with StandIn([Say.json({}, 422), there]) as api:
            assert self.run(step, api, name) == 0
        assert len(api.heard) == 2
        assert "the tag was there already" in (step.folder / "summary").read_text()

    def test_a_server_of_ones_own_and_a_prefix_are_kept_to(self, step: Step, name: str) -> None:
        with StandIn([Say.json({}, 201)]) as api:
            assert self.run(step, api, name, **{"tag-prefix": "api/v"}) == 0
        assert api.heard[0].path == "/api/v3/repos/acme/shop/git/refs"
        assert json.loads(api.heard[0].body) == {"ref": "refs/tags/api/v0.0.1", "sha": COMMIT}

    def test_another_commit_under_the_tag_is_told_how_to_go_on(
        self, step: Step, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        there = Say.json({"object": {"type": "commit", "sha": HEAD}})
        with StandIn([Say.json({}, 422), there]) as api:
            assert self.run(step, api, name, **{"tag-prefix": "api/v"}) == 1
        assert api.heard[1].path == "/api/v3/repos/acme/shop/git/ref/tags/api/v0.0.1"
        assert "monotron adopt NAME --tag-prefix=api/v" in capsys.readouterr().out

    @pytest.mark.parametrize(("token", "commit"), [(HEAD, HEAD), ("nightly", COMMIT)])
    def test_the_tag_is_of_what_was_versioned(
        self, token: str, commit: str, step: Step, name: str
    ) -> None:
        with StandIn([Say.json({}, 201)]) as api:
            assert self.run(step, api, name, **{"idempotency-token": token}) == 0
        assert json.loads(api.heard[0].body)["sha"] == commit

    @pytest.mark.parametrize(
        ("inputs", "environ", "told"),
        [
            ({"github-token": ""}, {}, "`create-tag` needs a token"),
            ({"idempotency-token": "x"}, {"GITHUB_SHA": ""}, "There is no commit to tag"),
        ],
        ids=["token", "commit"],
    )
    def test_what_is_missing_is_told(
        self,
        inputs: dict[str, str],
        environ: dict[str, str],
        told: str,
        step: Step,
        name: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        given = {"name": name, "create-tag": "true", "github-token": "t", **inputs}
        assert step.run(given, **environ) == 1
        assert told in capsys.readouterr().out


class TestSecrets:
    def masked(self, said: str) -> list[str]:
        found = re.findall(r"^::add-mask::(.*)$", said, re.MULTILINE)
        assert said.startswith("".join(f"::add-mask::{each}\n" for each in found))
        return [each.replace("%0A", "\n") for each in found]

    @pytest.mark.parametrize(
        ("key", "forms"),
        [
            ("  key1234 ", {"  key1234 ", "key1234"}),
            ("kid:s3cr3t", {"kid:s3cr3t", "a2lkOnMzY3IzdA==", "s3cr3t"}),
            ("0ne\n tw0 ", {"0ne\n tw0 ", "0ne", " tw0 ", "tw0"}),
        ],
        ids=["blanks", "pair", "lines"],
    )
    def test_all_forms_of_a_key_are_masked_before_anything_else_is_printed(
        self, key: str, forms: set[str], step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def echo(heard: Heard) -> Say:
            return Say.problem(401, "unauthenticated", f"Not {heard.headers['Authorization']}")

        with StandIn(echo) as service:
            step.url = service.url
            assert step.run({"name": "x", "api-key": key}) == 1
        said = capsys.readouterr().out
        assert set(self.masked(said)) == forms
        error = said[said.index("::error") :]
        assert not [form for form in forms if form in error]


class TestSurprises:
    """What nobody thought of is an annotation too, and no traceback."""

    @pytest.mark.parametrize("text", ["{", "\xff", "[" * 200_000], ids=["cut", "bytes", "deep"])
    def test_an_event_that_cannot_be_read_is_told_with_a_cure(
        self, text: str, step: Step, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broken = tmp_path / "broken.json"
        broken.write_text(text, encoding="latin-1")
        for path in (broken, tmp_path / "missing.json"):
            assert step.run({"name": "x"}, GITHUB_EVENT_PATH=str(path)) == 1
            said = capsys.readouterr().out
            assert "The event's payload cannot be read" in said
            assert "GITHUB_EVENT_PATH names it" in said

    def test_half_a_character_in_an_answer_is_refused(
        self, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = {"name": "x", "version": "0.0.1", "major": 0, "minor": 0, "patch": 1}
        answer |= {"latest": True, "reused": True, "token": "\ud800"}
        with StandIn([Say.json(answer)]) as service:
            step.url = service.url
            assert step.run({"name": "x", "bump": "none"}) == 1
        assert "`idempotency_token` would hold what it must not hold" in capsys.readouterr().out
        assert not step.lines

    def test_an_error_of_our_own_tells_its_place_and_not_its_text(
        self, step: Step, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(*_: object) -> None:
            raise LookupError("the text has the key")

        monkeypatch.setattr(action, "decide", broken)
        assert step.run({"name": "x"}) == 1
        said = capsys.readouterr().out
        assert re.match(r"::error title=Monotron::.* LookupError at test_step\.py:\d+\.", said)
        assert "the key" not in said

    def test_a_run_without_an_id_is_told(
        self, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert step.run({"name": "x", "mode": "counter"}, GITHUB_RUN_ID="") == 1
        assert "This event has no run." in capsys.readouterr().out


class TestWrongInputs:
    @pytest.mark.parametrize(
        ("inputs", "told"),
        [
            ({"mode": "calver"}, "`mode` must be one of semver, counter"),
            ({"bump": "MINOR"}, "`bump` must be one of"),
            ({"prerelease": "rc.1"}, "`prerelease` must be a label"),
            ({"line": "1.2.3"}, "`line` must be a line"),
            ({"initial-version": "1.4"}, "`initial-version` must be a version"),
            ({"on-conflict": "yes"}, "`on-conflict` must be one of fail, reuse"),
            ({"create-tag": "yes"}, "`create-tag` must be true or false"),
            ({"dry-run": "1"}, "`dry-run` must be true or false"),
            ({"tag-prefix": "a b"}, "`tag-prefix` must be letters"),
            ({"tag-prefix": "a..b"}, "`tag-prefix` must be letters"),
            ({"tag-prefix": "-v"}, "`tag-prefix` must be letters"),
            ({"build-metadata": "a+b"}, "`build-metadata` must be letters"),
            ({"timeout": "0"}, "`timeout` must be a whole number from 1 to 3600"),
            ({"timeout": "1.5"}, "`timeout` must be a whole number"),
            ({"retries": "-1"}, "`retries` must be a whole number from 0 to 100"),
            ({"url": "http://monotron.example.com"}, "`url` is no https address"),
            ({"url": ""}, "`url` is missing"),
            ({"mode": "counter", "line": "1"}, "`line` means nothing"),
            ({"mode": "counter", "bump": "major"}, "`bump` means nothing"),
            ({"mode": "counter", "create-tag": "true"}, "`create-tag` means nothing"),
            ({"bump": "final", "prerelease": "rc"}, "goes without `prerelease`"),
            ({"bump": "none", "prerelease": "rc"}, "for which `prerelease` means nothing"),
            ({"bump": "none", "line": "1"}, "for which `line` means nothing"),
            ({"url": "https://monotron..example.com"}, "`url` is no https address"),
            ({"api-key": "a", "audience": "b"}, "Both `api-key` and `audience`"),
            ({"api-key": "a b"}, "`api-key` holds spaces"),
        ],
        ids=str,
    )
    def test_an_input_is_named_with_what_it_must_be(
        self, inputs: dict[str, str], told: str, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert step.run(inputs) == 1
        assert told in capsys.readouterr().out.replace("%25", "%")
        assert not step.lines

    def test_a_step_outside_of_the_action_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run({}) == 1
        assert "This runs as a step of the Monotron action." in capsys.readouterr().out

    def test_every_input_can_be_given(self) -> None:
        assert {name.replace("-", "_") for name in NAMES} == set(Inputs._fields)
        inputs = parse_inputs({"url": "https://m.example.com", "dry-run": "True"}, "version")
        assert inputs.dry_run

    def test_a_default_that_is_written_out_suits_a_counter(self) -> None:
        written = {"create-tag": "False", "on-conflict": "fail", "bump": "patch"}
        given = {"url": "https://m.example.com", "mode": "counter", **written}
        assert parse_inputs(given, "version").mode == "counter"


class TestHostileWords:
    """Whatever anybody writes: no other output, no command, no file."""

    def check(self, step: Step, said: str) -> None:
        names = [line.partition("=")[0] for line in step.lines]
        assert names in ([], list(outputs.GRAMMAR))
        for line in said.splitlines():
            assert re.match(r"::(add-mask|error title=Monotron)::|Monotron: [0-9.]+$", line), line
        assert "\x1b" not in said
        assert not list(step.folder.rglob("pwned"))
        assert step.outputs.get("version", "0.0.1") != "9.9.9"

    @pytest.mark.parametrize("words", HOSTILE, ids=ascii)
    def test_in_the_event(self, words: str, step: Step, capsys: pytest.CaptureFixture[str]) -> None:
        step.event = {
            "pull_request": {
                "title": words,
                "labels": [{"name": words}, {"name": "minor"}],
                "head": {"sha": COMMIT},
            },
            "commits": [{"message": words}],
        }
        assert step.run({"bump": "auto", "name": f"event-{hash(words)}"}) == 0
        self.check(step, capsys.readouterr().out)
        assert step.outputs["version"] == "0.1.0"

    @pytest.mark.parametrize("words", HOSTILE, ids=ascii)
    def test_as_the_reason_that_decided(
        self, words: str, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        step.event = {"pull_request": {"title": f"feat: a {words}"}}
        assert step.run({"bump": "auto", "name": f"reason-{hash(words)}"}) == 0
        self.check(step, capsys.readouterr().out)
        table = (step.folder / "summary").read_text()
        head, _, *rows, end = table.splitlines()
        assert (head, end) == ("### Monotron: `0.1.0`", "")
        assert all(row.count("|") == 3 for row in rows)
        assert "<script" not in table

    @pytest.mark.parametrize("words", HOSTILE, ids=ascii)
    @pytest.mark.parametrize("name", ["name", "idempotency-token", "tag-prefix", "prerelease"])
    def test_as_an_input(
        self, name: str, words: str, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = step.run({"name": f"input-{hash(words)}", name: words})
        said = capsys.readouterr().out
        self.check(step, said)
        assert (code == 1) == ("::error" in said)
        assert (code == 0) == bool(step.lines)

    @pytest.mark.parametrize("words", HOSTILE, ids=ascii)
    @pytest.mark.parametrize("member", ["version", "bump", "previous", "prerelease", "token"])
    def test_in_the_answer(
        self, member: str, words: str, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = {
            "name": "a",
            "token": COMMIT,
            "version": "0.0.1",
            "major": 0,
            "minor": 0,
            "patch": 1,
            "latest": True,
            "reused": False,
            member: words,
        }
        with StandIn([Say.json(answer)]) as stand_in:
            step.url = stand_in.url
            assert step.run({"name": "a"}) == 1
        self.check(step, capsys.readouterr().out)

    @pytest.mark.parametrize("words", HOSTILE, ids=ascii)
    def test_in_an_error_of_the_server(
        self, words: str, step: Step, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with StandIn([Say.problem(422, "invalid_bump", words)]) as stand_in:
            step.url = stand_in.url
            assert step.run({"name": "a"}) == 1
        self.check(step, capsys.readouterr().out)


class TestOutputs:
    @pytest.mark.parametrize("name", outputs.GRAMMAR)
    def test_no_output_takes_a_line_break(self, name: str) -> None:
        for broken in ("1\n", "\n", "1.0.0\nversion=2.0.0", "true\r", "\u2028"):
            with pytest.raises(Failure, match=f"`{name}`"):
                outputs.lines({name: broken})

    def test_nothing_is_written_where_one_is_wrong(self, tmp_path: Path) -> None:
        file = tmp_path / "output"
        with pytest.raises(Failure):
            outputs.write(str(file), {"version": "1.0.0", "docker_tag": "a b"})
        assert not file.exists() or not file.read_text()


class TestPlain:
    @pytest.mark.parametrize("words", HOSTILE, ids=ascii)
    def test_a_text_becomes_one_line_without_commands(self, words: str) -> None:
        text = plain(words)
        assert text.splitlines() in ([text], [])
        assert "::" not in text
        assert "##[" not in text

    def test_the_summary_shows_what_decided(self) -> None:
        given = {**dict.fromkeys(outputs.GRAMMAR, ""), "version": "1.3.0", "reused": "true"}
        text = summary("shop", given, "the label 'minor'", "")
        assert "### Monotron: `1.3.0`" in text
        assert "| decided by | `the label 'minor'` |" in text
        assert "| given before | true |" in text
