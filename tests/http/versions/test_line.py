"""Maintenance lines.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    INT64_MAX,
    Problem,
    advance_series,
    assign,
    latest,
    outcomes,
    put,
    series_of,
    start_at,
    state,
    words,
)


class TestLine:
    """PUT /v1/versions/{name}/{token}?line=1.2 or line=1"""

    @pytest.fixture
    def lines(self, client: Client, name: str) -> str:
        """A name with the lines 1.2, 1.3 and 2.0, at 2.0.0."""
        assert outcomes(client, name, "x?bump=minor", "y?bump=major") == ["1.3.0", "2.0.0"]
        return name

    @pytest.mark.parametrize(
        ("query", "answer"),
        [
            ("line=1.2", "1.2.58"),
            ("line=1.2&bump=patch", "1.2.58"),
            ("line=1.3", "1.3.1"),
            ("line=2.0", "2.0.1"),
            ("line=1", "1.3.1"),
            ("line=1&bump=patch", "1.3.1"),
            ("line=1&bump=minor", "1.4.0"),
            ("line=2", "2.0.1"),
            ("line=2&bump=minor", "2.1.0"),
            ("line=1.2&prerelease=rc", "1.2.58-rc.1"),
            ("line=1&bump=minor&prerelease=rc", "1.4.0-rc.1"),
            ("line=1.2&metadata=sha.1", "1.2.58+sha.1"),
            ("line=1.2&bump=minor", "422 out_of_line"),
            ("line=1.2&bump=major", "422 out_of_line"),
            ("line=2.0&bump=minor", "422 out_of_line"),
            ("line=1&bump=major", "422 out_of_line"),
            ("line=2&bump=major", "422 out_of_line"),
            ("line=1.2&bump=minor&prerelease=rc", "422 out_of_line"),
            ("line=1&bump=major&prerelease=rc", "422 out_of_line"),
            ("line=1.4", "404 line_not_found"),
            ("line=2.1", "404 line_not_found"),
            ("line=3", "404 line_not_found"),
            ("line=3&bump=minor", "404 line_not_found"),
            ("line=3.0", "404 line_not_found"),
            (f"line={INT64_MAX}.{INT64_MAX}", "404 line_not_found"),
            ("line=3.0&prerelease=rc", "404 line_not_found"),
            ("line=3.0&bump=final", "404 line_not_found"),
        ],
    )
    def test_a_line_continues_below_the_newest_version(
        self, client: Client, lines: str, query: str, answer: str
    ) -> None:
        before = state(client, lines)
        assert outcomes(client, lines, f"T?{query}") == [answer]
        if " " in answer:
            assert state(client, lines) == before

    def test_an_old_line_does_not_change_the_newest_line(self, client: Client, lines: str) -> None:
        requests = ["a?line=1.2", "b", "c?line=1.2", "d?line=1&bump=minor", "e", "f?line=1"]
        versions = ["1.2.58", "2.0.1", "1.2.59", "1.4.0", "2.0.2", "1.4.1"]
        assert outcomes(client, lines, *requests) == versions
        assert latest(client, lines)["version"] == "2.0.2"

    def test_a_hotfix_on_an_old_line_is_not_the_latest(self, client: Client, lines: str) -> None:
        first, second = (assign(client, lines, f"{token}?line=1.2") for token in "ab")
        assert [first["version"], second["version"]] == ["1.2.58", "1.2.59"]
        assert [first["latest"], second["latest"]] == [False, False]
        assert second["previous"] == "1.2.58"
        assert latest(client, lines)["version"] == "2.0.0"

    def test_a_version_on_the_newest_line_is_the_latest(self, client: Client, lines: str) -> None:
        for request in ("a?line=2.0", "b?line=2", "c?line=2&bump=minor"):
            assert assign(client, lines, request)["latest"] is True

    def test_line_0_continues_after_the_first_major(self, client: Client, new_name: str) -> None:
        start_at(client, new_name, "0.3.1")
        requests = ["a", "b?bump=major", "c?line=0.3", "d?line=0", "e?line=0&bump=minor"]
        versions = ["0.3.2", "1.0.0", "0.3.3", "0.3.4", "0.4.0"]
        assert outcomes(client, new_name, *requests) == versions

    @pytest.mark.parametrize("line", ["0", "0.0", "1", "1.2"])
    def test_a_new_name_has_no_lines(
        self, client: Client, new_name: str, problem: Problem, line: str
    ) -> None:
        problem(put(client, new_name, f"T?line={line}"), 404, "line_not_found", applied="no")
        assert series_of(client, new_name) == {}

    def test_a_line_exists_if_its_series_exists(self, client: Client, name: str) -> None:
        advance_series(client, f"{name}-patch-v1.1", 4)
        assert outcomes(client, name, "a?line=1.1", "b?line=1.7") == ["1.1.5", "404 line_not_found"]
        assert latest(client, name)["version"] == "1.2.57"

    @pytest.mark.parametrize(
        "line",
        [
            *words("""
                v1 v1.2 1.2.3 01 1.02 00 1. .1 1..2 x 1.x -1 %2B1 1e0 1_0 %201 1%20 1.2%0A %D9%A1
                %EF%BC%91.2 9223372036854775808 1.9223372036854775808
            """),
            "9" * 5000,
        ],
        ids=lambda line: line[:20],
    )
    def test_an_invalid_line_is_rejected(
        self, client: Client, name: str, problem: Problem, line: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?line={line}")
        assert "line" in problem(response, 400, "invalid_request", applied="no")["detail"]
        assert state(client, name) == before
