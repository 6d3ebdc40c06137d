"""Dry runs.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    INT64_MAX,
    MEMBERS,
    advance_series,
    assign,
    assign_value,
    delete_series,
    outcome,
    outcomes,
    put,
    series_of,
    start_at,
    state,
    words,
)


class TestDryRun:
    """PUT /v1/versions/{name}/{token}?dry_run=true"""

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("bump=patch", None),
            ("bump=minor", None),
            ("bump=major&metadata=sha.1", None),
            ("bump=minor&prerelease=rc", None),
            ("bump=minor&prerelease=beta", None),
            ("line=1.2", None),
            ("line=1&bump=minor", None),
            ("bump=final", None),
            ("bump=final&line=1.2", None),
            ("bump=auto", "feat: a"),
            ("bump=auto&prerelease=rc", "feat!: a"),
            ("initial=7.0.0", None),
        ],
    )
    def test_a_dry_run_returns_the_version_and_changes_nothing(
        self, client: Client, name: str, query: str, text: str | None
    ) -> None:
        outcomes(
            client, name, "x?bump=minor", "y?line=1.2&prerelease=rc", "z?bump=minor&prerelease=rc"
        )
        before = state(client, name)
        answers = [put(client, name, f"T?{query}&dry_run=true", text) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert [answer.headers["Monotron-Reused"] for answer in answers] == ["false", "false"]
        assert state(client, name) == before
        assert client.request("GET", f"/v1/versions/{name}/T").status == 404
        given = assign(client, name, f"T?{query}", text)
        for answer in answers:
            assert list(answer.json()) == MEMBERS
            # When the version would be given, nobody knows.
            assert answer.json() | {"created_at": ""} == given | {"created_at": ""}

    @pytest.mark.parametrize(
        ("query", "version"),
        [("bump=minor", "0.1.0"), ("initial=1.4.2", "1.4.3"), ("prerelease=rc", "0.0.1-rc.1")],
    )
    def test_a_dry_run_does_not_create_a_name(
        self, client: Client, new_name: str, query: str, version: str
    ) -> None:
        assert outcomes(client, new_name, f"T?{query}&dry_run=true") == [version]
        assert series_of(client, new_name) == {}
        assert client.request("GET", f"/v1/versions/{new_name}").status == 404
        assert client.request("GET", f"/v1/releases/{new_name}").status == 404

    def test_a_dry_run_of_a_token_with_a_version_returns_it(
        self, client: Client, name: str
    ) -> None:
        given = assign(client, name, "T?bump=minor")
        before = state(client, name)
        response = put(client, name, "T?bump=minor&dry_run=true")
        assert response.json() == given | {"reused": True}
        assert response.headers["Monotron-Reused"] == "true"
        assert outcomes(client, name, "T?dry_run=true&on_conflict=reuse") == ["1.3.0"]
        assert state(client, name) == before

    @pytest.mark.parametrize(
        ("by_hand", "request_", "answer"),
        [
            ({"rc-v1.2.58": INT64_MAX}, "T?prerelease=rc", "409 series_exhausted"),
            ({"rc-v1.2.58": INT64_MAX - 1}, "T?prerelease=rc", f"1.2.58-rc.{INT64_MAX}"),
            ({"patch-v1.2": INT64_MAX}, "T", "409 series_exhausted"),
            ({"patch-v1.2": INT64_MAX}, "T?prerelease=rc", "409 series_exhausted"),
            ({"patch-v1.2": "T"}, "T", "1.2.58"),
            ({"rc-v1.2.58": "T"}, "T?prerelease=rc", "1.2.58-rc.1"),
            ({"minor-v1": "T"}, "T?line=1&bump=minor", "1.3.0"),
            ({"minor-v1": "U", "patch-v1.3": 7}, "T?bump=minor", "1.4.0"),
            ({"minor-v2": 5}, "T?bump=major", "2.0.0"),
        ],
    )
    def test_a_dry_run_considers_manually_counted_series(
        self,
        client: Client,
        name: str,
        by_hand: dict[str, int | str],
        request_: str,
        answer: str,
    ) -> None:
        for scope, what in by_hand.items():
            if isinstance(what, int):
                advance_series(client, f"{name}-{scope}", what)
            else:
                assign_value(client, f"{name}-{scope}", what)
        self.answers_what_the_put_would(client, name, request_, answer)

    def test_a_dry_run_skips_versions_of_other_tokens(self, client: Client, name: str) -> None:
        """T has 58 after a restart, whose version A was given before it."""
        assert outcomes(client, name, "A", "B") == ["1.2.58", "1.2.59"]
        delete_series(client, f"{name}-patch-v1.2", "?restart=true")
        advance_series(client, f"{name}-patch-v1.2", 57)
        assert assign_value(client, f"{name}-patch-v1.2", "T") == 58
        self.answers_what_the_put_would(client, name, "T", "1.2.60")

    @pytest.mark.parametrize(
        ("scope", "adopted", "request_", "answer"),
        [
            ("patch-v1.2", "1.2.58", "T", "1.2.59"),
            ("patch-v1.2", "1.2.70", "T", "1.2.71"),
            ("minor-v1", "1.3.5", "T?bump=minor", "1.4.0"),
            ("major", "2.1.0", "T?bump=major", "3.0.0"),
            ("minor-v1", "1.3.5", "T?bump=final", "409 already_released"),
        ],
    )
    def test_a_dry_run_considers_adopted_versions(
        self, client: Client, name: str, scope: str, adopted: str, request_: str, answer: str
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        assign_value(client, f"{name}-{scope}", "T")
        start_at(client, name, adopted)
        self.answers_what_the_put_would(client, name, request_, answer)

    def answers_what_the_put_would(
        self, client: Client, name: str, request: str, answer: str
    ) -> None:
        before = state(client, name)
        query = "&" if "?" in request else "?"
        dry = put(client, name, f"{request}{query}dry_run=true")
        assert state(client, name) == before
        real = put(client, name, request)
        assert (outcome(dry), outcome(real)) == (answer, answer)
        if real.status == 200:
            assert dry.json() | {"created_at": ""} == real.json() | {"created_at": ""}

    @pytest.mark.parametrize(
        "request_",
        words("""
            a?bump=major T?bump=huge T?bump=auto T?line=9 T?line=1&bump=major b?bump=final
            T?bump=final&line=1.3 T?prerelease=1 T?metadata=_ T?initial=1
        """),
    )
    def test_a_dry_run_returns_the_error_of_the_request(
        self, client: Client, name: str, request_: str
    ) -> None:
        outcomes(client, name, "a?bump=minor", "b?line=1.2&prerelease=rc", "c?line=1.2")
        before = state(client, name)
        dry, real = outcomes(client, name, f"{request_}&dry_run=true", request_)
        assert dry == real
        assert dry[0] == "4"
        assert state(client, name) == before
