"""Dry runs.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    MEMBERS,
    assign,
    outcomes,
    put,
    series_of,
    state,
)


class TestDryRun:
    """PUT /v1/versions/{name}/{token}?dry_run=true"""

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("bump=major&metadata=sha.1", None),
            ("bump=final&line=1.2", None),
            ("bump=auto&prerelease=rc", "feat!: a"),
        ],
    )
    def test_a_dry_run_returns_the_version_and_changes_nothing(
        self, client: Client, name: str, query: str, text: str | None
    ) -> None:
        outcomes(
            client, name, "x?bump=minor", "y?line=1.2&prerelease=rc", "z?bump=minor&prerelease=rc"
        )
        before = state(client, name)
        responses = [put(client, name, f"T?{query}&dry_run=true", text) for _ in range(2)]
        assert [response.status for response in responses] == [200, 200]
        assert [response.headers["Monotron-Reused"] for response in responses] == ["false", "false"]
        assert state(client, name) == before
        assert client.request("GET", f"/v1/versions/{name}/T").status == 404
        document = assign(client, name, f"T?{query}", text)
        for response in responses:
            assert list(response.json()) == MEMBERS
            # The time of the assignment is not known in advance.
            assert response.json() | {"created_at": ""} == document | {"created_at": ""}

    @pytest.mark.parametrize(
        ("query", "version"),
        [("initial=1.4.2", "1.4.3")],
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
        document = assign(client, name, "T?bump=minor")
        before = state(client, name)
        response = put(client, name, "T?bump=minor&dry_run=true")
        assert response.json() == document | {"reused": True}
        assert response.headers["Monotron-Reused"] == "true"
        assert outcomes(client, name, "T?dry_run=true&on_conflict=reuse") == ["1.3.0"]
        assert state(client, name) == before

    @pytest.mark.parametrize(
        "request_",
        ["a?bump=major", "T?bump=auto", "T?line=9", "T?metadata=_"],
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
