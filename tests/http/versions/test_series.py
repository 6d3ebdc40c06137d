"""Versions and the series that count them.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

from support.server import Client
from support.versions import (
    MEMBERS,
    advance_series,
    assign,
    delete_series,
    latest,
    outcomes,
    plain_spellings,
)


class TestSeries:
    """The three series of a name, advanced directly or by versions."""

    def test_manually_counted_series_form_a_version(self, client: Client, new_name: str) -> None:
        advance_series(client, f"{new_name}-major", 1)
        advance_series(client, f"{new_name}-minor-v1", 2)
        advance_series(client, f"{new_name}-patch-v1.2", 57)
        document = latest(client, new_name)
        assert list(document) == [*MEMBERS, "auto_after"]
        assert document == {
            "auto_after": None,
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
            "changed": False,
            "notes": [],
            "withdrawn": None,
            "previous_token": None,
            "previous_tag": None,
            "latest_in_major": True,
            "latest_in_minor": True,
            "spellings": plain_spellings("1.2.57"),
        }
        requests = ["a", "b?bump=minor", "c?line=1.2", "d?bump=major", "e?bump=minor"]
        versions = ["1.2.58", "1.3.0", "1.2.59", "2.0.0", "2.1.0"]
        assert outcomes(client, new_name, *requests) == versions

    def test_versions_continue_after_a_manually_assigned_value(
        self, client: Client, name: str
    ) -> None:
        assert outcomes(client, name, "a") == ["1.2.58"]
        assigned = client.request("PUT", f"/v1/series/{name}-patch-v1.2/newtoken")
        assert assigned.json()["value"] == 59
        document = latest(client, name)
        assert (document["version"], document["token"]) == ("1.2.59", None)
        document = assign(client, name, "a")
        assert (document["version"], document["latest"]) == ("1.2.58", False)
        assert outcomes(client, name, "b", "a") == ["1.2.60", "1.2.58"]

    def test_a_deleted_series_counts_as_its_high_water_mark(
        self, client: Client, name: str
    ) -> None:
        assert outcomes(client, name, "a") == ["1.2.58"]
        for key in ("patch-v1.2", "minor-v1", "major"):
            delete_series(client, f"{name}-{key}")
        assert latest(client, name)["version"] == "1.2.58"
        requests = ["b", "a", "c?bump=minor", "d?bump=major"]
        assert outcomes(client, name, *requests) == ["1.2.59", "1.2.58", "1.3.0", "2.0.0"]
