"""The rotation of API keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.administration import (
    EVERYTHING,
    LIMITED,
    WITHIN_LIMITED,
    Administrator,
    Administrators,
    Rights,
    on_each_store,
)
from support.credentials import JSON, bearer, new_grant
from support.server import Client, Response

Problem = Callable[..., dict[str, Any]]

WEEK = 7 * 24 * 3600


def rotate(client: Client, account: int, key: str, seconds: object = WEEK) -> Response:
    path = f"/v1/accounts/{account}/grants/{key}/rotate"
    return client.request("POST", path, json.dumps({"overlap_seconds": seconds}), JSON)


def time_left(document: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(document["expires_at"]) - datetime.now(UTC)


def works(client: Client, secret: str) -> bool:
    status = client.request("GET", "/v1/whoami", headers={"Authorization": bearer(secret)}).status
    assert status in (200, 401)
    return status == 200


def shown(root: Client, account: int, key: str) -> Response:
    return root.request("GET", f"/v1/accounts/{account}/grants/{key}")


class TestRotation:
    @on_each_store
    def test_the_new_key_has_the_rights_and_the_lifetime_of_the_old_one(
        self, root: Client, account: int, stranger: Client
    ) -> None:
        expires_at = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}"
        old = new_grant(
            root, account, "read:series", names=["shop"], description="CI", expires_at=expires_at
        )
        new = rotate(root, account, old["api_key"]["key"]).json()
        for member in "account_id", "scopes", "names", "description":
            assert new[member] == old[member]
        assert new["api_key"]["key"] != old["api_key"]["key"]
        assert new["api_key"]["id"] == old["api_key"]["id"] + 1
        assert timedelta(days=89) < time_left(new) <= timedelta(days=90)
        assert timedelta(days=6) < time_left(new["replaces"]) <= timedelta(days=7)
        assert new["replaces"]["api_key"]["key"] == old["api_key"]["key"]
        assert "secret" not in new["replaces"]["api_key"]
        assert works(stranger, old["api_key"]["secret"])
        assert works(stranger, new["api_key"]["secret"])
        listed = root.request("GET", f"/v1/accounts/{account}/grants").json()["grants"]
        assert new["replaces"] | {"last_used_at": None} in [
            each | {"last_used_at": None} for each in listed
        ]

    def test_a_key_that_never_expires_has_a_successor_that_never_expires(
        self, root: Client, account: int
    ) -> None:
        old = new_grant(root, account, "read:series", expires_at=None)
        new = rotate(root, account, old["api_key"]["key"]).json()
        assert "expires_at" not in new
        assert time_left(new["replaces"]) <= timedelta(days=7)

    @on_each_store
    def test_without_an_overlap_the_old_key_stops_working_immediately(
        self, root: Client, account: int, stranger: Client
    ) -> None:
        old = new_grant(root, account, "read:series")["api_key"]
        assert works(stranger, old["secret"])
        new = rotate(root, account, old["key"], 0).json()
        assert not works(stranger, old["secret"])
        assert works(stranger, new["api_key"]["secret"])

    def test_the_old_key_never_expires_later_than_before(self, root: Client, account: int) -> None:
        soon = f"{datetime.now(UTC) + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
        old = new_grant(root, account, "read:series", expires_at=soon)
        for _ in range(2):
            new = rotate(root, account, old["api_key"]["key"]).json()
            assert new["replaces"]["expires_at"] == soon

    def test_a_later_use_of_the_old_key_does_not_extend_it(
        self, root: Client, account: int, stranger: Client
    ) -> None:
        old = new_grant(root, account, "read:series")["api_key"]
        expires_at = rotate(root, account, old["key"]).json()["replaces"]["expires_at"]
        assert works(stranger, old["secret"])
        assert shown(root, account, old["key"]).json()["expires_at"] == expires_at

    @on_each_store
    def test_one_event_records_the_rotation(self, root: Client, account: int) -> None:
        old = new_grant(root, account, "read:series", names=["shop"])["api_key"]
        new = rotate(root, account, old["key"]).json()
        events = root.request("GET", "/v1/system/events?limit=1000").json()["events"]
        event = events[-1]
        del event["id"], event["created_at"]
        assert event == {
            "account_id": account,
            "by": "root",
            "action": "rotate",
            "subject": "api_key",
            "subject_id": new["api_key"]["key"],
            "granted": {
                "scopes": ["read:series"],
                "names": ["shop"],
                "expires_at": new["expires_at"],
            },
            "replaces": {"key": old["key"], "expires_at": new["replaces"]["expires_at"]},
        }
        assert new["api_key"]["secret"][15:] not in json.dumps(events)


class TestPermissions:
    def test_a_key_with_both_scopes_may_rotate_itself(
        self, account: int, administrator: Administrators, root: Client
    ) -> None:
        admin = administrator(EVERYTHING)
        response = admin.request("POST", f"grants/{admin.id}/rotate", {"overlap_seconds": WEEK})
        assert response.json()["created_by"] == f"key:{admin.id}"

    @pytest.mark.parametrize("scope", ["write:acl", "delete:acl", "read:acl"])
    def test_one_scope_is_not_enough(
        self, scope: str, administrator: Administrators, problem: Problem
    ) -> None:
        admin = administrator(Rights((scope,), ("*",)))
        response = admin.request("POST", f"grants/{admin.id}/rotate", {"overlap_seconds": 0})
        problem(response, 403, "forbidden", applied="no")

    def test_a_key_with_more_rights_than_the_caller_is_not_found(
        self, account: int, administrator: Administrators, root: Client, problem: Problem
    ) -> None:
        strong, limited = administrator(EVERYTHING), administrator(LIMITED)
        before = shown(root, account, strong.id).json()["expires_at"]
        for key in strong.id, "mtk_k_00000000", "x":
            response = limited.request("POST", f"grants/{key}/rotate", {"overlap_seconds": 0})
            problem(response, 404, "grant_not_found", applied="no")
        assert shown(root, account, strong.id).json()["expires_at"] == before

    @pytest.mark.parametrize(
        "body",
        [
            {}, [], {"overlap_seconds": -1}, {"overlap_seconds": 31536001},
            {"overlap_seconds": "7d"},
            {"overlap_seconds": 1.5}, {"overlap_seconds": True}, {"overlap_seconds": None},
            {"overlap_seconds": 1, "names": ["*"]}, {"overlap": 1},
        ],
        ids=str,
    )  # fmt: skip
    def test_an_invalid_overlap_is_refused_and_changes_nothing(
        self, body: object, root: Client, account: int, problem: Problem
    ) -> None:
        key = new_grant(root, account, "read:series")["api_key"]["key"]
        before = root.request("GET", f"/v1/accounts/{account}/grants").json()
        path = f"/v1/accounts/{account}/grants/{key}/rotate"
        for text in json.dumps(body), "":
            response = root.request("POST", path, text, JSON)
            problem(response, 400, "invalid_request", applied="no")
        response = root.request("POST", f"{path}?x=1", '{"overlap_seconds": 1}', JSON)
        problem(response, 400, "invalid_request", applied="no")
        assert root.request("GET", f"/v1/accounts/{account}/grants").json() == before


class TestDescendants:
    def revoke(self, root: Client, admin: Administrator) -> None:
        path = f"{admin.path}/grants/{admin.id}?with_descendants=true"
        assert root.request("DELETE", path).status == 200

    @on_each_store
    def test_the_successor_belongs_to_the_creators_of_the_old_key(
        self, root: Client, account: int, administrator: Administrators
    ) -> None:
        creator = administrator(EVERYTHING)
        child = creator.new(WITHIN_LIMITED)
        successor = rotate(root, account, child.id).json()["api_key"]["key"]
        self.revoke(root, creator)
        assert shown(root, account, successor).status == 404

    def test_the_successor_belongs_to_the_key_that_rotated(
        self, root: Client, account: int, administrator: Administrators
    ) -> None:
        other, thief = administrator(WITHIN_LIMITED), administrator(EVERYTHING)
        response = thief.request("POST", f"grants/{other.id}/rotate", {"overlap_seconds": WEEK})
        successor = response.json()["api_key"]["key"]
        self.revoke(root, thief)
        assert shown(root, account, successor).status == 404
        assert shown(root, account, other.id).status == 200

    def test_what_the_old_key_created_remains_its_own(
        self, root: Client, account: int, administrator: Administrators
    ) -> None:
        old = administrator(EVERYTHING)
        child = old.new(WITHIN_LIMITED)
        successor = rotate(root, account, old.id, 0).json()["api_key"]["key"]
        assert shown(root, account, child.id).json()["created_by"] == f"key:{old.id}"
        self.revoke(root, old)
        assert shown(root, account, child.id).status == 404
        assert shown(root, account, successor).status == 200
