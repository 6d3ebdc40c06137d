"""Pre-releases and their promotion.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    Problem,
    assign,
    latest,
    outcomes,
    put,
    series_of,
    start_at,
    state,
)


class TestPrerelease:
    """PUT /v1/versions/{name}/{token}?prerelease=rc"""

    @pytest.mark.parametrize(
        ("start", "query", "version"),
        [
            (None, "prerelease=rc", "0.0.1-rc.1"),
            ("1.2.57", "prerelease=rc&bump=minor", "1.3.0-rc.1"),
        ],
    )
    def test_a_prerelease_targets_the_version_of_the_bump(
        self, client: Client, new_name: str, start: str | None, query: str, version: str
    ) -> None:
        if start:
            start_at(client, new_name, start)
        assert outcomes(client, new_name, f"T?{query}") == [version]

    @pytest.mark.parametrize(
        "label",
        ["RC", "1a2", "feature-login", "-"],
    )
    def test_a_label_has_letters_digits_and_hyphens_but_not_only_digits(
        self, client: Client, name: str, label: str
    ) -> None:
        document = assign(client, name, f"T?prerelease={label}")
        assert document["version"] == f"1.2.58-{label}.1"
        assert document["prerelease"] == f"{label}.1"
        assert series_of(client, name)[f"{label.replace('-', '.')}-v1.2.58"] == ("T", 1)

    @pytest.mark.parametrize(
        "label",
        ["1", "rc.1", "rc%20", "%C3%A9", "x" * 41],
    )
    def test_an_invalid_label_is_rejected(
        self, client: Client, name: str, problem: Problem, label: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?prerelease={label}")
        assert "prerelease" in problem(response, 400, "invalid_request", applied="no")["detail"]
        response = client.request("GET", f"/v1/versions/{name}/T?prerelease={label}")
        problem(response, 400, "invalid_request")
        assert state(client, name) == before


class TestPromotion:
    """PUT /v1/versions/{name}/{token}?bump=final"""

    @pytest.mark.parametrize("token", ["a", "b"])
    def test_a_prerelease_becomes_final_for_its_token_or_another(
        self, client: Client, name: str, token: str
    ) -> None:
        assert outcomes(client, name, "a?bump=minor&prerelease=rc") == ["1.3.0-rc.1"]
        document = assign(client, name, f"{token}?bump=final")
        assert document["version"] == "1.3.0"
        assert document["token"] == token
        assert document["bump"] == "final"
        assert document["prerelease"] is None
        assert document["previous"] == "1.2.57"
        assert document["latest"] is True
        assert document["reused"] is False
        assert latest(client, name)["token"] == token

    @pytest.mark.parametrize(
        ("before", "request_", "answer"),
        [
            ([], "a?bump=final", "422 invalid_bump"),
            (["a?bump=minor&prerelease=rc"], "b?bump=final&prerelease=beta", "422 invalid_bump"),
            (
                ["a?bump=minor&prerelease=rc", "b?bump=final"],
                "c?bump=final",
                "409 already_released",
            ),
        ],
    )
    def test_a_promotion_without_a_prerelease_is_rejected(
        self,
        client: Client,
        name: str,
        problem: Problem,
        before: list[str],
        request_: str,
        answer: str,
    ) -> None:
        outcomes(client, name, *before)
        held = state(client, name)
        status, code = answer.split()
        problem(put(client, name, request_), int(status), code, applied="no")
        assert state(client, name) == held
