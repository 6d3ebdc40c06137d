"""The account of the job, and the warning that its API key expires soon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plugins.gitlab.project import Project, run_against
from plugins.gitlab.responses import NUMBER_LINES, VERSION_LINES, dotenv_response
from support.pipelines import dotenv
from support.server import ROOT, ROOT_ENV, Server
from support.stand_in import Reply, StandIn

COUNTER = {"MONOTRON_MODE": "counter"}
EXPIRES = "2027-01-31T00:00:00Z"


def with_header(response: Reply, value: str) -> Reply:
    return replace(response, headers={**response.headers, "Monotron-Key-Expires": value})


@pytest.mark.parametrize(
    ("variables", "lines", "path"),
    [
        ({}, VERSION_LINES, "/v1/accounts/3/versions/gl:acme:shop/c0ffee?"),
        ({"MONOTRON_BUMP": "none"}, VERSION_LINES, "/v1/accounts/3/versions/gl:acme:shop?"),
        (COUNTER, NUMBER_LINES, "/v1/accounts/3/series/gl:acme:shop/gl-gitlab.example.com-7?"),
        ({**COUNTER, "MONOTRON_BUMP": "none"}, NUMBER_LINES, "/v1/accounts/3/series/gl:acme:shop?"),
    ],
    ids=["version", "latest version", "number", "current number"],
)
@pytest.mark.parametrize("variable", ["MONOTRON_ACCOUNT", "MONOTRON_INPUT_ACCOUNT"])
def test_the_account_is_part_of_the_path_and_compared_with_the_response(
    tmp_path: Path, variables: dict[str, str], lines: str, path: str, variable: str
) -> None:
    own = dotenv_response(lines.replace("CREATOR_ID=1", "CREATOR_ID=3"))
    stand_in, run = run_against(tmp_path, own, **{variable: "3"}, **variables)
    assert run.passed, run.output
    assert stand_in.requests[0].path.startswith(path)
    report = dotenv(tmp_path / "project")
    assert report is not None
    assert report["MONOTRON_CREATOR_ID"] == "3"


@pytest.mark.parametrize(("variables", "lines"), [({}, VERSION_LINES), (COUNTER, NUMBER_LINES)])
def test_a_response_of_another_account_fails_the_job(
    tmp_path: Path, variables: dict[str, str], lines: str
) -> None:
    with StandIn([dotenv_response(lines)]) as stand_in:
        project = Project(stand_in.url, tmp_path / "project")
        output = project.failure(MONOTRON_ACCOUNT="3", **variables)
    assert "error: The response belongs to account 1, not to account 3.\n" in output
    assert "no proxy changes the paths of requests" in output


@pytest.mark.parametrize("account", ["0", "03", "-1", "acme", "1/2", "1 ", "1" * 20])
def test_an_invalid_account_is_refused(tmp_path: Path, account: str) -> None:
    with StandIn([]) as stand_in:
        output = Project(stand_in.url, tmp_path / "project").failure(MONOTRON_ACCOUNT=account)
    assert stand_in.requests == []
    assert "MONOTRON_ACCOUNT must be the id of an account" in output


def test_two_accounts_have_versions_of_the_same_name(tmp_path: Path) -> None:
    with Server("sqlite://", env=ROOT_ENV) as server:
        with server.client(authorization=ROOT) as root:
            second = str(root.request("POST", "/v1/accounts").json()["id"])
        project = Project(server.url, tmp_path / "project", "shop")
        key = {"MONOTRON_API_KEY": ":".join(ROOT_ENV.values())}
        assert project.version("a", **key) == "0.0.1"
        report = project.report("b", **key, MONOTRON_ACCOUNT=second)
        assert (report["MONOTRON_VERSION"], report["MONOTRON_CREATOR_ID"]) == ("0.0.1", second)
        assert project.version("b", **key) == "0.0.2"


@pytest.mark.parametrize(("variables", "lines"), [({}, VERSION_LINES), (COUNTER, NUMBER_LINES)])
def test_an_api_key_that_expires_soon_is_a_warning(
    tmp_path: Path, variables: dict[str, str], lines: str
) -> None:
    _, run = run_against(tmp_path, with_header(dotenv_response(lines), EXPIRES), **variables)
    assert run.passed, run.output
    assert f"warning: The API key expires at {EXPIRES}. Create a new one" in run.output


@pytest.mark.parametrize("value", ["", "soon", f"{EXPIRES}$(id)", "2027-01-31", "\x1b[31m"])
def test_another_expiry_is_ignored(tmp_path: Path, value: str) -> None:
    _, run = run_against(tmp_path, with_header(dotenv_response(), value))
    assert run.passed, run.output
    assert "expires" not in run.output


def test_an_identity_token_of_16_kib_is_sent(tmp_path: Path) -> None:
    token = f"eyJ.{'x' * 16_300}.x"
    stand_in, run = run_against(tmp_path, dotenv_response(), MONOTRON_ID_TOKEN=token)
    assert run.passed, run.output
    assert stand_in.requests[0].headers["Authorization"] == f"Bearer {token}"
    assert token not in run.output
