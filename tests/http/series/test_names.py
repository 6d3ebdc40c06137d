"""Keys and tokens: any Unicode except control characters, compared exactly."""

from __future__ import annotations

import pytest

from support.series import advance_to, delete, entry, ledger, listed, peek, put, segment, value_of
from support.server import Client

NAMES = (
    "org/repo",
    "../..",
    "...",
    ".hidden",
    "a.b.c",
    "$inc",
    "$secret",
    "$$NOW",
    "$",
    "%",
    "%2F",
    "%00",
    "100%",
    " ",
    "a b",
    "a+b",
    "a?b#c",
    "a&b=c;d",
    '{"$gt": ""}',
    "'; DROP TABLE series; --",
    '"quoted"',
    "back\\slash",
    "<script>",
    "null",
    "__proto__",
    "0",
    "-1",
    "\u00e9",
    "e\u0301",
    "\u00a0",
    "\u200b",
    "\u202eevil",
    "\u2028",
    "\ufeff",
    "\uffff",
    "Ω",
    "日本語",
    "🦊",
    "👩‍👩‍👧",
    "\U0010ffff",
    "x" * 256,
    "é" * 256,
    "🦊" * 256,
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_a_key_is_returned_unchanged(client: Client, name: str) -> None:
    assert put(client, name, "T").json() == entry(name, "T", 1)
    assert put(client, name, "U").json() == entry(name, "U", 2)
    assert peek(client, name) == entry(name, "U", 2)
    assert name in listed(client, name)
    assert ledger(client, name) == [("U", 2), ("T", 1)]
    assert advance_to(client, name, 7).json() == entry(name, None, 7)
    delete(client, name)
    assert name not in listed(client, name)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_a_token_is_returned_unchanged(client: Client, fresh_key: str, name: str) -> None:
    assert put(client, fresh_key, name).json() == entry(fresh_key, name, 1)
    assert peek(client, fresh_key) == entry(fresh_key, name, 1)
    assert put(client, fresh_key, name).json() == entry(fresh_key, name, 1)
    put(client, fresh_key, "another")
    assert put(client, fresh_key, name, "?reuse=any").json() == entry(fresh_key, name, 1)
    response = client.request("GET", f"/v1/series/{fresh_key}/{segment(name)}")
    assert response.json() == entry(fresh_key, name, 1)
    assert ledger(client, fresh_key) == [("another", 2), (name, 1)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "A"),
        ("\u00e9", "e\u0301"),
        ("\u212b", "\u00c5"),
        ("ß", "ss"),
        ("a", "\u0430"),
        ("a", "a "),
        ("a", " a"),
        ("a", "a\u200b"),
        ("1", "01"),
        ("1", "1.0"),
        ("a/b", "a%2Fb"),
        ("a+b", "a b"),
    ],
    ids=ascii,
)
def test_names_are_compared_exactly(client: Client, fresh_key: str, one: str, other: str) -> None:
    assert value_of(client, fresh_key + one, "T") == 1
    assert value_of(client, fresh_key + other, "T") == 1
    assert value_of(client, fresh_key, one) == 1
    assert value_of(client, fresh_key, other) == 2
    assert value_of(client, fresh_key, one, "?reuse=any") == 1


def test_an_escaped_character_equals_the_character(client: Client, fresh_key: str) -> None:
    client.request("PUT", f"/v1/series/{fresh_key}a/T")
    escaped = client.request("GET", f"/v1/series/{fresh_key}%61/%54")
    assert escaped.json() == entry(f"{fresh_key}a", "T", 1)


def test_an_escape_may_be_in_lower_case(client: Client, fresh_key: str) -> None:
    client.request("PUT", f"/v1/series/{fresh_key}%2fa/T")
    assert peek(client, f"{fresh_key}/a") == entry(f"{fresh_key}/a", "T", 1)


def test_a_path_is_decoded_once(client: Client, fresh_key: str) -> None:
    response = client.request("PUT", f"/v1/series/{fresh_key}%252F/%252e%252e")
    assert response.json() == entry(f"{fresh_key}%2F", "%2e%2e", 1)


def test_a_plus_in_a_path_is_a_plus(client: Client, fresh_key: str) -> None:
    response = client.request("PUT", f"/v1/series/{fresh_key}+/a+b")
    assert response.json() == entry(f"{fresh_key}+", "a+b", 1)


def test_an_entry_contains_other_scripts_unescaped(client: Client, fresh_key: str) -> None:
    body = put(client, f"{fresh_key}-é-日本-🦊", "Ω").body
    assert f'"key": "{fresh_key}-é-日本-🦊", "token": "Ω"'.encode() in body
