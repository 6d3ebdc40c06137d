"""Names and tokens in paths.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    LOOKED_UP,
    Problem,
    adopt,
    assign,
    get,
    latest,
    outcomes,
    put,
    releases,
    segment,
    state,
)


class TestNames:
    """Names are keys of at most 200 characters. Tokens are those of series."""

    ENDS = (
        "org/repo",
        "...",
        "$inc",
        "%2F",
        "100%",
        " ",
        "a+b",
        "a?b#c",
        '{"$gt": ""}',
        "'; DROP TABLE series; --",
        "back\\slash",
        "-patch-v0.0",
        "e\u0301",
        "\u202eevil",
        "👩‍👩‍👧",
        "\U0010ffff",
    )

    @pytest.mark.parametrize("end", ENDS, ids=lambda end: ascii(end)[:24])
    def test_a_name_is_returned_unchanged(self, client: Client, new_name: str, end: str) -> None:
        name = f"{new_name}{end}"
        document = assign(client, name, "T?bump=minor")
        assert (document["name"], document["version"]) == (name, "0.1.0")
        assert latest(client, name) == document | LOOKED_UP | {"auto_after": document["token"]}
        assert get(client, f"/v1/versions/{segment(name)}/T")["name"] == name
        assert get(client, f"/v1/releases/{segment(name)}/0.1.0")["name"] == name
        assert releases(client, name) == ["0.1.0"]
        assert adopt(client, name, "3.0.0").json()["name"] == name
        assert get(client, f"/v1/series/{segment(f'{name}-minor-v0')}")["token"] == "T"

    @pytest.mark.parametrize("end", ENDS, ids=lambda end: ascii(end)[:24])
    def test_a_token_is_returned_unchanged(self, client: Client, name: str, end: str) -> None:
        for request in (segment(end), f"{segment(end)}?bump=minor&prerelease=rc"):
            document = assign(client, name, request)
            assert document["token"] == end
            assert assign(client, name, request) == document | {"reused": True}
        assert get(client, f"/v1/versions/{name}/{segment(end)}")["version"] == "1.2.58"
        assert latest(client, name)["token"] == end

    @pytest.mark.parametrize("character", ["x", "🦊"])
    def test_a_name_has_up_to_200_characters(
        self, client: Client, new_name: str, problem: Problem, character: str
    ) -> None:
        name = new_name.ljust(200, character)
        label = "y" * 40
        requests = ["a", "b?bump=minor", "c?bump=major", f"d?prerelease={label}", "e?line=0.1"]
        versions = ["0.0.1", "0.1.0", "1.0.0", f"1.0.1-{label}.1", "0.1.1"]
        assert outcomes(client, name, *requests) == versions
        assert latest(client, name)["version"] == "1.0.0"
        longer = segment(f"{name}{character}")
        self.check_refused(client, problem, longer, "invalid_name")

    def check_refused(self, client: Client, problem: Problem, name: str, code: str) -> None:
        for method, path, body in (
            ("PUT", f"/v1/versions/{name}/T", None),
            ("PUT", f"/v1/versions/{name}", '{"version": "1.0.0"}'),
            ("GET", f"/v1/versions/{name}", None),
            ("GET", f"/v1/versions/{name}/T", None),
            ("GET", f"/v1/releases/{name}", None),
            ("GET", f"/v1/releases/{name}/1.0.0", None),
            ("PUT", f"/v1/releases/{name}/1.0.0/withdrawal", '{"reason": "a mistake"}'),
            ("DELETE", f"/v1/releases/{name}/1.0.0/withdrawal", None),
        ):
            response = client.request(method, path, body)
            problem(response, 400, code, applied=None if method == "GET" else "no")

    @pytest.mark.parametrize(
        "name",
        ["", "..", "%2E%2e", "a%0A", "%ff", "%zz", "%61" * 201, "x" * 10_000],
        ids=lambda name: name[:24],
    )
    def test_an_invalid_name_is_rejected(self, client: Client, problem: Problem, name: str) -> None:
        self.check_refused(client, problem, name, "invalid_name")

    @pytest.mark.parametrize(
        "token",
        ["", "..", "a%0A", "%ff", "%zz", "%c3%a9" * 257],
        ids=lambda token: token[:24],
    )
    def test_an_invalid_token_is_rejected(
        self, client: Client, name: str, problem: Problem, token: str
    ) -> None:
        before = state(client, name)
        problem(put(client, name, token), 400, "invalid_token", applied="no")
        response = client.request("GET", f"/v1/versions/{name}/{token}")
        problem(response, 400, "invalid_token")
        assert state(client, name) == before

    def test_a_token_has_up_to_256_characters(self, client: Client, name: str) -> None:
        for number, character in enumerate("xé🦊"):
            document = assign(client, name, segment(character * 256))
            assert document["version"] == f"1.2.{58 + number}"
            assert document["token"] == character * 256
