"""Events: every creation and deletion of accounts, API keys and trust policies is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from monotron.auth.scopes import SCOPES
from support.administration import (
    EVERYTHING,
    LIMITED,
    MAIN,
    WITHIN_LIMITED,
    Administrators,
    Rights,
    on_each_store,
)
from support.credentials import bearer, new_account, new_key
from support.server import Client

Problem = Callable[..., dict[str, Any]]


class TestEvents:
    def events(self, root: Client, after: int) -> list[dict[str, Any]]:
        """All events after an id, which it reads in pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = root.request("GET", f"/v1/system/events?limit=2&after={after}").json()
            found += page["events"]
            if page["next"] is None:
                return found
            after = int(page["next"])

    @pytest.fixture
    def last(self, root: Client) -> int:
        """The id of the newest event."""
        new_account(root)
        return int(self.events(root, 0)[-1]["id"])

    @on_each_store
    def test_every_creation_and_deletion_is_recorded_with_the_rights(
        self, root: Client, last: int, administrator: Administrators, account: int
    ) -> None:
        admin = administrator(EVERYTHING)
        grant = admin.create("grants", WITHIN_LIMITED).json()
        key = grant["api_key"]
        own = root.request("GET", f"/v1/accounts/{account}/grants/{admin.id}").json()
        admin.create("trusts", WITHIN_LIMITED)
        assert admin.request("DELETE", "trusts/1").status == 200
        assert admin.request("DELETE", f"grants/{key['key']}").status == 200
        events = self.events(root, last)
        assert [each["id"] for each in events] == [*range(last + 1, last + 7)]
        for event in events:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("created_at"))
            del event["id"]
        by = {"account_id": account, "by": f"key:{admin.id}"}
        granted = {"scopes": ["read:series"], "names": ["shop"]}
        key_event = {
            "subject": "api_key",
            "granted": {**granted, "expires_at": grant["expires_at"]},
            **by,
        }
        issuer = "https://token.actions.githubusercontent.com"
        trust = {"issuer": issuer, "claims": MAIN, **granted}
        trust_event = {"subject": "trust", "subject_id": "1", "granted": trust, **by}
        assert events == [
            {
                "account_id": account,
                "by": "root",
                "action": "create",
                "subject": "account",
                "subject_id": str(account),
                "after": {"name": None, "disabled": False},
            },
            {
                "account_id": account,
                "by": "root",
                "action": "create",
                "subject": "api_key",
                "subject_id": admin.id,
                "granted": {
                    "scopes": list(EVERYTHING.scopes),
                    "names": ["*"],
                    "expires_at": own["expires_at"],
                },
            },
            {"action": "create", "subject_id": key["key"], **key_event},
            {"action": "create", **trust_event},
            {"action": "delete", **trust_event},
            {"action": "delete", "subject_id": key["key"], **key_event},
        ]

    @on_each_store
    def test_each_descendant_that_is_removed_is_recorded(
        self, root: Client, last: int, administrator: Administrators
    ) -> None:
        admin = administrator(EVERYTHING)
        child = admin.new(EVERYTHING)
        grandchild = child.new(EVERYTHING)
        grandchild.create("trusts", WITHIN_LIMITED)
        path = f"{admin.path}/grants/{admin.id}?with_descendants=true"
        assert root.request("DELETE", path).status == 200
        deleted = [each for each in self.events(root, last) if each["action"] == "delete"]
        assert {each["by"] for each in deleted} == {"root"}
        assert {each["subject_id"] for each in deleted} == {admin.id, child.id, grandchild.id, "1"}

    def test_refused_and_ordinary_requests_are_not_recorded(
        self, root: Client, last: int, administrator: Administrators
    ) -> None:
        admin = administrator(LIMITED)
        last = int(self.events(root, last)[-1]["id"])
        for kind in "grants", "trusts":
            assert admin.create(kind, Rights(("delete:series",), ("shop",))).status == 403
            assert admin.create(kind, Rights(("read:series",), ("*",))).status == 403
        assert admin.request("DELETE", "grants/mtk_k_00000000").status == 404
        assert admin.request("POST", "grants", {"scopes": [], "names": []}).status == 400
        assert admin.request("GET", "grants").status == 200
        assert self.events(root, last) == []

    def test_events_contain_no_secret(
        self, root: Client, last: int, account: int, stranger: Client
    ) -> None:
        secret = new_key(root, account, "*:series")
        text = root.request("GET", f"/v1/system/events?after={last}").text
        assert secret[:14] in text
        assert secret[15:] not in text
        assert "digest" not in text

    def test_only_the_root_key_reads_events(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        secret = new_key(root, 1, *SCOPES)
        response = stranger.request(
            "GET", "/v1/system/events", headers={"Authorization": bearer(secret)}
        )
        problem(response, 403, "forbidden")

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=1001", "limit=x", "after=x", "after=1.0", "before=1", "after="]
    )
    def test_an_invalid_query_is_refused(self, query: str, root: Client, problem: Problem) -> None:
        problem(root.request("GET", f"/v1/system/events?{query}"), 400, "invalid_request")

    @on_each_store
    @pytest.mark.parametrize("after", [-1, 2**63 - 1])
    def test_the_start_of_a_page_can_be_any_integer(self, after: int, root: Client) -> None:
        page = root.request("GET", f"/v1/system/events?after={after}&limit=1000").json()
        assert (page["events"] == []) is (after > 0)
