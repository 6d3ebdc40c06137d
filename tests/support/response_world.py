"""Servers, and the requests that cause every response of an operation."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import yaml

from monotron.auth.renames import BY, rename_of
from monotron.model.series import SeriesKey
from monotron.store import open_store
from support.ci_claims import AZURE_AUDIENCE, AZURE_REPOSITORY, PROJECT, azure
from support.claims import AUDIENCE, github
from support.credentials import JSON, UNLIMITED_SETTINGS, bearer, new_grant, new_key
from support.documented_requests import Request, send, valid_request
from support.http import Client, Response
from support.in_process import serving
from support.issuer import IssuerServer
from support.openapi import OPERATIONS
from support.response_cases import cases
from support.server import ROOT, ROOT_ENV
from support.server_thread import ServerThread
from support.store_faults import (
    BROKEN_DISK,
    BUG,
    FULL_DISK,
    in_changes,
    in_commits,
    statements_raise,
)

UNKNOWN_KEY = bearer("mtk_k_unknown")
MANY_HEADERS = {f"X-{number}": "a" for number in range(101)}
LARGE_BODY = {"Content-Length": str((1 << 20) + 1), "Expect": "100-continue"}

LIMITS = {
    "api_keys_per_account": "1",
    "trust_policies_per_account": "1",
    "badges_per_account": "1",
    "series_per_account": "3",
    "attribute_bytes_per_account": "10",
    "failures_per_address": "1",
    "require_account": "true",
}
"""The settings of the limited server."""

OTHER_VALUES = {
    "account": ("999999",),
    "key": ("missing-{number}", "\n", "renamed"),
    "token": ("missing-{number}", "\n"),
    "name": ("missing-{number}", "\n", "renamed"),
    "version": ("9.9.9", "1"),
    "api_key": ("mtk_k_00000000",),
    "trust": ("999", "x"),
    "badge": (32 * "0",),
}
"""Values of variables of paths: those that do not exist, with a new number, that are invalid, and
that were renamed."""

POLICY = json.dumps(
    {
        "issuer": "github",
        "claims": {"repository_id": "999", "ref": "refs/heads/main"},
        "scopes": ["read:series"],
    }
)


class Exchange(NamedTuple):
    """A request, and its response."""

    description: str
    response: Response


class ResponseWorld:
    """A server with a root key, an open one, a limited one, and one that is shutting down."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        """Start the servers, which *stack* stops. *folder* is for their config file."""
        self._github = stack.enter_context(IssuerServer())
        self._azure = stack.enter_context(IssuerServer())
        issuers: list[object] = ["github"]
        for issuer, more in (
            (self._github, {"kind": "github"}),
            (self._azure, {"kind": "azure", "audience": AZURE_AUDIENCE}),
        ):
            issuers.append({"url": issuer.url, "allow_private": True, **more})
        config = folder / "monotron.yml"
        config.write_text(yaml.safe_dump({"audience": AUDIENCE, "issuers": issuers}))
        settings = {"config": str(config), **UNLIMITED_SETTINGS}

        def client(server: ServerThread, authorization: str | None = None) -> Client:
            return stack.enter_context(server.client(authorization))

        store = f"sqlite:///{folder}/monotron.db"
        _rename_in(store)
        guarded = stack.enter_context(ServerThread(store, env=ROOT_ENV, **settings))
        self._root, self._guarded = client(guarded, ROOT), client(guarded)
        limits = {**settings, **LIMITS}
        limited = stack.enter_context(ServerThread("sqlite://", env=ROOT_ENV, **limits))
        self._limited_root, self._limited = client(limited, ROOT), client(limited)
        self._open = client(stack.enter_context(ServerThread("sqlite://")))
        self._numbers = itertools.count(1)
        self._without_scopes, self._unused = (bearer(new_key(self._root, 1)) for _ in range(2))
        self._trust_jobs()
        self._values = {"version": "0.0.1"}
        self._limited_values = {"version": "0.0.1", "name": "withdrawn"}
        self._withdraw_on_the_limited_server()
        self._draining = asyncio.run(self._responses_while_draining())

    def exchanges(self, name: str) -> Iterator[Exchange]:
        """Send all requests of an operation."""
        yield Exchange("draining", self._draining[name])
        request = self._prepared(name)
        for client, changed in self._valid_requests(request):
            yield _exchange(client, changed)
        request = self._prepared(name)
        for client, changed in (*self._invalid_requests(request), *self._by_others(request)):
            yield _exchange(client, changed)
        if request.method != "GET":
            self._use_quotas()
            yield _exchange(self._limited_root, valid_request(name, self._limited_values))
        yield from self._during_faults(request)
        for code, response in cases(name, self._root, self._numbers):
            yield Exchange(f"case {code}", response)

    def _valid_requests(self, request: Request) -> Iterator[tuple[Client, Request]]:
        """The valid request, and if the response has an entity tag, one with that."""
        yield self._root, request
        yield self._root, request.sent_with(Accept="text/plain")
        if etag := request.send(self._root).headers["Etag"]:
            yield self._root, request.sent_with(If_None_Match=etag)

    def _invalid_requests(self, request: Request) -> Iterator[tuple[Client, Request]]:
        """Requests of the root key that are too large, or contain anything else that is invalid."""
        yield self._root, request._replace(query="?unknown=1")
        yield self._root, request.sent_with(**MANY_HEADERS)
        yield self._root, request._replace(body=None).sent_with(**LARGE_BODY)
        yield self._root, request.sent_with(Content_Type="text/html")
        yield self._root, request.sent_with(Content_Encoding="gzip")
        for variable in request.values:
            for value in OTHER_VALUES[variable]:
                other = value.format(number=next(self._numbers))
                yield self._root, request.changed(**{variable: other})

    def _by_others(self, request: Request) -> Iterator[tuple[Client, Request]]:
        """Requests of callers that are refused."""
        for client, authorization in (
            (self._guarded, UNKNOWN_KEY),
            (self._guarded, self._without_scopes),
            (self._guarded, self._used_token()),
            (self._guarded, self._job(repository="acme/renamed")),
            (self._limited, self._job()),  # names no account
            (self._limited, UNKNOWN_KEY),
            (self._limited, UNKNOWN_KEY),  # above the limit, if the first one was not
        ):
            yield client, request.sent_with(Authorization=authorization)
        yield self._open, request.sent_with(Host="monotron.example.com")
        yield self._open, request.sent_with(Via="1.1 proxy")

    def _during_faults(self, request: Request) -> Iterator[Exchange]:
        """Requests during which the store fails: of the root key, and at a sign-in."""
        first_job = self._job(repository="acme/new", repository_id="778")
        for fault, authorization in (
            (statements_raise(BROKEN_DISK), self._unused),
            (statements_raise(BUG), self._unused),
            (statements_raise(FULL_DISK), self._unused),  # as if the file was being reopened
            (statements_raise(FULL_DISK, in_changes), first_job),
            (statements_raise(BROKEN_DISK, in_commits), self._unused),
        ):
            with fault:
                yield _exchange(self._root, request)
                signing_in = request.sent_with(Authorization=authorization)
                yield _exchange(self._guarded, signing_in)

    def _prepared(self, name: str) -> Request:
        """The valid request of an operation, after all that it requires was created."""
        root = self._root
        send(root, "DELETE series/org%2Frepo?restart=true")
        send(root, "PUT series/org%2Frepo/7d4c379588")
        send(root, "DELETE releases/some-great-service/0.0.1/withdrawal")
        send(root, "PUT versions/some-great-service/7d4c379588")
        send(root, 'PUT accounts/1/tokens/org%2Frepo/7d4c379588/attrs {"branch": "main"}')
        for account in send(root, "GET accounts?name=acme").json()["accounts"]:
            name_change = f'{{"name": "former-{next(self._numbers)}"}}'
            send(root, f"PATCH accounts/{account['id']} {name_change}")
        self._values["api_key"] = new_grant(root, 1)["api_key"]["key"]
        self._values["badge"] = send(root, 'POST badges {"name": "shop"}').json()["id"]
        self._values["trust"] = str(send(root, f"POST accounts/1/trusts {POLICY}").json()["id"])
        return valid_request(name, self._values)

    def _trust_jobs(self) -> None:
        """Create trust policies of account 1, and use the name of a repository."""
        of_pipeline = {"prj_id": PROJECT, "rpo_uri": AZURE_REPOSITORY, "rpo_ref": "refs/heads/main"}
        of_organization = {"repository_owner_id": "42", "ref_protected": "true"}
        for body in (
            {"issuer": self._azure.url, "claims": of_pipeline},
            {"issuer": self._github.url, "claims": of_organization, "names_from": "repository"},
        ):
            text = json.dumps({"scopes": ["*:series"], **body})
            response = self._root.request("POST", "/v1/accounts/1/trusts", text, JSON)
            assert response.status == 200, response
        headers = {"Authorization": self._job()}
        assert self._guarded.request("GET", "/v1/whoami", headers=headers).status == 200

    def _job(self, **claims: str) -> str:
        """The Authorization header of a job of acme/shop, or with these claims."""
        return bearer(self._github.job_token(github(**claims)))

    def _used_token(self) -> str:
        """The Authorization header of a job whose identity token was used for another path."""
        token = bearer(self._azure.job_token(azure()))
        headers = {"Authorization": token}
        assert self._guarded.request("PUT", "/v1/series/used/T", headers=headers).status == 200
        return token

    def _withdraw_on_the_limited_server(self) -> None:
        """Withdraw a version, and delete its series."""
        for line in (
            "PUT versions/withdrawn/T",
            'PUT releases/withdrawn/0.0.1/withdrawal {"reason": "wrong"}',
            "DELETE series/withdrawn-major?restart=true",
            "DELETE series/withdrawn-minor-v0?restart=true",
            "DELETE series/withdrawn-patch-v0.0?restart=true",
        ):
            assert send(self._limited_root, line).status == 200, line

    def _use_quotas(self) -> None:
        """Create as much as the limited server allows."""
        client = self._limited_root
        api_key = send(client, "POST accounts/1/grants []")
        if api_key.status == 200:
            self._limited_values["api_key"] = api_key.json()["api_key"]["key"]
        for line in (
            f"POST accounts/1/trusts {POLICY}",
            'POST badges {"name": "first"}',
            *(f"PUT series/first-{number}/T" for number in range(3)),
            'PUT accounts/1/tokens/first/T/attrs {"name": "value"}',
        ):
            send(client, line)

    async def _responses_while_draining(self) -> dict[str, Response]:
        """The responses to the valid requests of all operations while the server shuts down."""
        async with serving(env=ROOT_ENV) as (services, port):
            await services.lifecycle.drain()

            def send_all() -> dict[str, Response]:
                with Client(f"http://127.0.0.1:{port}", authorization=ROOT) as client:
                    return {
                        name: valid_request(name, self._values).send(client) for name in OPERATIONS
                    }

            return await asyncio.to_thread(send_all)


def _rename_in(url: str) -> None:
    """Rename the name `renamed` in a new store."""
    with closing(open_store(url)) as store:
        store.advance_to(SeriesKey(1, "renamed"), 1, BY)
        store.transfer.rename(rename_of(store.auth_records, 1, "renamed", "new"))


def _exchange(client: Client, request: Request) -> Exchange:
    response = request.send(client)
    if response.status == 413:
        client.close()  # the body was announced, but not sent
    headers = ", ".join(request.headers)
    return Exchange(f"{request.method} {request.path} {headers}", response)
