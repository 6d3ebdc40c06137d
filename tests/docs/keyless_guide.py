"""The steps of "Keyless in five minutes" in docs/security.md, for the tests that follow them.

A test replaces only the address of the server, the root secret, the platform's API, from which
`monotron trust` reads the ids, and the address of the keys with which the platform signs.
"""

from __future__ import annotations

import re
import shlex
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import yaml

from docs.test_drift import section
from support.claims import AUDIENCE
from support.issuer import JWKS, IssuerServer
from support.member import free_port
from support.server import ROOT, ROOT_ENV, Server
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


class Guide(NamedTuple):
    """The blocks of a guide, for a server with another address."""

    settings: dict[str, str]
    """The environment of the server."""
    operator: dict[str, str]
    """The environment of the command."""
    trust: list[str]
    """The arguments of the command that creates the trust policy."""
    created: str
    """The output of the command."""
    files: list[str]
    """The YAML, with its alternatives."""
    log: str
    """The line that the job prints."""


def read_guide(platform: str, url: str) -> Guide:
    text = section(PAGE, f"### Keyless in five minutes: {platform}").replace(AUDIENCE, url)
    blocks = re.findall(r"^   ```(\w+)\n(.*?)^   ```$", text, re.DOTALL | re.MULTILINE)
    serve, trust, log = (textwrap.dedent(block) for kind, block in blocks if kind == "text")
    *settings, program, command = shlex.split(serve)
    assert (program, command) == ("monotron", "serve")
    export, create, created = trust.splitlines(keepends=True)
    assert export.startswith("$ export ")
    dollar, program, *arguments = shlex.split(create)
    assert (dollar, program) == ("$", "monotron")
    root_secret = export.replace("ROOT_SECRET", ROOT_ENV["MONOTRON_ROOT_API_SECRET"])
    return Guide(
        dict(each.split("=", 1) for each in settings),
        dict(each.split("=", 1) for each in shlex.split(root_secret)[2:]),
        arguments,
        created,
        [textwrap.dedent(block) for kind, block in blocks if kind == "yaml"],
        log.rstrip("\n"),
    )


@dataclass(frozen=True)
class Followed:
    """A server for which the steps were followed up to the YAML."""

    guide: Guide
    server: Server
    issuer: IssuerServer

    def token(self, claims: Mapping[str, Any]) -> str:
        """An identity token with these claims, issued now."""
        now = int(time.time())
        times = {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": uuid4().hex}
        return self.issuer.signers[0].token({**claims, **times})

    def versions(self, name: str) -> list[str]:
        """The versions of the name, newest first."""
        with self.server.client(authorization=ROOT) as root:
            page = root.request("GET", f"/v1/releases/{name}").json()
        return [release["version"] for release in page["releases"]]


@contextmanager
def followed(
    platform: str, repository: Mapping[str, Any], options: str, folder: Path
) -> Iterator[Followed]:
    """Start the server, and create the trust policy.

    *repository* is the response of the platform's API, and *options* are those of `monotron trust`
    that replace its address.
    """
    address = f"127.0.0.1:{free_port()}"
    guide = read_guide(platform, f"http://{address}")
    with IssuerServer() as issuer, StandIn(lambda _: Reply.json(repository)) as api:
        settings = dict(guide.settings)
        keys = {"jwks_url": issuer.url + JWKS, "allow_private": True}
        issuers = [{"url": settings.pop("MONOTRON_ISSUERS"), **keys}]
        config = folder / "monotron.yml"
        config.write_text(yaml.safe_dump({"issuers": issuers}))
        store = f"sqlite:///{folder}/monotron.db"
        args = ["--config", str(config)]
        with Server(store, listen=address, args=args, env={**ROOT_ENV, **settings}) as server:
            operator = Terminal(folder, "", **guide.operator)
            arguments = [*guide.trust, *options.format(api.url).split()]
            assert operator.prints(*arguments) == guide.created
            yield Followed(guide, server, issuer)
