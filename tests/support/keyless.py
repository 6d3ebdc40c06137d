"""A real Monotron that trusts a test issuer, and the services around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml

from support.claims import AUDIENCE
from support.credentials import JSON, new_account
from support.issuer import IssuerServer
from support.server import ROOT, ROOT_ENV, Server
from support.stand_in import ReceivedRequest, Reply, StandIn
from support.terminal import Terminal

RUNNER_SECRET = "secret-of-the-runner"
"""The credential with which a job requests identity tokens from its runner."""


IDS = {
    "github": ("--repository-id=777", "--owner-id=42"),
    "gitlab": ("--project-id=20", "--namespace-id=72"),
}
"""The options for acme/shop, so that `monotron trust` does not ask GitHub or GitLab for ids."""


@dataclass(frozen=True)
class Keyless:
    server: Server
    issuer: IssuerServer
    operator: Terminal
    """With the root key."""

    def token(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims, issued now."""
        return self.issuer.job_token(claims)

    def new_key(self, *arguments: str) -> str:
        """Create an API key of account 1, and return its secret."""
        return self.operator.run("key", "create", *arguments).stdout.strip()

    def versions(self, account: str, name: str) -> list[str]:
        """The versions of the name in an account, newest first."""
        with self.server.client(authorization=ROOT) as root:
            page = root.request("GET", f"/v1/accounts/{account}/releases/{name}").json()
        return [release["version"] for release in page["releases"]]


@contextmanager
def keyless(kind: str, folder: Path, **env: str) -> Iterator[Keyless]:
    """Start Monotron with a root key, this environment and an issuer of this kind."""
    with IssuerServer() as issuer:
        issuers = [{"url": issuer.url, "kind": kind, "allow_private": True}]
        config = folder / "monotron.yml"
        config.write_text(yaml.safe_dump({"audience": AUDIENCE, "issuers": issuers}))
        with Server("sqlite://", args=["--config", str(config)], env={**ROOT_ENV, **env}) as server:
            key = ":".join(ROOT_ENV.values())
            yield Keyless(server, issuer, Terminal(folder, server.url, MONOTRON_API_KEY=key))


@contextmanager
def keyless_for_main(kind: str, folder: Path, **env: str) -> Iterator[Keyless]:
    """Start Monotron with a trust policy for the branch main of acme/shop (see `claims.py`)."""
    with keyless(kind, folder, **env) as monotron:
        issuer = f"--issuer={monotron.issuer.url}"
        options = ("--branch=main", *IDS[kind], issuer)
        monotron.operator.prints("trust", kind, "acme/shop", *options)
        yield monotron


class TwoTenants(NamedTuple):
    """The ids of two accounts."""

    acme: str
    mallory: str


@contextmanager
def two_tenants(kind: str, folder: Path, name: str) -> Iterator[tuple[Keyless, TwoTenants]]:
    """Start Monotron with two accounts that trust the branch main of acme/shop.

    Both have versions of the *name*, Acme 1.4.2 and Mallory 7.0.0.
    """
    with keyless(kind, folder) as monotron:
        options = ("--branch=main", *IDS[kind], f"--issuer={monotron.issuer.url}", f"--name={name}")
        with monotron.server.client(authorization=ROOT) as root:
            ids = [new_account(root), new_account(root)]
            for id, version in zip(ids, ("1.4.2", "7.0.0"), strict=True):
                monotron.operator.prints("trust", kind, "acme/shop", *options, f"--account={id}")
                path = f"/v1/accounts/{id}/versions/{name}"
                response = root.request("PUT", path, json.dumps({"version": version}), JSON)
                assert response.status == 200, response
        yield monotron, TwoTenants(*map(str, ids))


@contextmanager
def token_endpoint(sign: Callable[[str], str]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Start GitHub's token endpoint.

    Yields the environment of a job that may use it, and the list of the tokens it has issued.
    """
    issued: list[str] = []

    def respond(request: ReceivedRequest) -> Reply:
        if request.headers.get("Authorization") != f"Bearer {RUNNER_SECRET}":
            return Reply.json({"message": "no"}, 401)
        (audience,) = parse_qs(urlsplit(request.path).query)["audience"]
        issued.append(sign(audience))
        return Reply.json({"count": 1, "value": issued[-1]})

    with StandIn(respond) as runner:
        env = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{runner.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": RUNNER_SECRET,
        }
        yield env, issued


@contextmanager
def watched(server: Server) -> Iterator[tuple[str, list[str]]]:
    """Start a proxy in front of the server.

    Yields its URL, and the command lines of all processes during its requests.
    """
    processes: list[str] = []

    def respond(request: ReceivedRequest) -> Reply:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                processes.append(path.read_text(errors="replace").replace("\0", " "))
            except OSError:
                continue  # the process has ended
        forwarded = ("authorization", "content-type", "accept")
        headers = {
            name: value for name, value in request.headers.items() if name.lower() in forwarded
        }
        with server.client() as client:
            response = client.request(request.method, request.path, request.body, headers)
        return Reply(
            response.status, response.body, {"Content-Type": str(response.headers["Content-Type"])}
        )

    with StandIn(respond) as proxy:
        yield proxy.url, processes
