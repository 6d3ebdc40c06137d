"""docs/ci/keyless.md: settings, commands and steps run as printed, until a job gets its version.

The issuers have their real URLs, and serve their keys on loopback.
"""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import yaml

from docs.test_drift import section
from docs.test_recipes import Machine, Shell, from_buildkite, from_groovy, from_yaml
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.trust_schema import configured_issuers
from monotron.config import Settings
from support.ci_claims import azure, bitbucket, buildkite, circleci, jenkins
from support.claims import AUDIENCE
from support.issuer import JWKS, IssuerServer
from support.server import ROOT, ROOT_ENV, Server
from support.stand_in import ReceivedRequest, Reply, StandIn
from support.terminal import Terminal

PAGE = (Path(__file__).parents[2] / "docs" / "ci" / "keyless.md").read_text()
CONTEXT_IDS = "oidc.circleci.com/context-ids"
ACCESS_TOKEN = "access-token-of-the-run"


class Platform(NamedTuple):
    heading: str
    claims: Callable[[], dict[str, Any]]
    shell: Shell
    stranger: dict[str, Any]
    """Claims of a job that must be refused."""


PLATFORMS = {
    "circleci": Platform(
        "CircleCI",
        circleci,
        from_yaml("run", "command"),
        {"oidc.circleci.com/vcs-origin": "github.com/mallory/shop"},
    ),
    "buildkite": Platform("Buildkite", buildkite, from_buildkite, {"build_branch": "mallory:main"}),
    "bitbucket": Platform(
        "Bitbucket", bitbucket, from_yaml("step", "script"), {"deploymentEnvironmentUuid": None}
    ),
    "azure": Platform("Azure DevOps", azure, from_yaml("bash"), {"rpo_ref": "refs/pull/5/merge"}),
    "jenkins": Platform(
        "Jenkins",
        jenkins,
        from_groovy,
        {"sub": "https://jenkins.example.com/job/shop/job/PR-5/"},
    ),
}


def blocks(kind: str) -> tuple[str, str, str]:
    """The settings, the command with its output, and the step of a platform."""
    text = section(PAGE, f"## {PLATFORMS[kind].heading}")
    settings, command, step = re.findall(r"^```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return settings, command, step


def arguments_and_output(kind: str) -> tuple[list[str], str]:
    text = blocks(kind)[1].removeprefix("$ monotron ").replace("\\\n", "")
    command, _, output = text.partition("\n")
    return shlex.split(command), output


@pytest.fixture(scope="module")
def issuer() -> Iterator[IssuerServer]:
    with IssuerServer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def server(issuer: IssuerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the settings of all platforms. Their keys are on loopback."""
    local = {"allow_private": True, "jwks_url": issuer.url + JWKS}
    issuers = [
        {**each, **local}
        for kind in PLATFORMS
        for each in yaml.safe_load(blocks(kind)[0])["issuers"]
    ]
    config = tmp_path_factory.mktemp("keyless") / "monotron.yml"
    config.write_text(yaml.safe_dump({"audience": AUDIENCE, "issuers": issuers}))
    with Server("sqlite://", args=["--config", str(config)], env=ROOT_ENV) as server:
        yield server


@pytest.fixture(scope="module")
def trusts(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The trust policies that the commands of the page create, by platform."""
    key = ":".join(ROOT_ENV.values())
    operator = Terminal(tmp_path_factory.mktemp("op"), server.url, MONOTRON_API_KEY=key)
    for kind in PLATFORMS:
        arguments, output = arguments_and_output(kind)
        assert operator.prints(*arguments) == output
    with server.client(authorization=ROOT) as client:
        created = client.request("GET", "/v1/accounts/1/trusts").json()["trusts"]
    return dict(zip(PLATFORMS, created, strict=True))


def token(kind: str, trust: Mapping[str, Any], issuer: IssuerServer, **changes: Any) -> str:
    """A token of a job that matches the trust policy, apart from the changes."""
    now = int(time.time())
    claims = {**PLATFORMS[kind].claims(), **trust["claims"], "iss": trust["issuer"]}
    claims |= {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": uuid4().hex, **changes}
    if kind == "bitbucket":
        claims["aud"] = [f"ari:cloud:bitbucket::workspace/{claims['workspaceUuid']}", AUDIENCE]
    return issuer.signers[0].token(claims)


def provide(machine: Machine, kind: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the machine what the platform provides to a job, with this token."""
    file = machine.folder / "token"
    file.write_text(token)
    calls = machine.folder / "calls"
    for name, word in (("circleci", "run"), ("buildkite-agent", "oidc")):
        script = machine.folder / "programs" / name
        script.write_text(
            f'#!/bin/sh\nif [ "$1" = {word} ]; then printf "%s\\n" "$@" >{calls}; cat {file};'
            ' else echo "$@"; fi\n'
        )
        script.chmod(0o755)
    variables = {"bitbucket": "BITBUCKET_STEP_OIDC_TOKEN", "jenkins": "TOKEN"}
    if kind in variables:
        monkeypatch.setenv(variables[kind], token)


def endpoint(token: str) -> Callable[[ReceivedRequest], Reply]:
    """Azure's token endpoint."""

    def respond(request: ReceivedRequest) -> Reply:
        assert (request.method, request.path) == ("POST", "/oidctoken?api-version=7.1")
        assert request.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
        return Reply.json({"oidcToken": token})

    return respond


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path)


@pytest.mark.parametrize("kind", PLATFORMS)
class TestPlatform:
    def test_the_settings_are_accepted(self, kind: str, tmp_path: Path) -> None:
        file = tmp_path / "monotron.yml"
        file.write_text(f"audience: {AUDIENCE}\n{blocks(kind)[0]}")
        settings = Settings.load({"config": str(file)}, {})
        (issuer,) = configured_issuers(settings.issuers)
        assert issuer.kind == kind

    def test_a_job_gets_its_version(
        self,
        kind: str,
        server: Server,
        trusts: Mapping[str, Any],
        issuer: IssuerServer,
        machine: Machine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        step = PLATFORMS[kind].shell(blocks(kind)[2])
        accepted = token(kind, trusts[kind], issuer)
        provide(machine, kind, accepted, monkeypatch)
        monkeypatch.setenv("SYSTEM_ACCESSTOKEN", ACCESS_TOKEN)
        with StandIn(endpoint(accepted)) as stand_in:
            monkeypatch.setenv("SYSTEM_OIDCREQUESTURI", f"{stand_in.url}/oidctoken")
            process = machine.run(step, server.url)
        assert (process.returncode, process.stderr) == (0, b"")
        assert (machine.folder / "monotron.txt").read_text() == "0.1.0\n"
        assert accepted.encode() not in process.stdout

    def test_a_job_of_a_stranger_is_refused_with_the_reason(
        self,
        kind: str,
        server: Server,
        trusts: Mapping[str, Any],
        issuer: IssuerServer,
        machine: Machine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        step = PLATFORMS[kind].shell(blocks(kind)[2])
        foreign = token(kind, trusts[kind], issuer, **PLATFORMS[kind].stranger)
        provide(machine, kind, foreign, monkeypatch)
        monkeypatch.setenv("SYSTEM_ACCESSTOKEN", ACCESS_TOKEN)
        with StandIn(endpoint(foreign)) as stand_in:
            monkeypatch.setenv("SYSTEM_OIDCREQUESTURI", f"{stand_in.url}/oidctoken")
            process = machine.run(step, server.url)
        assert process.returncode != 0
        assert b"401 " in process.stderr
        assert next(iter(PLATFORMS[kind].stranger)).encode() in process.stderr


def test_the_steps_request_our_audience_and_the_ids(machine: Machine) -> None:
    circleci_step, buildkite_step = blocks("circleci")[2], blocks("buildkite")[2]
    (claims,) = re.findall(r"circleci run oidc get --claims '(.*?)'\)", circleci_step)
    assert json.loads(claims) == {"aud": AUDIENCE}
    assert f"--audience {AUDIENCE} --claim organization_id,pipeline_id)" in buildkite_step
    (step,) = yaml.safe_load(blocks("bitbucket")[2])
    assert step["step"]["oidc"] == {"audiences": [AUDIENCE]}
    (task,) = yaml.safe_load(blocks("azure")[2])
    assert task["env"] == {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}


def test_the_table_contains_the_claims_that_a_trust_policy_can_contain() -> None:
    rows = re.findall(r"^\| (\w[\w ]*?) \|(.*)\|$", section(PAGE, "## Claims"), re.MULTILINE)
    documented = {
        heading: [set(re.findall(r"`([\w-]+)`", cell)) for cell in text.split("|")]
        for heading, text in rows
    }
    for kind, platform in PLATFORMS.items():
        provider = PROVIDERS[kind]
        who, where, unprotected, optional = documented[platform.heading]
        assert who == short({*provider.required_ids, *provider.claims_of_rules})
        assert where - who == short(provider.location_claims)
        assert unprotected == short(provider.unprotected_claims)
        assert optional == short(provider.allowed_claims) - who - where - unprotected


def short(claims: set[str] | frozenset[str]) -> set[str]:
    return {claim.removeprefix("oidc.circleci.com/") for claim in claims}
