"""Initial and adopted versions.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    INT64_MAX,
    JSON,
    LOOKED_UP,
    MEMBERS,
    Problem,
    adopt,
    assign,
    latest,
    outcomes,
    plain_spellings,
    put,
    series_of,
    start_at,
    state,
)


class TestInitial:
    """PUT /v1/versions/{name}/{token}?initial=1.4.2"""

    @pytest.mark.parametrize(
        ("query", "text", "version"),
        [
            ("initial=v1.4.2&bump=minor", None, "1.5.0"),
            ("initial=1.4.2%2Bbuild.5&bump=auto", "feat!: a", "2.0.0"),
        ],
    )
    def test_a_new_name_starts_from_the_initial_version(
        self, client: Client, new_name: str, query: str, text: str | None, version: str
    ) -> None:
        assert assign(client, new_name, f"T?{query}", text)["version"] == version
        assert assign(client, new_name, f"T?{query}", text)["reused"] is True

    @pytest.mark.parametrize(
        "initial",
        ["1.4", "1.4.2-rc.1", "1.4.2%20", "%EF%BC%91.4.2"],
        ids=lambda initial: initial[:30],
    )
    def test_an_initial_version_that_is_not_final_is_rejected(
        self, client: Client, new_name: str, problem: Problem, initial: str
    ) -> None:
        response = put(client, new_name, f"T?initial={initial}")
        problem(response, 400, "invalid_version", applied="no")
        assert series_of(client, new_name) == {}

    @pytest.mark.parametrize("format_", ["json", "text", "dotenv"])
    def test_a_name_without_versions_is_refused_if_an_initial_version_is_required(
        self, client: Client, new_name: str, problem: Problem, format_: str
    ) -> None:
        for end in ("", "&dry_run=true"):
            response = put(client, new_name, f"T?initial=required&format={format_}{end}")
            detail = problem(response, 409, "initial_required", applied="no")["detail"]
            assert new_name in detail
        assert series_of(client, new_name) == {}
        assert assign(client, new_name, "T?initial=1.4.2")["version"] == "1.4.3"
        assert assign(client, new_name, "U?initial=required")["version"] == "1.4.4"


class TestAdoption:
    """PUT /v1/versions/{name} with {"version": "1.4.2"}"""

    @pytest.mark.parametrize(
        ("version", "series"),
        [
            ("1.4.2", {"major": 1, "minor-v1": 4, "patch-v1.4": 2}),
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
            "changed": True,
            "notes": [],
            "withdrawn": None,
            "previous_token": None,
            "previous_tag": None,
            "latest_in_major": True,
            "latest_in_minor": True,
            "spellings": plain_spellings(version),
        }
        assert document["created_at"] is not None
        assert series_of(client, new_name) == {key: (None, n) for key, n in series.items()}
        assert latest(client, new_name) == document | LOOKED_UP | {"auto_after": document["token"]}

    @pytest.mark.parametrize("version", ["v1.4.2+sha.1"])
    def test_an_adopted_version_can_have_a_v_and_metadata(
        self, client: Client, new_name: str, version: str
    ) -> None:
        document = adopt(client, new_name, version).json()
        assert (document["version"], document["metadata"]) == ("1.4.2", None)
        assert outcomes(client, new_name, "T") == ["1.4.3"]

    def test_a_second_adoption_changes_nothing(self, client: Client, new_name: str) -> None:
        first = adopt(client, new_name, "1.4.2").json()
        before = state(client, new_name)
        for version in ("1.4.2", "v1.4.2"):
            response = adopt(client, new_name, version)
            assert response.status == 200
            assert response.json() == first | {"reused": True}
            assert response.headers["Monotron-Reused"] == "true"
        assert state(client, new_name) == before

    def test_adoption_below_the_latest_version_is_rejected(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        start_at(client, new_name, "1.4.1")
        assign(client, new_name, "T")
        before = state(client, new_name)
        response = adopt(client, new_name, "1.4.1")
        detail = problem(response, 409, "value_would_fall", applied="no")["detail"]
        assert "1.4.1" in detail
        assert "1.4.2" in detail
        assert state(client, new_name) == before

    @pytest.mark.parametrize(
        "version",
        ["1.4", "1.4.2-rc.1", "", "1.4.2\n", "\uff11.4.2", "9" * 5000 + ".0.0"],
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
