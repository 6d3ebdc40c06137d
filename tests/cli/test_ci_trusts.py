"""`monotron trust circleci|buildkite|bitbucket|azure|jenkins`, on a server and on a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ci_claims import (
    AZURE,
    AZURE_AUDIENCE,
    AZURE_REPOSITORY,
    BITBUCKET,
    BUILDKITE,
    CIRCLECI,
    CLUSTER,
    CONTEXT,
    ENVIRONMENT,
    JENKINS,
    JOB,
    ORGANIZATION,
    PIPELINE,
    PROJECT,
    QUEUE,
    REPOSITORY,
    WORKSPACE,
    C,
    uuid,
)
from support.claims import AUDIENCE
from support.server import ROOT_ENV, Server
from support.terminal import Terminal

CONFIG: dict[str, Any] = {
    "audience": AUDIENCE,
    "issuers": [
        *({"url": url} for url in (CIRCLECI, BUILDKITE, BITBUCKET)),
        {"url": AZURE, "audience": AZURE_AUDIENCE},
        {"url": JENKINS, "kind": "jenkins"},
    ],
}
NAME = "--name=shop"
UNPROTECTED = "--accept-unprotected"
COMMANDS: dict[str, tuple[str, ...]] = {
    "circleci": (
        f"--organization-id={ORGANIZATION}",
        f"--project-id={PROJECT}",
        "--origin=github.com/acme/shop",
    ),
    "buildkite": (f"--organization-id={ORGANIZATION}", f"--pipeline-id={PIPELINE}"),
    "bitbucket": ("acme", f"--workspace-id={WORKSPACE}", f"--repository-id={REPOSITORY}"),
    "azure": (
        f"--organization-id={ORGANIZATION}",
        f"--project-id={PROJECT}",
        f"--repository-url={AZURE_REPOSITORY}",
    ),
    "jenkins": (f"--issuer={JENKINS}",),
}
"""The options that identify the owner."""

CIRCLECI_IDS = {
    f"{C}org-id": ORGANIZATION,
    f"{C}project-id": PROJECT,
    f"{C}vcs-origin": "github.com/acme/shop",
}
BUILDKITE_IDS = {"pipeline_id": PIPELINE, "organization_id": ORGANIZATION}
BITBUCKET_IDS = {"workspaceUuid": WORKSPACE, "repositoryUuid": REPOSITORY}
AZURE_IDS = {"prj_id": PROJECT, "org_id": ORGANIZATION, "rpo_uri": AZURE_REPOSITORY}
MAIN = "refs/heads/main"

ACCEPTED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("circleci", ("--branch=main",), {**CIRCLECI_IDS, f"{C}vcs-ref": MAIN}),
    ("circleci", ("--branch=refs/tags/v1",), {**CIRCLECI_IDS, f"{C}vcs-ref": "refs/tags/v1"}),
    (
        "circleci",
        (f"--context-id={CONTEXT}", f"--context-id={uuid('0')}", UNPROTECTED),
        {**CIRCLECI_IDS, f"{C}context-ids": [CONTEXT, uuid("0")]},
    ),
    ("buildkite", ("--branch=main", UNPROTECTED), {**BUILDKITE_IDS, "build_branch": "main"}),
    (
        "buildkite",
        (f"--cluster-id={CLUSTER}", f"--queue-id={QUEUE}", "--source=webhook", UNPROTECTED),
        {**BUILDKITE_IDS, "cluster_id": CLUSTER, "queue_id": QUEUE, "build_source": "webhook"},
    ),
    (
        "bitbucket",
        (f"--environment-id={ENVIRONMENT.strip('{}')}", UNPROTECTED),
        {**BITBUCKET_IDS, "deploymentEnvironmentUuid": ENVIRONMENT},
    ),
    ("bitbucket", ("--branch=main", UNPROTECTED), {**BITBUCKET_IDS, "branchName": "main"}),
    ("azure", ("--branch=main",), {**AZURE_IDS, "rpo_ref": MAIN}),
    (
        "azure",
        ("--branch=main", "--pipeline-id=12"),
        {**AZURE_IDS, "rpo_ref": MAIN, "def_id": "12"},
    ),
    ("jenkins", (JOB,), {"sub": JOB}),
    ("jenkins", (JOB[:-1], JOB.replace("main", "v1")), {"sub": [JOB, JOB.replace("main", "v1")]}),
    (
        "jenkins",
        (JOB, "--claim=is_release=true", "--claim=level=-7", "--claim=stage=a=b", "--claim=n=07"),
        {"sub": JOB, "is_release": True, "level": -7, "stage": "a=b", "n": "07"},
    ),
]

REFUSED_BY_SERVER = [
    ("circleci", (), "must also restrict where the job runs"),
    ("circleci", (f"--context-id={CONTEXT}",), "accept_unprotected"),
    ("circleci", ("--branch=refs/pull/5/head",), "a complete ref"),
    ("circleci", ("--branch=main", "--origin=git@github.com:acme/shop"), "a repository, such as"),
    ("buildkite", ("--branch=main",), "accept_unprotected"),
    ("buildkite", (f"--cluster-id={CLUSTER}",), "accept_unprotected"),
    ("buildkite", (UNPROTECTED,), "accept_unprotected"),
    ("bitbucket", ("--branch=main",), "accept_unprotected"),
    ("bitbucket", ("--branch=*", UNPROTECTED), "wildcards"),
    ("azure", ("--branch=refs/pull/5/merge",), "a complete ref"),
    ("jenkins", (JOB.replace("main", "PR-5"),), "does not build pull requests"),
    ("jenkins", (JOB, "--claim=iss=x"), "is always checked"),
    ("jenkins", (JOB, "--claim=n=9999999999999999"), "an integer must be between"),
    ("jenkins", ("https://jenkins.example.com/",), "the complete URL of a job"),
    ("jenkins", (JOB, "--issuer=https://evil.example/oidc"), "Untrusted `issuer`"),
]

INVALID_USAGE = [
    ("circleci", ("--branch=main", "--project-id=shop"), "--project-id"),
    ("azure", (), "--branch"),
    ("azure", ("--branch=main", "--pipeline-id=0"), "--pipeline-id"),
    ("jenkins", (), "JOB_URL"),
    ("jenkins", (JOB, "--claim=stage"), "--claim"),
    ("jenkins", (JOB, "--claim=a=1", "--claim=a=2"), "a is passed twice"),
    ("jenkins", (JOB, "--claim=sub=x"), "sub is passed twice"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = tmp_path_factory.mktemp("ci") / "monotron.yml"
    config.write_text(yaml.safe_dump(CONFIG))
    with Server("sqlite://", args=["--config", str(config)], env=ROOT_ENV) as server:
        yield server


@pytest.fixture
def admin(server: Server, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, server.url, MONOTRON_API_KEY=":".join(ROOT_ENV.values()))


@pytest.mark.parametrize(("kind", "options", "claims"), ACCEPTED)
def test_a_trust_policy_contains_the_ids_of_the_platform(
    kind: str, options: tuple[str, ...], claims: dict[str, Any], admin: Terminal
) -> None:
    arguments = ("trust", kind, *COMMANDS[kind], *options, NAME, "--output=json")
    trust = json.loads(admin.prints(*arguments))
    assert trust["claims"] == claims
    assert trust["names"] == ["shop"]
    assert trust.get("accept_unprotected", False) is (UNPROTECTED in options)


@pytest.mark.parametrize(("kind", "options", "word"), REFUSED_BY_SERVER)
def test_what_the_server_refuses_is_refused_with_its_reason(
    kind: str, options: tuple[str, ...], word: str, admin: Terminal
) -> None:
    before = admin.prints("trust", "list")
    assert word in admin.fails(1, "trust", kind, *COMMANDS[kind], *options, NAME)
    assert admin.prints("trust", "list") == before


@pytest.mark.parametrize(("kind", "options", "word"), INVALID_USAGE)
def test_invalid_usage_is_refused_with_the_option(
    kind: str, options: tuple[str, ...], word: str, admin: Terminal
) -> None:
    assert word in admin.fails(2, "trust", kind, *COMMANDS[kind], *options, NAME)


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("names", [(), (NAME, "--all-names")])
def test_either_names_or_all_names_must_be_passed(
    kind: str, names: tuple[str, ...], admin: Terminal
) -> None:
    options = (JOB,) if kind == "jenkins" else ("--branch=main",)
    error = admin.fails(2, "trust", kind, *COMMANDS[kind], *options, *names)
    assert "pass either --name or --all-names" in error


def test_all_names_can_be_allowed(admin: Terminal) -> None:
    options = ("--branch=main", "--all-names", "--output=json")
    trust = json.loads(admin.prints("trust", "circleci", *COMMANDS["circleci"], *options))
    assert trust["names"] == ["*"]


@pytest.mark.parametrize(
    "origin", ["https://github.com/acme/shop.git", "https://github.com/acme/shop/"]
)
def test_the_origin_may_be_the_url_of_the_repository(origin: str, admin: Terminal) -> None:
    options = (f"--origin={origin}", "--branch=main", NAME, "--output=json")
    trust = json.loads(admin.prints("trust", "circleci", *COMMANDS["circleci"], *options))
    assert trust["claims"][f"{C}vcs-origin"] == "github.com/acme/shop"


def test_the_list_shows_values_of_every_type(server: Server, admin: Terminal) -> None:
    claims = {"sub": JOB, "is_release": True, "build_number": [1, 2], "stage": None}
    body = {"issuer": JENKINS, "claims": claims, "scopes": ["read:series"]}
    with server.client(authorization=None) as client:
        headers = {"Authorization": f"Bearer {':'.join(ROOT_ENV.values())}"}
        path = "/v1/accounts/1/trusts"
        assert client.request("POST", path, json.dumps(body), headers).status == 200
    listed = admin.prints("trust", "list")
    assert "is_release true, build_number 1 or 2, stage null" in listed


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_trust_policy_can_be_created_in_the_file_of_a_stopped_server(
    kind: str, offline: Terminal
) -> None:
    Path(offline.folder, "monotron.yml").write_text(yaml.safe_dump(CONFIG))
    (options, claims) = next((each[1], each[2]) for each in ACCEPTED if each[0] == kind)
    store = ("--store=sqlite:///monotron.db", "--config=monotron.yml", "--output=json")
    process = offline.run("trust", kind, *COMMANDS[kind], *options, NAME, *store)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["claims"] == claims
