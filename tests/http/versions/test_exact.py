"""Exact versions and calendar versions.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from support.server import Client
from support.versions import (
    LOOKED_UP,
    MEMBERS,
    Problem,
    adopt,
    assign,
    latest,
    outcomes,
    put,
    state,
)


class TestExactVersion:
    """PUT /v1/versions/{name}/{token}?version=2.5.0"""

    @pytest.mark.parametrize("written", ["2.5.0", "v2.5.0", "V2.5.0%2Bbuild.5"])
    def test_a_token_gets_exactly_this_version(
        self, client: Client, name: str, written: str
    ) -> None:
        document = assign(client, name, f"a?version={written}")
        assert list(document) == MEMBERS
        assert document["version"] == "2.5.0"
        assert (document["bump"], document["token"]) == ("exact", "a")
        assert (document["previous"], document["latest"]) == ("1.2.57", True)
        assert (document["reused"], document["changed"]) == (False, True)
        assert latest(client, name) == document | LOOKED_UP | {"auto_after": document["token"]}
        assert outcomes(client, name, "b", "c?bump=minor", "d?line=2.5") == [
            "2.5.1",
            "2.6.0",
            "2.5.2",
        ]

    def test_the_same_request_gets_the_same_version(self, client: Client, name: str) -> None:
        first = assign(client, name, "a?version=2.5.0&metadata=sha.1")
        assert first["version"] == "2.5.0+sha.1"
        before = state(client, name)
        for query in ("version=2.5.0", "version=v2.5.0&metadata=x", "bump=auto"):
            assert assign(client, name, f"a?{query}") == first | {"reused": True}
        assert assign(client, name, "a?on_conflict=reuse") == first | {"reused": True}
        assert state(client, name) == before

    @pytest.mark.parametrize("query", ["version=2.6.0", "bump=patch", "bump=calendar", "line=2"])
    def test_another_request_of_its_token_is_rejected(
        self, client: Client, name: str, problem: Problem, query: str
    ) -> None:
        assign(client, name, "a?version=2.5.0")
        before = state(client, name)
        document = problem(put(client, name, f"a?{query}"), 422, "token_taken", applied="no")
        assert (document["version"], document["bump"]) == ("2.5.0", "exact")
        assert state(client, name) == before

    def test_a_dry_run_shows_the_version_and_changes_nothing(
        self, client: Client, name: str
    ) -> None:
        before = state(client, name)
        dry = assign(client, name, "a?version=2.5.0&dry_run=true")
        assert state(client, name) == before
        document = assign(client, name, "a?version=2.5.0")
        assert document | {"created_at": ""} == dry | {"created_at": ""}

    def test_a_version_on_an_older_line_is_the_latest_in_its_minor_line(
        self, client: Client, name: str
    ) -> None:
        outcomes(client, name, "a?bump=minor", "b?bump=major")
        document = assign(client, name, "c?version=1.2.60")
        assert document["previous"] == "1.2.57"
        shown = [document[name] for name in ("latest", "latest_in_major", "latest_in_minor")]
        assert shown == [False, False, True]
        document = assign(client, name, "d?version=1.4.0")
        shown = [document[name] for name in ("latest", "latest_in_major", "latest_in_minor")]
        assert shown == [False, True, True]
        assert (document["previous"], document["previous_token"]) == ("1.3.0", "a")
        assert document["previous_tag"] == "v1.3.0"

    def test_the_first_version_of_a_name_can_be_exact(self, client: Client, new_name: str) -> None:
        assert outcomes(client, new_name, "a?version=1.0.0", "b") == ["1.0.0", "1.0.1"]


FORMATS: dict[str, Callable[[int, int, int], tuple[int, int, int]]] = {
    "YYYY.M": lambda year, month, day: (year, month, 1),
    "YY.M": lambda year, month, day: (year - 2000, month, 1),
    "YYYY.MMDD": lambda year, month, day: (year, 100 * month + day, 1),
    "YYYY": lambda year, month, day: (year, 1, 0),
}
"""The first version of a day in each format."""


class TestCalendarVersion:
    """PUT /v1/versions/{name}/{token}?bump=calendar&calendar=YYYY.M"""

    @pytest.mark.parametrize("format_", FORMATS)
    def test_the_date_determines_the_leading_components(
        self, client: Client, new_name: str, format_: str
    ) -> None:
        query = f"bump=calendar&calendar={format_}"
        document = assign(client, new_name, f"a?{query}")
        date = map(int, document["created_at"][:10].split("-"))
        major, minor, patch = FORMATS[format_](*date)
        assert document["version"] == f"{major}.{minor}.{patch}"
        assert (document["bump"], document["latest"]) == ("calendar", True)
        assert (document["changed"], document["notes"]) == (True, [])
        assert assign(client, new_name, f"a?{query}") == document | {"reused": True}
        following = assign(client, new_name, f"b?{query}")
        assert following["previous"] == document["version"]
        assert latest(client, new_name)["token"] == "b"

    def test_the_default_format_has_the_month(self, client: Client, new_name: str) -> None:
        document = assign(client, new_name, "a?bump=Calendar")
        year, month, _ = document["created_at"].split("-")
        assert document["version"] == f"{year}.{int(month)}.1"

    def test_a_dry_run_and_a_label_count_as_usual(self, client: Client, new_name: str) -> None:
        dry = assign(client, new_name, "a?bump=calendar&dry_run=true")["version"]
        rc = assign(client, new_name, "a?bump=calendar&prerelease=rc")
        assert rc["version"] == f"{dry}-rc.1"
        assert rc["latest"] is False
        assert outcomes(client, new_name, "b?bump=final", "c?bump=final") == [
            dry,
            "409 already_released",
        ]

    @pytest.mark.parametrize("format_", FORMATS)
    def test_a_format_with_a_lower_result_is_rejected(
        self, client: Client, new_name: str, problem: Problem, format_: str
    ) -> None:
        adopt(client, new_name, "99999.1.1")
        before = state(client, new_name)
        response = put(client, new_name, f"a?bump=calendar&calendar={format_}")
        detail = problem(response, 409, "value_would_fall", applied="no")["detail"]
        assert "99999.1.1" in detail
        assert format_ in detail
        assert state(client, new_name) == before

    def test_a_calendar_version_follows_semantic_versions(self, client: Client, name: str) -> None:
        document = assign(client, name, "a?bump=calendar")
        assert re.fullmatch(r"2\d{3}\.\d{1,2}\.1", document["version"])
        assert document["previous"] == "1.2.57"
        assert outcomes(client, name, "b?line=1.2") == ["1.2.58"]
        assert outcomes(client, name, "a?bump=patch") == ["422 token_taken"]
