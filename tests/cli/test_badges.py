"""`monotron badge`: create, list and delete badges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.badges import new_badge
from support.server import Client
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

ID = "0123456789abcdef" * 2
BADGE: dict[str, Any] = {
    "id": ID,
    "creator_id": 3,
    "name": "shop",
    "created_at": "2026-11-28T14:03:09Z",
    "created_by": "root",
    "svg": f"/badge/{ID}.svg",
}


class TestCreate:
    def test_it_prints_the_url_of_the_image_also_if_it_is_repeated(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        url = terminal.prints("badge", "create", name)
        badge = new_badge(client, name)
        assert url == f"{terminal.url}{badge['svg']}\n"
        assert client.request("GET", badge["svg"]).status == 200
        assert json.loads(terminal.prints("badge", "create", name, "--output=json")) == badge

    def test_an_invalid_name_is_an_error(self, terminal: Terminal) -> None:
        assert terminal.fails(1, "badge", "create", "..").startswith("error: invalid_name (400): ")

    def test_the_badge_is_created_in_the_account(
        self, operator: Terminal, root: Client, account: str
    ) -> None:
        url = operator.prints("badge", "create", "shop", account)
        number = int(account.partition("=")[2])
        assert url == f"{operator.url}{new_badge(root, 'shop', number)['svg']}\n"
        assert "shop" in operator.prints("badge", "list", account)

    @pytest.mark.parametrize(
        "changes",
        [
            *({"name": "other"}, {"id": "x"}, {"svg": "https://evil.example/"}, {"creator_id": 1}),
            {"created_by": None},
        ],
        ids=str,
    )
    def test_a_response_that_is_not_this_badge_is_an_error(
        self, changes: dict[str, object], terminal: Terminal
    ) -> None:
        with StandIn([Reply.json({**BADGE, **changes})]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "badge", "create", "shop", "--account=3")


class TestList:
    def test_it_shows_all_badges_in_order_of_names(
        self, operator: Terminal, root: Client, account: str
    ) -> None:
        number = int(account.partition("=")[2])
        badges = [new_badge(root, each, number) for each in ("a", "b")]
        lines = operator.prints("badge", "list", account).splitlines()
        assert lines[0].split() == ["BADGE", "NAME", "CREATED", "CREATED", "BY"]
        for line, badge in zip(lines[1:], badges, strict=True):
            assert line.split() == [
                *(badge["id"], badge["name"], badge["created_at"], badge["created_by"])
            ]
        assert json.loads(operator.prints("badge", "list", account, "--output=json")) == badges

    def test_it_reads_all_pages(self, terminal: Terminal) -> None:
        second = {**BADGE, "name": "web"}
        replies = [
            Reply.json({"badges": [BADGE], "next": "shop"}),
            Reply.json({"badges": [second], "next": None}),
        ]
        with StandIn(replies) as stand_in:
            terminal.url = stand_in.url
            listed = terminal.prints("badge", "list", "--output=json")
        assert json.loads(listed) == [BADGE, second]
        assert [request.path for request in stand_in.requests] == [
            "/v1/badges?limit=1000",
            "/v1/badges?limit=1000&after=shop",
        ]

    @pytest.mark.parametrize(
        "page", [[], {}, {"badges": [{}], "next": None}, {"badges": [], "next": ""}], ids=str
    )
    def test_another_response_is_an_error(self, page: object, terminal: Terminal) -> None:
        with StandIn([Reply.json(page)]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "badge", "list")


class TestDelete:
    def test_a_deleted_badge_is_not_listed(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        id = new_badge(client, name)["id"]
        assert terminal.prints("badge", "delete", id) == f"Deleted badge {id}.\n"
        assert id not in terminal.prints("badge", "list")
        errors = terminal.fails(1, "badge", "delete", id)
        assert errors.startswith("error: badge_not_found (404): ")

    def test_an_id_of_another_form_is_refused_without_a_request(self, offline: Terminal) -> None:
        for id in "shop", ID.upper(), f"{ID}0":
            errors = offline.fails(2, "badge", "delete", id)
            assert "must be the id of a badge: 32 hexadecimal digits" in errors
