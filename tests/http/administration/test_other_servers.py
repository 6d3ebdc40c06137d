"""An account is disabled on one of two servers with the same MongoDB: the other one follows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from support.claims import AUDIENCE, github
from support.credentials import JSON, UNLIMITED, bearer, new_account, new_key
from support.issuer import IssuerServer
from support.member import until
from support.mongod import ReplicaSet
from support.server import ROOT, ROOT_ENV, Client, Server

MAX_DELAY_SECONDS = 5
"""From docs/security.md: a disabled account is refused within 5 s on other servers."""


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with IssuerServer() as issuer:
        yield issuer


@pytest.fixture
def servers(
    replica_set: ReplicaSet, issuer: IssuerServer, tmp_path: Path
) -> Iterator[tuple[Server, Server]]:
    """Two servers with one database, which trust the issuer."""
    issuers = [{"url": issuer.url, "kind": "github", "allow_private": True}]
    config = tmp_path / "monotron.yml"
    config.write_text(yaml.safe_dump({"audience": AUDIENCE, "issuers": issuers}))
    args = [*UNLIMITED, "--operations-per-identity=0", "--config", str(config)]
    url = replica_set.url("servers")
    with Server(url, args=args, env=ROOT_ENV) as one, Server(url, args=args, env=ROOT_ENV) as other:
        yield one, other
    with replica_set.client() as client:
        client.drop_database("servers")


def trusted_job(root: Client, account: int, issuer: IssuerServer) -> str:
    """Create a trust policy, and return the identity token of a job that matches it."""
    policy = {
        "issuer": issuer.url,
        "claims": {"repository_id": "777", "ref": "refs/heads/main"},
        "scopes": ["*:series"],
    }
    path = f"/v1/accounts/{account}/trusts"
    assert root.request("POST", path, json.dumps(policy), JSON).status == 200
    now = int(time.time())
    times = {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": uuid4().hex}
    return issuer.signers[0].token(github(iss=issuer.url, **times))


def wait_for_status(server: Server, secrets: list[str], status: int) -> None:
    """Poll the server with each credential until the response has the status.

    No request that was sent after the documented delay may have another one.
    """
    changed = time.monotonic()
    with server.client() as client:

        def has_status(secret: str) -> Callable[[], bool]:
            def ask() -> bool:
                sent = time.monotonic()
                headers = {"Authorization": bearer(secret)}
                response = client.request("PUT", "/v1/series/builds/T?reuse=any", headers=headers)
                late = sent - changed > MAX_DELAY_SECONDS
                assert response.status == status or not late, response
                return response.status == status

            return ask

        for secret in secrets:
            until(has_status(secret), 60, f"status {status}")


def test_a_disabled_account_is_refused_by_the_other_server_until_it_is_enabled(
    servers: tuple[Server, Server], issuer: IssuerServer
) -> None:
    one, other = servers
    with one.client(authorization=ROOT) as root:
        account = new_account(root)
        secrets = [new_key(root, account, "*:series"), trusted_job(root, account, issuer)]
        for server in servers:
            wait_for_status(server, secrets, 200)

        path = f"/v1/accounts/{account}"
        for members, status in ({"disabled": True}, 403), ({"disabled": False}, 200):
            assert root.request("PATCH", path, json.dumps(members), JSON).status == 200
            wait_for_status(other, secrets, status)
            with one.client() as client:
                for secret in secrets:
                    headers = {"Authorization": bearer(secret)}
                    response = client.request("GET", "/v1/series/builds", headers=headers)
                    assert response.status == status
