"""`monotron series`: list, show, advance and delete series."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.server import Client
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

MAX_VALUE = 9223372036854775807


@pytest.fixture
def key(client: Client, name: str) -> str:
    """A series in which `a` has 1 and `b` has 2."""
    for token in "a", "b":
        assert client.request("PUT", f"/v1/series/{name}/{token}").status == 200
    return name


class TestList:
    def test_it_shows_the_series_with_a_prefix(self, terminal: Terminal, key: str) -> None:
        printed = terminal.prints("series", "list", f"--prefix={key}")
        assert [line.split() for line in printed.splitlines()] == [
            ["KEY", "NUMBER", "TOKEN"],
            [key, "2", "b"],
        ]

    def test_it_shows_at_most_limit_series(
        self, terminal: Terminal, client: Client, key: str
    ) -> None:
        for suffix in "-1", "-2":
            client.request("PUT", f"/v1/series/{key}{suffix}/a")
        arguments = ("series", "list", f"--prefix={key}", "--limit=2", "--output=json")
        assert [each["key"] for each in json.loads(terminal.prints(*arguments))] == [
            key,
            f"{key}-1",
        ]

    def test_a_limit_above_one_page_is_read_in_pages(self, terminal: Terminal) -> None:
        entries = [{"key": "a", "value": 1, "token": None}] * 1000
        replies = [
            Reply.json({"series": entries, "next": "b"}),
            Reply.json({"series": entries[:5], "next": "c"}),
        ]
        with StandIn(replies) as stand_in:
            terminal.url = stand_in.url
            listed = terminal.prints("series", "list", "--limit=1005", "--output=json")
        assert len(json.loads(listed)) == 1005
        assert [request.path for request in stand_in.requests] == [
            "/v1/series?prefix=&limit=1000",
            "/v1/series?prefix=&limit=5&after=b",
        ]


class TestShow:
    def test_it_shows_who_assigned_which_number(self, terminal: Terminal, key: str) -> None:
        terminal.prints("series", "advance", key, "41")
        first, *lines = terminal.prints("series", "show", key).splitlines()
        assert first.split() == ["NUMBER", "TOKEN", "CREATED", "ASSIGNED", "BY"]
        rows = [line.split() for line in lines]
        assert [(number, token, by) for number, token, _, by in rows] == [
            ("41", "(advanced)", "anyone"),
            ("2", "b", "anyone"),
            ("1", "a", "anyone"),
        ]

    def test_a_series_that_does_not_exist_exits_with_3(self, terminal: Terminal) -> None:
        assert terminal.fails(3, "series", "show", "none") == "error: 'none' has no builds yet\n"

    @pytest.mark.parametrize(
        "entry",
        [{}, {"key": "a", "value": "1", "token": "a"}, {"key": "a", "value": 1, "token": 1}],
        ids=str,
    )
    def test_another_response_exits_with_4(self, entry: dict[str, Any], terminal: Terminal) -> None:
        with StandIn([Reply.json({"entries": [entry], "next": None})]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "series", "show", "a")


class TestAdvance:
    def test_the_next_number_is_one_higher(self, terminal: Terminal, key: str) -> None:
        assert terminal.prints("series", "advance", key, "41") == f"Advanced series {key} to 41.\n"
        assert terminal.prints("next", key, "c") == "42\n"

    def test_a_lower_number_is_refused(self, terminal: Terminal, key: str) -> None:
        errors = terminal.fails(1, "series", "advance", key, "1")
        assert errors.startswith("error: value_would_fall (409): ")

    @pytest.mark.parametrize("value", ["0", "-1", "1.5", str(MAX_VALUE + 1)])
    def test_an_invalid_number_is_invalid_usage(self, value: str, offline: Terminal) -> None:
        errors = offline.fails(2, "series", "advance", "a", "--", value)
        assert f"must be an integer from 1 to {MAX_VALUE}" in errors

    def test_a_response_for_another_value_exits_with_4(self, terminal: Terminal) -> None:
        with StandIn([Reply.json({"key": "a", "value": 42, "token": None})]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "series", "advance", "a", "41")


class TestDelete:
    def test_numbers_continue_after_the_deletion(self, terminal: Terminal, key: str) -> None:
        assert terminal.prints("series", "delete", key) == f"Deleted series {key}.\n"
        assert terminal.prints("next", key, "a") == "3\n"

    def test_with_restart_the_next_number_is_1(self, terminal: Terminal, key: str) -> None:
        printed = terminal.prints("series", "delete", key, "--restart")
        assert printed == f"Deleted series {key} and its numbers.\n"
        assert terminal.prints("next", key, "b") == "1\n"

    def test_a_login_page_exits_with_4(self, terminal: Terminal) -> None:
        with StandIn([Reply(200, b"<html>", {"Content-Type": "text/html"})]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "series", "delete", "a")
