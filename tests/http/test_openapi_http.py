"""`/openapi.json`, and whether real responses are as the document describes them."""

from __future__ import annotations

import json
from typing import NamedTuple

from monotron.web.openapi import DOCUMENT
from support.credentials import JSON
from support.openapi import problem_with
from support.server import Client, Response


class TestDocument:
    def test_the_document_requires_no_credentials(self, stranger: Client) -> None:
        response = stranger.request("GET", "/openapi.json")
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        assert response.body == DOCUMENT.read_bytes()

    def test_a_client_checks_that_its_copy_is_current(self, stranger: Client) -> None:
        response = stranger.request("GET", "/openapi.json")
        assert response.headers["Cache-Control"] == "no-cache"
        headers = {"If-None-Match": response.headers["Etag"]}
        current = stranger.request("GET", "/openapi.json", headers=headers)
        assert (current.status, current.body) == (304, b"")
        headers = {"If-None-Match": '"other"'}
        assert stranger.request("GET", "/openapi.json", headers=headers).status == 200


class Exchange(NamedTuple):
    """A request, and the operation and the status of its response."""

    operation: str
    path: str
    body: object = None
    status: int = 200


_GRANTS = "/v1/accounts/{account}/grants"
_ATTRS = "/v1/accounts/{account}/tokens/{key}/{token}/attrs"

EXCHANGES = [
    Exchange("PUT /v1/series/{key}/{token}", "/v1/series/doc/a"),
    Exchange("PUT /v1/series/{key}/{token}", "/v1/series/doc/b?format=dotenv"),
    Exchange("PUT /v1/series/{key}/{token}", "/v1/series/%zz/a", status=400),
    Exchange("PUT /v1/series/{key}", "/v1/series/doc", {"value": 41}),
    Exchange("PUT /v1/series/{key}", "/v1/series/doc", {"value": 1}, status=409),
    Exchange("GET /v1/series", "/v1/series?prefix=doc&limit=1"),
    Exchange("GET /v1/accounts/{account}/series", "/v1/accounts/1/series?prefix=doc&limit=1"),
    Exchange("GET /v1/accounts/{account}/series", "/v1/accounts/999999/series", status=404),
    Exchange("GET /v1/entries/{key}", "/v1/entries/doc?assigned_by=true"),
    Exchange("GET /v1/versions/{name}", "/v1/versions/doc-missing", status=404),
    Exchange("PUT /v1/versions/{name}/{token}", "/v1/versions/doc/a?bump=minor&prerelease=rc"),
    Exchange("PUT /v1/versions/{name}/{token}", "/v1/versions/doc/b"),
    Exchange("PUT /v1/versions/{name}/{token}", "/v1/versions/doc/b?bump=major", status=422),
    Exchange("GET /v1/versions/{name}", "/v1/versions/doc"),
    Exchange("GET /v1/versions", "/v1/versions?prefix=doc"),
    Exchange(
        "PUT /v1/releases/{name}/{version}/withdrawal",
        "/v1/releases/doc/0.0.1/withdrawal",
        {"reason": "wrong"},
    ),
    Exchange("GET /v1/releases/{name}", "/v1/releases/doc"),
    Exchange("GET /v1/recent", "/v1/recent"),
    Exchange(f"PUT {_ATTRS}", "/v1/accounts/1/tokens/doc/a/attrs", {"branch": "main"}),
    Exchange(f"POST {_GRANTS}", "/v1/accounts/1/grants", {"scopes": [], "description": "doc"}),
    Exchange(f"POST {_GRANTS}", "/v1/accounts/1/grants", "text", status=400),
    Exchange(f"GET {_GRANTS}", "/v1/accounts/1/grants"),
    Exchange("POST /v1/badges", "/v1/badges", {"name": "doc"}),
    Exchange("GET /v1/badges", "/v1/badges"),
    Exchange("GET /badge/{badge}.svg", f"/badge/{32 * '0'}.svg", status=404),
    Exchange("POST /v1/accounts", "/v1/accounts"),
    Exchange("PATCH /v1/accounts/{account}", "/v1/accounts/1", {"disabled": False}),
    Exchange("GET /v1/accounts", "/v1/accounts"),
    Exchange("GET /v1/whoami", "/v1/whoami"),
    Exchange("GET /v1/system/audit", "/v1/system/audit"),
    Exchange("GET /v1/system/info", "/v1/system/info"),
    Exchange("GET /v1/system/events", "/v1/system/events"),
    Exchange("GET /", "/"),
    Exchange("GET /livez", "/livez"),
]


class TestResponses:
    def test_responses_of_real_requests_are_as_documented(self, root: Client) -> None:
        for operation, path, body, status in EXCHANGES:
            text = None if body is None else json.dumps(body)
            response = root.request(operation.partition(" ")[0], path, text, JSON if text else {})
            assert response.status == status, response
            assert problem_with(response, operation) is None, path

    def test_a_response_without_credentials_is_as_documented(self, stranger: Client) -> None:
        response = stranger.request("GET", "/v1/series/a")
        assert response.status == 401
        assert problem_with(response, "GET /v1/series/{key}") is None

    def test_a_member_that_is_not_documented_is_detected(self, root: Client) -> None:
        response = root.request("PUT", "/v1/series/doc/a?reuse=any")
        more = Response(200, response.headers, response.body.replace(b"{", b'{"more": 1, ', 1))
        assert "'more' was unexpected" in str(problem_with(more, "PUT /v1/series/{key}/{token}"))
