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

from docs.ci_machine import Machine, Result
from docs.ci_systems import SYSTEMS, Step
from docs.test_drift import section
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
    system: str
    claims: Callable[[], dict[str, Any]]
    stranger: dict[str, Any]
    """Claims of a job that must be refused."""


PLATFORMS = {
    "circleci": Platform(
        "CircleCI",
        "CircleCI",
        circleci,
        {"oidc.circleci.com/vcs-origin": "github.com/mallory/shop"},
    ),
    "buildkite": Platform("Buildkite", "Buildkite", buildkite, {"build_branch": "mallory:main"}),
    "bitbucket": Platform("Bitbucket", "Bitbucket", bitbucket, {"deploymentEnvironmentUuid": None}),
    "azure": Platform("Azure DevOps", "Azure Pipelines", azure, {"rpo_ref": "refs/pull/5/merge"}),
    "jenkins": Platform(
        "Jenkins", "Jenkins", jenkins, {"sub": "https://jenkins.example.com/job/shop/job/PR-5/"}
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


def provide(machine: Machine, token: str) -> None:
    """Put what CircleCI and Buildkite provide to a job on the machine, with this token."""
    (machine.folder / "token").write_text(token)
    for name, word in (("circleci", "run"), ("buildkite-agent", "oidc")):
        other = machine.programs / name
        otherwise = other.read_text() if other.exists() else ""
        machine.provide(name, f'if [ "$1" = {word} ]; then cat token; exit; fi\n{otherwise}')


def endpoint(token: str) -> Callable[[ReceivedRequest], Reply]:
    """Azure's token endpoint."""

    def respond(request: ReceivedRequest) -> Reply:
        assert (request.method, request.path) == ("POST", "/oidctoken?api-version=7.1")
        assert request.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
        return Reply.json({"oidcToken": token})

    return respond


def run(kind: str, machine: Machine, token: str, url: str) -> Result:
    """Run the step of the page with this token, and publish its version."""
    provide(machine, token)
    name = PLATFORMS[kind].system
    system = SYSTEMS[name]
    steps = [*system.steps(blocks(kind)[2]), Step(system.publish)]
    variables = {"bitbucket": "BITBUCKET_STEP_OIDC_TOKEN", "jenkins": "MONOTRON_API_KEY"}
    with StandIn(endpoint(token)) as stand_in:
        return machine.run_recipe(
            name,
            steps,
            url,
            SYSTEM_ACCESSTOKEN=ACCESS_TOKEN,
            SYSTEM_OIDCREQUESTURI=f"{stand_in.url}/oidctoken",
            **({variables[kind]: token} if kind in variables else {}),
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "clone")
    machine.git("init", "--quiet", "--template=")
    machine.commit(str(tmp_path))
    return machine


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
    ) -> None:
        accepted = token(kind, trusts[kind], issuer)
        result = run(kind, machine, accepted, server.url)
        assert (result.code, accepted in result.stdout + result.stderr) == (0, False), result
        assert re.fullmatch(r"0\.\d\.0\n", result.published or "")

    def test_a_job_of_a_stranger_is_refused_with_the_reason(
        self,
        kind: str,
        server: Server,
        trusts: Mapping[str, Any],
        issuer: IssuerServer,
        machine: Machine,
    ) -> None:
        foreign = token(kind, trusts[kind], issuer, **PLATFORMS[kind].stranger)
        result = run(kind, machine, foreign, server.url)
        assert (result.code != 0, result.published) == (True, None)
        assert " 401 " in result.stderr
        assert next(iter(PLATFORMS[kind].stranger)) in result.stderr


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
