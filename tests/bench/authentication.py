"""A server that requires credentials, an API key and identity tokens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
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
NO_LIMITS = {
    "requests_per_key": 0,
    "requests_per_account": 0,
    "concurrent_requests_per_key": 0,
    "operations_per_identity": 0,
}
VERIFICATIONS = 200


class Authentication:
    """Creates credentials and a server that accepts them, without rate limits.

    The config file of the server is in *folder*.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def server(
        self, issuer: IssuerServer, store: str, limits: Mapping[str, int] = NO_LIMITS
    ) -> Server:
        """*limits* replace those that are off."""
        config = self._folder / "authentication.yml"
        trust = {"account": 1, "issuer": issuer.url, "claims": CLAIMS, "scopes": SCOPES}
        settings = {
            "audience": AUDIENCE,
            "issuers": [self._issuer_config(issuer)],
            "trusts": [trust],
        }
        config.write_text(yaml.safe_dump({**settings, **NO_LIMITS, **limits}))
        return Server(store, env=ROOT_ENV, args=["--config", str(config)])

    def api_key(self, server: Server) -> str:
        with server.client(authorization=ROOT) as root:
            response = root.request("POST", "/v1/accounts/1/grants", json.dumps(SCOPES))
        return f"Bearer {response.json()['api_key']['secret']}"

    def identity_token(self, issuer: IssuerServer) -> str:
        return f"Bearer {self._signed_token(issuer)}"

    def verify_ms(self, issuer: IssuerServer) -> float:
        """Milliseconds to verify a new identity token, with cached keys of its issuer."""
        tokens = [self._signed_token(issuer) for _ in range(VERIFICATIONS)]

        async def verify() -> float:
            verifier = TokenVerifier([parse_issuer(self._issuer_config(issuer))], AUDIENCE)
            await verifier.verify(self._signed_token(issuer))
            started = time.perf_counter()
            for token in tokens:
                await verifier.verify(token)
            return 1000 * (time.perf_counter() - started) / VERIFICATIONS

        return asyncio.run(verify())

    @staticmethod
    def _issuer_config(issuer: IssuerServer) -> dict[str, object]:
        return {"url": issuer.url, "kind": "github", "allow_private": True}

    @staticmethod
    def _signed_token(issuer: IssuerServer) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now - 60, "exp": now + 600}
        return issuer.signers[0].token(github(iss=issuer.url, jti=uuid4().hex, **times))
