"""Inputs that select another version than the next one: exact, from the date, by commit types."""

from __future__ import annotations

import re

import pytest

from plugins.github.action_step import COMMIT, ActionStep
from plugins.github.project import Project
from plugins.github.test_origin import OPEN, PULL
from support.server import Client
from support.stand_in import StandIn
from support.versions import withdraw

Output = pytest.CaptureFixture[str]

CALENDAR = {
    "YYYY.M": r"\d{4}\.1?\d\.1",
    "YY.M": r"\d\d\.1?\d\.1",
    "YYYY.MMDD": r"\d{4}\.1?\d\d\d\.1",
    "YYYY": r"\d{4}\.1\.0",
}


class TestExactVersions:
    @pytest.mark.parametrize("version", ["2.5.0", "v2.5.0"])
    def test_the_commit_gets_exactly_this_version(self, version: str, step: ActionStep) -> None:
        for reused in ("false", "true"):
            assert step.run({"version": version, "bump": "patch"}) == 0
            assert (step.outputs["version"], step.outputs["reused"]) == ("2.5.0", reused)
        assert step.outputs["release_type"] == "exact"
        assert step.run({"idempotency-token": "next"}) == 0
        assert step.outputs["version"] == "2.5.1"

    def test_an_open_pull_request_gets_a_preview_of_it(self, step: ActionStep) -> None:
        step.event = OPEN
        assert step.run({"version": "2.5.0"}, **PULL) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("2.5.0", "false")


class TestWithdrawnVersions:
    def test_a_withdrawn_version_is_an_error_that_names_the_input(
        self, step: ActionStep, client: Client, name: str, capsys: Output
    ) -> None:
        assert step.run({"bump": "major"}) == 0
        assert withdraw(client, name, "1.0.0").status == 200
        assert step.run({"bump": "minor"}) == 1
        printed = capsys.readouterr().out
        assert "version_withdrawn (409): " in printed
        assert "assign this one a new version:%0A%0Awith:%0A  on-withdrawn: new" in printed
        for reused in ("false", "true"):
            assert step.run({"bump": "minor", "on-withdrawn": "new"}) == 0
            assert (step.outputs["version"], step.outputs["reused"]) == ("0.1.0", reused)

    def test_a_withdrawn_version_that_is_read_leads_to_a_warning(
        self, step: ActionStep, client: Client, name: str, capsys: Output
    ) -> None:
        read = {"bump": "none", "idempotency-token": COMMIT}
        assert step.run({"bump": "major"}) == step.run(read) == 0
        assert "warning" not in capsys.readouterr().out
        assert withdraw(client, name, "1.0.0").status == 200
        assert step.run(read) == 0
        assert step.outputs["version"] == "1.0.0"
        assert "::warning title=Monotron::Version 1.0.0 was withdrawn." in capsys.readouterr().out

    def test_the_commits_of_a_withdrawn_version_are_read_again(
        self, released: Project, client: Client, name: str
    ) -> None:
        workspace = str(released.folder / "workspace")
        assert released.run(GITHUB_WORKSPACE=workspace) == "0.1.0"
        assert withdraw(client, name, "0.1.0").status == 200
        for _ in range(2):
            inputs = {"on-withdrawn": "new"}
            assert released.run(inputs, GITHUB_WORKSPACE=workspace) == "0.2.0"
            assert released.step.outputs["previous_version"] == "0.0.1"


class TestCalendarVersions:
    @pytest.mark.parametrize("calendar", ["", *CALENDAR])
    def test_the_version_comes_from_the_date(self, calendar: str, step: ActionStep) -> None:
        assert step.run({"bump": "calendar", "calendar": calendar}) == 0
        assert re.fullmatch(CALENDAR[calendar or "YYYY.M"], step.outputs["version"])
        assert step.outputs["release_type"] == "calendar"


class TestCommitTypes:
    @pytest.mark.parametrize(
        ("inputs", "message", "version"),
        [
            ({"skip-types": "docs, ci"}, "docs: a", ""),
            ({"skip-types": "docs\nci"}, "ci: a", ""),
            ({"skip-types": "docs, ci"}, "docs!: a", "0.1.0"),
            ({}, "perf: a", "0.0.1"),
            ({"minor-types": "feat, perf"}, "perf: a", "0.1.0"),
            ({"commits": "lenient"}, "ABC-123: feat: a", "0.1.0"),
            ({"commits": "strict"}, "ABC-123: feat: a", "0.0.1"),
        ],
        ids=str,
    )
    def test_types_select_the_bump(
        self, inputs: dict[str, str], message: str, version: str, step: ActionStep
    ) -> None:
        step.event = {"commits": [{"message": message}]}
        assert step.run({"bump": "auto", **inputs}) == 0
        assert step.outputs["version"] == version

    def test_a_label_still_decides(self, step: ActionStep) -> None:
        merged = {"merged": True, "merge_commit_sha": "e" * 40}
        step.event = {"pull_request": {"labels": [{"name": "minor"}], **merged}}
        assert step.run({"bump": "auto", "skip-types": "docs", "commits": "strict"}) == 0
        assert step.outputs["version"] == "0.1.0"


class TestPromotion:
    def test_one_label_is_promoted(self, step: ActionStep) -> None:
        assert step.run({"bump": "minor", "prerelease": "beta", "idempotency-token": "a"}) == 0
        assert step.run({"bump": "major", "prerelease": "rc", "idempotency-token": "b"}) == 0
        assert step.run({"bump": "final", "prerelease": "beta"}) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "true")

    def test_an_open_pull_request_gets_a_preview_of_the_promotion(self, step: ActionStep) -> None:
        assert step.run({"bump": "minor", "prerelease": "rc", "idempotency-token": "a"}) == 0
        step.event = OPEN
        assert step.run({"bump": "final", "prerelease": "rc"}, **PULL) == 0
        assert (step.outputs["version"], step.outputs["changed"]) == ("0.1.0", "false")


class TestCounters:
    def test_a_new_series_starts_after_the_initial_value(self, step: ActionStep) -> None:
        inputs = {"mode": "counter", "initial-value": "1005"}
        assert step.run({**inputs, "dry-run": "true"}) == 0
        assert step.outputs["value"] == "1006"
        for token, value in (("a", "1006"), ("b", "1007"), ("a", "1006")):
            assert step.run({**inputs, "idempotency-token": token}) == 0
            assert step.outputs["value"] == value
        assert step.run({**inputs, "initial-value": "5", "dry-run": "true"}) == 0
        assert step.outputs["value"] == "1008"


class TestContradictions:
    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (
                {"version": "2.5.0", "line": "1"},
                "`version` cannot be combined with `line`.\n\nIt assigns exactly this version. "
                "Remove one of the two inputs, for example `line`:\n\nwith:\n  version: 2.5.0\n",
            ),
            (
                {"version": "2.5.0", "bump": "minor"},
                "`version` cannot be combined with `bump: minor`.",
            ),
            (
                {"version": "2.5.0", "bump": "none"},
                "`version` cannot be combined with `bump: none`.",
            ),
            ({"version": "2.5.0", "prerelease": "rc"}, "cannot be combined with `prerelease`."),
            (
                {"version": "2.5.0", "initial-version": "1.0.0"},
                "cannot be combined with `initial-version`.",
            ),
            (
                {"from-scratch": "true", "initial-version": "1.0.0"},
                "`from-scratch` cannot be combined with `initial-version`.\n\nIt starts a name "
                "without versions from 0.0.0. Remove one of the two inputs, for example "
                "`initial-version`:\n\nwith:\n  from-scratch: true\n",
            ),
            (
                {"from-scratch": "true", "mode": "counter"},
                "`mode: counter` does not support `from-scratch`",
            ),
            ({"from-scratch": "yes"}, "`from-scratch` must be"),
            (
                {"calendar": "YYYY"},
                "`calendar` requires `bump: calendar`.\n\nRemove `calendar`, or set both:\n\n"
                "with:\n  bump: calendar\n  calendar: YYYY\n",
            ),
            (
                {"version": "2.5.0", "calendar": "YYYY"},
                "`calendar` requires `bump: calendar`.",
            ),
            (
                {"bump": "calendar", "line": "1"},
                "`bump: calendar` cannot be combined with `line`.\n\nThe date determines the line.",
            ),
            (
                {"skip-types": "docs, ci"},
                "`skip-types` requires `bump: auto`.\n\nRemove `skip-types`, or set both:\n\n"
                "with:\n  bump: auto\n  skip-types: docs,ci\n",
            ),
            ({"minor-types": "perf", "bump": "minor"}, "`minor-types` requires `bump: auto`."),
            ({"commits": "strict"}, "`commits` requires `bump: auto`."),
            ({"paths": "a/**\nb"}, "with:\n  bump: auto\n  paths: |\n    a/**\n    b\n"),
            (
                {"initial-value": "1005"},
                "`initial-value` requires `mode: counter`.\n\nSet the mode, or for versions "
                "`initial-version` instead:\n\nwith:\n  mode: counter\n  initial-value: 1005\n",
            ),
            (
                {"initial-value": "1005", "mode": "counter", "bump": "none"},
                "`bump: none` cannot be combined with `initial-value`.",
            ),
            ({"mode": "counter", "version": "1.0.0"}, "`mode: counter` does not support `version`"),
            ({"mode": "counter", "commits": "strict"}, "does not support `commits`"),
            ({"version": "2.5"}, "`version` must be a version"),
            ({"bump": "calendar", "calendar": "YYYY.WW"}, "`YYYY.MMDD` or `YYYY`, not 'YYYY.WW'"),
            ({"bump": "auto", "skip-types": "a b!"}, "must be up to 32 types of commits"),
            ({"bump": "auto", "minor-types": ","}, "must be up to 32 types of commits"),
            ({"bump": "auto", "commits": "loose"}, "`commits` must be `lenient` or `strict`"),
            ({"mode": "counter", "initial-value": "-1"}, "`initial-value` must be an integer"),
            ({"mode": "counter", "initial-value": str(1 << 63)}, "must be an integer"),
        ],
        ids=str,
    )
    def test_contradicting_inputs_are_refused_with_the_yaml_to_write(
        self, inputs: dict[str, str], message: str, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([]) as service:
            assert step.run({**inputs, "url": service.url}) == 1
        assert service.requests == []
        assert message in capsys.readouterr().out.replace("%0A", "\n")
