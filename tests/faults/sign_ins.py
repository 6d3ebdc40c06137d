"""Credentials of callers: identity tokens and API keys, which are both rotated under load."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from faults.caller import MANNER
from faults.tier import rounds
from support.claims import AUDIENCE, github
from support.credentials import JSON, UNLIMITED, bearer, new_grant
from support.http import Client, Response
from support.issuer import IssuerServer, Signer, ec_key, rsa_key
from support.member import until
from support.server import ROOT, ROOT_ENV, Server
from support.stoppable import Stoppable

LAUNCHER = (str(Path(__file__).with_name("task_counting_server.py")), "cache_size=-1000")
"""Servers that report leftover tasks, whose page cache does not dominate the memory."""

MAIN = {"repository_id": "777", "repository_owner_id": "42", "ref": "refs/heads/main"}
SCOPES = ["read,write,delete:series"]

JOBS = rounds(short=2, whole=4)
REQUESTS_PER_TOKEN = rounds(short=6, whole=60)
"""How often a job uses its identity token. A server accepts 100 different writes."""

TOKEN_SECONDS = 60
"""The lifetime of an identity token; a job uses it for half of this time. Servers remember what it
was used for until it expires: with a longer one, their memory grows for longer at first."""

Signed = Callable[[], AbstractContextManager[str]]
"""Yields an Authorization header during a request."""

REJECTION_SECONDS = 60
"""A revoked API key is accepted for 5 s by other servers, which may be slow."""


class Job:
    """A job in CI, which uses an identity token several times."""

    def __init__(self, issuer: IssuerServer) -> None:
        self._issuer = issuer
        self._renew_at = 0.0
        self._left = 0
        self._token = ""
        self.kid = ""

    def token(self) -> str:
        """Its identity token, or a new one from the current signing key."""
        if not self._left or time.monotonic() >= self._renew_at:
            self.kid, self._left = self._issuer.signers[0].kid, REQUESTS_PER_TOKEN
            self._token = self._issuer.job_token(github(), seconds=TOKEN_SECONDS)
            self._renew_at = time.monotonic() + TOKEN_SECONDS / 2
        self._left -= 1
        return self._token


class SignIns(Stoppable):
    """An issuer and API keys, and servers that accept both.

    `rotate` replaces the signing key of the issuer and the API key. Callers use the credentials of
    `connect`; a caller whose request is rejected ends with an error.
    """

    def __init__(self, folder: Path) -> None:
        self.issuer = IssuerServer()
        issuers = [{"url": self.issuer.url, "kind": "github", "allow_private": True}]
        trusts = [{"account": 1, "issuer": self.issuer.url, "claims": MAIN, "scopes": SCOPES}]
        config = folder / "monotron.yml"
        settings = {"audience": AUDIENCE, "issuers": issuers, "trusts": trusts}
        config.write_text(yaml.safe_dump(settings))
        self._args = ["--config", str(config), *UNLIMITED]
        self._lock = threading.Lock()
        self._jobs = [Job(self.issuer) for _ in range(JOBS)]
        self._chance = random.Random(0)
        self._in_progress: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        """The number of requests by kind of credential."""
        self.rotations = 0
        self._key: dict[str, Any] = {}
        self._removed: list[tuple[Signer, str]] = []
        """Each signing key and API key that was replaced."""

    def serve(self, store: str, listen: str) -> Server:
        """Start a server that trusts the issuer. The first one creates the API key."""
        server = Server(store, listen=listen, args=self._args, env=ROOT_ENV, program=LAUNCHER)
        if not self._key:
            with server.client(authorization=ROOT) as root:
                self._key = new_grant(root, 1, *SCOPES)["api_key"]
        return server

    def connect(self, url: str, timeout: float = MANNER.timeout) -> Client:
        """A client that signs in with an identity token or the API key, for each request anew."""
        return SignedClient(url, timeout, self.signed)

    def connect_as_root(self, url: str, timeout: float = MANNER.timeout) -> Client:
        """A client with the root key."""
        return Client(url, timeout, ROOT)

    def seed(self, seed: int) -> None:
        """Let a seed determine which credentials are chosen from now on."""
        with self._lock:
            self._chance.seed(seed)

    @contextmanager
    def signed(self) -> Iterator[str]:
        """The Authorization header of one request, during that request."""
        with self._lock:
            if self._chance.random() < 0.6:
                job = self._chance.choice(self._jobs)
                secret, used, kind = job.token(), job.kid, "identity tokens"
            else:
                secret, used, kind = self._key["secret"], self._key["key"], "API keys"
            self.requests[kind] += 1
            self._in_progress[used] += 1
        try:
            yield bearer(secret)
        finally:
            with self._lock:
                self._in_progress[used] -= 1

    def _is_used(self, credential: str) -> bool:
        with self._lock:
            return self._in_progress[credential] > 0 or credential in {
                job.kid for job in self._jobs
            }

    def rotate(self, server: Server, progress: Callable[[int], None]) -> None:
        """Replace the signing key and the API key, while callers use them.

        The new signing key is published first, then used; the old one remains published until no
        job has a token of it. The old API key is revoked when no request uses it. *progress* waits
        for some answers of callers.
        """
        self.rotations += 1
        old, number = self.issuer.signers[0], self.rotations
        key = rsa_key(number) if number % 2 == 0 else ec_key(number)
        new = Signer(f"rotated-{number}", key)
        self.issuer.signers = [old, new]
        progress(10)
        self.issuer.signers = [new, old]
        while self._is_used(old.kid):
            progress(10)
        self.issuer.signers = [new]
        secret = self._rotate_api_key(server, progress)
        self._removed.append((old, secret))

    def _rotate_api_key(self, server: Server, progress: Callable[[int], None]) -> str:
        """Replace the API key, and revoke the old one when it is not used. Return its secret."""
        old = self._key
        path = f"/v1/accounts/1/grants/{old['key']}"
        with server.client(authorization=ROOT) as root:
            body = json.dumps({"overlap_seconds": 3600})
            response = root.request("POST", f"{path}/rotate", body, JSON)
            assert response.status == 200, response
            with self._lock:
                self._key = response.json()["api_key"]
            while self._is_used(old["key"]):
                progress(10)
            response = root.request("DELETE", path)
            assert response.status == 200, response
        return str(old["secret"])

    def check(self, servers: Sequence[Server]) -> None:
        """Check that *servers* accept the new credentials, and reject those removed before.

        The signing key was removed before the new one was published: a server that accepts the new
        one has fetched the keys since. Because the rejected one is unknown, the next fetch for an
        unknown key is a minute later.
        """
        for server in servers:
            assert self._status(server, self.issuer.job_token(github())) == 200, self.rotations
            for signer, secret in self._removed[-2:-1]:
                rejected = self.issuer.job_token(github(), signer)
                assert self._status(server, rejected) == 401, self.rotations
                until(
                    partial(self._is_rejected, server, secret),
                    REJECTION_SECONDS,
                    "a rejection of the revoked API key",
                )

    def _is_rejected(self, server: Server, secret: str) -> bool:
        return self._status(server, secret) == 401

    def _status(self, server: Server, secret: str) -> int:
        """The status of a request, which is repeated while the store is not available."""

        def ask() -> Response | None:
            with server.client(authorization=bearer(secret)) as client:
                response = client.request("GET", "/v1/series?limit=1")
                return None if response.status == 503 else response

        return until(ask, MANNER.timeout, "a response other than 503").status

    def stop(self) -> None:
        self.issuer.stop()


class SignedClient(Client):
    """A client whose credential is chosen for each request."""

    def __init__(self, url: str, timeout: float, signed: Signed) -> None:
        super().__init__(url, timeout)
        self._signed = signed

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        with self._signed() as authorization:
            signed = {**(headers or {}), "Authorization": authorization}
            return super().request(method, path, body, signed)
