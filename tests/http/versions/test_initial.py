"""Initial and adopted versions.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    INT64_MAX,
    JSON,
    MEMBERS,
    Problem,
    adopt,
    advance_series,
    assign,
    latest,
    outcomes,
    put,
    releases,
    series_of,
    start_at,
    state,
    words,
)


class TestInitial:
    """PUT /v1/versions/{name}/{token}?initial=1.4.2"""

    @pytest.mark.parametrize(
        ("query", "text", "version"),
        [
            ("initial=1.4.2", None, "1.4.3"),
            ("initial=1.4.2&bump=patch", None, "1.4.3"),
            ("initial=1.4.2&bump=minor", None, "1.5.0"),
            ("initial=1.4.2&bump=major", None, "2.0.0"),
            ("initial=1.4.2&bump=minor&prerelease=rc", None, "1.5.0-rc.1"),
            ("initial=1.4.2&bump=auto", "feat: a", "1.5.0"),
            ("initial=1.4.2&bump=auto", "feat!: a", "2.0.0"),
            ("initial=0.4.2&bump=auto", "feat!: a", "0.5.0"),
            ("initial=v1.4.2", None, "1.4.3"),
            ("initial=1.4.2%2Bbuild.5", None, "1.4.3"),
            ("initial=1.4.2&metadata=sha.1", None, "1.4.3+sha.1"),
            ("initial=0.0.0", None, "0.0.1"),
            ("initial=2.0.0", None, "2.0.1"),
            ("initial=0.7.0&bump=minor", None, "0.8.0"),
            (f"initial=1.0.{2**53}", None, f"1.0.{2**53 + 1}"),
        ],
    )
    def test_a_new_name_starts_from_the_initial_version(
        self, client: Client, new_name: str, query: str, text: str | None, version: str
    ) -> None:
        assert assign(client, new_name, f"T?{query}", text)["version"] == version
        assert assign(client, new_name, f"T?{query}", text)["reused"] is True

    @pytest.mark.parametrize(
        ("query", "answer"),
        [
            ("initial=1.4.2&line=1.2", "404 line_not_found"),
            ("initial=1.4.2&line=2", "404 line_not_found"),
            ("initial=1.4.2&bump=major&line=1", "422 out_of_line"),
            ("initial=1.4.2&bump=minor&line=1.4", "422 out_of_line"),
            ("initial=1.4.2&bump=auto", "422 invalid_bump"),
            ("initial=1.4.2&bump=final", "422 invalid_bump"),
            (f"initial={INT64_MAX}.0.0&bump=major", "409 series_exhausted"),
            (f"initial=1.0.{INT64_MAX}", "409 series_exhausted"),
            (f"initial=1.0.{INT64_MAX}&prerelease=rc", "409 series_exhausted"),
            ("initial=1.4.2&dry_run=true", "1.4.3"),
        ],
    )
    def test_a_rejected_request_does_not_adopt_the_initial_version(
        self, client: Client, new_name: str, query: str, answer: str
    ) -> None:
        assert outcomes(client, new_name, f"T?{query}") == [answer]
        self.is_untouched(client, new_name)

    def test_a_name_too_long_for_a_label_does_not_adopt_the_initial_version(
        self, client: Client, new_name: str
    ) -> None:
        name = f"{new_name}{'x' * 200}"[:200]
        query = f"initial={INT64_MAX - 1}.{INT64_MAX - 1}.{INT64_MAX - 1}&prerelease={'x' * 20}"
        assert outcomes(client, name, f"T?{query}") == ["400 invalid_name"]
        self.is_untouched(client, name)

    def test_an_exhausted_label_does_not_adopt_the_initial_version(
        self, client: Client, new_name: str
    ) -> None:
        advance_series(client, f"{new_name}-rc-v1.4.3", INT64_MAX)
        before = state(client, new_name)
        assert outcomes(client, new_name, "T?initial=1.4.2&prerelease=rc") == [
            "409 series_exhausted"
        ]
        assert state(client, new_name) == before

    def is_untouched(self, client: Client, name: str) -> None:
        assert series_of(client, name) == {}
        assert client.request("GET", f"/v1/releases/{name}").status == 404
        assert outcomes(client, name, "first") == ["0.0.1"]

    def test_versions_continue_after_the_initial_version(
        self, client: Client, new_name: str
    ) -> None:
        requests = ["a?initial=1.4.2", "b?initial=1.4.2", "c", "d?bump=minor&initial=1.4.2"]
        assert outcomes(client, new_name, *requests) == ["1.4.3", "1.4.4", "1.4.5", "1.5.0"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("a", "0.0.2"),
            ("a?prerelease=rc", "0.0.1"),
            ("a?bump=minor", "0.1.1"),
        ],
    )
    @pytest.mark.parametrize("initial", ["7.0.0", "0.0.0"])
    def test_a_name_with_versions_ignores_the_initial_version(
        self, client: Client, new_name: str, before: str, after: str, initial: str
    ) -> None:
        assign(client, new_name, before)
        assert outcomes(client, new_name, f"T?initial={initial}") == [after]

    def test_a_name_with_a_series_ignores_the_initial_version(
        self, client: Client, new_name: str
    ) -> None:
        advance_series(client, f"{new_name}-major", 2)
        assert outcomes(client, new_name, "T?initial=7.0.0") == ["2.0.1"]

    @pytest.mark.parametrize(
        "initial",
        [
            *words("""
                1 1.4 1.4.2.0 01.4.2 1.04.2 1.4.2-rc.1 1.4.2- 1.4.2%2B 1.4.2%2Ba..b vv1.4.2 v x
                -1.4.2 1.4.x 1.4.2%20 %201.4.2 %EF%BC%91.4.2 9223372036854775808.0.0
                0.0.9223372036854775808
            """),
            "9" * 5000 + ".0.0",
        ],
        ids=lambda initial: initial[:30],
    )
    def test_an_initial_version_that_is_not_final_is_rejected(
        self, client: Client, new_name: str, problem: Problem, initial: str
    ) -> None:
        response = put(client, new_name, f"T?initial={initial}")
        problem(response, 400, "invalid_version", applied="no")
        assert series_of(client, new_name) == {}


class TestAdoption:
    """PUT /v1/versions/{name} with {"version": "1.4.2"}"""

    @pytest.mark.parametrize(
        ("version", "series"),
        [
            ("1.4.2", {"major": 1, "minor-v1": 4, "patch-v1.4": 2}),
            ("0.4.2", {"minor-v0": 4, "patch-v0.4": 2}),
            ("0.0.7", {"patch-v0.0": 7}),
            ("2.0.0", {"major": 2}),
            ("2.0.5", {"major": 2, "patch-v2.0": 5}),
            ("2.3.0", {"major": 2, "minor-v2": 3}),
            (
                f"{INT64_MAX}.0.{INT64_MAX}",
                {"major": INT64_MAX, f"patch-v{INT64_MAX}.0": INT64_MAX},
            ),
        ],
    )
    def test_an_adopted_version_advances_its_series(
        self, client: Client, new_name: str, version: str, series: dict[str, int]
    ) -> None:
        response = adopt(client, new_name, version)
        assert response.status == 200
        assert response.headers["Monotron-Reused"] == "false"
        major, minor, patch = map(int, version.split("."))
        document = response.json()
        assert list(document) == MEMBERS
        assert document == {
            "creator_id": 1,
            "name": new_name,
            "token": None,
            "version": version,
            "tag": f"v{version}",
            "major": major,
            "minor": minor,
            "patch": patch,
            "prerelease": None,
            "metadata": None,
            "bump": None,
            "previous": None,
            "latest": True,
            "reused": False,
            "reason": None,
            "created_at": document["created_at"],
        }
        assert document["created_at"] is not None
        assert series_of(client, new_name) == {key: (None, n) for key, n in series.items()}
        assert latest(client, new_name) == document | {"reused": True}

    @pytest.mark.parametrize("version", ["1.4.2", "v1.4.2", "1.4.2+build.5", "v1.4.2+sha.1"])
    def test_an_adopted_version_can_have_a_v_and_metadata(
        self, client: Client, new_name: str, version: str
    ) -> None:
        document = adopt(client, new_name, version).json()
        assert (document["version"], document["metadata"]) == ("1.4.2", None)
        assert outcomes(client, new_name, "T") == ["1.4.3"]

    @pytest.mark.parametrize(
        ("request_", "version"),
        [("T", "1.4.3"), ("T?bump=minor", "1.5.0"), ("T?bump=major", "2.0.0")],
    )
    def test_versions_continue_after_the_adopted_version(
        self, client: Client, new_name: str, request_: str, version: str
    ) -> None:
        start_at(client, new_name, "1.4.2")
        given = assign(client, new_name, request_)
        assert (given["version"], given["previous"]) == (version, "1.4.2")

    def test_a_second_adoption_changes_nothing(self, client: Client, new_name: str) -> None:
        first = adopt(client, new_name, "1.4.2").json()
        before = state(client, new_name)
        for version in ("1.4.2", "v1.4.2"):
            response = adopt(client, new_name, version)
            assert response.status == 200
            assert response.json() == first | {"reused": True}
            assert response.headers["Monotron-Reused"] == "true"
        assert state(client, new_name) == before

    def test_an_adopted_version_stays_with_its_token(self, client: Client, name: str) -> None:
        assign(client, name, "T?bump=minor")
        before = state(client, name)
        document = adopt(client, name, "1.3.0").json()
        assert (document["version"], document["reused"]) == ("1.3.0", True)
        assert state(client, name) == before
        assert latest(client, name)["token"] == "T"

    def test_earlier_versions_stay_with_their_tokens(self, client: Client, new_name: str) -> None:
        assert outcomes(client, new_name, "a", "b?bump=minor") == ["0.0.1", "0.1.0"]
        document = adopt(client, new_name, "1.4.2").json()
        assert (document["previous"], document["latest"]) == ("0.1.0", True)
        given = assign(client, new_name, "b?bump=minor")
        assert (given["version"], given["latest"], given["reused"]) == ("0.1.0", False, True)
        assert releases(client, new_name) == ["0.1.0", "0.0.1"]

    @pytest.mark.parametrize("version", ["1.4.1", "1.4.0", "1.3.9", "1.3.0", "0.9.9", "0.0.1"])
    @pytest.mark.parametrize("by_token", [False, True])
    def test_adoption_below_the_latest_version_is_rejected(
        self, client: Client, new_name: str, problem: Problem, version: str, by_token: bool
    ) -> None:
        if by_token:
            start_at(client, new_name, "1.4.1")
            assign(client, new_name, "T")
        else:
            start_at(client, new_name, "1.4.2")
        before = state(client, new_name)
        response = adopt(client, new_name, version)
        detail = problem(response, 409, "value_would_fall", applied="no")["detail"]
        assert version in detail
        assert "1.4.2" in detail
        assert state(client, new_name) == before

    @pytest.mark.parametrize(
        ("scope", "version", "ahead"),
        [("minor-v1", "1.0.0", "1.2.0"), ("patch-v1.4", "1.4.1", "1.4.2")],
    )
    @pytest.mark.parametrize("how", ["adopt", "initial", "dry_run"])
    def test_adoption_below_manually_counted_series_is_rejected(
        self,
        client: Client,
        new_name: str,
        problem: Problem,
        scope: str,
        version: str,
        ahead: str,
        how: str,
    ) -> None:
        advance_series(client, f"{new_name}-{scope}", 2)
        before = state(client, new_name)
        dry = "true" if how == "dry_run" else "false"
        response = (
            adopt(client, new_name, version)
            if how == "adopt"
            else put(client, new_name, f"a?initial={version}&dry_run={dry}")
        )
        detail = problem(response, 409, "value_would_fall", applied="no")["detail"]
        assert f"up to {ahead} by hand" in detail
        assert state(client, new_name) == before
        assert adopt(client, new_name, ahead).status == 200
        assert latest(client, new_name)["version"] == ahead

    @pytest.mark.parametrize("how", ["adopt", "initial"])
    def test_adoption_of_0_0_0_is_rejected(
        self, client: Client, new_name: str, problem: Problem, how: str
    ) -> None:
        if how == "initial":
            assert outcomes(client, new_name, "T?initial=0.0.0") == ["0.0.1"]
            return
        detail = problem(adopt(client, new_name, "0.0.0"), 409, "value_would_fall", applied="no")
        assert "after 0.0.0" in detail["detail"]
        assert "already" not in detail["detail"]
        assert series_of(client, new_name) == {}

    def test_the_previous_version_comes_from_the_records(self, client: Client, name: str) -> None:
        advance_series(client, f"{name}-patch-v1.2", 60)
        assert adopt(client, name, "1.2.60").json()["previous"] == "1.2.57"

    def test_an_adopted_version_can_increase_a_larger_component_only(
        self, client: Client, new_name: str
    ) -> None:
        for version in ("0.9.9", "1.4.2", "1.5.0", "1.5.1", "2.0.0", "2.0.1"):
            assert adopt(client, new_name, version).status == 200
            assert latest(client, new_name)["version"] == version
        assert outcomes(client, new_name, "a?line=1.4", "b?line=1", "c") == [
            "1.4.3",
            "1.5.2",
            "2.0.2",
        ]

    @pytest.mark.parametrize(
        "version",
        [
            *words("""
                v 1 1.4 1.4.2.0 1.4.x x latest 1.4.2-rc.1 v1.4.2-rc.1 1.4.2- 1.4.2+ 1.4.2+a..b
                1.4.2+a_b 01.4.2 1.04.2 1.4.02 -1.4.2 1.-4.2 vv1.4.2 =1.4.2 release-1.4.2 1e3.0.0
                9223372036854775808.0.0 0.9223372036854775808.0 0.0.9223372036854775808
            """),
            "",
            "1. 4.2",
            " 1.4.2",
            "1.4.2 ",
            "1.4.2\n",
            "1.4.2\0",
            "\uff11.4.2",
            "\u0661.4.2",
            "9" * 5000 + ".0.0",
        ],
        ids=lambda version: ascii(version)[:30],
    )
    def test_adoption_of_a_version_that_is_not_final_is_rejected(
        self, client: Client, new_name: str, problem: Problem, version: str
    ) -> None:
        problem(adopt(client, new_name, version), 400, "invalid_version", applied="no")
        assert series_of(client, new_name) == {}

    @pytest.mark.parametrize(
        "body",
        [
            None,
            "",
            "1.4.2",
            '"1.4.2"',
            "[]",
            '["1.4.2"]',
            "{}",
            "null",
            '{"version": null}',
            '{"version": 1}',
            '{"version": 1.4}',
            '{"version": true}',
            '{"version": ["1.4.2"]}',
            '{"version": {"$gt": ""}}',
            '{"Version": "1.4.2"}',
            '{"value": 41}',
            '{"version": "1.4.2", "value": 41}',
            '{"version": "1.4.2", "token": "T"}',
            '{"version": "1.4.2", "version": "1.4.2"}',
            '{"version": "1.4.2"',
            '{"version": "1.4.2"} {}',
            '{"version": "\\u00"}',
            b'{"version": "\xff"}',
        ],
        ids=ascii,
    )
    def test_an_invalid_adoption_body_is_rejected(
        self, client: Client, new_name: str, problem: Problem, body: bytes | str | None
    ) -> None:
        response = client.request("PUT", f"/v1/versions/{new_name}", body, JSON)
        problem(response, 400, "invalid_request", applied="no")
        assert series_of(client, new_name) == {}

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ],
        ids=lambda headers: " ".join(headers.values()),
    )
    def test_an_adoption_body_of_another_type_is_rejected(
        self, client: Client, new_name: str, problem: Problem, headers: dict[str, str]
    ) -> None:
        body = '{"version": "1.4.2"}'
        response = client.request("PUT", f"/v1/versions/{new_name}", body, headers)
        problem(response, 415, "unsupported_media_type", applied="no")
        assert series_of(client, new_name) == {}

    def test_an_adoption_body_needs_no_content_type(self, client: Client, new_name: str) -> None:
        response = client.request("PUT", f"/v1/versions/{new_name}", '{"version": "1.4.2"}')
        assert response.json()["version"] == "1.4.2"
