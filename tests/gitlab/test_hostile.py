"""Texts of strangers, options that make no sense, and keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gitlab.answers import lines
from gitlab.project import OFFER, Project
from support.pipelines import dotenv, run_script
from support.server import Server
from support.stand_in import Heard, Say, StandIn

KEY = "mtk_canary.x-0123456789"

HOSTILE = [
    "a'b\"c`touch pwned`$(touch pwned)",
    "a\nMONOTRON_VERSION=6.6.6\nPATH=/evil",
    "$CI_COMMIT_SHA;touch pwned;#",
    "../../../v1/series/x?reuse=any#",
    "-o/pwned --config @x",
    "é🎉\x1b[31m%0a*[a-z]?{a,b}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_stranger_is_more_than_text(server: Server, tmp_path: Path, text: str) -> None:
    plain = text.translate(dict.fromkeys(range(32)))
    run = Project(server.url, tmp_path / "project", f"of {plain}").run(
        commit=plain,
        MONOTRON_BUMP="auto",
        CI_COMMIT_MESSAGE=text,
        CI_MERGE_REQUEST_LABELS=text,
    )
    assert run.passed, run.output
    assert dotenv(tmp_path / "project")["MONOTRON_VERSION"] == "0.0.1"
    assert [path.name for path in tmp_path.rglob("*")] == ["project", "monotron.env"]
    assert "\x1b" not in run.output
    assert "\nPATH=" not in run.output


@pytest.mark.parametrize(
    "option",
    [
        *("URL", "NAME", "MODE", "BUMP", "PRERELEASE", "LINE", "INITIAL_VERSION", "ON_CONFLICT"),
        *("BUILD_METADATA", "IDEMPOTENCY_TOKEN", "TAG_PREFIX", "DRY_RUN", "TIMEOUT", "RETRIES"),
        *("DOTENV_PREFIX", "SEMREL", "API_KEY"),
    ],
)
def test_an_option_with_a_line_break_is_refused(project: Project, option: str) -> None:
    said = project.failure(**{f"MONOTRON_{option}": "1\n1\x1b[31m&reuse=any"})
    assert option in said or "invalid_" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        ({"MONOTRON_URL": ""}, "MONOTRON_URL: https://"),
        ({"MONOTRON_URL": "http://monotron.example.com"}, "no https address"),
        ({"MONOTRON_URL": "http://localhost.example.com"}, "no https address"),
        ({"MONOTRON_URL": "http://localhost:1@example.com"}, "no https address"),
        ({"MONOTRON_URL": "file:///etc/passwd"}, "no https address"),
        ({"MONOTRON_URL": "https://example.com/?a=b"}, "no https address"),
        ({"MONOTRON_URL": "-o x"}, "no https address"),
        ({"MONOTRON_BUMP": "huge"}, "not 'huge'"),
        ({"MONOTRON_BUMP": ".*"}, "not '.*'"),
        ({"MONOTRON_MODE": "calver"}, "semver or counter"),
        ({"MONOTRON_RETRIES": "many"}, "MONOTRON_RETRIES: …"),
        ({"MONOTRON_TIMEOUT": "0"}, "seconds"),
        ({"MONOTRON_TAG_PREFIX": "-v"}, "MONOTRON_TAG_PREFIX must be"),
        ({"MONOTRON_DRY_RUN": "yes"}, "true or false"),
        ({"MONOTRON_MODE": "counter", "MONOTRON_BUMP": "minor"}, "MONOTRON_BUMP means nothing"),
        ({"MONOTRON_MODE": "counter", "MONOTRON_LINE": "1"}, "MONOTRON_LINE means nothing"),
        ({"MONOTRON_MODE": "counter", "MONOTRON_SEMREL": "true"}, "MONOTRON_SEMREL means nothing"),
        ({"MONOTRON_BUMP": "final", "MONOTRON_PRERELEASE": "rc"}, "Leave one of the two out"),
        ({"MONOTRON_BUMP": "none", "MONOTRON_LINE": "1"}, "Leave both out"),
        ({"MONOTRON_BUMP": "none", "MONOTRON_PRERELEASE": "rc"}, "Leave both out"),
        ({"MONOTRON_NAME": ".."}, "'..' can be no name"),
        ({"MONOTRON_NAME": "", "CI_PROJECT_PATH": ""}, "can be no name"),
        ({"MONOTRON_IDEMPOTENCY_TOKEN": "."}, "'.' can be no token"),
        ({"CI_COMMIT_SHA": ""}, "can be no token"),
        ({"MONOTRON_MODE": "counter", "CI_PIPELINE_ID": ""}, "can be no token"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_cure(
    project: Project, variables: Mapping[str, str], hint: str
) -> None:
    assert hint in project.failure(**variables)


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"MONOTRON_API_KEY": KEY}, f"Bearer {KEY}"),
        ({"MONOTRON_ID_TOKEN": "eyJ.x.y"}, "Bearer eyJ.x.y"),
        ({"MONOTRON_API_KEY": KEY, "MONOTRON_ID_TOKEN": "eyJ.x.y"}, f"Bearer {KEY}"),
        ({"MONOTRON_API_KEY": "user:pass"}, "Basic dXNlcjpwYXNz"),
        ({"MONOTRON_API_KEY": "u:" + "x" * 60}, "Basic dTp4" + "eHh4" * 19 + "eHg="),
    ],
    ids=["key", "identity", "both", "pair", "long pair"],
)
def test_the_key_arrives_in_the_header_and_nowhere_else(
    tmp_path: Path, variables: Mapping[str, str], header: str
) -> None:
    command_lines, modes = [], []

    def answer(_: Heard) -> Say:
        modes.extend(path.stat().st_mode & 0o777 for path in tmp_path.rglob("header"))
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command_lines.append(path.read_bytes())
            except OSError:
                continue  # it has just ended
        return lines()

    with StandIn(answer) as stand_in:
        run = Project(stand_in.url, tmp_path / "project").run(
            **variables, TMPDIR=str(tmp_path), CI_DEBUG_TRACE="true"
        )
    assert run.passed, run.output
    assert stand_in.heard[0].headers["Authorization"] == header
    secret = header.split()[1].encode()
    curl = [line for line in command_lines if stand_in.url.encode() in line]
    assert curl
    given = [secret, *(value.encode() for value in variables.values())]
    assert not [line for line in curl if any(each in line for each in given)]
    assert not any(each.decode() in run.output for each in given)
    assert modes == [0o600]
    assert [path.name for path in tmp_path.rglob("*")] == ["project", "monotron.env"]


@pytest.mark.parametrize("key", [KEY, "user:pa/s.s*[w]", "$^&x"], ids=["key", "pair", "odd"])
def test_a_key_that_an_answer_gives_back_is_not_printed(tmp_path: Path, key: str) -> None:
    def echo(heard: Heard) -> Say:
        said = f"You said {heard.headers['Authorization']}, so {key}."
        return Say.problem(403, "forbidden", said)

    key = key.lstrip("$")
    with StandIn(echo) as stand_in:
        said = Project(stand_in.url, tmp_path / "project").failure(MONOTRON_API_KEY=key)
    kind = "Basic" if ":" in key else "Bearer"
    assert f"You said {kind} ***, so ***." in said
    assert key not in said


def test_a_key_never_goes_to_a_proxy_in_clear(tmp_path: Path) -> None:
    with StandIn([lines()]) as proxy, StandIn([lines()]) as stand_in:
        variables = {"http_proxy": proxy.url, "no_proxy": "", "MONOTRON_API_KEY": KEY}
        run = Project(stand_in.url, tmp_path / "project").run(**variables)
    assert run.passed, run.output
    assert not proxy.heard


def test_a_trace_of_the_shell_does_not_show_the_header(tmp_path: Path) -> None:
    with StandIn([lines()]) as stand_in:
        variables = {**OFFER, "MONOTRON_URL": stand_in.url, "CI_COMMIT_SHA": "a"}
        run = run_script({**variables, "MONOTRON_API_KEY": KEY}, tmp_path, ("sh", "-ex"))
    assert run.passed, run.output
    assert "curl --disable" in run.output
    assert KEY not in run.output


@pytest.mark.parametrize("key", ["two words", "a\nb", 'a"b', "a\\b", "schlüssel", "$MONOTRON_KEY"])
def test_a_key_that_no_header_could_carry_is_refused_and_not_shown(
    project: Project, key: str
) -> None:
    said = project.failure(MONOTRON_API_KEY=key)
    assert "MONOTRON_API_KEY" in said
    assert key not in said
