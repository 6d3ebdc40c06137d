"""`/openapi.json`, and the comparison of responses with it."""

from __future__ import annotations

import pytest

from monotron.web.openapi import DOCUMENT
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


class TestResponses:
    def test_a_member_that_is_not_documented_is_detected(self, root: Client) -> None:
        response = root.request("PUT", "/v1/series/doc/a?reuse=any")
        more = Response(200, response.headers, response.body.replace(b"{", b'{"more": 1, ', 1))
        assert "'more' was unexpected" in str(problem_with(more, "PUT /v1/series/{key}/{token}"))

    @pytest.mark.parametrize(
        ("name", "value", "problem"),
        [
            ("X-More", "1", "the header X-More is not documented"),
            ("Monotron-Reused", "yes", "invalid header Monotron-Reused: yes"),
            ("X-Request-Id", None, "missing headers: ['X-Request-Id']"),
        ],
    )
    def test_a_header_that_is_not_as_documented_is_detected(
        self, root: Client, name: str, value: str | None, problem: str
    ) -> None:
        response = root.request("PUT", "/v1/series/doc/a?reuse=any")
        assert problem_with(response, "PUT /v1/series/{key}/{token}") is None
        del response.headers[name]
        if value is not None:
            response.headers[name] = value
        assert problem_with(response, "PUT /v1/series/{key}/{token}") == problem
