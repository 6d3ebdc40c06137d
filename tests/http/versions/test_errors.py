"""Errors, methods and paths.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from support.server import Client, Response
from support.versions import (
    Problem,
    assign,
    lines,
    outcomes,
    put,
    state,
    words,
)


class TestErrors:
    """The details of errors: what failed, why, and what to do."""

    # a has 1.3.0, b has 1.2.58-rc.1 on line 1.2, c has 1.2.58, d has 1.4.0-rc.1.
    BEFORE = (
        "a?bump=minor",
        "b?line=1.2&prerelease=rc",
        "c?line=1.2",
        "d?bump=minor&prerelease=rc",
    )

    @pytest.mark.parametrize(
        ("request_", "status", "code", "words"),
        [
            ("T?bump=huge", 422, "invalid_bump", ["huge", "minor"]),
            ("T?bump=final&prerelease=beta", 422, "invalid_bump", ["'beta'", "pre-?release"]),
            ("T?bump=final&line=1.3", 422, "invalid_bump", ["1.3", "pre-?release"]),
            ("T?bump=auto", 422, "invalid_bump", ["message|text|body"]),
            ("b?bump=final", 409, "already_released", ["1.2.58"]),
            ("T?bump=final&line=1.2", 409, "already_released", ["1.2.58"]),
            ("T?line=9", 404, "line_not_found", ["9", "line"]),
            ("T?line=1.9", 404, "line_not_found", ["1.9", "line"]),
            ("T?line=1.2&bump=minor", 422, "out_of_line", ["1.2", "minor", "patch"]),
            ("T?line=1&bump=major", 422, "out_of_line", ["1", "major", "minor|patch"]),
            ("a?bump=patch", 422, "token_taken", ["1.3.0", "minor", "on_conflict|another token"]),
            ("a?bump=minor&line=1", 422, "token_taken", ["1.3.0", "line"]),
            ("T?prerelease=7", 400, "invalid_request", ["prerelease", "letter"]),
            ("T?metadata=_", 400, "invalid_request", ["metadata"]),
            ("T?line=v1", 400, "invalid_request", ["line"]),
            ("T?initial=1.4.2-rc.1", 400, "invalid_version", ["1.4.2-rc.1"]),
            ("T?dry_run=1", 400, "invalid_request", ["dry_run", "true", "false"]),
            ("T?on_conflict=x", 400, "invalid_request", ["on_conflict", "fail", "reuse"]),
            ("T?x=1", 400, "invalid_request", ["x", "bump", "line"]),
            ("T?initial_development=1", 400, "invalid_request", ["initial_development", "true"]),
        ],
    )
    def test_an_error_names_its_cause_and_changes_nothing(
        self,
        client: Client,
        name: str,
        problem: Problem,
        request_: str,
        status: int,
        code: str,
        words: list[str],
    ) -> None:
        assert outcomes(client, name, *self.BEFORE) == [
            "1.3.0",
            "1.2.58-rc.1",
            "1.2.58",
            "1.4.0-rc.1",
        ]
        before = state(client, name)
        document = problem(put(client, name, request_), status, code, applied="no")
        for word in words:
            assert re.search(word, document["detail"]), (word, document["detail"])
        extra = document.keys() - {"type", "title", "status", "detail", "code", "applied"}
        assert extra == ({"version", "bump"} if code == "token_taken" else set())
        assert state(client, name) == before

    def test_a_token_taken_within_a_label_names_the_prerelease(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assign(client, name, "T?bump=minor&prerelease=rc")
        response = put(client, name, "T?bump=major&prerelease=rc")
        document = problem(response, 422, "token_taken", applied="no")
        assert (document["version"], document["bump"]) == ("1.3.0-rc.1", "minor")

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("versions/<name>-none", ["<name>-none"]),
            ("versions/<name>/some-token", ["<name>", "some-token"]),
            ("versions/<name>/a?prerelease=rc", ["<name>", "a", "rc"]),
            ("releases/<name>/7.7.7", ["<name>", "7.7.7"]),
            ("releases/<name>-none", ["<name>-none"]),
        ],
    )
    def test_a_not_found_error_names_what_is_missing(
        self, client: Client, name: str, problem: Problem, path: str, words: list[str]
    ) -> None:
        assign(client, name, "a")
        response = client.request("GET", f"/v1/{path.replace('<name>', name)}")
        detail = problem(response, 404, "version_not_found")["detail"]
        for word in words:
            assert word.replace("<name>", name) in detail


class TestMethods:
    """HEAD, unsupported methods and unknown paths."""

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("versions/<name>", 200),
            ("versions/<name>?format=text", 200),
            ("versions/<name>?format=dotenv", 200),
            ("versions/<name>/a", 200),
            ("versions/<name>/none", 404),
            ("versions/<name>-none", 404),
            ("versions/<name>?x=1", 400),
            ("versions/<name>?line=1.2", 200),
            ("versions/<name>?line=9", 404),
            ("versions?prefix=<name>", 200),
            ("versions?limit=0", 400),
            ("releases/<name>", 200),
            ("releases/<name>-none", 404),
            ("releases/<name>/1.2.58", 200),
            ("releases/<name>/9.9.9", 404),
            ("releases/<name>/x", 400),
        ],
    )
    def test_head_returns_the_headers_of_get_without_a_body(
        self,
        client: Client,
        name: str,
        send_until_closed: Callable[[bytes], list[Response]],
        path: str,
        status: int,
    ) -> None:
        assign(client, name, "a")
        got, head = (
            send_until_closed(
                f"{verb} /v1/{path.replace('<name>', name)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "X-Request-Id: same\r\nConnection: close\r\n\r\n".encode()
            )[0]
            for verb in ("GET", "HEAD")
        )
        assert got.body
        assert head.body == b""
        assert head.status == got.status == status
        assert lines(head) == lines(got)

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("versions/<name>", {"GET", "HEAD", "PUT"}),
            ("versions/<name>/a", {"GET", "HEAD", "PUT"}),
            ("releases/<name>", {"GET", "HEAD"}),
            ("releases/<name>/1.2.58", {"GET", "HEAD"}),
            ("releases/<name>/1.2.58/withdrawal", {"PUT", "DELETE"}),
            ("versions", {"GET", "HEAD"}),
        ],
    )
    def test_an_unsupported_method_is_rejected_with_the_allowed_ones(
        self, client: Client, name: str, problem: Problem, path: str, allowed: set[str]
    ) -> None:
        assign(client, name, "a")
        before = state(client, name)
        applied = {"PUT": "no", "DELETE": "no", "POST": "no", "OPTIONS": None, "TRACE": None}
        for method in ({*applied, "PATCH", "FOO", "put"}) - allowed:
            response = client.request(method, f"/v1/{path.replace('<name>', name)}")
            # It is not specified whether an unknown method is a write.
            either = response.json().get("applied")
            problem(response, 405, "method_not_allowed", applied=applied.get(method, either))
            names = {each.strip() for each in response.headers["Allow"].split(",")}
            assert names == allowed, method
        assert state(client, name) == before

    @pytest.mark.parametrize(
        "path",
        words("""
            releases versions/<name>/a/b versions/<name>/a/ releases/<name>/1.2.58/a
            releases/<name>/1.2.58/withdrawal/a releases/<name>/1.2.58/Withdrawal
            version/<name> Versions/<name> versions/org/<name>/a versions%2F<name>
        """),
    )
    def test_an_unknown_path_is_not_found(
        self, client: Client, name: str, problem: Problem, path: str
    ) -> None:
        for method in ("GET", "PUT", "POST", "DELETE"):
            response = client.request(method, f"/v1/{path.replace('<name>', name)}")
            problem(response, 404, "not_found", applied="no" if method != "GET" else None)
