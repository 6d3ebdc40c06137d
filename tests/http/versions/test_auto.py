"""`bump=auto`: the bump comes from commit messages.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    MAX_TEXT,
    Problem,
    Send,
    assign,
    get,
    outcome,
    outcomes,
    put,
    start_at,
    state,
)


class TestAuto:
    """PUT /v1/versions/{name}/{token}?bump=auto, with commit messages"""

    @pytest.mark.parametrize(
        ("text", "version", "bump", "reason"),
        [
            ("fix: a", "1.2.58", "patch", "fix: a"),
            ("docs: a", "1.2.58", "patch", "docs: a"),
            ("Update the readme", "1.2.58", "patch", "Update the readme"),
            ("feature: a", "1.2.58", "patch", "feature: a"),
            ("fix: a\n\nfeat: b", "1.2.58", "patch", "fix: a"),
            ("fix: a\n\nbreaking change: b", "1.2.58", "patch", "fix: a"),
            ("feat: a", "1.3.0", "minor", "feat: a"),
            ("feat(ui): a", "1.3.0", "minor", "feat(ui): a"),
            ("Feat: a", "1.3.0", "minor", "Feat: a"),
            ("feat: a\n\nA longer text.\n", "1.3.0", "minor", "feat: a"),
            ("feat: é 🦊 日本", "1.3.0", "minor", "feat: é 🦊 日本"),
            ("feat!: a", "2.0.0", "major", "feat!: a"),
            ("fix(api)!: a", "2.0.0", "major", "fix(api)!: a"),
            ("chore!: a", "2.0.0", "major", "chore!: a"),
            ("fix: a\n\nBREAKING CHANGE: b", "2.0.0", "major", "BREAKING CHANGE: b"),
            ("docs: a\n\nBecause.\n\nBREAKING-CHANGE: b", "2.0.0", "major", "BREAKING-CHANGE: b"),
            ("fix: a\0feat: b\0docs: c", "1.3.0", "minor", "feat: b"),
            ("fix: a\n\0feat: b\n\0", "1.3.0", "minor", "feat: b"),
            ("feat: a\0fix!: b\0feat: c", "2.0.0", "major", "fix!: b"),
            ("\0\0feat: a\0", "1.3.0", "minor", "feat: a"),
        ],
    )
    def test_the_bump_is_the_largest_of_all_messages(
        self, client: Client, name: str, text: str, version: str, bump: str, reason: str
    ) -> None:
        given = assign(client, name, "T?bump=auto", text)
        assert given["version"] == version
        assert given["bump"] == bump
        assert given["reason"] == reason
        again = assign(client, name, "T?bump=auto", text)
        assert again == given | {"reused": True}
        assert get(client, f"/v1/versions/{name}/T") == again

    @pytest.mark.parametrize(
        ("start", "query", "text", "answer"),
        [
            (None, "", "fix: a", "0.0.1"),
            (None, "", "feat: a", "0.1.0"),
            (None, "", "feat!: a", "0.1.0"),
            (None, "&initial_development=false", "feat!: a", "1.0.0"),
            (None, "&initial_development=true", "feat!: a", "0.1.0"),
            ("0.3.1", "", "fix: a", "0.3.2"),
            ("0.3.1", "", "feat: a", "0.4.0"),
            ("0.3.1", "", "feat!: a", "0.4.0"),
            ("0.3.1", "", "fix: a\n\nBREAKING CHANGE: b", "0.4.0"),
            ("0.3.1", "&initial_development=true", "feat!: a", "0.4.0"),
            ("0.3.1", "&initial_development=false", "feat!: a", "1.0.0"),
            ("0.3.1", "&initial_development=false", "feat: a", "0.4.0"),
            ("0.3.1", "&line=0", "feat!: a", "0.4.0"),
            ("0.3.1", "&line=0&initial_development=false", "feat!: a", "422 out_of_line"),
            ("0.3.1", "&line=0.3", "fix: a", "0.3.2"),
            ("0.3.1", "&line=0.3", "feat!: a", "422 out_of_line"),
            ("1.2.57", "&initial_development=true", "feat!: a", "2.0.0"),
            ("1.2.57", "&initial_development=false", "feat!: a", "2.0.0"),
            ("1.2.57", "&line=1", "feat: a", "1.3.0"),
            ("1.2.57", "&line=1", "feat!: a", "422 out_of_line"),
            ("1.2.57", "&line=1.2", "fix: a", "1.2.58"),
            ("1.2.57", "&line=1.2", "feat: a", "422 out_of_line"),
            ("1.2.57", "&line=1.2", "feat!: a", "422 out_of_line"),
            ("1.2.57", "&line=1.5", "fix: a", "404 line_not_found"),
            ("1.2.57", "&prerelease=rc", "feat: a", "1.3.0-rc.1"),
            ("0.3.1", "&prerelease=rc", "feat!: a", "0.4.0-rc.1"),
            ("1.2.57", "&metadata=sha.1", "feat: a", "1.3.0+sha.1"),
        ],
    )
    def test_the_name_and_the_line_decide_too(
        self, client: Client, new_name: str, start: str | None, query: str, text: str, answer: str
    ) -> None:
        if start:
            start_at(client, new_name, start)
        before = state(client, new_name)
        assert outcome(put(client, new_name, f"T?bump=auto{query}", text)) == answer
        if " " in answer:
            assert state(client, new_name) == before

    def test_line_0_is_in_initial_development_below_newer_versions(
        self, client: Client, new_name: str
    ) -> None:
        start_at(client, new_name, "0.3.1")
        assert outcomes(client, new_name, "a", "b?bump=major") == ["0.3.2", "1.0.0"]
        assert assign(client, new_name, "c?bump=auto&line=0", "feat!: a")["version"] == "0.4.0"
        assert assign(client, new_name, "d?bump=auto", "feat!: a")["version"] == "2.0.0"

    def test_a_breaking_change_in_initial_development_is_minor(
        self, client: Client, new_name: str
    ) -> None:
        given = assign(client, new_name, "T?bump=auto", "feat!: a")
        assert given["bump"] == "minor"
        assert given["reason"] == "feat!: a"
        assert outcomes(client, new_name, "T?bump=minor", "T?bump=major") == [
            "0.1.0",
            "422 token_taken",
        ]

    @pytest.mark.parametrize("bump", ["major", "minor", "patch"])
    def test_an_explicit_major_in_initial_development_is_major(
        self, client: Client, new_name: str, bump: str
    ) -> None:
        start_at(client, new_name, "0.3.1")
        given = assign(client, new_name, f"T?bump={bump}", "docs: a")
        assert given["version"] == {"major": "1.0.0", "minor": "0.4.0", "patch": "0.3.2"}[bump]
        assert given["reason"] is None

    @pytest.mark.parametrize("line", ["feat: " + "x" * 195, "feat: " + "é🦊" * 300])
    def test_a_reason_is_cut_at_200_characters(self, client: Client, name: str, line: str) -> None:
        assert assign(client, name, "T?bump=auto", line)["reason"] == line[:200]

    @pytest.mark.parametrize("text", [None, b"", b" ", b"\n\n", b"\0", b" \r\n\t\0\n\0 "])
    def test_a_new_token_without_a_message_is_rejected(
        self, client: Client, name: str, problem: Problem, text: bytes | None
    ) -> None:
        before = state(client, name)
        response = put(client, name, "T?bump=auto", text)
        problem(response, 422, "invalid_bump", applied="no")
        assert state(client, name) == before

    @pytest.mark.parametrize("text", [None, b"", b"\0", b"feat!: b", b"\xff\xfe\x80", b"{" * 9000])
    @pytest.mark.parametrize("first", ["T", "T?bump=minor", "T?line=1.2", "x?bump=final"])
    def test_the_text_is_not_read_if_the_token_has_a_version(
        self, client: Client, name: str, first: str, text: bytes | None
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        given = assign(client, name, first)
        assert assign(client, name, f"{first[0]}?bump=auto", text) == given | {"reused": True}

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
            b"feat: a\n\n".ljust(MAX_TEXT, b"\n"),
            b"fix: a\0".ljust(MAX_TEXT - 7, b"\0") + b"feat: a",
            (b"fix: a\0" * (MAX_TEXT // 7 - 1) + b"feat: a").ljust(MAX_TEXT),
        ],
        ids=["one line", "empty lines", "few messages", "many messages"],
    )
    def test_a_text_of_1_mib_is_accepted(self, client: Client, name: str, text: bytes) -> None:
        assert len(text) == MAX_TEXT
        given = assign(client, name, "T?bump=auto", text)
        assert given["version"] == "1.3.0"
        assert given["reason"].strip() == "feat: a"

    @pytest.mark.parametrize("length", [MAX_TEXT + 1, 10**9])
    @pytest.mark.parametrize("query", ["bump=auto", "bump=patch"])
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

    @pytest.mark.parametrize("query", ["", "?bump=patch", "?line=1.2"])
    def test_a_text_with_another_bump_is_ignored(
        self, client: Client, name: str, query: str
    ) -> None:
        for number, text in enumerate(("feat!: a", b"\xff", b"{", b"x" * 100_000)):
            given = assign(client, name, f"T{number}{query}", text)
            assert given["version"] == f"1.2.{58 + number}"
            assert given["reason"] is None
