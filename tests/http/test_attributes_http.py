"""Attributes of tokens, as the HTTP contract has them, over a real server on both stores."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from support.mongod import ReplicaSet
from support.server import Client, Response

JSON = {"Content-Type": "application/json"}
MOST = 8192

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], Response | None]


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The contract holds on both stores."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"
        return
    replica_set: ReplicaSet = request.getfixturevalue("replica_set")
    yield replica_set.url("attributes")
    with replica_set.client() as client:
        client.drop_database("attributes")


@pytest.fixture
def path(fresh_key: str) -> str:
    """The attributes of the token T of a fresh series."""
    return path_of(fresh_key, "T")


def path_of(key: str, token: str) -> str:
    return f"/v1/accounts/1/tokens/{segment(key)}/{segment(token)}/attrs"


def segment(text: str) -> str:
    return quote(text, safe="")


def put(client: Client, path: str, attributes: dict[str, str]) -> dict[str, str]:
    response = client.request("PUT", path, json.dumps(attributes), JSON)
    assert response.status == 200, response
    return response.json()


def put_one(client: Client, path: str, name: str, value: bytes | str | None) -> Response:
    return client.request("PUT", f"{path}/{segment(name)}", value)


def get(client: Client, path: str) -> dict[str, str]:
    response = client.request("GET", path)
    assert response.status == 200, response
    return response.json()


class TestAll:
    def test_there_are_none_at_first(self, client: Client, path: str) -> None:
        response = client.request("GET", path)
        assert response.status == 200
        assert response.body == b"{}\n"
        assert response.headers["Content-Type"] == "application/json"

    def test_put_merges_and_answers_all(self, client: Client, path: str) -> None:
        assert put(client, path, {"b": "1", "a": "1"}) == {"a": "1", "b": "1"}
        assert put(client, path, {"b": "2", "c": ""}) == {"a": "1", "b": "2", "c": ""}
        assert get(client, path) == {"a": "1", "b": "2", "c": ""}

    def test_an_empty_object_changes_nothing(self, client: Client, path: str) -> None:
        assert put(client, path, {}) == {}
        put(client, path, {"a": "1"})
        assert put(client, path, {}) == {"a": "1"}

    def test_they_are_in_order_of_name_and_written_as_they_are(
        self, client: Client, path: str
    ) -> None:
        put(client, path, {"🚀": '"\n', "é": "🚀", "B": "$x", "a": "\x00"})
        assert client.request("GET", path).text == (
            '{"B": "$x", "a": "\\u0000", "é": "🚀", "🚀": "\\"\\n"}\n'
        )

    def test_delete_removes_all(self, client: Client, path: str) -> None:
        put(client, path, {"a": "1", "b": "1"})
        for _ in range(2):
            response = client.request("DELETE", path)
            assert response.status == 200
            assert response.body == b""
            assert get(client, path) == {}

    def test_64_of_the_largest_fit_into_one_request(self, client: Client, path: str) -> None:
        full = {f"{number:0256}": "é" * (MOST // 2) for number in range(64)}
        body = json.dumps(full, ensure_ascii=False).encode()
        assert 1 << 19 < len(body) < 1 << 20
        response = client.request("PUT", path, body, JSON)
        assert response.status == 200
        assert response.json() == full == get(client, path)

    @pytest.mark.parametrize("key", ["org/repo", "$set", "a.b", "🚀", "%", " ", "a+b"])
    def test_keys_and_tokens_are_those_of_series(
        self, client: Client, fresh_key: str, key: str
    ) -> None:
        path = path_of(fresh_key + key, key)
        assert put(client, path, {key: key}) == {key: key}
        response = client.request("PUT", f"/v1/series/{segment(fresh_key + key)}/{segment(key)}")
        assert response.json()["value"] == 1
        assert get(client, path) == {key: key}


class TestOne:
    def test_put_takes_the_body_as_it_is_and_answers_all(self, client: Client, path: str) -> None:
        put(client, path, {"a": "1"})
        response = put_one(client, path, "b", '{"x": 1}\r\n é')
        assert response.status == 200
        assert response.json() == {"a": "1", "b": '{"x": 1}\r\n é'}
        assert get(client, path)["b"] == '{"x": 1}\r\n é'

    def test_get_answers_the_raw_text(self, client: Client, path: str) -> None:
        put_one(client, path, "page", "<script>alert(1)</script>")
        response = client.request("GET", f"{path}/page")
        assert response.status == 200
        assert response.body == b"<script>alert(1)</script>"
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        head = client.request("HEAD", f"{path}/page")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("value", ["", "\n", "\x00", "é🚀", "x" * MOST, "é" * (MOST // 2)])
    def test_what_went_in_comes_out(self, client: Client, path: str, value: str) -> None:
        assert put_one(client, path, "name", value).status == 200
        assert client.request("GET", f"{path}/name").body == value.encode()

    def test_no_body_is_an_empty_one(self, client: Client, path: str) -> None:
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
    def test_a_body_counts_as_text_whatever_its_type(
        self, client: Client, path: str, headers: dict[str, str]
    ) -> None:
        response = client.request("PUT", f"{path}/name", "a=1&b=2", headers)
        assert response.json() == {"name": "a=1&b=2"}

    @pytest.mark.parametrize(
        "name", ["org/repo", "$set", "a.b", ".", "🚀", "%", " ", "a+b", "x" * 256, "🚀" * 256]
    )
    def test_a_name_is_percent_encoded(self, client: Client, path: str, name: str) -> None:
        assert put_one(client, path, name, "v").json() == {name: "v"}
        assert client.request("GET", f"{path}/{segment(name)}").body == b"v"
        assert client.request("DELETE", f"{path}/{segment(name)}").status == 200
        assert get(client, path) == {}

    def test_one_that_is_not_there_is_not_found(
        self, client: Client, path: str, problem: Problem
    ) -> None:
        problem(client.request("GET", f"{path}/name"), 404, "attribute_not_found")
        put(client, path, {"other": "1"})
        problem(client.request("GET", f"{path}/name"), 404, "attribute_not_found")

    def test_delete_removes_it_alone(self, client: Client, path: str) -> None:
        put(client, path, {"a": "1", "b": "1"})
        for _ in range(2):
            response = client.request("DELETE", f"{path}/a")
            assert (response.status, response.body) == (200, b"")
            assert get(client, path) == {"b": "1"}


class TestTheSeries:
    def test_need_not_be_there_and_is_not_made(
        self, client: Client, fresh_key: str, path: str, problem: Problem
    ) -> None:
        put(client, path, {"a": "1"})
        series = f"/v1/series/{fresh_key}"
        problem(client.request("GET", series), 404, "series_not_found")
        problem(client.request("GET", f"{series}/T"), 404, "entry_not_found")
        problem(client.request("GET", f"/v1/entries/{fresh_key}"), 404, "series_not_found")
        assert client.request("GET", f"/v1/series?prefix={fresh_key}").json()["series"] == []
        assert client.request("PUT", f"{series}/T").json()["value"] == 1
        assert get(client, path) == {"a": "1"}

    @pytest.mark.parametrize("query", ["", "?restart=true"])
    @pytest.mark.parametrize("counted", [False, True])
    def test_takes_them_with_it_when_it_is_deleted(
        self, client: Client, fresh_key: str, query: str, counted: bool
    ) -> None:
        series = f"/v1/series/{fresh_key}"
        paths = [path_of(fresh_key, token) for token in ("T", "never counted")]
        for turn in range(2):
            if counted:
                client.request("PUT", f"{series}/T{turn}")
            for path in paths:
                assert put(client, path, {str(turn): "1"}) == {str(turn): "1"}
            assert client.request("DELETE", series + query).status == 200
            assert [get(client, path) for path in paths] == [{}, {}]
        kept = 2 if counted and not query else 0
        assert client.request("PUT", f"{series}/T").json()["value"] == kept + 1
        assert [get(client, path) for path in paths] == [{}, {}]


class TestRefused:
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
            json.dumps({"ok": "1", "a": "x" * (MOST + 1)}),
            json.dumps({"a": "é" * (MOST // 2) + "x"}),
            json.dumps({str(number): "1" for number in range(65)}),
            json.dumps({str(number): "1" for number in range(50_000)}),
        ],
        ids=lambda body: body[:24],
    )
    def test_what_is_no_object_of_strings_sets_nothing(
        self, client: Client, path: str, problem: Problem, body: str
    ) -> None:
        response = client.request("PUT", path, body, JSON)
        problem(response, 400, "invalid_request", applied="no")
        assert get(client, path) == {}

    def test_the_65th_sets_nothing(self, client: Client, path: str, problem: Problem) -> None:
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
    def test_a_value_that_is_no_utf_8(
        self, client: Client, path: str, problem: Problem, value: bytes
    ) -> None:
        problem(put_one(client, path, "name", value), 400, "invalid_request", applied="no")
        assert get(client, path) == {}

    @pytest.mark.parametrize("name", ["", "%00", "%0A", "%C2%85", "%zz", "%", "%FF", "x" * 257])
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_a_name_that_is_none(
        self, client: Client, path: str, problem: Problem, method: str, name: str
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
    def test_a_key_or_a_token_that_is_none(
        self, client: Client, problem: Problem, key: str, token: str, code: str
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
    def test_an_object_of_another_type_or_a_compressed_one(
        self, client: Client, path: str, problem: Problem, headers: dict[str, str]
    ) -> None:
        response = client.request("PUT", path, '{"a": "1"}', headers)
        problem(response, 415, "unsupported_media_type", applied="no")
        assert get(client, path) == {}

    def test_a_body_beyond_the_limit(
        self, client: Client, path: str, problem: Problem, send: Send
    ) -> None:
        for suffix, length in (("", (1 << 20) + 1), ("/name", MOST + 1), ("/name", 10**9)):
            response = send(
                f"PUT {path}{suffix} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
                "Expect: 100-continue\r\n\r\n".encode()
            )
            assert response
            problem(response, 413, "body_too_large", applied="no")
        too_large = put_one(client, path, "name", "x" * (MOST + 1))
        problem(too_large, 413, "body_too_large", applied="no")
        assert get(client, path) == {}

    @pytest.mark.parametrize("account", ["2", "0", "01", "-1", "1.0", "", "x", "9" * 100, "%31"])
    def test_another_account_is_forbidden_in_the_same_words(
        self, client: Client, fresh_key: str, problem: Problem, account: str
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
    def test_a_method_and_a_parameter_that_a_path_has_not(
        self, client: Client, path: str, problem: Problem, suffix: str
    ) -> None:
        response = client.request("POST", path + suffix)
        problem(response, 405, "method_not_allowed", applied="no")
        assert response.headers["Allow"] == "GET, HEAD, PUT, DELETE"
        problem(client.request("GET", f"{path}{suffix}?format=text"), 400, "invalid_request")

    @pytest.mark.parametrize("suffix", ["/", "/a/b", "x"])
    def test_a_path_that_is_none(self, client: Client, path: str, suffix: str) -> None:
        status = 400 if suffix == "/" else 404  # an empty name
        assert client.request("GET", path + suffix).status == status
