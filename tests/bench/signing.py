"""Credentials for the bench: a server that asks for them, a key, and identity tokens."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from uuid import uuid4

import yaml

from monotron.auth.oidc import parse_issuer
from monotron.auth.oidc.verifier import TokenVerifier
from support.claims import AUDIENCE, github
from support.issuer import IssuerServer
from support.server import ROOT, ROOT_ENV, Server

CLAIMS = {"repository_id": "777", "repository_owner_id": "42", "ref": "refs/heads/main"}
SCOPES = ["read,write:series"]
WITHOUT_LIMITS = {"requests_per_key": 0, "requests_per_account": 0, "operations_per_identity": 0}
VERIFICATIONS = 200


class Signing:
    """Everything is read from a config file in *folder*; nothing limits the load."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def server(self, issuer: IssuerServer, store: str) -> Server:
        config = self._folder / "signing.yml"
        trust = {"account": 1, "issuer": issuer.url, "claims": CLAIMS, "scopes": SCOPES}
        settings = {"audience": AUDIENCE, "issuers": [self._issuer(issuer)], "trusts": [trust]}
        config.write_text(yaml.safe_dump({**settings, **WITHOUT_LIMITS}))
        return Server(store, env=ROOT_ENV, args=["--config", str(config)])

    def key(self, server: Server) -> str:
        with server.client(authorization=ROOT) as root:
            answer = root.request("POST", "/v1/accounts/1/grants", json.dumps(SCOPES))
        return f"Bearer {answer.json()['api_key']['secret']}"

    def token(self, issuer: IssuerServer) -> str:
        return f"Bearer {self._signed(issuer)}"

    def verify_ms(self, issuer: IssuerServer) -> float:
        """Milliseconds that a token takes which nobody has seen yet, its issuer's keys known."""
        tokens = [self._signed(issuer) for _ in range(VERIFICATIONS)]

        async def verify() -> float:
            library = TokenVerifier([parse_issuer(self._issuer(issuer))], AUDIENCE)
            await library.verify(self._signed(issuer))
            started = time.perf_counter()
            for token in tokens:
                await library.verify(token)
            return 1000 * (time.perf_counter() - started) / VERIFICATIONS

        return asyncio.run(verify())

    @staticmethod
    def _issuer(issuer: IssuerServer) -> dict[str, object]:
        return {"url": issuer.url, "kind": "github", "allow_private": True}

    @staticmethod
    def _signed(issuer: IssuerServer) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now - 60, "exp": now + 600}
        return issuer.signers[0].token(github(iss=issuer.url, jti=uuid4().hex, **times))
