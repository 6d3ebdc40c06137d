"""Jobs of CircleCI, Jenkins and Azure DevOps sign in to a real server, with a real issuer."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from support.ci_claims import (
    AZURE_AUDIENCE,
    AZURE_REPOSITORY,
    JOB,
    ORGANIZATION,
    PROJECT,
    C,
    azure,
    circleci,
    jenkins,
)
from support.claims import AUDIENCE
from support.issuer import IssuerServer
from support.log_lines import lines_of
from support.server import ROOT, ROOT_ENV, Client, Server

MAIN = {
    f"{C}org-id": ORGANIZATION,
    f"{C}project-id": PROJECT,
    f"{C}vcs-origin": "github.com/acme/shop",
    f"{C}vcs-ref": "refs/heads/main",
}
CLAIMS: dict[str, dict[str, Any]] = {
    "circleci": MAIN,
    "jenkins": {"sub": JOB},
    "azure": {"prj_id": PROJECT, "rpo_uri": AZURE_REPOSITORY, "rpo_ref": "refs/heads/main"},
}
JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "circleci": circleci,
    "jenkins": jenkins,
    "azure": azure,
}

NUMBERS = itertools.count()
"""For claims that differ between jobs."""

Issuers = dict[str, IssuerServer]
CiJob = Callable[..., Client]


@pytest.fixture(scope="module")
def issuers() -> Iterator[Issuers]:
    with IssuerServer() as first, IssuerServer() as second, IssuerServer() as third:
        yield dict(zip(JOBS, (first, second, third), strict=True))


@pytest.fixture(scope="module")
def server(issuers: Issuers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings: list[dict[str, Any]] = [
        {"url": issuer.url, "kind": kind, "allow_private": True} for kind, issuer in issuers.items()
    ]
    settings[-1]["audience"] = AZURE_AUDIENCE
    config = tmp_path_factory.mktemp("ci") / "monotron.yml"
    content = {"audience": AUDIENCE, "issuers": settings, "operations_per_identity": 2}
    config.write_text(yaml.safe_dump(content))
    with Server("sqlite://", env=ROOT_ENV, args=["--config", str(config)]) as server:
        with server.client(authorization=ROOT) as root:
            for kind, issuer in issuers.items():
                trust = {"issuer": issuer.url, "claims": CLAIMS[kind]}
                body = json.dumps({**trust, "scopes": ["read,write:series"]})
                response = root.request("POST", "/v1/accounts/1/trusts", body)
                assert response.status == 200, response.body
                assert response.json()["claims"] == CLAIMS[kind]
        yield server


@pytest.fixture
def job(server: Server, issuers: Issuers) -> Iterator[CiJob]:
    """Creates a client with a new token of a platform."""
    clients = []

    def create(kind: str, **changes: Any) -> Client:
        now = int(time.time())
        number = next(NUMBERS)
        own = {
            "circleci": {"job_id": str(number)},
            "jenkins": {"build_number": number},
            "azure": {"jti": str(number)},
        }[kind]
        times = {"iat": now, "exp": now + 300, "iss": issuers[kind].url}
        claims = JOBS[kind](**{**times, **own, **changes})
        if "nbf" in claims:
            claims["nbf"] = now - 600
        token = issuers[kind].signers[0].token(claims)
        clients.append(server.client(authorization=f"Bearer {token}"))
        return clients[-1]

    yield create
    for client in clients:
        client.close()


def outcome(client: Client, path: str, method: str = "PUT") -> tuple[int, str]:
    response = client.request(method, path)
    return response.status, "" if response.status == 200 else response.json()["code"]


@pytest.mark.parametrize("kind", JOBS)
def test_a_job_gets_a_version_and_a_retry_the_same_one(
    kind: str, job: CiJob, fresh_key: str
) -> None:
    client = job(kind)
    for reused in False, True:
        response = client.request("PUT", f"/v1/versions/{fresh_key}/commit?bump=minor")
        assert response.status == 200, response.body
        assert response.json()["version"] == "0.1.0"
        assert response.json()["reused"] is reused


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("circleci", {"vcs_origin": "github.com/mallory/shop"}),
        ("circleci", {"ssh_rerun": True}),
        ("jenkins", {"sub": JOB.replace("main", "PR-5")}),
        ("jenkins", {"aud": [AUDIENCE, "https://other.example.com"]}),
        ("azure", {"rpo_ref": "refs/pull/5/merge"}),
        ("azure", {"sub": "sc://acme/shop/monotron"}),
        ("azure", {"aud": AUDIENCE}),
    ],
)
def test_a_job_that_a_stranger_can_cause_is_refused(
    kind: str, changes: dict[str, Any], job: CiJob, fresh_key: str
) -> None:
    path = f"/v1/versions/{fresh_key}/commit?bump=minor"
    assert outcome(job(kind, **changes), path) == (401, "unauthenticated")
    assert outcome(job(kind), path) == (200, "")


@pytest.mark.parametrize("kind", ["circleci", "jenkins"])
def test_a_token_without_jti_can_be_used_for_the_configured_number_of_paths(
    kind: str, job: CiJob, fresh_key: str
) -> None:
    client = job(kind)
    path = f"/v1/versions/{fresh_key}"
    assert outcome(client, f"{path}/a?bump=minor") == (200, "")
    assert outcome(client, path, "GET") == (200, "")
    assert outcome(client, f"{path}/b?bump=minor") == (200, "")
    assert outcome(client, f"{path}/c?bump=minor") == (401, "token_replayed")
    assert outcome(client, f"{path}/a?bump=minor") == (200, "")


def test_a_token_of_azure_can_be_used_for_one_path_only(job: CiJob, fresh_key: str) -> None:
    path = f"/v1/versions/{fresh_key}"
    writer, reader = job("azure"), job("azure")
    assert outcome(writer, f"{path}/a?bump=minor") == (200, "")
    assert outcome(writer, f"{path}/b?bump=minor") == (401, "token_replayed")
    assert outcome(writer, path, "GET") == (401, "token_replayed")
    assert outcome(writer, f"{path}/a?bump=minor") == (200, "")
    assert outcome(reader, path, "GET") == (200, "")
    assert outcome(reader, f"{path}/b?bump=minor") == (401, "token_replayed")


def test_a_path_with_and_without_the_account_is_one_path(job: CiJob, fresh_key: str) -> None:
    path = f"versions/{fresh_key}/commit?bump=minor"
    short_first, long_first = job("azure"), job("azure")
    for prefix in ("/v1", "/v1/accounts/1", "/v1"):
        assert outcome(short_first, f"{prefix}/{path}") == (200, "")
    for prefix in ("/v1/accounts/1", "/v1", "/v1/accounts/1"):
        assert outcome(long_first, f"{prefix}/{path}") == (200, "")


@pytest.mark.parametrize("kind", ["circleci", "jenkins"])
def test_an_audience_with_an_account_is_valid_in_this_account_only(
    kind: str, job: CiJob, fresh_key: str
) -> None:
    aud: Any = f"{AUDIENCE}/accounts/1"
    client = job(kind, aud=[aud] if kind == "jenkins" else aud)
    path = f"versions/{fresh_key}/commit?bump=minor"
    assert outcome(client, f"/v1/{path}") == (200, "")
    assert outcome(client, f"/v1/accounts/1/{path}") == (200, "")
    assert outcome(client, f"/v1/accounts/2/{path}") == (401, "unauthenticated")


def test_the_start_warns_about_the_audience_that_all_services_share(
    server: Server, issuers: Issuers
) -> None:
    lines = [line for line in lines_of(server) if line["message"] != "request"]
    (warning,) = [line for line in lines if AZURE_AUDIENCE in line["message"]]
    assert warning["level"] == "warning"
    assert issuers["azure"].url in warning["message"]
    assert not [line for line in lines if issuers["circleci"].url in line["message"]]
