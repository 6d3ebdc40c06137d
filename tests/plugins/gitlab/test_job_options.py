"""Options with the names and rules of the action, and the variables that they lead to."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest

from monotron_ci.branch_names import Branch
from monotron_ci.errors import Failure
from monotron_ci.tokens import check_token
from plugins.gitlab.project import Project, run_against
from plugins.gitlab.responses import dotenv_response, html_response
from support.pipelines import dotenv
from support.server import Client
from support.stand_in import HANG_UP, Reply, StandIn
from support.versions import withdraw

COUNTER = {"MONOTRON_MODE": "counter"}
AUTO = {"MONOTRON_BUMP": "auto", "CI_COMMIT_MESSAGE": "docs: a"}
SHARED = ["HEAD", "head", " FETCH_HEAD ", "$GIT_COMMIT", "${CI_COMMIT_SHA}", "${{ github.sha }}"]
SHARED += ["$(Build.Id)", "%build.id%", "HEAD~1", "@", "@{upstream}", "head^2"]
OWN = ["%2Fmain%", "@a", "a$B", "HEADS", "v$(id)", "100%"]
"""Tokens of the rules that the action has, too."""
ON_BRANCH = {"MONOTRON_PRERELEASE": "branch", "MONOTRON_LINE": "branch"}


class TestVersions:
    def test_an_exact_version_replaces_the_bump(self, project: Project) -> None:
        run = project.run(MONOTRON_VERSION="2.5.0")
        assert "Monotron: 2.5.0 (version 2.5.0)" in run.output
        assert project.version("b") == "2.5.1"

    def test_the_version_of_an_earlier_job_is_not_an_exact_version(self, project: Project) -> None:
        report = {"MONOTRON_VERSION": "2.5.0", "MONOTRON_IS_LATEST": "true"}
        output = project.failure(**report)
        assert "error: MONOTRON_VERSION comes from the report of an earlier job.\n" in output
        assert "\n\nmonotron-version:\n  dependencies: []\n" in output
        assert project.version(**report, MONOTRON_INPUT_VERSION="2.6.0") == "2.6.0"

    def test_a_calendar_version_is_the_date(self, project: Project) -> None:
        calendar = {"MONOTRON_BUMP": "calendar", "MONOTRON_CALENDAR": "YYYY"}
        assert re.fullmatch(r"20\d\d\.1\.0", project.version(**calendar))

    def test_types_of_commits_decide_whether_there_is_a_version(self, project: Project) -> None:
        assert project.version(**AUTO, MONOTRON_SKIP_TYPES="ci, docs") == ""
        assert project.version(**AUTO, MONOTRON_MINOR_TYPES="docs") == "0.1.0"
        strict = {**AUTO, "CI_COMMIT_MESSAGE": "feat!(x): a"}
        assert project.version("b", **strict, MONOTRON_COMMITS="strict") == "0.1.1"

    def test_a_label_replaces_the_options_of_commit_messages(self, project: Project) -> None:
        options = {"MONOTRON_SKIP_TYPES": "docs", "MONOTRON_COMMITS": "strict"}
        labels = {"CI_MERGE_REQUEST_IID": "4", "CI_MERGE_REQUEST_LABELS": "minor"}
        assert project.version(**AUTO, **options, **labels) == "0.1.0"

    @pytest.mark.parametrize(
        ("variables", "error"),
        [
            ({"VERSION": "2.0.0", "BUMP": "minor"}, "MONOTRON_VERSION cannot be combined with"),
            ({"VERSION": "2.0.0", "LINE": "1"}, "invalid_request (400): "),
            ({"PRERELEASE": "branch", "BUMP": "final"}, "MONOTRON_BUMP final cannot be combined"),
            ({"SKIP_TYPES": "docs"}, "invalid_request (400): "),
            ({"CALENDAR": "YYYY"}, "invalid_request (400): "),
            ({"INITIAL_VALUE": "7"}, "MONOTRON_INITIAL_VALUE requires MONOTRON_MODE counter."),
            ({"INITIAL_VALUE": "-7"}, "MONOTRON_INITIAL_VALUE must be a number"),
            ({"ON_UNAVAILABLE": "wait"}, "MONOTRON_ON_UNAVAILABLE must be fail or skip"),
            ({"ON_NO_CREDENTIALS": "wait"}, "MONOTRON_ON_NO_CREDENTIALS must be fail or skip"),
        ],
        ids=str,
    )
    def test_contradictions_are_refused(
        self, project: Project, variables: dict[str, str], error: str
    ) -> None:
        options = {f"MONOTRON_{name}": value for name, value in variables.items()}
        assert f"error: {error}" in project.failure(**options)

    @pytest.mark.parametrize("end", ["/", "/v1", "//v1/"])
    def test_the_url_can_end_in_v1(self, project: Project, url: str, end: str) -> None:
        assert project.version(MONOTRON_URL=f"{url}{end}") == "0.0.1"


class TestWithdrawnVersions:
    def test_a_withdrawn_version_is_an_error_that_names_the_variable(
        self, project: Project, client: Client, name: str
    ) -> None:
        assert project.version(MONOTRON_BUMP="major") == "1.0.0"
        assert withdraw(client, name, "1.0.0").status == 200
        output = project.failure()
        assert "error: version_withdrawn (409): The version 1.0.0 of 'c0ffee' was" in output
        assert (
            "build a new commit, or assign this one a new version:\n\n"
            "variables:\n  MONOTRON_ON_WITHDRAWN: new\n"
        ) in output
        for reused in ("false", "true"):
            report = project.report(MONOTRON_ON_WITHDRAWN="new")
            assert report["MONOTRON_VERSION"] == "0.0.1"
            assert report["MONOTRON_REUSED"] == reused

    @pytest.mark.parametrize("label", ["", "rc"])
    def test_a_withdrawn_version_that_is_read_leads_to_a_warning(
        self, label: str, project: Project, client: Client, name: str
    ) -> None:
        version = project.version("a", MONOTRON_PRERELEASE=label)
        read = {"MONOTRON_BUMP": "none", "MONOTRON_IDEMPOTENCY_TOKEN": "a"}
        read["MONOTRON_PRERELEASE"] = label
        assert "warning" not in project.run(**read).output
        assert withdraw(client, name, version).status == 200
        output = project.run(**read).output
        assert output.startswith(f"warning: Version {version} was withdrawn.\n")
        assert f"Monotron: {version} (version of the token)" in output


class TestNumbers:
    def test_a_new_series_starts_after_the_initial_value(self, project: Project) -> None:
        options = {**COUNTER, "MONOTRON_INITIAL_VALUE": "1005"}
        assert project.report(**options, MONOTRON_DRY_RUN="true")["MONOTRON_VALUE"] == "1006"
        assert project.report(**options)["MONOTRON_VALUE"] == "1006"
        assert project.report(**options, CI_PIPELINE_ID="8")["MONOTRON_VALUE"] == "1007"


class TestVariables:
    def test_the_previous_commit_and_the_label_are_variables(self, project: Project) -> None:
        first = "7d4c379588e0b8f0a1c2d3e4f5061728394a5b6c"
        project.version(first)
        report = project.report("b", MONOTRON_PRERELEASE="rc-a")
        assert report["MONOTRON_PREVIOUS_COMMIT"] == first
        assert report["MONOTRON_PRERELEASE_LABEL"] == "rc-a"
        assert project.report("c")["MONOTRON_PRERELEASE_LABEL"] == ""
        report = project.report("d")
        assert report["MONOTRON_PREVIOUS_COMMIT"] == "", "the token c is not a hash"

    def test_bump_none_reads_the_previous_commit(self, project: Project) -> None:
        first = "7d4c379588e0b8f0a1c2d3e4f5061728394a5b6c"
        project.version(first)
        project.version("b")
        assert project.report(MONOTRON_BUMP="none")["MONOTRON_PREVIOUS_COMMIT"] == first

    def test_a_preview_has_nothing_to_publish(self, project: Project) -> None:
        report = project.report(MONOTRON_DRY_RUN="true")
        assert (report["MONOTRON_VERSION"], report["MONOTRON_CHANGED"]) == ("0.0.1", "false")

    def test_without_a_release_all_parts_of_the_version_are_empty(self, project: Project) -> None:
        project.version()
        report = project.report("b", **AUTO, MONOTRON_SKIP_TYPES="docs")
        assert {value for value in report.values() if value != "false"} == {""}

    def test_a_reused_version_shows_its_stored_reason(self, project: Project) -> None:
        project.version(**{**AUTO, "CI_COMMIT_MESSAGE": "feat: a coupon"})
        run = project.run(**{**AUTO, "CI_COMMIT_MESSAGE": "fix: b"})
        assert "minor: feat: a coupon (assigned earlier)" in run.output

    def test_notes_are_in_the_log(self, project: Project) -> None:
        assert "note: The token c0ffee is probably a short" in project.run("c0ffee").output

    def test_a_reason_cannot_add_lines_to_the_log(self, tmp_path: Path) -> None:
        reason = 'feat: \x1b[31m\nMONOTRON_VERSION=6.6.6 "q"'
        missing = Reply.problem(404, "version_not_found", "No version.")
        version = dotenv_response(Monotron_Reason=quote(reason, safe=" "))
        _, run = run_against(tmp_path, missing, missing, version, **AUTO)
        assert run.passed, run.output
        line = 'minor: feat: [31m MONOTRON_VERSION=6.6.6 "q" (1 commit of the pipeline)\n'
        assert line in run.output


class TestTokens:
    @pytest.mark.parametrize("token", SHARED)
    def test_a_token_that_all_pipelines_share_is_refused(
        self, project: Project, token: str
    ) -> None:
        with pytest.raises(Failure) as failure:
            check_token(token)
        stated = re.search("(is a (different|variable).*)", failure.value.cause)
        assert stated
        assert stated[1] in project.failure(MONOTRON_IDEMPOTENCY_TOKEN=token)

    @pytest.mark.parametrize("token", OWN)
    def test_a_token_that_contains_a_mark_is_accepted(self, project: Project, token: str) -> None:
        check_token(token)
        assert project.version(MONOTRON_IDEMPOTENCY_TOKEN=token) == "0.0.1"


BRANCHES = [
    *("main", "feature/Login", "release/1.2", "release-1.2", "release/v3", "1.2.x", "1.x", "v1.2"),
    *("v1", "release/1.2.3", "1.2", "v01", "123", "pr-123", "snapshot.main", "é/ß-日本", "1" * 45),
    *("Feature/" + "x" * 60, "release/1.x", "xv1", "a#b&c"),
]


class TestBranches:
    @pytest.mark.parametrize("branch", BRANCHES)
    def test_a_branch_has_the_label_and_the_line_of_the_action(
        self, branch: str, tmp_path: Path
    ) -> None:
        variables = {**ON_BRANCH, "CI_COMMIT_BRANCH": branch, "CI_DEFAULT_BRANCH": "main"}
        stand_in, run = run_against(tmp_path, dotenv_response(), **variables)
        query = parse_qs(stand_in.requests[0].path.partition("?")[2])
        expected = Branch(branch, "main")
        assert query.get("prerelease", [""]) == [expected.label], run.output
        assert query.get("line", [""]) == [expected.line]
        assert f"prerelease: {expected.label or 'none'} (from the branch)\n" in run.output

    def test_a_merge_request_has_the_line_of_its_target(self, tmp_path: Path) -> None:
        variables = {
            **ON_BRANCH,
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "release/1.2",
            "CI_DEFAULT_BRANCH": "main",
        }
        stand_in, _ = run_against(tmp_path, dotenv_response(), **variables)
        assert "&prerelease=pr-12&line=1.2" in stand_in.requests[0].path

    def test_a_tag_and_the_default_branch_have_no_label(self, project: Project) -> None:
        default = {**ON_BRANCH, "CI_DEFAULT_BRANCH": "v1"}
        assert project.version("a", **default, CI_COMMIT_BRANCH="v1") == "0.0.1"
        assert project.version("b", **default, CI_COMMIT_TAG="x") == "0.0.2"

    def test_without_a_default_branch_the_job_fails(self, project: Project) -> None:
        assert "CI_DEFAULT_BRANCH is not set." in project.failure(MONOTRON_LINE="branch")


class TestSkip:
    @pytest.mark.parametrize("response", [HANG_UP, html_response(503)], ids=["hang up", "503"])
    @pytest.mark.parametrize("mode", ["semver", "counter"])
    def test_an_unavailable_server_can_skip_the_job(
        self, mode: str, response: Reply, tmp_path: Path
    ) -> None:
        options = {"MONOTRON_ON_UNAVAILABLE": "skip", "MONOTRON_RETRIES": "0"}
        _, run = run_against(tmp_path, response, MONOTRON_MODE=mode, **options)
        assert run.passed, run.output
        assert "The job is skipped, as MONOTRON_ON_UNAVAILABLE skip requests." in run.output
        report = dotenv(tmp_path / "project")
        assert report is not None
        assert set(report.values()) == {"", "false"}
        assert report["MONOTRON_CREATOR_ID"] == ""

    @pytest.mark.parametrize(
        "response", [html_response(), Reply.problem(403, "forbidden", "No.")], ids=["html", "403"]
    )
    def test_other_errors_fail(self, response: Reply, tmp_path: Path) -> None:
        with StandIn([response]) as stand_in:
            Project(stand_in.url, tmp_path / "project").failure(MONOTRON_ON_UNAVAILABLE="skip")

    @pytest.mark.parametrize(("key", "code"), [("", 0), ("mtk_wrong", 1)])
    def test_only_a_job_without_credentials_is_skipped(
        self, key: str, code: int, tmp_path: Path
    ) -> None:
        refused = Reply.problem(401, "unauthenticated", "No credentials.")
        options = {"MONOTRON_ON_NO_CREDENTIALS": "skip", "MONOTRON_API_KEY": key}
        _, run = run_against(tmp_path, refused, **options)
        assert run.code == code, run.output
        assert ("MONOTRON_ON_NO_CREDENTIALS skip requests" in run.output) == (code == 0)
