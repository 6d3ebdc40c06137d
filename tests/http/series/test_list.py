"""Listing: `GET /v1/series?prefix=&limit=&after=`."""

from __future__ import annotations

import pytest

from support.series import advance_to, delete, entry, listed, pages, put, put_all
from support.server import Client


def test_a_list_contains_the_current_entries_ordered_by_key(client: Client, fresh_key: str) -> None:
    put_all(client, f"{fresh_key}b", *"TUV")
    put(client, f"{fresh_key}c", "T")
    advance_to(client, f"{fresh_key}a", 41)
    response = client.request("GET", f"/v1/series?prefix={fresh_key}")
    assert response.status == 200
    assert response.json() == {
        "series": [
            entry(f"{fresh_key}a", None, 41),
            entry(f"{fresh_key}b", "V", 3),
            entry(f"{fresh_key}c", "T", 1),
        ],
        "next": None,
    }


def test_a_list_without_a_match_is_empty(client: Client, fresh_key: str) -> None:
    response = client.request("GET", f"/v1/series?prefix={fresh_key}")
    assert response.status == 200
    assert response.json() == {"series": [], "next": None}


@pytest.mark.parametrize("query", ["", "?prefix=", "?limit=1000"])
def test_a_list_without_a_prefix_starts_with_the_first_series(client: Client, query: str) -> None:
    # Sorts before all that other tests make, but for the strange keys that they delete.
    put(client, "!", "T")
    response = client.request("GET", f"/v1/series{query}")
    assert response.json()["series"][0] == entry("!", "T", 1)


def test_keys_are_ordered_by_code_point(client: Client, fresh_key: str) -> None:
    keys = [fresh_key + end for end in ("", "!", "/", "B", "a", "b", "z", "é", "\ufffd", "🦊")]
    for key in reversed(keys):
        put(client, key, "T")
    assert listed(client, fresh_key) == keys


@pytest.mark.parametrize("end", ["_", "%", "*", "?", ".", "[a]", "A", "\\", "é", "🦊", "$"])
def test_a_prefix_is_not_a_pattern(client: Client, fresh_key: str, end: str) -> None:
    put(client, f"{fresh_key}a", "T")
    put(client, f"{fresh_key}b", "T")
    put(client, f"{fresh_key}{end}", "T")
    put(client, f"{fresh_key}{end}2", "T")
    assert listed(client, fresh_key + end) == [f"{fresh_key}{end}", f"{fresh_key}{end}2"]


def test_a_prefix_may_end_with_the_last_code_point(client: Client, fresh_key: str) -> None:
    keys = [f"{fresh_key}\U0010ffff{end}" for end in ("", "a", "\U0010ffff")]
    for key in (fresh_key, *keys):
        put(client, key, "T")
    assert listed(client, f"{fresh_key}\U0010ffff") == keys


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
def test_pages_contain_every_series_once(client: Client, fresh_key: str, limit: int) -> None:
    keys = [fresh_key + end for end in (" ", "%2F", "&a=b", "+", "/", "a", "é", "🦊")]
    for key in keys:
        put(client, key, "T")
    path = f"/v1/series?prefix={fresh_key}&limit={limit}"
    walked = list(pages(client, path, "series", "after"))
    assert all(len(page) <= limit for page in walked)
    assert [entry["key"] for page in walked for entry in page] == keys


def test_next_is_the_last_key_of_a_full_page(client: Client, fresh_key: str) -> None:
    for end in "abc":
        put(client, fresh_key + end, "T")
    page = client.request("GET", f"/v1/series?prefix={fresh_key}&limit=2").json()
    assert page["next"] == f"{fresh_key}b"


def test_a_page_may_start_after_an_unknown_key(client: Client, fresh_key: str) -> None:
    for end in "abc":
        put(client, fresh_key + end, "T")
    delete(client, f"{fresh_key}b")
    for after in ("b", "aa", "a"):
        path = f"/v1/series?prefix={fresh_key}&after={fresh_key}{after}"
        page = client.request("GET", path).json()
        assert page == {"series": [entry(f"{fresh_key}c", "T", 1)], "next": None}


def test_a_page_contains_100_series_by_default(client: Client, fresh_key: str) -> None:
    for n in range(101):
        put(client, f"{fresh_key}-{n:03}", "T")
    walked = list(pages(client, f"/v1/series?prefix={fresh_key}", "series", "after"))
    assert [len(page) for page in walked] == [100, 1]
    (page,) = pages(client, f"/v1/series?prefix={fresh_key}&limit=1000", "series", "after")
    assert len(page) == 101
