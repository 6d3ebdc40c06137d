"""Errors, methods and parameters.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
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

# A value that each parameter might have, and which request takes which of them.
GOOD = {
    "bump": "patch",
    "prerelease": "rc",
    "line": "1.2",
    "metadata": "sha.1",
    "initial": "1.0.0",
    "initial_development": "false",
    "on_conflict": "reuse",
    "dry_run": "true",
    "format": "text",
    "limit": "5",
    "before": "9.9.9",
    "reuse": "any",
    "restart": "true",
    "after": "a",
    "value": "1",
    "version": "1.4.2",
    "token": "hunter2",
    "api_key": "hunter2",
    "Bump": "minor",
    "x": "1",
}


TAKES = {
    "PUT versions/<name>/<new>": {
        "bump",
        "prerelease",
        "line",
        "metadata",
        "initial",
        "initial_development",
        "on_conflict",
        "dry_run",
        "format",
    },
    "PUT versions/<name>": {"format"},
    "GET versions/<name>": {"format"},
    "GET versions/<name>/a": {"prerelease", "format"},
    "GET releases/<name>/1.2.58": {"format"},
    "GET releases/<name>": {"limit", "before"},
}


class TestErrors:
    """What an error says: the thing that is wrong, and what to do."""

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
            ("T?bump=final&prerelease=rc", 422, "invalid_bump", ["final", "prerelease"]),
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
    """HEAD, the methods that a path has not, and paths that are none."""

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
            # Whether a method that nobody knows is a write is left open.
            either = response.json().get("applied")
            problem(response, 405, "method_not_allowed", applied=applied.get(method, either))
            names = {each.strip() for each in response.headers["Allow"].split(",")}
            assert names == allowed, method
        assert state(client, name) == before

    @pytest.mark.parametrize(
        "path",
        words("""
            versions releases versions/<name>/a/b versions/<name>/a/ releases/<name>/1.2.58/a
            version/<name> Versions/<name> versions/org/<name>/a versions%2F<name>
        """),
    )
    def test_an_unknown_path_is_not_found(
        self, client: Client, name: str, problem: Problem, path: str
    ) -> None:
        for method in ("GET", "PUT", "POST", "DELETE"):
            response = client.request(method, f"/v1/{path.replace('<name>', name)}")
            problem(response, 404, "not_found", applied="no" if method != "GET" else None)


class TestParameters:
    """Which request takes which parameter."""

    def request(self, client: Client, name: str, route: str, query: str, new: str) -> Response:
        method, _, path = route.partition(" ")
        path = path.replace("<name>", name).replace("<new>", new)
        body = '{"version": "1.2.58"}' if route == "PUT versions/<name>" else None
        return client.request(method, f"/v1/{path}?{query}", body)

    @pytest.fixture
    def begun(self, client: Client, name: str) -> str:
        """A name at 1.2.58, which the token a has, as it has 1.3.0-rc.1."""
        assert outcomes(client, name, "a", "a?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
        return name

    @pytest.mark.parametrize("route", TAKES)
    def test_a_parameter_is_required_to_have_one_value(
        self, client: Client, begun: str, problem: Problem, route: str
    ) -> None:
        applied = "no" if route.startswith("PUT") else None
        for parameter in sorted(TAKES[route]):
            query = f"{parameter}={GOOD[parameter]}"
            response = self.request(client, begun, route, query, f"new-{parameter}")
            assert response.status == 200, (query, response)
            for twice in (f"{query}&{query}", f"{query}&{parameter}=x", parameter):
                response = self.request(client, begun, route, twice, "never")
                detail = problem(response, 400, "invalid_request", applied=applied)["detail"]
                assert parameter in detail

    @pytest.mark.parametrize("route", TAKES)
    def test_an_unknown_parameter_is_rejected(
        self, client: Client, begun: str, problem: Problem, route: str
    ) -> None:
        before = state(client, begun)
        applied = "no" if route.startswith("PUT") else None
        for parameter in sorted(GOOD.keys() - TAKES[route]):
            query = f"{parameter}={GOOD[parameter]}"
            response = self.request(client, begun, route, query, "never")
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"]
            assert "hunter2" not in response.text
        assert state(client, begun) == before

    @pytest.mark.parametrize(
        ("query", "parameter", "routes"),
        [
            *(
                (f"{parameter}={value}", parameter, ["PUT versions/<name>/<new>"])
                for parameter in ("dry_run", "initial_development")
                for value in ("", "1", "0", "yes", "True", "TRUE", "true%20", "null")
            ),
            *(
                (f"on_conflict={value}", "on_conflict", ["PUT versions/<name>/<new>"])
                for value in ("", "Fail", "ignore", "true", "any")
            ),
            *(
                (f"format={value}", "format", list(TAKES)[:5])
                for value in ("", "xml", "JSON", "text/plain")
            ),
            *(
                (query, "prefix", list(TAKES)[:5])
                for query in (
                    "prefix=A_",
                    "format=text&prefix=A_",
                    "format=dotenv&prefix=",
                    "format=dotenv&prefix=1A",
                    "format=dotenv&prefix=A-B",
                    "format=dotenv&prefix=A%0AB",
                    f"format=dotenv&prefix={'A' * 65}",
                    "format=dotenv&prefix=A_&prefix=A_",
                )
            ),
            ("prefix=A_", "prefix", ["GET releases/<name>"]),
            *(
                (f"limit={value}", "limit", ["GET releases/<name>"])
                for value in ("", "0", "-1", "1001", "x", "1.0", "1e2", "%2B5", "9" * 5000)
            ),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    def test_an_invalid_parameter_value_is_rejected(
        self,
        client: Client,
        begun: str,
        problem: Problem,
        query: str,
        parameter: str,
        routes: list[str],
    ) -> None:
        before = state(client, begun)
        for route in routes:
            response = self.request(client, begun, route, query, "never")
            applied = "no" if route.startswith("PUT") else None
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"], route
        assert state(client, begun) == before
