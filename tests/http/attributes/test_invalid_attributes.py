"""Invalid requests about attributes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from support.attributes import JSON, MAX_VALUE_BYTES, get, put, put_one
from support.server import Client, Response

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], Response | None]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        '"a"',
        "null",
        '{"a": 1}',
        '{"a": null}',
        '{"a": true}',
        '{"a": ["b"]}',
        '{"a": {}}',
        '{"a": "1", "a": "2"}',
        '{"ok": "1", "a": NaN}',
        '{"": "1"}',
        '{"a\\u0000": "1"}',
        '{"a\\nb": "1"}',
        '{"\\u0085": "1"}',
        '{"\\ud800": "1"}',
        '{"a": "\\ud800"}',
        '{"a": "\\udc00\\ud800"}',
        json.dumps({"x" * 257: "1"}),
        json.dumps({"ok": "1", "a": "x" * (MAX_VALUE_BYTES + 1)}),
        json.dumps({"a": "é" * (MAX_VALUE_BYTES // 2) + "x"}),
        json.dumps({str(number): "1" for number in range(65)}),
        json.dumps({str(number): "1" for number in range(50_000)}),
    ],
    ids=lambda body: body[:24],
)
def test_a_body_other_than_an_object_of_strings_is_refused(
    client: Client, path: str, problem: Problem, body: str
) -> None:
    response = client.request("PUT", path, body, JSON)
    problem(response, 400, "invalid_request", applied="no")
    assert get(client, path) == {}


def test_a_65th_attribute_is_refused(client: Client, path: str, problem: Problem) -> None:
    full = {f"{number:03}": "1" for number in range(64)}
    put(client, path, full)
    body = json.dumps({"000": "2", "more": "2"})
    refused = client.request("PUT", path, body, JSON)
    assert "65" in problem(refused, 400, "invalid_request", applied="no")["detail"]
    problem(put_one(client, path, "more", "2"), 400, "invalid_request", applied="no")
    assert get(client, path) == full
    client.request("DELETE", f"{path}/000")
    assert len(put_one(client, path, "more", "2").json()) == 64


@pytest.mark.parametrize(
    "value", [b"\xff", b"ok\xc3", gzip.compress(b"text", mtime=0), b"\xed\xa0\x80"]
)
def test_a_value_that_is_not_utf_8_is_refused(
    client: Client, path: str, problem: Problem, value: bytes
) -> None:
    problem(put_one(client, path, "name", value), 400, "invalid_request", applied="no")
    assert get(client, path) == {}


@pytest.mark.parametrize("name", ["", "%00", "%0A", "%C2%85", "%zz", "%", "%FF", "x" * 257])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_invalid_name_is_refused(
    client: Client, path: str, problem: Problem, method: str, name: str
) -> None:
    put(client, path, {"a": "1"})
    applied = None if method == "GET" else "no"
    refused = client.request(method, f"{path}/{name}")
    problem(refused, 400, "invalid_request", applied=applied)
    assert get(client, path) == {"a": "1"}


@pytest.mark.parametrize(
    ("key", "token", "code"),
    [
        ("", "T", "invalid_key"),
        ("%00", "T", "invalid_key"),
        ("..", "T", "invalid_key"),
        ("k" * 257, "T", "invalid_key"),
        ("key", "", "invalid_token"),
        ("key", "%zz", "invalid_token"),
        ("key", ".", "invalid_token"),
        ("key", "t" * 257, "invalid_token"),
    ],
)
def test_an_invalid_key_or_token_is_refused(
    client: Client, problem: Problem, key: str, token: str, code: str
) -> None:
    path = f"/v1/accounts/1/tokens/{key}/{token}/attrs"
    for each in (path, f"{path}/name"):
        problem(client.request("GET", each), 400, code)
        problem(client.request("PUT", each, "{}"), 400, code, applied="no")
        problem(client.request("DELETE", each), 400, code, applied="no")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain"},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
def test_an_object_of_another_type_or_compressed_is_refused(
    client: Client, path: str, problem: Problem, headers: dict[str, str]
) -> None:
    response = client.request("PUT", path, '{"a": "1"}', headers)
    problem(response, 415, "unsupported_media_type", applied="no")
    assert get(client, path) == {}


def test_a_body_that_is_too_large_is_refused(
    client: Client, path: str, problem: Problem, send: Send
) -> None:
    for suffix, length in (("", (1 << 20) + 1), ("/name", MAX_VALUE_BYTES + 1), ("/name", 10**9)):
        response = send(
            f"PUT {path}{suffix} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert response
        problem(response, 413, "body_too_large", applied="no")
    too_large = put_one(client, path, "name", "x" * (MAX_VALUE_BYTES + 1))
    problem(too_large, 413, "body_too_large", applied="no")
    assert get(client, path) == {}


@pytest.mark.parametrize("account", ["2", "0", "01", "-1", "1.0", "", "x", "9" * 100, "%31"])
def test_every_other_account_is_forbidden_with_the_same_detail(
    client: Client, fresh_key: str, problem: Problem, account: str
) -> None:
    details = set()
    for suffix in ("attrs", "attrs/name"):
        path = f"/v1/accounts/{account}/tokens/{fresh_key}/T/{suffix}"
        for method in ("GET", "PUT", "DELETE"):
            applied = None if method == "GET" else "no"
            response = client.request(method, path, "{}" if method == "PUT" else None)
            details.add(problem(response, 403, "forbidden", applied=applied)["detail"])
    assert len(details) == 1
    if account:
        assert account not in details.pop().split()


@pytest.mark.parametrize("suffix", ["", "/name"])
def test_an_unsupported_method_and_an_unknown_parameter_are_refused(
    client: Client, path: str, problem: Problem, suffix: str
) -> None:
    response = client.request("POST", path + suffix)
    problem(response, 405, "method_not_allowed", applied="no")
    assert response.headers["Allow"] == "GET, HEAD, PUT, DELETE"
    problem(client.request("GET", f"{path}{suffix}?format=text"), 400, "invalid_request")


@pytest.mark.parametrize("suffix", ["/", "/a/b", "x"])
def test_an_unknown_path_is_not_found(client: Client, path: str, suffix: str) -> None:
    status = 400 if suffix == "/" else 404  # an empty name
    assert client.request("GET", path + suffix).status == status
