"""The server, the accounts, the callers and the requests of the access matrix."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

from support.access_table import NAMES, ROWS, Row
from support.callers import (
    ACCOUNT,
    ACL,
    SERIES,
    Caller,
    Held,
    held_by_first_account,
    held_by_jobs,
    held_by_tenants,
)
from support.claims import AUDIENCE, github
from support.credentials import JSON, bearer, new_account, new_key
from support.issuer import IssuerServer
from support.pages import HTML
from support.routes import Call
from support.server import ROOT, Client, Response, Server

CREATED = ("grants", "trusts", "badges")
"""What POST creates with an id, by the word in the path."""


class Expected(NamedTuple):
    """The response to a request."""

    status: int
    reason: str
    """Why it has this status. Requests with the same reason pass the same checks."""


class Case(NamedTuple):
    caller: Caller
    call: Call
    account: int
    """The account that the request acts on."""
    name: str
    expected: int
    reason: str


class AccessWorld:
    """A server with four accounts that have the same names, and all callers. One is disabled."""

    def __init__(self, server: Server, root: Client, issuer: IssuerServer) -> None:
        self.root = root
        self.issuer = issuer
        self.stranger = server.client()
        self.acme, self.mallory, self.disabled = (new_account(root) for _ in range(3))
        self._numbers = itertools.count(10**9, 10**6)
        self._ids: dict[tuple[int, str], dict[str, str]] = {}
        for account in 1, self.acme, self.mallory, self.disabled:
            for name in NAMES:
                self.populate(account, name)
        self.callers = list(self._callers())
        path = f"/v1/accounts/{self.disabled}"
        assert self.root.request("PATCH", path, '{"disabled": true}', JSON).status == 200

    def populate(self, account: int, name: str) -> None:
        """Create, unless it exists, all that a request for this name can read or delete."""
        self._assign(account, name)
        for kind in CREATED:
            self._create(kind, account, name)

    def restore(self, case: Case) -> None:
        """Create, unless it exists, what this request deletes."""
        kinds = [kind for kind in CREATED if f"/{kind}/" in case.call.template]
        for kind in kinds:
            self._create(kind, case.account, case.name)
        if not kinds:
            self._assign(case.account, case.name)

    def _assign(self, account: int, name: str) -> None:
        base = f"/v1/accounts/{account}"
        # A test may have withdrawn the version of the token. Then its request would be 409.
        self.root.request("DELETE", f"{base}/releases/{name}/0.0.1/withdrawal")
        for path, body in (
            (f"series/{name}/T", None),
            (f"versions/{name}/T", None),
            (f"tokens/{name}/T/attrs/branch", "main"),
        ):
            assert self.root.request("PUT", f"{base}/{path}", body).status == 200

    def _create(self, kind: str, account: int, name: str) -> None:
        path = f"/v1/accounts/{account}/{kind}"
        ids = self._ids.setdefault((account, name), {})
        if not ids.get(kind) or self.root.request("GET", f"{path}/{ids[kind]}").status != 200:
            body = self.body(ROWS[f"POST /v1/accounts/{{accounts}}/{kind}"], name)
            response = self.root.request("POST", path, body, JSON)
            assert response.status == 200, response
            document = response.json()
            ids[kind] = document["api_key"]["key"] if kind == "grants" else str(document["id"])

    def body(self, row: Row, name: str) -> str | None:
        text = row.body.format(name=name, number=next(self._numbers), issuer=self.issuer.url)
        return text or None

    def path(self, case: Case) -> str:
        """The path of a request. If it should be refused, a write has a new token: only then it
        would change something."""
        call, account, name = case.call, case.account, case.name
        is_new = case.expected >= 400 and call.verb == "PUT"
        token = f"T{next(self._numbers)}" if is_new else "T"
        words = ("series", "entries", "versions", "releases", "tokens")
        tokens = dict.fromkeys(("series_2", "versions_2", "tokens_2"), token)
        fixed = {"accounts": account, "releases_2": "0.0.1", "attrs": "branch"}
        ids = self._ids.get((account, name)) or self._ids[self.acme, name]
        fixed |= {"errors": "forbidden", "names": name, "names_2": "0.0.1"}
        fixed |= {"badge": self._ids[self.acme, name]["badges"]}  # of an account that is enabled
        return call.path(**{**dict.fromkeys(words, name), **tokens, **fixed, **ids})

    def send(self, case: Case, row: Row, query: str) -> Response:
        headers = {**JSON, **(HTML if case.call.prefers_html else {})}
        if case.caller.authorization is not None:
            headers["Authorization"] = case.caller.authorization
        body = self.body(row, case.name) if case.call.writes else None
        path = self.path(case) + query
        return self.stranger.request(case.call.verb, path, body, headers)

    def _callers(self) -> Iterator[Caller]:
        yield Caller("stranger", None, is_known=False)
        yield Caller("unknown API key", bearer("mtk_k_unknown"), is_known=False)
        yield Caller("revoked API key", bearer(self._revoked_key()), is_known=False)
        yield Caller("unknown job", self._job("none", 1), is_known=False)
        yield Caller("root key", ROOT, 1, is_root=True)
        for account, held in (
            *((1, each) for each in held_by_first_account()),
            *((self.acme, each) for each in held_by_tenants()),
        ):
            key = new_key(self.root, account, *held.scopes, names=[held.pattern])
            description = f"API key of account {account} with {held.slug}"
            yield Caller(description, bearer(key), account, {account: held})
        for number, held in enumerate(held_by_jobs()):
            self._trust(self.acme, f"branch-{number}", held)
            job = self._job(f"branch-{number}", self.acme)
            description = f"job of account {self.acme} with {held.slug}"
            yield Caller(description, job, self.acme, {self.acme: held}, elsewhere=401)
        yield self._job_of_two_accounts()
        yield from self._callers_of_the_disabled_account()

    def _job_of_two_accounts(self) -> Caller:
        """A job that both tenants trust, with different rights, and that names no account."""
        held = {
            self.acme: Held(frozenset(("read:series", "write:series")), "shop"),
            self.mallory: Held(frozenset(("read:series", "delete:series"))),
        }
        for account, each in held.items():
            self._trust(account, "both", each)
        return Caller("job of two accounts", self._job("both"), None, held, elsewhere=401)

    def _callers_of_the_disabled_account(self) -> Iterator[Caller]:
        """An API key and a job with all scopes that they can have, and all names."""
        account = self.disabled
        of_key = Held(frozenset((*SERIES, *ACCOUNT, *ACL)))
        key = bearer(new_key(self.root, account, *of_key.scopes))
        yield Caller("disabled API key", key, account, {account: of_key}, is_disabled=True)
        of_job = Held(frozenset(SERIES))
        self._trust(account, "disabled", of_job)
        job = self._job("disabled", account)
        held = {account: of_job}
        yield Caller("disabled job", job, account, held, elsewhere=401, is_disabled=True)

    def _revoked_key(self) -> str:
        path = f"/v1/accounts/{self.acme}/grants"
        key = self.root.request("POST", path, '["*:series", "*:acl"]', JSON).json()["api_key"]
        assert self.root.request("DELETE", f"{path}/{key['key']}").status == 200
        secret: str = key["secret"]
        return secret

    def _trust(self, account: int, branch: str, held: Held) -> None:
        claims = {"repository_id": "777", "ref": f"refs/heads/{branch}"}
        body = {"issuer": self.issuer.url, "claims": claims, "scopes": sorted(held.scopes)}
        path = f"/v1/accounts/{account}/trusts"
        text = json.dumps({**body, "names": [held.pattern]})
        response = self.root.request("POST", path, text, JSON)
        assert response.status == 200, response

    def _job(self, branch: str, account: int | None = None) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": uuid4().hex}
        audience = AUDIENCE if account is None else f"{AUDIENCE}/accounts/{account}"
        claims = github(ref=f"refs/heads/{branch}", iss=self.issuer.url, aud=audience, **times)
        return f"Bearer {self.issuer.signers[0].token(claims)}"
