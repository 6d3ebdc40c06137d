"""Maintenance lines.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    INT64_MAX,
    Problem,
    outcomes,
    put,
    state,
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
            ("line=1&bump=minor&prerelease=rc", "1.4.0-rc.1"),
            ("line=1.2&bump=minor", "422 out_of_line"),
            (f"line={INT64_MAX}.{INT64_MAX}", "404 line_not_found"),
        ],
    )
    def test_a_line_continues_below_the_newest_version(
        self, client: Client, lines: str, query: str, answer: str
    ) -> None:
        before = state(client, lines)
        assert outcomes(client, lines, f"T?{query}") == [answer]
        if " " in answer:
            assert state(client, lines) == before

    @pytest.mark.parametrize(
        "line",
        ["v1", "1.2.3", "1%20", "%D9%A1", "9" * 5000],
        ids=lambda line: line[:20],
    )
    def test_an_invalid_line_is_rejected(
        self, client: Client, name: str, problem: Problem, line: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?line={line}")
        assert "line" in problem(response, 400, "invalid_request", applied="no")["detail"]
        assert state(client, name) == before
