"""All attributes of a token: `…/attrs`."""

from __future__ import annotations

import json

import pytest

from support.attributes import JSON, MAX_VALUE_BYTES, get, path_of, put, segment
from support.server import Client


def test_a_new_token_has_no_attributes(client: Client, path: str) -> None:
    response = client.request("GET", path)
    assert response.status == 200
    assert response.body == b"{}\n"
    assert response.headers["Content-Type"] == "application/json"


def test_put_merges_attributes_and_returns_all(client: Client, path: str) -> None:
    assert put(client, path, {"b": "1", "a": "1"}) == {"a": "1", "b": "1"}
    assert put(client, path, {"b": "2", "c": ""}) == {"a": "1", "b": "2", "c": ""}
    assert get(client, path) == {"a": "1", "b": "2", "c": ""}


def test_an_empty_object_changes_nothing(client: Client, path: str) -> None:
    assert put(client, path, {}) == {}
    put(client, path, {"a": "1"})
    assert put(client, path, {}) == {"a": "1"}


def test_attributes_are_ordered_by_name_and_unescaped(client: Client, path: str) -> None:
    put(client, path, {"🚀": '"\n', "é": "🚀", "B": "$x", "a": "\x00"})
    assert client.request("GET", path).text == (
        '{"B": "$x", "a": "\\u0000", "é": "🚀", "🚀": "\\"\\n"}\n'
    )


def test_delete_removes_all_attributes(client: Client, path: str) -> None:
    put(client, path, {"a": "1", "b": "1"})
    for _ in range(2):
        response = client.request("DELETE", path)
        assert response.status == 200
        assert response.body == b""
        assert get(client, path) == {}


def test_64_attributes_of_the_maximum_size_fit_into_one_request(client: Client, path: str) -> None:
    full = {f"{number:0256}": "é" * (MAX_VALUE_BYTES // 2) for number in range(64)}
    body = json.dumps(full, ensure_ascii=False).encode()
    assert 1 << 19 < len(body) < 1 << 20
    response = client.request("PUT", path, body, JSON)
    assert response.status == 200
    assert response.json() == full == get(client, path)


@pytest.mark.parametrize("key", ["org/repo", "$set", "a.b", "🚀", "%", " ", "a+b"])
def test_keys_and_tokens_follow_the_rules_of_series(
    client: Client, fresh_key: str, key: str
) -> None:
    path = path_of(fresh_key + key, key)
    assert put(client, path, {key: key}) == {key: key}
    response = client.request("PUT", f"/v1/series/{segment(fresh_key + key)}/{segment(key)}")
    assert response.json()["value"] == 1
    assert get(client, path) == {key: key}
