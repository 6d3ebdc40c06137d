"""Versions and the series that count them.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    MEMBERS,
    Problem,
    advance_series,
    assign,
    delete_series,
    get,
    latest,
    outcomes,
    series_of,
)


class TestSeries:
    """The three series of a name, kept by hand or by versions."""

    def test_manually_counted_series_form_a_version(self, client: Client, new_name: str) -> None:
        advance_series(client, f"{new_name}-major", 1)
        advance_series(client, f"{new_name}-minor-v1", 2)
        advance_series(client, f"{new_name}-patch-v1.2", 57)
        document = latest(client, new_name)
        assert list(document) == MEMBERS
        assert document == {
            "creator_id": 1,
            "name": new_name,
            "token": None,
            "version": "1.2.57",
            "tag": "v1.2.57",
            "major": 1,
            "minor": 2,
            "patch": 57,
            "prerelease": None,
            "metadata": None,
            "bump": None,
            "previous": None,
            "latest": True,
            "reused": True,
            "reason": None,
            "created_at": None,
        }
        requests = ["a", "b?bump=minor", "c?line=1.2", "d?bump=major", "e?bump=minor"]
        versions = ["1.2.58", "1.3.0", "1.2.59", "2.0.0", "2.1.0"]
        assert outcomes(client, new_name, *requests) == versions

    @pytest.mark.parametrize(
        ("series", "version"),
        [
            ({"major": 3}, "3.0.0"),
            ({"minor-v0": 4}, "0.4.0"),
            ({"patch-v0.0": 5}, "0.0.5"),
            ({"major": 1, "patch-v1.0": 2}, "1.0.2"),
            ({"major": 2, "minor-v1": 9, "patch-v1.9": 9}, "2.0.0"),
        ],
    )
    def test_a_series_that_does_not_exist_counts_as_0(
        self, client: Client, new_name: str, series: dict[str, int], version: str
    ) -> None:
        for key, value in series.items():
            advance_series(client, f"{new_name}-{key}", value)
        assert latest(client, new_name)["version"] == version
        assert latest(client, new_name)["token"] is None

    def test_series_counted_with_tokens_form_a_version(self, client: Client, new_name: str) -> None:
        for key, token in (("major", "a"), ("minor-v1", "b"), ("patch-v1.1", "c")):
            assert client.request("PUT", f"/v1/series/{new_name}-{key}/{token}").status == 200
        assert latest(client, new_name)["version"] == "1.1.1"
        assert outcomes(client, new_name, "d") == ["1.1.2"]

    def test_versions_continue_after_a_manually_assigned_value(
        self, client: Client, name: str
    ) -> None:
        assert outcomes(client, name, "a") == ["1.2.58"]
        by_hand = client.request("PUT", f"/v1/series/{name}-patch-v1.2/newtoken")
        assert by_hand.json()["value"] == 59
        document = latest(client, name)
        assert (document["version"], document["token"]) == ("1.2.59", None)
        given = assign(client, name, "a")
        assert (given["version"], given["latest"]) == ("1.2.58", False)
        assert outcomes(client, name, "b", "a") == ["1.2.60", "1.2.58"]

    def test_a_token_keeps_its_manually_assigned_value(self, client: Client, name: str) -> None:
        assert client.request("PUT", f"/v1/series/{name}-patch-v1.2/T").json()["value"] == 58
        assert outcomes(client, name, "T", "U", "T") == ["1.2.58", "1.2.59", "1.2.58"]

    def test_a_manually_assigned_value_is_not_used_after_an_advance(
        self, client: Client, name: str
    ) -> None:
        assert client.request("PUT", f"/v1/series/{name}-patch-v1.2/T").json()["value"] == 58
        advance_series(client, f"{name}-patch-v1.2", 70)
        assert outcomes(client, name, "T") == ["1.2.71"]

    def test_versions_are_recorded_in_their_series(self, client: Client, new_name: str) -> None:
        steps: list[tuple[str, dict[str, tuple[str, int]]]] = [
            ("a", {"patch-v0.0": ("a", 1)}),
            ("b?bump=major", {"major": ("b", 1)}),
            ("c?bump=minor", {"minor-v1": ("c", 1)}),
            ("d?bump=minor", {"minor-v1": ("d", 2)}),
            ("e", {"patch-v1.2": ("e", 1)}),
            ("f", {"patch-v1.2": ("f", 2)}),
            ("g?bump=minor&prerelease=rc", {"rc-v1.3.0": ("g", 1)}),
            ("h?bump=minor&prerelease=rc", {"rc-v1.3.0": ("h", 2)}),
            ("i?prerelease=beta", {"beta-v1.2.3": ("i", 1)}),
            ("h?bump=final", {"minor-v1": ("h", 3)}),
            ("j?line=1.2", {"patch-v1.2": ("j", 3)}),
            ("a", {}),
        ]
        expected: dict[str, tuple[str, int]] = {}
        for request, change in steps:
            assign(client, new_name, request)
            expected |= change
            assert series_of(client, new_name) == expected, request

    def test_a_patch_series_does_not_exist_before_its_first_patch(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assign(client, name, "a?bump=minor")
        path = f"/v1/series/{name}-patch-v1.3"
        problem(client.request("GET", path), 404, "series_not_found")
        assert outcomes(client, name, "b") == ["1.3.1"]
        assert get(client, path) == {
            "creator_id": 1,
            "key": f"{name}-patch-v1.3",
            "token": "b",
            "value": 1,
        }

    def test_a_deleted_series_counts_as_its_high_water_mark(
        self, client: Client, name: str
    ) -> None:
        assert outcomes(client, name, "a") == ["1.2.58"]
        for key in ("patch-v1.2", "minor-v1", "major"):
            delete_series(client, f"{name}-{key}")
        assert latest(client, name)["version"] == "1.2.58"
        requests = ["b", "a", "c?bump=minor", "d?bump=major"]
        assert outcomes(client, name, *requests) == ["1.2.59", "1.2.58", "1.3.0", "2.0.0"]

    @pytest.mark.parametrize(
        ("bump", "key", "before", "after"),
        [
            ("bump=patch", "patch-v0.0", ["0.0.1", "0.0.2"], ["0.0.3", "0.0.4"]),
            ("bump=minor", "minor-v0", ["0.1.0", "0.2.0"], ["0.3.0", "0.4.0"]),
            ("bump=major", "major", ["1.0.0", "2.0.0"], ["3.0.0", "4.0.0"]),
            ("prerelease=rc", "rc-v0.0.1", ["0.0.1-rc.1", "0.0.1-rc.2"], ["0.0.1-rc.3"]),
            ("line=0.0", "patch-v0.0", ["0.0.3", "0.0.4"], ["0.0.5", "0.0.6"]),
        ],
    )
    def test_a_restarted_series_never_repeats_a_version(
        self,
        client: Client,
        new_name: str,
        bump: str,
        key: str,
        before: list[str],
        after: list[str],
    ) -> None:
        if bump == "line=0.0":  # a line must be there
            assert outcomes(client, new_name, "x", "y") == ["0.0.1", "0.0.2"]
        old = [f"old-{n}?{bump}" for n, _ in enumerate(before)]
        assert outcomes(client, new_name, *old) == before
        delete_series(client, f"{new_name}-{key}", "?restart=true")
        assert (
            outcomes(client, new_name, *(f"new-{n}?{bump}" for n, _ in enumerate(after))) == after
        )
        assert outcomes(client, new_name, *old) == before

    def test_recorded_versions_above_an_adopted_one_are_skipped(
        self, client: Client, name: str
    ) -> None:
        assert outcomes(client, name, "a", "b") == ["1.2.58", "1.2.59"]
        delete_series(client, f"{name}-patch-v1.2", "?restart=true")
        advance_series(client, f"{name}-patch-v1.2", 57)
        assert outcomes(client, name, "c", "a", "b") == ["1.2.60", "1.2.58", "1.2.59"]
