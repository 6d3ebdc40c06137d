"""Names and tokens in paths.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
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
    words,
)


class TestNames:
    """Names are keys of at most 200 characters; tokens as everywhere."""

    ENDS = (
        "org/repo",
        "...",
        "a.b.c",
        "$inc",
        "$$NOW",
        "%",
        "%2F",
        "100%",
        " ",
        "a+b",
        "a?b#c",
        '{"$gt": ""}',
        "'; DROP TABLE series; --",
        '"quoted"',
        "back\\slash",
        "_",
        "*",
        "-major",
        "-patch-v0.0",
        "\u00e9",
        "e\u0301",
        "\u202eevil",
        "日本語",
        "👩‍👩‍👧",
        "\U0010ffff",
    )

    @pytest.mark.parametrize("end", ENDS, ids=lambda end: ascii(end)[:24])
    def test_a_name_is_returned_unchanged(self, client: Client, new_name: str, end: str) -> None:
        name = f"{new_name}{end}"
        given = assign(client, name, "T?bump=minor")
        assert (given["name"], given["version"]) == (name, "0.1.0")
        assert latest(client, name) == given | {"reused": True}
        assert get(client, f"/v1/versions/{segment(name)}/T")["name"] == name
        assert get(client, f"/v1/releases/{segment(name)}/0.1.0")["name"] == name
        assert releases(client, name) == ["0.1.0"]
        assert adopt(client, name, "3.0.0").json()["name"] == name
        assert get(client, f"/v1/series/{segment(f'{name}-minor-v0')}")["token"] == "T"

    @pytest.mark.parametrize("end", ENDS, ids=lambda end: ascii(end)[:24])
    def test_a_token_is_returned_unchanged(self, client: Client, name: str, end: str) -> None:
        for request in (segment(end), f"{segment(end)}?bump=minor&prerelease=rc"):
            given = assign(client, name, request)
            assert given["token"] == end
            assert assign(client, name, request) == given | {"reused": True}
        assert get(client, f"/v1/versions/{name}/{segment(end)}")["version"] == "1.2.58"
        assert latest(client, name)["token"] == end

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("a", "A"),
            ("\u00e9", "e\u0301"),
            ("\u212b", "\u00c5"),
            ("a", "a "),
            ("a", "a\u200b"),
            ("a/b", "a%2Fb"),
            ("a_", "ab"),
            ("a%", "ab"),
            ("a.", "ab"),
        ],
        ids=ascii,
    )
    def test_names_are_compared_exactly(
        self, client: Client, new_name: str, one: str, other: str
    ) -> None:
        assert outcomes(client, new_name + one, "T?bump=major", "U") == ["1.0.0", "1.0.1"]
        assert outcomes(client, new_name + other, "U") == ["0.0.1"]
        assert releases(client, new_name + one) == ["1.0.1", "1.0.0"]
        assert releases(client, new_name + other) == ["0.0.1"]

    @pytest.mark.parametrize("character", ["x", "é", "🦊"])
    def test_a_name_has_up_to_200_characters(
        self, client: Client, new_name: str, problem: Problem, character: str
    ) -> None:
        name = new_name.ljust(200, character)
        label = "y" * 20
        requests = ["a", "b?bump=minor", "c?bump=major", f"d?prerelease={label}", "e?line=0.1"]
        versions = ["0.0.1", "0.1.0", "1.0.0", f"1.0.1-{label}.1", "0.1.1"]
        assert outcomes(client, name, *requests) == versions
        assert latest(client, name)["version"] == "1.0.0"
        longer = segment(f"{name}{character}")
        self.refused(client, problem, longer, "invalid_name")

    def refused(self, client: Client, problem: Problem, name: str, code: str) -> None:
        for method, path, body in (
            ("PUT", f"/v1/versions/{name}/T", None),
            ("PUT", f"/v1/versions/{name}", '{"version": "1.0.0"}'),
            ("GET", f"/v1/versions/{name}", None),
            ("GET", f"/v1/versions/{name}/T", None),
            ("GET", f"/v1/releases/{name}", None),
            ("GET", f"/v1/releases/{name}/1.0.0", None),
        ):
            response = client.request(method, path, body)
            problem(response, 400, code, applied="no" if method == "PUT" else None)

    @pytest.mark.parametrize(
        "name",
        [
            *words("""
                . .. %2e %2E%2e %00 a%00 a%0A %7f %c2%85 %ff %ed%a0%80 %zz a%2 %
            """),
            "",
            "x" * 201,
            "%61" * 201,
            "%F0%9F%98%80" * 201,
            "x" * 257,
            "x" * 10_000,
        ],
        ids=lambda name: name[:24],
    )
    def test_an_invalid_name_is_rejected(self, client: Client, problem: Problem, name: str) -> None:
        self.refused(client, problem, name, "invalid_name")

    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "%2e%2e", "%00", "a%0A", "%c2%85", "%ff", "%zz", "x" * 257, "%c3%a9" * 257],
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
            given = assign(client, name, segment(character * 256))
            assert given["version"] == f"1.2.{58 + number}"
            assert given["token"] == character * 256
