"""How the job checks responses, shows errors, and retries."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from plugins.gitlab.project import Project, run_against
from plugins.gitlab.responses import NUMBER_LINES, VERSION_LINES, dotenv_response, html_response
from support.pipelines import dotenv
from support.server import Server
from support.stand_in import Reply, StandIn


def problem(status: int, code: str, detail: str = "It failed. Do this.") -> Reply:
    return Reply.problem(status, code, detail)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"bump": "huge"}, "a variable of its name, such as MONOTRON_BUMP"),
        ({"bump": "major", "line": "1.0"}, "such as MONOTRON_BUMP"),
        ({"bump": "patch", "initial": 'a "b" \\ c'}, "MONOTRON_INITIAL_VERSION and"),
    ],
)
def test_the_error_of_the_server_is_shown_with_its_detail(
    server: Server, project: Project, options: dict[str, str], hint: str
) -> None:
    variables = {
        "initial": "MONOTRON_INITIAL_VERSION",
        "bump": "MONOTRON_BUMP",
        "line": "MONOTRON_LINE",
    }
    project.version("a", MONOTRON_BUMP="major")
    output = project.failure("b", **{variables[name]: text for name, text in options.items()})
    with server.client() as client:
        response = client.request(
            "PUT", f"/v1/versions/{project.encoded_name}/b?{urlencode(options)}"
        )
    error = response.json()
    assert f"\nerror: {error['code']} ({response.status}): {error['detail']}\n" in output
    assert hint in output


@pytest.mark.parametrize(
    "variables",
    [
        {"MONOTRON_BUMP": "minor"},
        {"MONOTRON_PRERELEASE": "rc", "MONOTRON_DRY_RUN": "true"},
        {"MONOTRON_LINE": "1", "MONOTRON_BUMP": "none"},
        {"MONOTRON_BUMP": "auto", "CI_MERGE_REQUEST_LABELS": "patch"},
    ],
    ids=str,
)
def test_an_option_of_versions_is_refused_in_counter_mode(
    project: Project, variables: dict[str, str]
) -> None:
    output = project.failure(MONOTRON_MODE="counter", **variables)
    assert "error: invalid_request (400): " in output
    assert "hint: MONOTRON_MODE counter does not allow options of versions." in output
    counter = {"MONOTRON_MODE": "counter", "MONOTRON_BUMP": "none"}
    assert project.report(**counter)["MONOTRON_VALUE"] == "0"


def test_an_option_of_a_bump_is_refused_with_bump_none(project: Project) -> None:
    output = project.failure(MONOTRON_BUMP="none", MONOTRON_PRERELEASE="rc")
    assert "error: invalid_request (400): " in output
    assert "`prerelease`" in output


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (problem(401, "unauthenticated"), "the masked variable MONOTRON_API_KEY"),
        (problem(403, "forbidden"), "read,write:series"),
        (problem(409, "ambiguous_account"), 'variables:\n  MONOTRON_ACCOUNT: "1"'),
        (problem(422, "token_taken"), "MONOTRON_ON_CONFLICT: reuse"),
        (problem(507, "storage_full"), "error: storage_full (507): It failed. Do this.\n"),
        (problem(404, "not_found", 'a "b" \\ ü\x1b[31m\n::x'), 'not_found (404): a "b" \\'),
        (html_response(), "A sign-in page or a proxy"),
        (html_response(404), "status 404 with content type 'text/html'"),
        (html_response(302, Location="https://elsewhere.example.com/"), "redirects to another URL"),
        (html_response(308, Location="/v2"), "redirects to another URL"),
        (Reply(200, b"", {"Content-Type": "text/plain"}), "fewer than 22 lines"),
        (Reply(200, VERSION_LINES.encode()), "status 200 with content type ''"),
        (Reply(204), "status 204"),
    ],
)
def test_a_response_that_is_not_a_version_fails_the_job_with_a_hint(
    tmp_path: Path, response: Reply, text: str
) -> None:
    with StandIn([response]) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure()
    assert text in output
    assert "\x1b" not in output
    assert len(stand_in.requests) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MONOTRON_DOCKER_TAG=1.3.0\n", ""),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.0"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=3\nPATH=/evil\n"),
        ("MONOTRON_MINOR=3\n", "PATH=/evil\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MAJOR=1\n"),
        ("MONOTRON_PRERELEASE_ID=\n", "MONOTRON_PRERELEASE_ID=\nMONOTRON_PRERELEASE_ID=\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=3\r\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=$(id)\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=03\n"),
        ("MONOTRON_VERSION=1.3.0\n", "MONOTRON_VERSION=1.3\n"),
        ("MONOTRON_VERSION=1.3.0\n", "MONOTRON_VERSION=9.9.9\n"),
        ("MONOTRON_TAG=v1.3.0\n", "MONOTRON_TAG=v1.3.0;id\n"),
        ("MONOTRON_TAG=v1.3.0\n", "MONOTRON_TAG=v1.3.1\n"),
        ("MONOTRON_PATCH=0\n", "MONOTRON_PATCH=1\n"),
        ("MONOTRON_PRERELEASE_ID=\n", "MONOTRON_PRERELEASE_ID=`id`\n"),
        ("MONOTRON_PRERELEASE_ID=\n", "MONOTRON_PRERELEASE_ID=rc.1\n"),
        ("MONOTRON_METADATA=\n", "MONOTRON_METADATA=é\n"),
        ("MONOTRON_METADATA=\n", "MONOTRON_METADATA=sha.1\n"),
        ("MONOTRON_RELEASE_TYPE=minor\n", "MONOTRON_RELEASE_TYPE=a b\n"),
        ("MONOTRON_PREVIOUS_VERSION=1.2.57\n", "MONOTRON_PREVIOUS_VERSION=1.2\n"),
        ("MONOTRON_IS_LATEST=true\n", "MONOTRON_IS_LATEST=yes\n"),
        ("MONOTRON_REUSED=false\n", "MONOTRON_REUSED=\n"),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.1\n"),
        ("MONOTRON_CHANGED=true\n", "MONOTRON_CHANGED=\n"),
        ("MONOTRON_PREVIOUS_TAG=v1.2.57\n", "MONOTRON_PREVIOUS_TAG=v1.2.56\n"),
        ("MONOTRON_PREVIOUS_TAG=v1.2.57\n", "MONOTRON_PREVIOUS_TAG=\n"),
        ("COMMIT=7d4c379588", "COMMIT=HEAD"),
        ("COMMIT=7d4c379588", "COMMIT=7D4C379588"),
        ("MONOTRON_LATEST_IN_MAJOR=true\n", "MONOTRON_LATEST_IN_MAJOR=1\n"),
        ("MONOTRON_LATEST_IN_MINOR=true\n", ""),
        ("MONOTRON_PEP440=1.3.0\n", "MONOTRON_PEP440=1.3.0;id\n"),
        ("MONOTRON_DEB=1.3.0\n", "MONOTRON_DEB=\n"),
        ("MONOTRON_RPM=1.3.0\n", "MONOTRON_RPM=1.3.0-1\n"),
        ("MONOTRON_MAVEN=1.3.0\n", "MONOTRON_MAVEN=$(id)\n"),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.0\nMONOTRON_X=\t\n"),
        ("MONOTRON_CREATOR_ID=1\n", ""),
        ("MONOTRON_CREATOR_ID=1\n", "MONOTRON_CREATOR_ID=0\n"),
        ("MONOTRON_CREATOR_ID=1\n", "MONOTRON_CREATOR_ID=1;id\n"),
        ("MONOTRON_", "OTHER_"),
    ],
)
def test_an_invalid_line_of_a_version_does_not_become_a_variable(
    tmp_path: Path, old: str, new: str
) -> None:
    text = VERSION_LINES.replace(old, new)
    assert text != VERSION_LINES
    with StandIn([dotenv_response(text)]) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure()
    assert f"error: Unexpected response from {stand_in.url}: " in output


@pytest.mark.parametrize(
    "text",
    [
        NUMBER_LINES + "PATH=/evil\n",
        NUMBER_LINES.replace("VALUE=42", "VALUE=0"),
        NUMBER_LINES.replace("BUILD_NUMBER=42", "BUILD_NUMBER=43"),
        NUMBER_LINES.replace("42", "-1"),
        NUMBER_LINES.replace("false", ""),
        NUMBER_LINES.replace("CREATOR_ID=1", "CREATOR_ID="),
        VERSION_LINES,
    ],
)
def test_an_invalid_line_of_a_number_does_not_become_a_variable(tmp_path: Path, text: str) -> None:
    with StandIn([dotenv_response(text)]) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure(MONOTRON_MODE="counter")
    assert f"error: Unexpected response from {stand_in.url}: " in output


@pytest.mark.parametrize("mode", ["semver", "counter"])
@pytest.mark.parametrize(
    "response", [html_response(404), problem(404, "not_found")], ids=["html", "not_found"]
)
def test_an_unrelated_404_does_not_mean_that_no_version_exists(
    tmp_path: Path, mode: str, response: Reply
) -> None:
    with StandIn([response]) as stand_in:
        project = Project(stand_in.url, tmp_path / "project")
        assert "404" in project.failure(MONOTRON_BUMP="none", MONOTRON_MODE=mode)


@pytest.mark.parametrize(
    ("mode", "text"), [("semver", VERSION_LINES), ("counter", NUMBER_LINES)], ids=lambda each: each
)
def test_a_variable_of_a_newer_server_is_ignored(tmp_path: Path, mode: str, text: str) -> None:
    response = dotenv_response(text + "MONOTRON_CREATED_AT=2026-11-23T18:19:00Z\n")
    _, run = run_against(tmp_path, response, MONOTRON_MODE=mode)
    assert run.passed, run.output
    report = dotenv(tmp_path / "project")
    assert report is not None
    assert dict(line.split("=") for line in text.split()).items() <= report.items()
    assert "MONOTRON_CREATED_AT" not in report


@pytest.mark.parametrize(
    "variables",
    [
        {"MONOTRON_URL": "http://127.0.0.1:9", "MONOTRON_RETRIES": "0"},
        {"MONOTRON_URL": ""},
        {"MONOTRON_BUMP": "huge"},
        {"MONOTRON_NAME": ".."},
    ],
    ids=str,
)
def test_the_report_of_an_earlier_job_is_removed(
    project: Project, variables: dict[str, str]
) -> None:
    project.version("a")
    project.failure(**variables)


def test_an_old_or_missing_curl_is_reported(project: Project, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    curl = tools / "curl"
    curl.write_text("#!/bin/sh\necho 'curl: option --proto: is unknown' >&2\nexit 2\n")
    curl.chmod(0o755)
    output = project.failure(PATH=f"{tools}:/usr/bin:/bin")
    assert "error: curl is too old: curl: option --proto: is unknown" in output
    assert "curl 7.55 or newer" in output
    for tool in ("sh", "grep", "tr", "od", "sed", "cut", "rm"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    curl.unlink()
    assert "error: curl is missing in this image." in project.failure(PATH=str(tools))
