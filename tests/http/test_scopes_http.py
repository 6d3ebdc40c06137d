"""Scopes of requests: what each verb declares, writes without the scope, errors and previews.

`test_access_matrix.py` sends the requests of all routes with each scope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from monotron.auth.scopes import ALL, SCOPES
from monotron.web.permissions import ANY_CREDENTIAL, NOTHING, ROOT_KEY
from support.badges import new_badge
from support.credentials import JSON, bearer, new_grant, new_key
from support.routes import Call, calls, handler_of
from support.server import ROOT, Client, Response, Server

Problem = Callable[..., dict[str, Any]]

CALLS = list(calls())
GUARDED = [call for call in CALLS if call.needs is not NOTHING]
WRITES = [call for call in CALLS if call.writes]

READS_CREDENTIALS = "/v1/system/info"
"""A path that requires no credentials, and rejects invalid ones."""

BADGES = {"/badge/{badge}.svg", "/badge/{badge}.json"}

PUBLIC = {"/", "/openapi.json", "/v1", "/livez", "/readyz", READS_CREDENTIALS, *BADGES}
"""The paths that require no credentials."""

BODY = '{"scopes": ["write:acl"]}'
"""An API key with only `write:acl` may grant this. Requests without a body ignore it."""


@pytest.fixture(scope="module")
def secrets(guarded: Server) -> dict[str, str]:
    """For each scope an API key of account 1 that has only this scope."""
    with guarded.client(authorization=ROOT) as root:
        return {scope: new_key(root, 1, scope) for scope in SCOPES}


@pytest.fixture(scope="module")
def all_but(guarded: Server) -> dict[str, str]:
    """For each scope an API key of account 1 that has all others."""
    with guarded.client(authorization=ROOT) as root:
        return {scope: new_key(root, 1, *(ALL - {scope})) for scope in SCOPES}


def populated(root: Client) -> dict[str, object]:
    """Creates something to read and to delete, and returns its parts of paths."""
    name = f"name-{uuid4().hex}"
    for path in (f"series/{name}/T", f"versions/{name}/T?bump=minor"):
        assert root.request("PUT", f"/v1/{path}").status == 200
    attributes = f"/v1/accounts/1/tokens/{name}/T/attrs/branch"
    assert root.request("PUT", attributes, "main").status == 200
    key = new_grant(root, 1, "read:series")["api_key"]["key"]
    series = dict.fromkeys(("series", "entries", "versions", "releases", "tokens"), name)
    tokens = {f"{word}_2": "T" for word in ("series", "versions", "tokens")}
    return {
        "accounts": 1,
        **series,
        **tokens,
        "releases_2": "0.1.0",
        "attrs": "branch",
        "grants": key,
    }


def ask(client: Client, call: Call, parts: dict[str, object], secret: str = "") -> Response:
    headers = {"Authorization": bearer(secret)} if secret else {}
    if call.verb in ("PUT", "POST"):
        return client.request(call.verb, call.path(**parts), BODY, {**JSON, **headers})
    return client.request(call.verb, call.path(**parts), headers=headers)


def applied(call: Call) -> str | None:
    """The expected `applied` of a refusal."""
    return "no" if call.writes else None


class TestRoutes:
    def test_every_verb_declares_what_it_requires(self) -> None:
        for call in CALLS:
            assert call.needs in (*SCOPES, NOTHING, ANY_CREDENTIAL, ROOT_KEY), call

    def test_the_generated_paths_match_their_routes(self) -> None:
        for call in CALLS:
            assert handler_of(call.path()) is call.handler, call

    def test_only_these_paths_are_public(self) -> None:
        assert {call.template for call in CALLS if call.needs is NOTHING} == PUBLIC

    def test_the_operation_of_a_required_scope_matches_the_verb(self) -> None:
        of_verb = {"GET": "read", "HEAD": "read", "PUT": "write", "POST": "write"}
        for call in GUARDED:
            operation = of_verb.get(call.verb, "delete")
            if "/attrs" in call.template and call.writes:
                operation = "write"  # also to remove one
            if call.template.endswith("/withdrawal"):
                operation = "delete"  # a version is taken back, or exists again
            if call.template.endswith("/trusts/test"):
                operation = "read"  # the body contains a token, which no URL may contain
            if call.needs not in (ROOT_KEY, ANY_CREDENTIAL):
                assert (call.needs or "").partition(":")[0] == operation, call


class TestErrors:
    def test_a_missing_scope_is_named_in_the_error(
        self, stranger: Client, secrets: dict[str, str], problem: Problem
    ) -> None:
        headers = {"Authorization": bearer(secrets["read:series"])}
        response = stranger.request("PUT", "/v1/series/k/T", headers=headers)
        detail = problem(response, 403, "forbidden", applied="no")["detail"]
        assert detail.startswith(
            "Missing scope `write:series`. These credentials have `read:series`."
        )


class TestAllScopes:
    def test_all_scopes_without_the_required_one_change_nothing(
        self, root: Client, stranger: Client, all_but: dict[str, str], problem: Problem
    ) -> None:
        parts = populated(root)
        with_all = new_key(root, 1, *ALL)
        before = everything(root, parts)
        for call in WRITES:
            secret = with_all if call.needs is ROOT_KEY else all_but[call.needs or ""]
            problem(ask(stranger, call, parts, secret), 403, "forbidden", applied="no")
        assert everything(root, parts) == before

    def test_all_scopes_do_not_make_a_root_key(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        headers = {"Authorization": bearer(new_key(root, 1, *ALL))}
        for verb, expected in ("POST", "no"), ("GET", None):
            response = stranger.request(verb, "/v1/accounts", headers=headers)
            detail = problem(response, 403, "forbidden", applied=expected)["detail"]
            assert detail.startswith("Only the root key may do this")


def everything(root: Client, parts: dict[str, object]) -> dict[str, object]:
    """The responses to all reads of all routes, without times of last use, metrics and sizes."""
    responses: dict[str, object] = {}
    for call in CALLS:
        if call.verb == "GET" and call.template not in ("/metrics", READS_CREDENTIALS):
            response = root.request("GET", call.path(**parts))
            content = (
                response.json() if "json" in response.headers["Content-Type"] else response.text
            )
            for grant in content.get("grants", ()) if isinstance(content, dict) else ():
                grant.pop("last_used_at")
            responses[call.template] = (response.status, content)
    return responses


class TestMissingCredentials:
    def test_a_call_without_credentials_is_refused_and_changes_nothing(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        parts = populated(root)
        before = everything(root, parts)
        for call in GUARDED:
            response = ask(stranger, call, parts)
            assert response.status == 401, call
            for scheme in "Basic", "Bearer":
                assert f"{scheme} realm=" in response.headers["WWW-Authenticate"]
            if call.verb != "HEAD":
                problem(response, 401, "unauthenticated", applied=applied(call))
        assert everything(root, parts) == before

    @pytest.mark.parametrize("path", sorted(PUBLIC))
    def test_a_public_path_requires_no_credentials(
        self, path: str, root: Client, stranger: Client
    ) -> None:
        invalid = {"Authorization": "Bearer wrong"}
        path = path.format(badge=new_badge(root, "public")["id"])
        assert stranger.request("GET", path).status == 200
        expected = 401 if path == READS_CREDENTIALS else 200
        assert stranger.request("GET", path, headers=invalid).status == expected


class TestPreview:
    """PUT /v1/versions/{name}/{token}?dry_run=true"""

    @pytest.mark.parametrize("account", ["", "/accounts/1"])
    def test_a_preview_requires_only_read_series(
        self, account: str, stranger: Client, secrets: dict[str, str], fresh_key: str
    ) -> None:
        path = f"/v1{account}/versions/{fresh_key}/T"
        headers = {"Authorization": bearer(secrets["read:series"])}
        response = stranger.request("PUT", f"{path}?dry_run=true", headers=headers)
        assert response.status == 200
        assert response.json()["version"] == "0.0.1"
        assert stranger.request("GET", path, headers=headers).status == 404

    @pytest.mark.parametrize("scope", sorted(ALL - {"read:series"}))
    def test_a_preview_is_refused_for_any_other_scope(
        self, scope: str, stranger: Client, secrets: dict[str, str], problem: Problem
    ) -> None:
        headers = {"Authorization": bearer(secrets[scope])}
        response = stranger.request("PUT", "/v1/versions/name/T?dry_run=true", headers=headers)
        problem(response, 403, "forbidden", applied="no")

    @pytest.mark.parametrize(
        "query",
        ["", "?dry_run=false", "?dry_run=False", "?dry_run=true&dry_run=false", "?dry%5Frun=false"],
    )
    def test_only_dry_run_true_is_a_preview(
        self, query: str, stranger: Client, secrets: dict[str, str], fresh_key: str
    ) -> None:
        headers = {"Authorization": bearer(secrets["read:series"])}
        path = f"/v1/versions/{fresh_key}/T"
        assert stranger.request("PUT", path + query, headers=headers).status in (400, 403)
        assert stranger.request("GET", path, headers=headers).status == 404
