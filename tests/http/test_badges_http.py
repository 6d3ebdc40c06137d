"""Badges in the API: create, list, read and delete them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.badges import new_badge, post_badge
from support.credentials import JSON, bearer, new_account, new_key
from support.page_data import HOSTILE
from support.server import Client, Server

Problem = Callable[..., dict[str, Any]]

MEMBERS = ["id", "creator_id", "name", "created_at", "created_by", "svg", "json"]


@pytest.fixture
def account(root: Client) -> int:
    return new_account(root)


@pytest.fixture
def base(account: int) -> str:
    return f"/v1/accounts/{account}/badges"


@pytest.fixture
def shop_key(guarded: Server, root: Client, account: int) -> Iterator[Client]:
    """A client with an API key for the name `shop` and names of `team-a`."""
    key = new_key(root, account, "*:series", names=["shop", "team-a/*"])
    with guarded.client(authorization=bearer(key)) as client:
        yield client


def names(client: Client, path: str) -> list[str]:
    return [each["name"] for each in client.request("GET", path).json()["badges"]]


class TestCreation:
    def test_a_new_badge_has_these_members(self, root: Client, account: int) -> None:
        response = post_badge(root, "shop", account)
        assert (response.status, response.headers["Monotron-Reused"]) == (200, "false")
        badge = response.json()
        assert list(badge) == MEMBERS
        assert re.fullmatch("[0-9a-f]{32}", badge["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", badge["created_at"])
        assert badge == badge | {
            "creator_id": account,
            "name": "shop",
            "created_by": "root",
            "svg": f"/badge/{badge['id']}.svg",
            "json": f"/badge/{badge['id']}.json",
        }

    def test_a_repeated_request_returns_the_badge_of_the_name(
        self, root: Client, shop_key: Client, account: int
    ) -> None:
        badge = new_badge(root, "shop", account)
        repeated = post_badge(shop_key, "shop")
        assert repeated.headers["Monotron-Reused"] == "true"
        assert repeated.json() == badge

    def test_other_names_and_accounts_have_other_badges(self, root: Client, account: int) -> None:
        other = new_account(root)
        badges = [new_badge(root, *each) for each in (("a", account), ("b", account), ("a", other))]
        assert len({each["id"] for each in badges}) == 3
        assert badges[2]["creator_id"] == other

    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    def test_a_hostile_name_is_kept(self, name: str, root: Client, account: int) -> None:
        badge = new_badge(root, name, account)
        assert badge["name"] == name
        path = f"/v1/accounts/{account}/badges/{badge['id']}"
        assert root.request("GET", path).json() == badge
        assert post_badge(root, name, account).json() == badge

    @pytest.mark.parametrize(
        "body",
        [
            *('{"name": 1}', '{"name": null}', '{"name": ["a"]}', "{}", '"shop"', "null"),
            *('{"name": "a", "label": "b"}', '{"name": "a", "name": "b"}', '{"name": "\\ud800"}'),
        ],
    )
    def test_an_invalid_body_is_refused(
        self, body: str, root: Client, base: str, problem: Problem
    ) -> None:
        response = root.request("POST", base, body, JSON)
        problem(response, 400, "invalid_request", applied="no")
        assert names(root, base) == []

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "a\n", "\u0085", 201 * "n", 201 * "\U0001f600"]
    )
    def test_an_invalid_name_is_refused(
        self, name: str, root: Client, account: int, base: str, problem: Problem
    ) -> None:
        problem(post_badge(root, name, account), 400, "invalid_name", applied="no")
        assert names(root, base) == []


class TestLists:
    def test_a_list_has_pages_in_order_of_names(
        self, root: Client, account: int, base: str
    ) -> None:
        ordered = ["-", "A", "a", "a/b", "z", "é", "\U0001f600"]
        badges = {name: new_badge(root, name, account) for name in reversed(ordered)}
        assert root.request("GET", base).json() == {
            "badges": [badges[name] for name in ordered],
            "next": None,
        }
        page = root.request("GET", f"{base}?limit=4").json()
        assert ([each["name"] for each in page["badges"]], page["next"]) == (ordered[:4], "a/b")
        assert names(root, f"{base}?limit=4&after=a%2Fb") == ordered[4:]

    def test_a_list_omits_names_that_the_caller_may_not_use(
        self, root: Client, shop_key: Client, account: int
    ) -> None:
        for name in ("other", "shop", "shop-major", "team-a/x", "team-b/x"):
            new_badge(root, name, account)
        assert names(shop_key, "/v1/badges") == ["shop", "team-a/x"]
        page = shop_key.request("GET", "/v1/badges?limit=1").json()
        assert ([each["name"] for each in page["badges"]], page["next"]) == (["shop"], "shop")


class TestDeletion:
    def test_a_deleted_badge_is_not_found_and_its_successor_has_another_id(
        self, root: Client, stranger: Client, account: int, base: str, problem: Problem
    ) -> None:
        badge = new_badge(root, "shop", account)
        path = f"{base}/{badge['id']}"
        response = root.request("DELETE", path)
        assert (response.status, response.body) == (200, b"")
        problem(root.request("GET", path), 404, "badge_not_found")
        problem(root.request("DELETE", path), 404, "badge_not_found", applied="no")
        problem(stranger.request("GET", badge["svg"]), 404, "badge_not_found")
        assert names(root, base) == []
        assert new_badge(root, "shop", account)["id"] != badge["id"]

    def test_unknown_and_invisible_badges_get_the_same_answer(
        self, root: Client, shop_key: Client, account: int, problem: Problem
    ) -> None:
        ids = [
            32 * "0",
            "no-id",
            "%E9",
            new_badge(root, "other", account)["id"],
            new_badge(root, "shop", new_account(root))["id"],
        ]
        for verb, applied in ("GET", None), ("DELETE", "no"):
            details = {
                problem(
                    shop_key.request(verb, f"/v1/badges/{id}"),
                    404,
                    "badge_not_found",
                    applied=applied,
                )["detail"]
                for id in ids
            }
            assert len(details) == 1
        assert root.request("GET", f"/v1/accounts/{account}/badges/{ids[3]}").status == 200

    def test_deleting_series_leaves_the_badge(self, root: Client, account: int, base: str) -> None:
        badge = new_badge(root, "shop", account)
        versions = f"/v1/accounts/{account}"
        assert root.request("PUT", f"{versions}/versions/shop/a").status == 200
        for query in "", "?restart=true":
            path = f"{versions}/series/shop-patch-v0.0{query}"
            assert root.request("DELETE", path).status == 200
        assert root.request("GET", f"{base}/{badge['id']}").json() == badge


class TestEvents:
    def test_creation_and_deletion_are_recorded_with_the_name(
        self, root: Client, shop_key: Client, account: int
    ) -> None:
        badge = new_badge(shop_key, "shop")
        new_badge(shop_key, "shop")
        assert shop_key.request("DELETE", f"/v1/badges/{badge['id']}").status == 200
        events: list[dict[str, Any]] = []
        after = 0
        while after is not None:
            page = root.request("GET", f"/v1/system/events?limit=1000&after={after}").json()
            events, after = events + page["events"], page["next"]
        own = [
            {name: each[name] for name in ("by", "action", "subject_id", "name")}
            for each in events
            if each["account_id"] == account and each["subject"] == "badge"
        ]
        expected = {"by": badge["created_by"], "subject_id": badge["id"], "name": "shop"}
        assert own == [expected | {"action": action} for action in ("create", "delete")]
        assert badge["created_by"].startswith("key:mtk_k_")
