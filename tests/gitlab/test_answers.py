"""What the script takes for an answer, how it fails, and how long it tries."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitlab.answers import NUMBER_LINES, VERSION_LINES, lines, page
from gitlab.project import Project, with_answers
from support.pipelines import dotenv
from support.stand_in import HANG_UP, Say, StandIn


def problem(status: int, code: str, detail: str = "It happened. Do this.") -> Say:
    return Say.problem(status, code, detail)


@pytest.mark.parametrize(
    ("say", "hint"),
    [
        (problem(401, "unauthenticated"), "MONOTRON_API_KEY, masked"),
        (problem(403, "forbidden"), "read,write:series"),
        (problem(422, "token_taken"), "MONOTRON_ON_CONFLICT: reuse"),
        (problem(422, "invalid_bump"), "MONOTRON_BUMP: patch"),
        (problem(404, "line_not_found"), 'MONOTRON_LINE: "1.2"'),
        (problem(507, "storage_full"), "Monotron answers 507 storage_full: It happened. Do this."),
        (problem(404, "not_found", 'a "b" \\ ü\x1b[31m\n::x'), '404 not_found: a "b" \\'),
        (page(), "a sign-in page or a proxy"),
        (page(404), "answers 404 (text/html)"),
        (page(302, Location="https://elsewhere.example.com/"), "redirects elsewhere"),
        (page(308, Location="/v2"), "redirects elsewhere"),
        (Say(200, b"", {"Content-Type": "text/plain"}), "12 lines"),
        (Say(200, VERSION_LINES.encode()), "another type ()"),
        (Say(204), "answers 204"),
    ],
)
def test_what_is_no_answer_fails_the_job_with_a_cure(tmp_path: Path, say: Say, hint: str) -> None:
    with StandIn([say]) as stand_in:
        said = Project(stand_in.url, tmp_path / "project").failure()
    assert hint in said
    assert "\x1b" not in said
    assert len(stand_in.heard) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MONOTRON_DOCKER_TAG=1.3.0\n", ""),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.0"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=3\nPATH=/evil\n"),
        ("MONOTRON_MINOR=3\n", "PATH=/evil\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MAJOR=1\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=3\nMONOTRON_MINOR=4\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=3\r\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=$(id)\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=03\n"),
        ("MONOTRON_MINOR=3\n", "MONOTRON_MINOR=\n"),
        ("MONOTRON_MINOR=3\n", " MONOTRON_MINOR=3\n"),
        ("MONOTRON_VERSION=1.3.0\n", "MONOTRON_VERSION=1.3\n"),
        ("MONOTRON_VERSION=1.3.0\n", "MONOTRON_VERSION=\n"),
        ("MONOTRON_TAG=v1.3.0\n", "MONOTRON_TAG=v1.3.0;id\n"),
        ("MONOTRON_IS_LATEST=true\n", "MONOTRON_IS_LATEST=yes\n"),
        ("MONOTRON_PRERELEASE_ID=\n", "MONOTRON_PRERELEASE_ID=`id`\n"),
        ("MONOTRON_METADATA=\n", "MONOTRON_METADATA=é\n"),
        ("MONOTRON_", "OTHER_"),
        ("MONOTRON_VERSION=1.3.0\n", "MONOTRON_VERSION=9.9.9\n"),
        ("MONOTRON_TAG=v1.3.0\n", "MONOTRON_TAG=v1.3.1\n"),
        ("MONOTRON_PATCH=0\n", "MONOTRON_PATCH=1\n"),
        ("MONOTRON_PRERELEASE_ID=\n", "MONOTRON_PRERELEASE_ID=rc.1\n"),
        ("MONOTRON_METADATA=\n", "MONOTRON_METADATA=sha.1\n"),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.1\n"),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.0\nMONOTRON_X=\t\n"),
        ("MONOTRON_DOCKER_TAG=1.3.0\n", "MONOTRON_DOCKER_TAG=1.3.0\nMONOTRON_X\n"),
    ],
)
def test_lines_that_are_not_as_they_must_be_become_no_report(
    tmp_path: Path, old: str, new: str
) -> None:
    text = VERSION_LINES.replace(old, new)
    assert text != VERSION_LINES
    with StandIn([lines(text)]) as stand_in:
        assert "not what Monotron answers" in Project(stand_in.url, tmp_path / "p").failure()


@pytest.mark.parametrize(
    "text",
    [
        NUMBER_LINES + "PATH=/evil\n",
        NUMBER_LINES.replace("VALUE=42", "VALUE=0"),
        NUMBER_LINES.replace("BUILD_NUMBER=42", "BUILD_NUMBER=43"),
        NUMBER_LINES.replace("42", "-1"),
        NUMBER_LINES.replace("42", "42 "),
        NUMBER_LINES.replace("false", ""),
        VERSION_LINES,
    ],
)
def test_a_number_is_checked_as_well(tmp_path: Path, text: str) -> None:
    with StandIn([lines(text)]) as stand_in:
        said = Project(stand_in.url, tmp_path / "p").failure(MONOTRON_MODE="counter")
    assert "not what Monotron answers" in said


@pytest.mark.parametrize("mode", ["semver", "counter"])
def test_nothing_there_yet_is_only_what_monotron_says_is_not_there(
    tmp_path: Path, mode: str
) -> None:
    for say in (page(404), problem(404, "not_found")):
        with StandIn([say]) as stand_in:
            project = Project(stand_in.url, tmp_path / "p")
            assert "404" in project.failure(MONOTRON_BUMP="none", MONOTRON_MODE=mode)


def test_what_a_later_service_tells_besides_is_left_out(tmp_path: Path) -> None:
    more = "MONOTRON_GIVEN_AT=2026-11-23T18:19:00Z\n"
    with StandIn([lines(VERSION_LINES + more)]) as stand_in:
        report = Project(stand_in.url, tmp_path / "p").report()
    assert len(report) == 12
    with StandIn([lines(NUMBER_LINES + more)]) as stand_in:
        report = Project(stand_in.url, tmp_path / "p").report(MONOTRON_MODE="counter")
    assert len(report) == 3


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
def test_a_report_of_another_job_does_not_remain(
    project: Project, variables: dict[str, str]
) -> None:
    project.version("a")
    project.failure(**variables)


def test_the_time_is_for_all_tries_and_the_pauses_between_them(tmp_path: Path) -> None:
    with StandIn([problem(503, "draining")]) as stand_in:
        said = Project(stand_in.url, tmp_path / "p").failure(MONOTRON_TIMEOUT="2")
    assert f"{stand_in.url} did not answer within 2 seconds." in said
    assert "HTTP error" in said, "what came last"
    assert len(stand_in.heard) <= 2


@pytest.mark.parametrize(
    "say",
    [
        Say.problem(429, "too_many_requests", "Slow down.", Retry_After="1"),
        Say.problem(503, "draining", "Soon.", Retry_After="1"),
        page(502),
        HANG_UP,
        lines(VERSION_LINES.replace("1.3.0", "1.33333.0"), missing=20),
    ],
    ids=["429", "503", "502", "hang up", "cut off"],
)
def test_a_request_is_repeated_until_it_is_answered(tmp_path: Path, say: Say) -> None:
    stand_in, run = with_answers(
        tmp_path, say, lines(), MONOTRON_BUMP="auto", CI_COMMIT_MESSAGE="feat: x"
    )
    assert run.passed, run.output
    first, second = stand_in.heard
    assert first == second
    assert dotenv(tmp_path / "project")["MONOTRON_VERSION"] == "1.3.0"


@pytest.mark.parametrize(
    ("say", "hint"),
    [
        (HANG_UP, "did not answer: curl: (52)"),
        (lines(missing=5), "did not answer: curl: (18)"),
        (problem(503, "draining"), "503 draining"),
        (problem(429, "too_many_requests"), "Run the job again later"),
    ],
    ids=["hang up", "cut off", "503", "429"],
)
def test_patience_ends(tmp_path: Path, say: Say, hint: str) -> None:
    with StandIn([say]) as stand_in:
        said = Project(stand_in.url, tmp_path / "p").failure(MONOTRON_RETRIES="0")
    assert hint in said


def test_a_server_that_is_down_is_named(tmp_path: Path) -> None:
    with StandIn([]) as stand_in:
        url = stand_in.url
    said = Project(url, tmp_path / "p").failure(MONOTRON_RETRIES="0")
    assert f"{url} did not answer" in said
    assert "run the job again" in said


def test_a_curl_that_is_too_old_or_missing_is_named(project: Project, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    curl = tools / "curl"
    curl.write_text("#!/bin/sh\necho 'curl: option --retry-all-errors: is unknown' >&2\nexit 2\n")
    curl.chmod(0o755)
    said = project.failure(PATH=f"{tools}:/usr/bin:/bin")
    assert "curl 7.71 or newer" in said
    assert "--retry-all-errors: is unknown" in said
    for tool in ("sh", "grep", "tr", "od", "sed", "cut", "rm"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    curl.unlink()
    assert "There is no curl in this image" in project.failure(PATH=str(tools))
