"""What the script asks for: versions, numbers, previews."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gitlab.answers import NUMBER_LINES, VERSION_LINES, lines
from gitlab.project import Project, with_answers
from support.pipelines import dotenv, run_script
from support.server import Server

SHELLS = {"sh": ("sh", "-e"), "bash": ("bash", "-eo", "pipefail")}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_commit_gets_its_version_in_every_shell(
    server: Server, shell: str, tmp_path: Path
) -> None:
    variables = {"MONOTRON_URL": server.url, "MONOTRON_NAME": f"in-{shell}", "CI_COMMIT_SHA": "a"}
    run = run_script(variables, tmp_path, SHELLS[shell])
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
        "MONOTRON_DOCKER_TAG": "0.0.1",
    }


def test_busybox_and_curl_are_all_it_takes(project: Project, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    busybox, curl = shutil.which("busybox"), shutil.which("curl")
    assert busybox, "busybox is missing: make test installs it"
    assert curl
    subprocess.run([busybox, "--install", "-s", str(tools)], check=True)
    (tools / "curl").unlink(missing_ok=True)
    (tools / "curl").symlink_to(curl)
    alone = {"PATH": str(tools), "MONOTRON_API_KEY": "user:pass"}
    assert project.version("a", **alone, MONOTRON_BUMP="minor") == "0.1.0"
    labelled = {"MONOTRON_BUMP": "auto", "CI_MERGE_REQUEST_LABELS": "a b,Major"}
    assert project.version("b", **alone, **labelled) == "1.0.0"
    assert project.report(**alone, MONOTRON_MODE="counter")["MONOTRON_VALUE"] == "1"
    assert "not 'huge'" in project.failure(**alone, MONOTRON_BUMP="huge")
    assert "422 out_of_line" in project.failure(**alone, MONOTRON_BUMP="major", MONOTRON_LINE="1.0")


def test_one_request_is_all_it_takes(tmp_path: Path) -> None:
    stand_in, run = with_answers(tmp_path, lines())
    assert run.passed, run.output
    (heard,) = stand_in.heard
    assert heard.method == "PUT"
    path = "/v1/versions/gl:acme:shop/c0ffee?bump=patch&format=dotenv&dotenv_prefix=MONOTRON_"
    assert heard.path == path
    assert "Authorization" not in heard.headers


def test_all_options_of_a_version_arrive(tmp_path: Path) -> None:
    options = {
        "MONOTRON_BUMP": "minor",
        "MONOTRON_PRERELEASE": "rc",
        "MONOTRON_LINE": "1",
        "MONOTRON_BUILD_METADATA": "sha.7d4c379",
        "MONOTRON_INITIAL_VERSION": "1.4.2",
        "MONOTRON_ON_CONFLICT": "reuse",
        "MONOTRON_DRY_RUN": "true",
        "MONOTRON_DOTENV_PREFIX": "NEXT_",
        "MONOTRON_IDEMPOTENCY_TOKEN": "a token/ü",
    }
    answer = lines(VERSION_LINES.replace("MONOTRON_", "NEXT_"))
    stand_in, run = with_answers(tmp_path, answer, **options)
    assert run.passed, run.output
    path, _, query = stand_in.heard[0].path.partition("?")
    assert path == "/v1/versions/gl:acme:shop/%61%20%74%6f%6b%65%6e%2f%c3%bc"
    assert query == (
        "bump=minor&format=dotenv&dotenv_prefix=NEXT_&prerelease=rc&line=1&metadata=sha.7d4c379"
        "&initial=1.4.2&on_conflict=reuse&dry_run=true"
    )


def test_an_input_goes_before_the_variable(tmp_path: Path) -> None:
    options = {"MONOTRON_BUMP": "minor", "MONOTRON_INPUT_BUMP": "major", "MONOTRON_INPUT_LINE": ""}
    stand_in, run = with_answers(tmp_path, lines(), MONOTRON_LINE="1", **options)
    assert run.passed, run.output
    assert "?bump=major&" in stand_in.heard[0].path
    assert "&line=1" in stand_in.heard[0].path


def test_a_commit_keeps_its_version_whatever_came_between(project: Project) -> None:
    assert project.version("a") == "0.0.1"
    assert project.version("b", MONOTRON_BUMP="minor") == "0.1.0"
    again = project.report("a")
    assert (again["MONOTRON_VERSION"], again["MONOTRON_REUSED"]) == ("0.0.1", "true")


def test_a_prerelease_is_promoted(project: Project) -> None:
    assert project.version("a", MONOTRON_BUMP="minor", MONOTRON_PRERELEASE="rc") == "0.1.0-rc.1"
    assert project.version("b", MONOTRON_BUMP="minor", MONOTRON_PRERELEASE="rc") == "0.1.0-rc.2"
    assert project.version("b", MONOTRON_BUMP="final") == "0.1.0"


def test_a_version_goes_on_from_where_the_project_was(project: Project) -> None:
    assert project.version(MONOTRON_INITIAL_VERSION="v1.4.2") == "1.4.3"
    assert project.version("b", MONOTRON_LINE="1.4", MONOTRON_BUILD_METADATA="b.1") == "1.4.4+b.1"
    assert dotenv(project.directory)["MONOTRON_DOCKER_TAG"] == "1.4.4_b.1"


def test_a_tag_begins_with_its_prefix(project: Project) -> None:
    assert project.report(MONOTRON_TAG_PREFIX="api/v")["MONOTRON_TAG"] == "api/v0.0.1"
    assert project.report(MONOTRON_TAG_PREFIX="")["MONOTRON_TAG"] == "0.0.1"
    inputs = {"MONOTRON_INPUT_TAG_PREFIX": "", "MONOTRON_TAG_PREFIX": "x"}
    assert project.report(**inputs)["MONOTRON_TAG"] == "0.0.1"


def test_none_only_looks(project: Project) -> None:
    nothing = project.report(MONOTRON_BUMP="none", CI_COMMIT_SHA="")
    assert nothing == {
        **dict.fromkeys(nothing, ""),
        "MONOTRON_VERSION": "0.0.0",
        "MONOTRON_MAJOR": "0",
        "MONOTRON_MINOR": "0",
        "MONOTRON_PATCH": "0",
        "MONOTRON_IS_LATEST": "false",
        "MONOTRON_REUSED": "false",
    }
    assert len(nothing) == 12
    project.version("a")
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.1"
    assert project.version("b") == "0.0.2"


def test_semrel_says_it_in_the_names_of_semantic_release(project: Project) -> None:
    def told(commit: str, **variables: str) -> tuple[str, str]:
        report = project.report(commit, MONOTRON_SEMREL="true", **variables)
        return report["SEMREL_INFO_NEXT_VERSION"], report["SEMREL_INFO_LAST_VERSION"]

    assert told("", MONOTRON_BUMP="none") == ("", "")
    assert told("a") == ("0.0.1", "")
    assert told("b") == ("0.0.2", "0.0.1")
    assert told("", MONOTRON_BUMP="none") == ("", "0.0.2")


def test_a_pipeline_gets_a_number_and_keeps_it(project: Project) -> None:
    counter = {"MONOTRON_MODE": "counter"}
    assert project.report(**counter) == {
        "MONOTRON_VALUE": "1",
        "MONOTRON_BUILD_NUMBER": "1",
        "MONOTRON_REUSED": "false",
    }
    assert project.report(CI_PIPELINE_ID="8", **counter)["MONOTRON_VALUE"] == "2"
    again = project.report("other", **counter)
    assert (again["MONOTRON_VALUE"], again["MONOTRON_REUSED"]) == ("1", "true")


def test_the_token_of_a_number_is_the_pipeline_of_the_instance(tmp_path: Path) -> None:
    stand_in, _ = with_answers(tmp_path, lines(NUMBER_LINES), MONOTRON_MODE="counter")
    assert stand_in.heard[0].path == (
        "/v1/series/gl:acme:shop/gl-gitlab.example.com-7?reuse=any&format=dotenv&dotenv_prefix=MONOTRON_"
    )


def test_none_looks_at_what_the_token_has_where_one_is_named(project: Project) -> None:
    counter = {"MONOTRON_MODE": "counter"}
    for commit in ("a", "b"):
        project.version(commit)
        project.report(**counter, MONOTRON_IDEMPOTENCY_TOKEN=commit)
    look = {"MONOTRON_BUMP": "none", "MONOTRON_IDEMPOTENCY_TOKEN": "a"}
    assert project.version("b", **look) == "0.0.1"
    assert project.report(**look, **counter)["MONOTRON_VALUE"] == "1"
    assert project.version("b", **{**look, "MONOTRON_IDEMPOTENCY_TOKEN": "c"}) == "0.0.0"


def test_a_preview_of_a_number_counts_nothing(project: Project) -> None:
    counter = {"MONOTRON_MODE": "counter"}
    preview = {**counter, "MONOTRON_DRY_RUN": "true"}
    assert project.report(**preview)["MONOTRON_VALUE"] == "1"
    assert project.report(**counter, MONOTRON_BUMP="none")["MONOTRON_VALUE"] == "0"
    assert project.report(**counter)["MONOTRON_VALUE"] == "1"
    told = project.report(CI_PIPELINE_ID="8", **preview)
    assert (told["MONOTRON_VALUE"], told["MONOTRON_REUSED"]) == ("2", "false")
    assert project.report(**preview)["MONOTRON_VALUE"] == "1"
    assert project.report(CI_PIPELINE_ID="8", **counter)["MONOTRON_VALUE"] == "2"


def test_a_large_number_is_previewed_exactly(server: Server, project: Project) -> None:
    path = "/v1/series/large"
    options = {"MONOTRON_NAME": "large", "MONOTRON_MODE": "counter", "MONOTRON_DRY_RUN": "true"}
    with server.client() as client:
        client.request("PUT", path, '{"value": 9223372036854775806}')
        given = Project(server.url, project.directory, "large").report(**options)
        assert given["MONOTRON_VALUE"] == "9223372036854775807"
        client.request("PUT", path, '{"value": 9223372036854775807}')
        assert "last value" in Project(server.url, project.directory, "large").failure(**options)


def test_a_merge_request_previews_what_the_branch_then_takes(project: Project) -> None:
    request = {"CI_PIPELINE_SOURCE": "merge_request_event"}
    assert project.version("a", MONOTRON_BUMP="minor", **request) == "0.1.0"
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.0"
    assert project.version("c", MONOTRON_BUMP="minor", CI_PIPELINE_SOURCE="push") == "0.1.0"


def test_a_child_pipeline_of_a_merge_request_previews_too(project: Project) -> None:
    project.version(CI_PIPELINE_SOURCE="parent_pipeline", CI_MERGE_REQUEST_IID="4")
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.0"


def test_a_merge_request_may_be_told_to_count(project: Project) -> None:
    project.version(CI_PIPELINE_SOURCE="merge_request_event", MONOTRON_DRY_RUN="false")
    assert project.version("b", MONOTRON_BUMP="none") == "0.0.1"


def test_a_merged_result_is_its_source_branch(tmp_path: Path) -> None:
    stand_in, _ = with_answers(tmp_path, lines(), CI_MERGE_REQUEST_SOURCE_BRANCH_SHA="5ea1ed")
    assert stand_in.heard[0].path.startswith("/v1/versions/gl:acme:shop/5ea1ed?")


@pytest.mark.parametrize(
    ("labels", "version", "why"),
    [
        ("bug,Minor", "0.1.0", "the label 'minor'"),
        ("patch,MAJOR,minor", "1.0.0", "the label 'major'"),
        ("a b,semver:: Big Step ,c", "1.0.0", "the label 'semver:: big step'"),
        ("patch", "0.0.1", "the label 'patch'"),
        ("major-ish,*,not minor", "0.1.0", "title of the merge request 'feat: a coupon'"),
        ("", "0.1.0", "title of the merge request 'feat: a coupon'"),
    ],
)
def test_labels_decide_before_texts(project: Project, labels: str, version: str, why: str) -> None:
    run = project.run(
        MONOTRON_BUMP="auto",
        MONOTRON_MAJOR_LABELS="major, SemVer:: big step,",
        CI_MERGE_REQUEST_LABELS=labels,
        CI_MERGE_REQUEST_TITLE="feat: a coupon",
        CI_MERGE_REQUEST_IID="4",
        CI_COMMIT_MESSAGE="fix: not asked",
    )
    assert run.passed, run.output
    assert dotenv(project.directory)["MONOTRON_VERSION"] == version
    assert why in run.output
    assert "a preview: nothing was counted" in run.output


@pytest.mark.parametrize("mark", ["Draft: ", "[Draft] ", "(Draft) ", "draft:"])
def test_a_draft_is_read_as_it_will_be_merged(project: Project, mark: str) -> None:
    request = {"CI_MERGE_REQUEST_IID": "4", "CI_MERGE_REQUEST_TITLE": f"{mark}feat: a coupon"}
    assert project.version(MONOTRON_BUMP="auto", **request) == "0.1.0"


def test_a_branch_is_decided_by_its_commit_message(project: Project) -> None:
    message = "feat(cart): a coupon\n\nIt's worth $5 & more.\n"
    run = project.run(MONOTRON_BUMP="auto", CI_COMMIT_MESSAGE=message)
    assert "Monotron: 0.1.0, by the commit message 'feat(cart): a coupon'" in run.output


def test_a_message_arrives_byte_by_byte(tmp_path: Path) -> None:
    message = "@file %00 \\n 'a' \"b\" `c` $(d) ${e} \x1b[1m\r\n\n\tÜ 🎉\n -n %s\n\n"
    stand_in, run = with_answers(tmp_path, lines(), MONOTRON_BUMP="auto", CI_COMMIT_MESSAGE=message)
    assert run.passed, run.output
    assert stand_in.heard[0].body == message.encode()
    assert stand_in.heard[0].headers["Content-Type"] == "text/plain"


def test_a_label_never_changes_the_version_that_a_commit_has(project: Project) -> None:
    assert project.version("a") == "0.0.1"
    auto = {"MONOTRON_BUMP": "auto", "CI_MERGE_REQUEST_LABELS": "major"}
    assert project.version("a", **auto) == "0.0.1"
