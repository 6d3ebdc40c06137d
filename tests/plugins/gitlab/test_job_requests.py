"""Which versions, numbers and previews the job requests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from plugins.gitlab.project import Project, run_against
from plugins.gitlab.responses import NUMBER_LINES, VERSION_LINES, dotenv_response
from support.pipelines import dotenv, run_script
from support.server import Server

SHELLS = [("sh", "-e"), ("bash", "-eo", "pipefail"), ("busybox", "sh", "-e")]
COUNTER = {"MONOTRON_MODE": "counter"}


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_commit_gets_its_version_in_every_shell(
    server: Server, shell: Sequence[str], tmp_path: Path
) -> None:
    name = f"in-{shell[0]}"
    variables = {"MONOTRON_URL": server.url, "MONOTRON_NAME": name, "CI_COMMIT_SHA": "a"}
    run = run_script(variables, tmp_path, shell)
    assert run.passed, run.output
    assert dotenv(tmp_path) == {
        "MONOTRON_VERSION": "0.0.1",
        "MONOTRON_TAG": "v0.0.1",
        "MONOTRON_MAJOR": "0",
        "MONOTRON_MINOR": "0",
        "MONOTRON_PATCH": "1",
        "MONOTRON_PRERELEASE_ID": "",
        "MONOTRON_METADATA": "",
        "MONOTRON_RELEASE_TYPE": "patch",
        "MONOTRON_PREVIOUS_VERSION": "",
        "MONOTRON_IS_LATEST": "true",
        "MONOTRON_REUSED": "false",
        "MONOTRON_CHANGED": "true",
        "MONOTRON_PREVIOUS_TAG": "",
        "MONOTRON_PREVIOUS_COMMIT": "",
        "MONOTRON_LATEST_IN_MAJOR": "true",
        "MONOTRON_LATEST_IN_MINOR": "true",
        "MONOTRON_DOCKER_TAG": "0.0.1",
        "MONOTRON_PEP440": "0.0.1",
        "MONOTRON_DEB": "0.0.1",
        "MONOTRON_RPM": "0.0.1",
        "MONOTRON_MAVEN": "0.0.1",
        "MONOTRON_CREATOR_ID": "1",
        "MONOTRON_PRERELEASE_LABEL": "",
    }


def test_a_bump_that_the_pipeline_sets_is_the_only_reason_in_the_log(project: Project) -> None:
    assert project.run("a").output.startswith("Monotron: 0.0.1 (bump patch)\n")


def test_the_job_needs_only_busybox_and_curl(project: Project, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    busybox, curl = shutil.which("busybox"), shutil.which("curl")
    assert busybox, "busybox is missing: make .venv/.installed-runners"
    assert curl
    subprocess.run([busybox, "--install", "-s", str(tools)], check=True)
    (tools / "curl").unlink(missing_ok=True)
    (tools / "curl").symlink_to(curl)
    alone = {"PATH": str(tools), "MONOTRON_API_KEY": "user:pass"}
    assert project.version("a", **alone, MONOTRON_BUMP="minor") == "0.1.0"
    auto = {**alone, "MONOTRON_BUMP": "auto"}
    labels = {"CI_MERGE_REQUEST_IID": "4", "CI_MERGE_REQUEST_LABELS": "a b,Minor"}
    assert project.version("b", **auto, **labels) == "0.2.0"
    assert project.version("c", **auto, CI_COMMIT_MESSAGE="fix: x") == "0.1.1"
    assert project.report(**alone, **COUNTER)["MONOTRON_VALUE"] == "1"
    assert "error: invalid_bump (422): " in project.failure(**alone, MONOTRON_BUMP="huge")
    assert "not 'many'" in project.failure(**alone, MONOTRON_RETRIES="many")


def test_a_version_is_requested_once(tmp_path: Path) -> None:
    stand_in, run = run_against(tmp_path, dotenv_response())
    assert run.passed, run.output
    (request,) = stand_in.requests
    assert request.method == "PUT"
    query = "format=dotenv&dotenv_prefix=MONOTRON_&bump=patch&initial=required"
    assert request.path == f"/v1/versions/gl:acme:shop/c0ffee?{query}"
    assert "Authorization" not in request.headers


def test_all_options_of_a_version_are_sent(tmp_path: Path) -> None:
    options = {
        "MONOTRON_BUMP": "Minor",
        "MONOTRON_PRERELEASE": "rc",
        "MONOTRON_LINE": "1",
        "MONOTRON_BUILD_METADATA": "sha.7d4c379",
        "MONOTRON_INITIAL_VERSION": "1.4.2",
        "MONOTRON_ON_CONFLICT": "reuse",
        "MONOTRON_DRY_RUN": "true",
        "MONOTRON_DOTENV_PREFIX": "NEXT_",
        "MONOTRON_IDEMPOTENCY_TOKEN": "a token/ü",
    }
    response = dotenv_response(VERSION_LINES.replace("MONOTRON_", "NEXT_"))
    stand_in, run = run_against(tmp_path, response, **options)
    assert run.passed, run.output
    path, _, query = stand_in.requests[0].path.partition("?")
    assert path == "/v1/versions/gl:acme:shop/%61%20%74%6f%6b%65%6e%2f%c3%bc"
    assert parse_qs(query, strict_parsing=True) == {
        "bump": ["minor"],
        "format": ["dotenv"],
        "dotenv_prefix": ["NEXT_"],
        "prerelease": ["rc"],
        "line": ["1"],
        "metadata": ["sha.7d4c379"],
        "initial": ["1.4.2"],
        "on_conflict": ["reuse"],
        "dry_run": ["true"],
    }


def test_an_input_takes_precedence_over_the_variable(tmp_path: Path) -> None:
    options = {"MONOTRON_BUMP": "minor", "MONOTRON_INPUT_BUMP": "major", "MONOTRON_INPUT_LINE": ""}
    stand_in, run = run_against(tmp_path, dotenv_response(), MONOTRON_LINE="1", **options)
    assert run.passed, run.output
    assert "&bump=major" in stand_in.requests[0].path
    assert "&line=1" in stand_in.requests[0].path


def test_a_commit_keeps_its_version_after_other_versions(project: Project) -> None:
    assert project.version("a") == "0.0.1"
    assert project.version("b", MONOTRON_BUMP="minor") == "0.1.0"
    repeated = project.report("a")
    assert (repeated["MONOTRON_VERSION"], repeated["MONOTRON_REUSED"]) == ("0.0.1", "true")


def test_a_prerelease_is_promoted(project: Project) -> None:
    assert project.version("a", MONOTRON_BUMP="minor", MONOTRON_PRERELEASE="rc") == "0.1.0-rc.1"
    assert project.version("b", MONOTRON_BUMP="minor", MONOTRON_PRERELEASE="rc") == "0.1.0-rc.2"
    assert project.version("b", MONOTRON_BUMP="final") == "0.1.0"


def test_a_new_name_continues_from_the_initial_version(project: Project) -> None:
    assert project.version(MONOTRON_INITIAL_VERSION="v1.4.2") == "1.4.3"
    assert project.version("b", MONOTRON_LINE="1.4", MONOTRON_BUILD_METADATA="b.1") == "1.4.4+b.1"
    assert dotenv(project.directory)["MONOTRON_DOCKER_TAG"] == "1.4.4_b.1"


def test_a_tag_starts_with_the_tag_prefix(project: Project) -> None:
    assert project.report(MONOTRON_TAG_PREFIX="api/v")["MONOTRON_TAG"] == "api/v0.0.1"
    assert project.report(MONOTRON_TAG_PREFIX="")["MONOTRON_TAG"] == "0.0.1"
    inputs = {"MONOTRON_INPUT_TAG_PREFIX": "", "MONOTRON_TAG_PREFIX": "x"}
    assert project.report(**inputs)["MONOTRON_TAG"] == "0.0.1"


def test_bump_none_reads_the_latest_version_and_assigns_none(project: Project) -> None:
    no_version = project.report(MONOTRON_BUMP="none", CI_COMMIT_SHA="")
    assert no_version == {
        **dict.fromkeys(no_version, ""),
        "MONOTRON_VERSION": "0.0.0",
        "MONOTRON_MAJOR": "0",
        "MONOTRON_MINOR": "0",
        "MONOTRON_PATCH": "0",
        "MONOTRON_IS_LATEST": "false",
        "MONOTRON_REUSED": "false",
        "MONOTRON_CHANGED": "false",
        "MONOTRON_LATEST_IN_MAJOR": "false",
        "MONOTRON_LATEST_IN_MINOR": "false",
    }
    assert len(no_version) == 23
    project.version("a")
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.1"
    assert project.version("b") == "0.0.2"


def test_a_commit_that_needs_no_version_changes_nothing(project: Project) -> None:
    def reported(commit: str, message: str) -> list[str]:
        options = {"MONOTRON_BUMP": "auto", "CI_COMMIT_MESSAGE": message, "MONOTRON_SEMREL": "true"}
        report = project.report(commit, **options)
        names = ("VERSION", "CHANGED")
        semrel = ("NEXT_VERSION", "LAST_VERSION")
        return [
            *(report[f"MONOTRON_{name}"] for name in names),
            *(report[f"SEMREL_INFO_{name}"] for name in semrel),
        ]

    assert reported("a", "fix: a [skip release]") == ["", "false", "", ""]
    assert reported("b", "fix: b") == ["0.0.1", "true", "0.0.1", ""]
    assert reported("c", "fix: c [skip release]") == ["", "false", "", "0.0.1"]


def test_bump_none_reads_the_newest_version_of_a_line(project: Project) -> None:
    assert project.version("a") == "0.0.1"
    assert project.version("b", MONOTRON_BUMP="minor") == "0.1.0"
    report = project.report(MONOTRON_BUMP="none", MONOTRON_LINE="0.0", CI_COMMIT_SHA="")
    assert report["MONOTRON_VERSION"] == "0.0.1"
    shown = [report[f"MONOTRON_{name}"] for name in ("IS_LATEST", "LATEST_IN_MINOR", "CHANGED")]
    assert shown == ["false", "true", "false"]


def test_the_previous_tag_has_the_tag_prefix(project: Project) -> None:
    assert project.version("a") == "0.0.1"
    report = project.report(CI_COMMIT_SHA="b", MONOTRON_TAG_PREFIX="api/v")
    assert report["MONOTRON_PREVIOUS_TAG"] == "api/v0.0.1"


def test_bump_none_reads_the_version_of_a_named_token(project: Project) -> None:
    for commit in ("a", "b"):
        project.version(commit)
        project.report(**COUNTER, MONOTRON_IDEMPOTENCY_TOKEN=commit)
    read = {"MONOTRON_BUMP": "none", "MONOTRON_IDEMPOTENCY_TOKEN": "a"}
    assert project.version("b", **read) == "0.0.1"
    assert project.report(**read, **COUNTER)["MONOTRON_VALUE"] == "1"
    assert project.version("b", **{**read, "MONOTRON_IDEMPOTENCY_TOKEN": "c"}) == "0.0.0"


def test_semrel_adds_the_variables_of_semantic_release(project: Project) -> None:
    def next_and_last(commit: str, **variables: str) -> tuple[str, str]:
        report = project.report(commit, MONOTRON_SEMREL="true", **variables)
        return report["SEMREL_INFO_NEXT_VERSION"], report["SEMREL_INFO_LAST_VERSION"]

    assert next_and_last("", MONOTRON_BUMP="none") == ("", "")
    assert next_and_last("a") == ("0.0.1", "")
    assert next_and_last("b") == ("0.0.2", "0.0.1")
    assert next_and_last("", MONOTRON_BUMP="none") == ("", "0.0.2")


def test_a_pipeline_gets_a_number_and_keeps_it(project: Project) -> None:
    assert project.report(**COUNTER) == {
        "MONOTRON_VALUE": "1",
        "MONOTRON_BUILD_NUMBER": "1",
        "MONOTRON_REUSED": "false",
        "MONOTRON_CREATOR_ID": "1",
    }
    assert project.report(CI_PIPELINE_ID="8", **COUNTER)["MONOTRON_VALUE"] == "2"
    repeated = project.report("other", **COUNTER)
    assert (repeated["MONOTRON_VALUE"], repeated["MONOTRON_REUSED"]) == ("1", "true")


def test_the_token_of_a_number_names_the_instance_and_the_pipeline(tmp_path: Path) -> None:
    stand_in, _ = run_against(tmp_path, dotenv_response(NUMBER_LINES), **COUNTER)
    assert stand_in.requests[0].path == (
        "/v1/series/gl:acme:shop/gl-gitlab.example.com-7?reuse=any&format=dotenv&dotenv_prefix=MONOTRON_"
    )


def test_a_preview_of_a_number_assigns_nothing(project: Project) -> None:
    preview = {**COUNTER, "MONOTRON_DRY_RUN": "true"}
    assert project.report(**preview)["MONOTRON_VALUE"] == "1"
    assert project.report(**COUNTER, MONOTRON_BUMP="none")["MONOTRON_VALUE"] == "0"
    assert project.report(**COUNTER)["MONOTRON_VALUE"] == "1"
    report = project.report(CI_PIPELINE_ID="8", **preview)
    assert (report["MONOTRON_VALUE"], report["MONOTRON_REUSED"]) == ("2", "false")
    assert project.report(**preview)["MONOTRON_VALUE"] == "1"
    assert project.report(CI_PIPELINE_ID="8", **COUNTER)["MONOTRON_VALUE"] == "2"


def test_a_large_number_is_previewed_exactly(server: Server, project: Project) -> None:
    path = "/v1/series/large"
    options = {**COUNTER, "MONOTRON_NAME": "large", "MONOTRON_DRY_RUN": "true"}
    with server.client() as client:
        client.request("PUT", path, '{"value": 9223372036854775806}')
        assert project.report(**options)["MONOTRON_VALUE"] == "9223372036854775807"
        client.request("PUT", path, '{"value": 9223372036854775807}')
        assert "The series is at its last value." in project.failure(**options)
