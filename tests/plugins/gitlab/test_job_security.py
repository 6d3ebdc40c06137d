"""Untrusted text, invalid options, and credentials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from plugins.gitlab.project import PROJECT_VARIABLES, Project, run_against
from plugins.gitlab.responses import dotenv_response
from support.pipelines import dotenv, run_script
from support.server import Server
from support.stand_in import ReceivedRequest, Reply, StandIn

KEY = "mtk_canary.x-0123456789"

UNTRUSTED = [
    "a'b\"c`touch pwned`$(touch pwned)",
    "a\nMONOTRON_VERSION=6.6.6\nPATH=/evil",
    "$CI_COMMIT_SHA;touch pwned;#",
    "../../../v1/series/x?reuse=any#",
    "-o/pwned --config @x",
    "é🎉\x1b[31m%0a*[a-z]?{a,b}",
]


@pytest.mark.parametrize("text", UNTRUSTED, ids=range(len(UNTRUSTED)))
def test_untrusted_text_is_neither_executed_nor_printed_raw(
    server: Server, tmp_path: Path, text: str
) -> None:
    line = text.translate(dict.fromkeys(range(32)))
    run = Project(server.url, tmp_path / "project", f"of {line}").run(
        commit=line,
        MONOTRON_BUMP="auto",
        CI_COMMIT_MESSAGE=text,
        CI_MERGE_REQUEST_LABELS=text,
    )
    assert run.passed, run.output
    assert dotenv(tmp_path / "project")["MONOTRON_VERSION"] == "0.0.1"
    assert [path.name for path in tmp_path.rglob("*")] == ["project", "monotron.env"]
    assert "\x1b" not in run.output
    assert "\nPATH=" not in run.output


def test_an_untrusted_option_is_sent_as_one_value(tmp_path: Path) -> None:
    variables = {
        "bump": "MONOTRON_BUMP",
        "prerelease": "MONOTRON_PRERELEASE",
        "line": "MONOTRON_LINE",
        "initial": "MONOTRON_INITIAL_VERSION",
        "on_conflict": "MONOTRON_ON_CONFLICT",
        "metadata": "MONOTRON_BUILD_METADATA",
    }
    options = dict(zip(variables, [text.lower() for text in UNTRUSTED], strict=True))
    environment = {variables[name]: text for name, text in options.items()}
    stand_in, run = run_against(tmp_path, dotenv_response(), **environment)
    assert run.passed, run.output
    query = parse_qs(stand_in.requests[0].path.partition("?")[2], strict_parsing=True)
    expected = {"format": "dotenv", "dotenv_prefix": "MONOTRON_", **options}
    assert query == {name: [text] for name, text in expected.items()}
    assert [path.name for path in tmp_path.rglob("*")] == ["project", "monotron.env"]


@pytest.mark.parametrize(
    "option",
    [
        *("URL", "MODE", "TAG_PREFIX", "DRY_RUN", "TIMEOUT", "RETRIES", "DOTENV_PREFIX", "SEMREL"),
        "API_KEY",
    ],
)
def test_an_option_of_the_script_with_a_line_break_is_refused(
    project: Project, option: str
) -> None:
    output = project.failure(**{f"MONOTRON_{option}": "1\n1\x1b[31m&reuse=any"})
    assert f"error: MONOTRON_{option} " in output
    assert "\x1b" not in output


HTTPS = "MONOTRON_URL must be an https:// URL, because the API key is sent with every request."


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"MONOTRON_URL": ""}, "MONOTRON_URL is missing."),
        ({"MONOTRON_URL": "http://monotron.example.com"}, HTTPS),
        ({"MONOTRON_URL": "http://localhost.example.com"}, HTTPS),
        ({"MONOTRON_URL": "http://localhost:1@example.com"}, HTTPS),
        ({"MONOTRON_URL": "file:///etc/passwd"}, HTTPS),
        ({"MONOTRON_URL": "https://example.com/?a=b"}, HTTPS),
        ({"MONOTRON_URL": "-o x"}, HTTPS),
        ({"MONOTRON_MODE": "calver"}, "MONOTRON_MODE must be semver or counter, not 'calver'."),
        ({"MONOTRON_RETRIES": "many"}, "MONOTRON_RETRIES must be a number from 0 to 99"),
        ({"MONOTRON_TIMEOUT": "0"}, "MONOTRON_TIMEOUT must be a number of seconds"),
        ({"MONOTRON_TAG_PREFIX": "-v"}, "MONOTRON_TAG_PREFIX must be letters"),
        ({"MONOTRON_DOTENV_PREFIX": "1."}, "MONOTRON_DOTENV_PREFIX must be a prefix of variable"),
        ({"MONOTRON_DRY_RUN": "yes"}, "MONOTRON_DRY_RUN must be true or false, not 'yes'."),
        ({"MONOTRON_SEMREL": ".*"}, "MONOTRON_SEMREL must be true or false, not '.*'."),
        (
            {"MONOTRON_MODE": "counter", "MONOTRON_SEMREL": "true"},
            "MONOTRON_SEMREL requires MONOTRON_MODE semver.",
        ),
        ({"MONOTRON_NAME": ".."}, "'..' is not a valid name.\nhint: Set MONOTRON_NAME."),
        ({"MONOTRON_NAME": "", "CI_PROJECT_PATH": ""}, "'' is not a valid name."),
        ({"MONOTRON_IDEMPOTENCY_TOKEN": "."}, "'.' is not a valid token."),
        ({"CI_COMMIT_SHA": ""}, "'' is not a valid token."),
        ({"MONOTRON_MODE": "counter", "CI_PIPELINE_ID": ""}, "'' is not a valid token."),
    ],
)
def test_an_invalid_option_of_the_script_is_refused(
    project: Project, variables: Mapping[str, str], error: str
) -> None:
    assert f"\nerror: {error}" in project.failure(**variables)


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"MONOTRON_API_KEY": KEY}, f"Bearer {KEY}"),
        ({"MONOTRON_ID_TOKEN": "eyJ.x.y"}, "Bearer eyJ.x.y"),
        ({"MONOTRON_API_KEY": KEY, "MONOTRON_ID_TOKEN": "eyJ.x.y"}, f"Bearer {KEY}"),
        ({"MONOTRON_API_KEY": "user:pass"}, "Basic dXNlcjpwYXNz"),
        ({"MONOTRON_API_KEY": "u:" + "x" * 60}, "Basic dTp4" + "eHh4" * 19 + "eHg="),
    ],
    ids=["API key", "identity token", "both", "pair", "long pair"],
)
def test_a_credential_is_sent_in_the_header_and_appears_nowhere_else(
    tmp_path: Path, variables: Mapping[str, str], header: str
) -> None:
    command_lines, modes = [], []

    def respond(_: ReceivedRequest) -> Reply:
        modes.extend(path.stat().st_mode & 0o777 for path in tmp_path.rglob("header"))
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command_lines.append(path.read_bytes())
            except OSError:
                continue  # the process has ended
        return dotenv_response()

    with StandIn(respond) as stand_in:
        run = Project(stand_in.url, tmp_path / "project").run(
            **variables, TMPDIR=str(tmp_path), CI_DEBUG_TRACE="true"
        )
    assert run.passed, run.output
    assert stand_in.requests[0].headers["Authorization"] == header
    curl = [line for line in command_lines if stand_in.url.encode() in line]
    assert curl
    secrets = [header.split()[1], *variables.values()]
    assert not [line for line in curl if any(secret.encode() in line for secret in secrets)]
    assert not any(secret in run.output for secret in secrets)
    assert set(modes) == {0o600}
    assert [path.name for path in tmp_path.rglob("*")] == ["project", "monotron.env"]


@pytest.mark.parametrize("key", [KEY, "user:pa/s.s*[w]", "^&x"], ids=["key", "pair", "special"])
def test_an_api_key_in_a_response_is_redacted(tmp_path: Path, key: str) -> None:
    def echo(request: ReceivedRequest) -> Reply:
        detail = f"You sent {request.headers['Authorization']}, so {key}."
        return Reply.problem(403, "forbidden", detail)

    with StandIn(echo) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure(MONOTRON_API_KEY=key)
    scheme = "Basic" if ":" in key else "Bearer"
    assert f"You sent {scheme} ***, so ***." in output
    assert key not in output


def test_an_unencrypted_request_does_not_use_a_proxy(tmp_path: Path) -> None:
    with StandIn([dotenv_response()]) as proxy, StandIn([dotenv_response()]) as stand_in:
        variables = {"http_proxy": proxy.url, "no_proxy": "", "MONOTRON_API_KEY": KEY}
        run = Project(stand_in.url, tmp_path / "project").run(**variables)
    assert run.passed, run.output
    assert not proxy.requests


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    "response",
    [dotenv_response(), Reply.problem(401, "unauthenticated", "No.")],
    ids=["version", "error"],
)
def test_a_shell_trace_does_not_show_the_credential(
    tmp_path: Path, shell: str, response: Reply
) -> None:
    with StandIn([response]) as stand_in:
        variables = {**PROJECT_VARIABLES, "MONOTRON_URL": stand_in.url, "CI_COMMIT_SHA": "a"}
        run = run_script({**variables, "MONOTRON_API_KEY": KEY}, tmp_path, (shell, "-ex"))
    assert "curl --disable" in run.output
    assert KEY not in run.output


@pytest.mark.parametrize("key", ["two words", "a\nb", 'a"b', "a\\b", "schlüssel", "$MONOTRON_KEY"])
def test_an_invalid_api_key_is_refused_and_not_printed(project: Project, key: str) -> None:
    output = project.failure(MONOTRON_API_KEY=key)
    assert "error: MONOTRON_API_KEY " in output
    assert key not in output
