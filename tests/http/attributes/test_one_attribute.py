"""One attribute of a token: `…/attrs/{name}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.attributes import JSON, MAX_VALUE_BYTES, get, put, put_one, segment
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_put_stores_the_raw_body_and_returns_all_attributes(client: Client, path: str) -> None:
    put(client, path, {"a": "1"})
    response = put_one(client, path, "b", '{"x": 1}\r\n é')
    assert response.status == 200
    assert response.json() == {"a": "1", "b": '{"x": 1}\r\n é'}
    assert get(client, path)["b"] == '{"x": 1}\r\n é'


def test_get_returns_the_raw_text(client: Client, path: str) -> None:
    put_one(client, path, "page", "<script>alert(1)</script>")
    response = client.request("GET", f"{path}/page")
    assert response.status == 200
    assert response.body == b"<script>alert(1)</script>"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    head = client.request("HEAD", f"{path}/page")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "value", ["", "\n", "\x00", "é🚀", "x" * MAX_VALUE_BYTES, "é" * (MAX_VALUE_BYTES // 2)]
)
def test_a_value_is_returned_unchanged(client: Client, path: str, value: str) -> None:
    assert put_one(client, path, "name", value).status == 200
    assert client.request("GET", f"{path}/name").body == value.encode()


def test_a_missing_body_is_an_empty_value(client: Client, path: str) -> None:
    assert put_one(client, path, "name", None).json() == {"name": ""}
    assert client.request("GET", f"{path}/name").body == b""


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "image/png"},
        JSON,
        {},
    ],
)
def test_a_body_is_text_regardless_of_its_type(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    response = client.request("PUT", f"{path}/name", "a=1&b=2", headers)
    assert response.json() == {"name": "a=1&b=2"}


@pytest.mark.parametrize(
    "name", ["org/repo", "$set", "a.b", ".", "🚀", "%", " ", "a+b", "x" * 256, "🚀" * 256]
)
def test_a_name_is_percent_encoded(client: Client, path: str, name: str) -> None:
    assert put_one(client, path, name, "v").json() == {name: "v"}
    assert client.request("GET", f"{path}/{segment(name)}").body == b"v"
    assert client.request("DELETE", f"{path}/{segment(name)}").status == 200
    assert get(client, path) == {}


def test_an_unknown_attribute_is_not_found(client: Client, path: str, problem: Problem) -> None:
    problem(client.request("GET", f"{path}/name"), 404, "attribute_not_found")
    put(client, path, {"other": "1"})
    problem(client.request("GET", f"{path}/name"), 404, "attribute_not_found")


def test_delete_removes_only_the_named_attribute(client: Client, path: str) -> None:
    put(client, path, {"a": "1", "b": "1"})
    for _ in range(2):
        response = client.request("DELETE", f"{path}/a")
        assert (response.status, response.body) == (200, b"")
        assert get(client, path) == {"b": "1"}
