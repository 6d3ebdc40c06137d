"""`bump=auto`: the bump comes from commit messages.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from monotron.model.commit_texts import MAX_COMMITS
from support.server import Client
from support.versions import (
    LOOKED_UP,
    MAX_TEXT,
    MEMBERS,
    Problem,
    Send,
    assign,
    get,
    put,
    state,
)


class TestAuto:
    """PUT /v1/versions/{name}/{token}?bump=auto, with commit messages"""

    @pytest.mark.parametrize(
        ("text", "version", "bump", "reason"),
        [
            ("fix: a", "1.2.58", "patch", "fix: a"),
            ("feat: é 🦊 日本", "1.3.0", "minor", "feat: é 🦊 日本"),
            ("fix: a\n\nBREAKING CHANGE: b", "2.0.0", "major", "BREAKING CHANGE: b"),
            ("fix: a\n\0feat: b\n\0", "1.3.0", "minor", "feat: b"),
        ],
    )
    def test_the_bump_is_the_largest_of_all_messages(
        self, client: Client, name: str, text: str, version: str, bump: str, reason: str
    ) -> None:
        document = assign(client, name, "T?bump=auto", text)
        assert document["version"] == version
        assert document["bump"] == bump
        assert document["reason"] == reason
        again = assign(client, name, "T?bump=auto", text)
        assert again == document | {"reused": True}
        assert get(client, f"/v1/versions/{name}/T") == again | LOOKED_UP

    @pytest.mark.parametrize("text", [None, b" \r\n\t\0\n\0 "])
    def test_a_new_token_without_a_message_is_rejected(
        self, client: Client, name: str, problem: Problem, text: bytes | None
    ) -> None:
        before = state(client, name)
        response = put(client, name, "T?bump=auto", text)
        problem(response, 422, "invalid_bump", applied="no")
        assert state(client, name) == before

    @pytest.mark.parametrize("text", [None, b"feat!: b", b"\xff\xfe\x80"])
    @pytest.mark.parametrize("first", ["T", "T?bump=minor"])
    def test_the_text_is_not_read_if_the_token_has_a_version(
        self, client: Client, name: str, first: str, text: bytes | None
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        document = assign(client, name, first)
        assert assign(client, name, f"{first[0]}?bump=auto", text) == document | {"reused": True}

    @pytest.mark.parametrize(
        "type_",
        [
            None,
            "text/plain",
            "text/plain; charset=utf-8",
            "application/x-www-form-urlencoded",
            "application/json",
            "application/octet-stream",
            "multipart/form-data; boundary=b",
            "multipart/form-data",
            "nonsense",
        ],
    )
    def test_a_body_is_text_whatever_its_type(
        self, client: Client, name: str, type_: str | None
    ) -> None:
        headers = {} if type_ is None else {"Content-Type": type_}
        text = "feat: a=b&c=%zz; {d}"
        response = put(client, name, "T?bump=auto", text, headers)
        assert response.json()["version"] == "1.3.0"
        assert response.json()["reason"] == text

    def test_a_chunked_text_is_accepted(self, client: Client, name: str, send: Send) -> None:
        response = send(
            f"PUT /v1/versions/{name}/T?bump=auto HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n4\r\nfeat\r\n3\r\n: a\r\n0\r\n\r\n".encode()
        )
        assert response is not None
        assert response.json()["version"] == "1.3.0"

    @pytest.mark.parametrize(
        "text",
        [
            b"feat: a\n\n".ljust(MAX_TEXT, b"x"),
            ((b"fix: ".ljust(51, b"a") + b"\0") * (MAX_COMMITS - 1) + b"feat: a").ljust(MAX_TEXT),
        ],
        ids=["one message", "many messages"],
    )
    def test_a_text_of_1_mib_is_accepted(self, client: Client, name: str, text: bytes) -> None:
        assert len(text) == MAX_TEXT
        document = assign(client, name, "T?bump=auto", text)
        assert document["version"] == "1.3.0"
        assert document["reason"].strip() == "feat: a"

    @pytest.mark.parametrize("length", [MAX_TEXT + 1, 10**9])
    @pytest.mark.parametrize("query", ["bump=auto"])
    def test_a_text_over_1_mib_is_rejected(
        self, client: Client, name: str, send: Send, problem: Problem, length: int, query: str
    ) -> None:
        before = state(client, name)
        response = send(
            f"PUT /v1/versions/{name}/T?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        problem(response, 413, "body_too_large", applied="no")
        assert state(client, name) == before

    def test_a_text_of_too_many_commits_is_rejected(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        before = state(client, name)
        response = put(client, name, "T?bump=auto", "fix: a\0" * (MAX_COMMITS + 1))
        problem(response, 413, "body_too_large", applied="no")
        assert state(client, name) == before

    @pytest.mark.parametrize("query", ["?bump=patch"])
    def test_a_text_with_another_bump_is_ignored(
        self, client: Client, name: str, query: str
    ) -> None:
        for number, text in enumerate(("feat!: a", b"\xff", b"{", b"x" * 100_000)):
            document = assign(client, name, f"T{number}{query}", text)
            assert document["version"] == f"1.2.{58 + number}"
            assert document["reason"] is None


class TestNoRelease:
    """PUT /v1/versions/{name}/{token}?bump=auto if no commit needs a version."""

    QUERY = "bump=auto&skip_types=docs"

    def test_the_newest_version_is_returned_unchanged(self, client: Client, name: str) -> None:
        released = assign(client, name, "a")
        before = state(client, name)
        document = assign(client, name, f"T?{self.QUERY}", "docs: a")
        assert document["changed"] is False
        assert document["reason"]
        assert document | {"reason": None} == released | LOOKED_UP
        response = put(client, name, f"T?{self.QUERY}&format=text", "docs: a")
        assert (response.status, response.text) == (200, "\n")
        lines = put(client, name, f"T?{self.QUERY}&format=dotenv", "docs: a").text.splitlines()
        assert {"MONOTRON_VERSION=1.2.58", "MONOTRON_CHANGED=false"} <= set(lines)
        assert state(client, name) == before
        assert assign(client, name, f"T?{self.QUERY}", "fix: b")["version"] == "1.2.59"

    def test_a_name_without_versions_has_null_members(self, client: Client, new_name: str) -> None:
        document = assign(client, new_name, f"T?{self.QUERY}", "docs: a")
        assert list(document) == MEMBERS
        for member in ("version", "tag", "major", "minor", "patch", "token", "spellings"):
            assert document[member] is None, member
        assert (document["name"], document["changed"]) == (new_name, False)
        response = put(client, new_name, f"T?{self.QUERY}&format=dotenv", "docs: a")
        variables = dict(line.split("=") for line in response.text.splitlines())
        assert len(variables) == 22
        assert {name for name, value in variables.items() if value} == {
            f"MONOTRON_{name}"
            for name in (
                *("IS_LATEST", "REUSED", "CHANGED", "LATEST_IN_MAJOR", "LATEST_IN_MINOR"),
                "CREATOR_ID",
            )
        }
        assert client.request("GET", f"/v1/versions/{new_name}").status == 404
