"""A bump increments one component; a token keeps its version.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    INT64_MAX,
    NOT_LATEST,
    Problem,
    advance_series,
    assign,
    outcomes,
    put,
    start_at,
    state,
)


class TestBump:
    """PUT /v1/versions/{name}/{token}?bump=major, minor or patch"""

    @pytest.mark.parametrize("bump", ["huge", "minor%20"])
    def test_an_unknown_bump_is_rejected(
        self, client: Client, name: str, problem: Problem, bump: str
    ) -> None:
        before = state(client, name)
        problem(put(client, name, f"T?bump={bump}"), 422, "invalid_bump", applied="no")
        assert state(client, name) == before

    def test_a_bump_in_upper_case_is_accepted(self, client: Client, name: str) -> None:
        start_at(client, name, "1.2.57")
        for bump in ("Minor", "MINOR", "minor"):
            assert assign(client, name, f"T?bump={bump}")["version"] == "1.3.0"

    @pytest.mark.parametrize(
        ("key", "request_"),
        [("patch-v1.2", "T")],
    )
    def test_an_exhausted_series_assigns_no_version(
        self, client: Client, name: str, problem: Problem, key: str, request_: str
    ) -> None:
        advance_series(client, f"{name}-{key}", INT64_MAX)
        before = state(client, name)
        problem(put(client, name, request_), 409, "series_exhausted", applied="no")
        assert state(client, name) == before


class TestReuse:
    """A token keeps its version permanently."""

    @pytest.mark.parametrize(
        "request_",
        ["T?bump=minor", "x?bump=minor&prerelease=rc"],
    )
    def test_a_token_keeps_its_version_whatever_comes_between(
        self, client: Client, name: str, request_: str
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        first = assign(client, name, request_)
        outcomes(client, name, "a", "b?bump=minor", "c?bump=major", "d?prerelease=rc", "e?line=1.2")
        start_at(client, name, "5.0.0")
        before = state(client, name)
        for _ in range(2):
            response = put(client, name, request_)
            assert response.status == 200
            assert response.json() == first | {"reused": True} | NOT_LATEST
            assert response.headers["Monotron-Reused"] == "true"
        assert state(client, name) == before

    def test_a_header_states_whether_the_version_is_reused(self, client: Client, name: str) -> None:
        answers = [put(client, name, token) for token in "TTU"]
        reused = [answer.headers["Monotron-Reused"] for answer in answers]
        assert reused == ["false", "true", "false"]
        assert [answer.json()["reused"] for answer in answers] == [False, True, False]

    @pytest.mark.parametrize(
        "query",
        ["bump=minor&metadata=other", "bump=auto", "bump=major&on_conflict=reuse"],
    )
    def test_the_same_request_or_on_conflict_reuse_gets_the_stored_version(
        self, client: Client, name: str, query: str
    ) -> None:
        first = assign(client, name, "T?bump=minor&metadata=sha.1")
        before = state(client, name)
        response = put(client, name, f"T?{query}")
        assert response.status == 200, response
        assert response.json() == first | {"reused": True}
        assert response.headers["Monotron-Reused"] == "true"
        assert state(client, name) == before

    @pytest.mark.parametrize(
        ("first", "second"),
        [("T?bump=minor", "T?bump=patch"), ("T?prerelease=rc", "T?prerelease=rc&line=1.2")],
    )
    def test_a_token_with_another_bump_or_line_is_rejected(
        self, client: Client, name: str, problem: Problem, first: str, second: str
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        stored = assign(client, name, first)
        before = state(client, name)
        document = problem(put(client, name, second), 422, "token_taken", applied="no")
        assert document["version"] == stored["version"]
        assert document["bump"] == stored["bump"]
        assert stored["version"] in document["detail"]
        assert state(client, name) == before
        reuse = f"{second}{'&' if '?' in second else '?'}on_conflict=reuse"
        assert assign(client, name, reuse) == stored | {"reused": True}
        assert state(client, name) == before

    def test_tokens_are_compared_exactly(self, client: Client, name: str) -> None:
        tokens = ["a", "A", "%C3%A9", "e%CC%81", "a%2Fb", "a%252Fb", "a%20b", "a+b"]
        assert outcomes(client, name, *tokens) == [f"1.2.{58 + n}" for n in range(len(tokens))]
        assert outcomes(client, name, *tokens) == [f"1.2.{58 + n}" for n in range(len(tokens))]


class TestMetadata:
    """PUT /v1/versions/{name}/{token}?metadata=sha.7d4c379"""

    @pytest.mark.parametrize(
        "metadata",
        ["sha.7d4c379", "-"],
        ids=lambda metadata: metadata[:20],
    )
    def test_metadata_is_appended_and_does_not_change_the_count(
        self, client: Client, name: str, metadata: str
    ) -> None:
        document = assign(client, name, f"a?metadata={metadata}")
        assert document["version"] == f"1.2.58+{metadata}"
        assert document["tag"] == f"v1.2.58+{metadata}"
        assert document["metadata"] == metadata
        assert (document["major"], document["minor"], document["patch"]) == (1, 2, 58)
        assert document["latest"] is True
        assert outcomes(client, name, f"b?metadata={metadata}", "c") == [
            f"1.2.59+{metadata}",
            "1.2.60",
        ]

    @pytest.mark.parametrize("query", ["", "?metadata=other"])
    def test_a_repeated_request_returns_the_original_metadata(
        self, client: Client, name: str, query: str
    ) -> None:
        document = assign(client, name, "T?metadata=sha.1")
        assert assign(client, name, f"T{query}") == document | {"reused": True}
        plain = assign(client, name, "U")
        again = assign(client, name, f"U{query}")
        assert again == plain | {"reused": True}
        assert again["metadata"] is None

    @pytest.mark.parametrize(
        "metadata",
        ["a_b", "a%2Bb"],
        ids=lambda metadata: metadata[:20],
    )
    def test_invalid_metadata_is_rejected(
        self, client: Client, name: str, problem: Problem, metadata: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?metadata={metadata}")
        assert "metadata" in problem(response, 400, "invalid_request", applied="no")["detail"]
        assert state(client, name) == before
