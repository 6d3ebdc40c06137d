"""Ledgers: `GET /v1/entries/{key}?limit=&before=`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from support.series import LAST, advance_to, entry, ledger, pages, put, put_all
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_the_ledger_contains_every_entry_newest_first(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TUT")
    assert ledger(client, fresh_key) == [("T", 3), ("U", 2), ("T", 1)]


def test_a_repeated_request_adds_no_entry(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TTT")
    assert ledger(client, fresh_key) == [("T", 1)]


def test_advancing_adds_an_entry_without_a_token(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, 41)
    put(client, fresh_key, "U")
    assert ledger(client, fresh_key) == [("U", 42), (None, 41), ("T", 1)]


def test_a_ledger_entry_has_four_members_and_its_time(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, 41)
    page = client.request("GET", f"/v1/entries/{fresh_key}").json()
    assert list(page) == ["entries", "next"]
    for ledger_entry in page["entries"]:
        assert list(ledger_entry)[:4] == ["creator_id", "key", "token", "value"]
        assert ledger_entry.keys() == {*entry("", None, 0), "created_at"}
        assert ledger_entry["creator_id"] == 1
        assert ledger_entry["key"] == fresh_key
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ledger_entry["created_at"])
        assert datetime.fromisoformat(ledger_entry["created_at"])


def test_a_ledger_entry_contains_its_credential_only_on_request(
    client: Client, fresh_key: str, problem: Problem
) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, 41)
    path = f"/v1/entries/{fresh_key}"
    entries = client.request("GET", f"{path}?assigned_by=true").json()["entries"]
    for ledger_entry in entries:
        assert list(ledger_entry) == [
            "creator_id",
            "key",
            "token",
            "value",
            "created_at",
            "assigned_by",
        ]
        assert ledger_entry.pop("assigned_by") == "anyone"
    for query in ("", "?assigned_by=false"):
        assert client.request("GET", path + query).json()["entries"] == entries
    page = client.request("GET", f"{path}?assigned_by=true&limit=1").json()
    assert page["next"] == 41
    rest = client.request("GET", f"{path}?assigned_by=true&limit=1&before=41").json()
    assert [ledger_entry["assigned_by"] for ledger_entry in rest["entries"]] == ["anyone"]
    problem(client.request("GET", f"{path}?assigned_by=yes"), 400, "invalid_request")


def test_an_unknown_series_has_no_ledger(client: Client, fresh_key: str, problem: Problem) -> None:
    response = client.request("GET", f"/v1/entries/{fresh_key}")
    problem(response, 404, "series_not_found")


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6, 1000])
def test_pages_contain_every_entry_once(client: Client, fresh_key: str, limit: int) -> None:
    put_all(client, fresh_key, *"TU")
    advance_to(client, fresh_key, 41)
    put_all(client, fresh_key, *"TU")
    walked = list(pages(client, f"/v1/entries/{fresh_key}?limit={limit}", "entries", "before"))
    assert all(len(page) <= limit for page in walked)
    assert [entry["value"] for page in walked for entry in page] == [43, 42, 41, 2, 1]


def test_next_is_the_last_value_of_a_full_page(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TUV")
    page = client.request("GET", f"/v1/entries/{fresh_key}?limit=2").json()
    assert page["next"] == 2
    assert type(page["next"]) is int


def test_before_excludes_the_value_itself(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TUV")
    page = client.request("GET", f"/v1/entries/{fresh_key}?before=3").json()
    assert [entry["value"] for entry in page["entries"]] == [2, 1]


@pytest.mark.parametrize("before", [1, 0, -1, -LAST - 1])
def test_nothing_is_before_the_first_value(client: Client, fresh_key: str, before: int) -> None:
    put(client, fresh_key, "T")
    page = client.request("GET", f"/v1/entries/{fresh_key}?before={before}").json()
    assert page == {"entries": [], "next": None}


def test_before_the_last_value_excludes_only_that_value(client: Client, fresh_key: str) -> None:
    put(client, fresh_key, "T")
    advance_to(client, fresh_key, LAST)
    page = client.request("GET", f"/v1/entries/{fresh_key}?before={LAST}").json()
    assert [entry["value"] for entry in page["entries"]] == [1]
    assert page["next"] is None


def test_a_page_contains_100_entries_by_default(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *(str(n) for n in range(101)))
    page = client.request("GET", f"/v1/entries/{fresh_key}").json()
    assert [entry["value"] for entry in page["entries"]] == list(range(101, 1, -1))
    assert page["next"] == 2
    rest = client.request("GET", f"/v1/entries/{fresh_key}?before=2").json()
    assert [entry["value"] for entry in rest["entries"]] == [1]
    assert len(ledger(client, fresh_key)) == 101
