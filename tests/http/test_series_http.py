"""The "Series" table of the HTTP contract, row by row, over a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from support.mongod import ReplicaSet
from support.server import Client, Response, Server

LAST = 9223372036854775807
JSON = {"Content-Type": "application/json"}

Problem = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The contract holds on both stores."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"
        return
    replica_set: ReplicaSet = request.getfixturevalue("replica_set")
    yield replica_set.url("http")
    with replica_set.client() as client:
        client.drop_database("http")


def segment(text: str) -> str:
    """A key or a token as one segment of a path."""
    return quote(text, safe="")


def entry(key: str, token: str | None, value: int) -> dict[str, Any]:
    return {"creator_id": 1, "key": key, "token": token, "value": value}


def put(client: Client, key: str, token: str, query: str = "") -> Response:
    response = client.request("PUT", f"/v1/series/{segment(key)}/{segment(token)}{query}")
    assert response.status == 200, response
    return response


def value_of(client: Client, key: str, token: str, query: str = "") -> int:
    return put(client, key, token, query).json()["value"]


def put_all(client: Client, key: str, *tokens: str) -> None:
    for token in tokens:
        put(client, key, token)


def advance_to(client: Client, key: str, value: int, query: str = "") -> Response:
    body = json.dumps({"value": value})
    return client.request("PUT", f"/v1/series/{segment(key)}{query}", body, JSON)


def delete(client: Client, key: str, query: str = "") -> Response:
    response = client.request("DELETE", f"/v1/series/{segment(key)}{query}")
    assert response.status == 200, response
    return response


def peek(client: Client, key: str) -> dict[str, Any]:
    response = client.request("GET", f"/v1/series/{segment(key)}")
    assert response.status == 200, response
    return response.json()


def ledger(client: Client, key: str) -> list[tuple[str | None, int]]:
    response = client.request("GET", f"/v1/entries/{segment(key)}?limit=1000")
    assert response.status == 200, response
    assert response.json()["next"] is None
    return [(entry["token"], entry["value"]) for entry in response.json()["entries"]]


def pages(client: Client, path: str, member: str, cursor: str) -> Iterator[list[dict[str, Any]]]:
    """Page after page, as a client walks through them; *path* has a query already."""
    following: Any = None
    while True:
        query = "" if following is None else f"&{cursor}={segment(str(following))}"
        response = client.request("GET", path + query)
        assert response.status == 200, response
        page = response.json()
        assert list(page) == [member, "next"]
        yield page[member]
        following = page["next"]
        if following is None:
            return


def listed(client: Client, prefix: str) -> list[str]:
    response = client.request("GET", f"/v1/series?limit=1000&prefix={segment(prefix)}")
    assert response.status == 200, response
    return [entry["key"] for entry in response.json()["series"]]


class TestNext:
    """PUT /v1/series/{key}/{token}"""

    def test_the_first_value_of_a_series_is_1(self, client: Client, fresh_key: str) -> None:
        assert put(client, fresh_key, "T").json() == entry(fresh_key, "T", 1)

    def test_each_new_token_gets_one_more_than_the_last_value(
        self, client: Client, fresh_key: str
    ) -> None:
        assert [value_of(client, fresh_key, token) for token in "TUVW"] == [1, 2, 3, 4]

    def test_the_current_token_again_gets_the_same_value(
        self, client: Client, fresh_key: str
    ) -> None:
        assert [value_of(client, fresh_key, token) for token in "TTTUU"] == [1, 1, 1, 2, 2]

    def test_a_repetition_answers_the_same_bytes(self, client: Client, fresh_key: str) -> None:
        assert put(client, fresh_key, "T").body == put(client, fresh_key, "T").body

    @pytest.mark.parametrize("query", ["", "?reuse=current"])
    def test_an_older_token_gets_a_new_value(
        self, client: Client, fresh_key: str, query: str
    ) -> None:
        assert [value_of(client, fresh_key, token, query) for token in "TUTU"] == [1, 2, 3, 4]

    @pytest.mark.parametrize("query", ["", "?reuse=current", "?reuse=any"])
    def test_a_header_tells_whether_the_value_was_given_before(
        self, client: Client, fresh_key: str, query: str
    ) -> None:
        answers = [put(client, fresh_key, token, query) for token in "TTU"]
        reused = [answer.headers["Monotron-Reused"] for answer in answers]
        assert reused == ["false", "true", "false"]

    def test_reuse_any_gives_an_old_token_its_value_again(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TUVW")
        answer = put(client, fresh_key, "T", "?reuse=any")
        assert answer.json() == entry(fresh_key, "T", 1)
        assert answer.headers["Monotron-Reused"] == "true"
        assert peek(client, fresh_key) == entry(fresh_key, "W", 4)

    def test_reuse_any_gives_the_value_that_a_token_was_last_given(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TUTV")
        assert value_of(client, fresh_key, "T", "?reuse=any") == 3

    def test_reuse_any_gives_an_unknown_token_a_new_value(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        assert value_of(client, fresh_key, "V", "?reuse=any") == 3

    def test_a_new_token_with_reuse_any_is_the_current_one_from_then_on(
        self, client: Client, fresh_key: str
    ) -> None:
        put(client, fresh_key, "T", "?reuse=any")
        assert value_of(client, fresh_key, "T") == 1

    def test_a_token_that_reuse_any_finds_is_not_the_current_one_again(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        assert value_of(client, fresh_key, "T", "?reuse=any") == 1
        assert value_of(client, fresh_key, "U") == 2
        assert value_of(client, fresh_key, "T") == 3

    def test_reuse_any_leaves_nothing_in_the_ledger(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *"TU")
        put(client, fresh_key, "T", "?reuse=any")
        assert ledger(client, fresh_key) == [("U", 2), ("T", 1)]

    def test_series_count_independently(self, client: Client, fresh_key: str) -> None:
        put_all(client, f"{fresh_key}-1", *"TUV")
        assert value_of(client, f"{fresh_key}-2", "T") == 1

    def test_callers_with_tokens_of_their_own_share_the_values_without_a_gap(
        self, server: Server, fresh_key: str
    ) -> None:
        def call(caller: int) -> list[int]:
            with Client(server.url) as client:
                return [value_of(client, fresh_key, f"{caller}-{n}") for n in range(25)]

        with ThreadPoolExecutor(16) as callers:
            values = list(callers.map(call, range(16)))
        assert sorted(value for some in values for value in some) == list(range(1, 401))
        assert all(some == sorted(some) for some in values)

    @pytest.mark.parametrize("query", ["", "?reuse=any"])
    def test_callers_with_one_token_get_one_value(
        self, server: Server, fresh_key: str, query: str
    ) -> None:
        def call(_: int) -> tuple[int, str]:
            with Client(server.url) as client:
                answer = put(client, fresh_key, "T", query)
                return answer.json()["value"], answer.headers["Monotron-Reused"]

        with ThreadPoolExecutor(16) as callers:
            answers = list(callers.map(call, range(16)))
        assert sorted(answers) == [(1, "false")] + [(1, "true")] * 15


class TestNames:
    """Keys and tokens: any Unicode but controls, compared exactly."""

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
    def test_a_key_comes_back_as_it_went_in(self, client: Client, name: str) -> None:
        assert put(client, name, "T").json() == entry(name, "T", 1)
        assert put(client, name, "U").json() == entry(name, "U", 2)
        assert peek(client, name) == entry(name, "U", 2)
        assert name in listed(client, "")
        assert ledger(client, name) == [("U", 2), ("T", 1)]
        assert advance_to(client, name, 7).json() == entry(name, None, 7)
        delete(client, name)
        assert name not in listed(client, "")

    @pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
    def test_a_token_comes_back_as_it_went_in(
        self, client: Client, fresh_key: str, name: str
    ) -> None:
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
    def test_names_are_compared_exactly(
        self, client: Client, fresh_key: str, one: str, other: str
    ) -> None:
        assert value_of(client, fresh_key + one, "T") == 1
        assert value_of(client, fresh_key + other, "T") == 1
        assert value_of(client, fresh_key, one) == 1
        assert value_of(client, fresh_key, other) == 2
        assert value_of(client, fresh_key, one, "?reuse=any") == 1

    def test_an_escape_stands_for_the_character_itself(
        self, client: Client, fresh_key: str
    ) -> None:
        client.request("PUT", f"/v1/series/{fresh_key}a/T")
        escaped = client.request("GET", f"/v1/series/{fresh_key}%61/%54")
        assert escaped.json() == entry(f"{fresh_key}a", "T", 1)

    def test_an_escape_may_be_of_lower_case(self, client: Client, fresh_key: str) -> None:
        client.request("PUT", f"/v1/series/{fresh_key}%2fa/T")
        assert peek(client, f"{fresh_key}/a") == entry(f"{fresh_key}/a", "T", 1)

    def test_a_path_is_decoded_once(self, client: Client, fresh_key: str) -> None:
        response = client.request("PUT", f"/v1/series/{fresh_key}%252F/%252e%252e")
        assert response.json() == entry(f"{fresh_key}%2F", "%2e%2e", 1)

    def test_a_plus_in_a_path_is_a_plus(self, client: Client, fresh_key: str) -> None:
        response = client.request("PUT", f"/v1/series/{fresh_key}+/a+b")
        assert response.json() == entry(f"{fresh_key}+", "a+b", 1)

    def test_an_entry_holds_other_scripts_unescaped(self, client: Client, fresh_key: str) -> None:
        body = put(client, f"{fresh_key}-é-日本-🦊", "Ω").body
        assert f'"key": "{fresh_key}-é-日本-🦊", "token": "Ω"'.encode() in body


class TestPeek:
    """GET /v1/series/{key} and GET /v1/series/{key}/{token}"""

    def test_a_series_shows_its_current_entry_and_does_not_change(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        for _ in range(3):
            assert peek(client, fresh_key) == entry(fresh_key, "U", 2)
        assert ledger(client, fresh_key) == [("U", 2), ("T", 1)]

    def test_a_series_that_was_never_counted_is_not_found(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        for _ in range(2):
            response = client.request("GET", f"/v1/series/{fresh_key}")
            problem(response, 404, "series_not_found")

    def test_a_token_shows_the_entry_that_it_was_last_given(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TUTV")
        for token, value in {"T": 3, "U": 2, "V": 4}.items():
            response = client.request("GET", f"/v1/series/{fresh_key}/{token}")
            assert response.status == 200
            assert response.json() == entry(fresh_key, token, value)
        assert peek(client, fresh_key) == entry(fresh_key, "V", 4)

    def test_a_token_that_was_never_given_a_value_is_not_found(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        put(client, fresh_key, "T")
        response = client.request("GET", f"/v1/series/{fresh_key}/U")
        problem(response, 404, "entry_not_found")
        assert ledger(client, fresh_key) == [("T", 1)]

    def test_a_token_of_a_series_that_does_not_exist_is_not_found(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        # Both are true, and the contract does not say which comes first.
        response = client.request("GET", f"/v1/series/{fresh_key}/T")
        problem(response, 404, "entry_not_found", "series_not_found")


class TestRaise:
    """PUT /v1/series/{key} with {"value": 41}"""

    def test_a_raise_answers_the_entry_without_a_token(
        self, client: Client, fresh_key: str
    ) -> None:
        response = advance_to(client, fresh_key, 41)
        assert response.status == 200
        assert response.json() == entry(fresh_key, None, 41)
        assert response.headers["Monotron-Reused"] == "false"
        assert peek(client, fresh_key) == entry(fresh_key, None, 41)

    def test_the_value_after_a_raise_is_one_more(self, client: Client, fresh_key: str) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, 41)
        assert value_of(client, fresh_key, "U") == 42

    def test_the_token_before_a_raise_is_no_longer_current(
        self, client: Client, fresh_key: str
    ) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, 41)
        assert value_of(client, fresh_key, "T") == 42

    def test_the_token_before_a_raise_keeps_its_value_with_reuse_any(
        self, client: Client, fresh_key: str
    ) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, 41)
        assert value_of(client, fresh_key, "T", "?reuse=any") == 1

    def test_a_raise_to_where_the_series_stands_changes_nothing(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        response = advance_to(client, fresh_key, 2)
        assert response.status == 200
        assert response.json() == entry(fresh_key, "U", 2)
        assert response.headers["Monotron-Reused"] == "true"
        assert ledger(client, fresh_key) == [("U", 2), ("T", 1)]
        assert value_of(client, fresh_key, "U") == 2

    def test_a_raise_sent_twice_raises_once(self, client: Client, fresh_key: str) -> None:
        first, second = advance_to(client, fresh_key, 41), advance_to(client, fresh_key, 41)
        assert first.body == second.body
        assert second.headers["Monotron-Reused"] == "true"
        assert ledger(client, fresh_key) == [(None, 41)]

    @pytest.mark.parametrize("value", [1, 39, 40])
    def test_a_raise_never_lowers(
        self, client: Client, fresh_key: str, problem: Problem, value: int
    ) -> None:
        advance_to(client, fresh_key, 40)
        put(client, fresh_key, "T")
        problem(advance_to(client, fresh_key, value), 409, "value_would_fall", applied="no")
        assert peek(client, fresh_key) == entry(fresh_key, "T", 41)
        assert ledger(client, fresh_key) == [("T", 41), (None, 40)]
        assert value_of(client, fresh_key, "T") == 41

    def test_a_raise_needs_no_content_type(self, client: Client, fresh_key: str) -> None:
        response = client.request("PUT", f"/v1/series/{fresh_key}", '{"value": 41}')
        assert response.json() == entry(fresh_key, None, 41)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "application/json; charset=utf-8"},
            {"Content-Type": "Application/JSON"},
            {"Content-Type": "application/json", "Content-Encoding": "identity"},
        ],
        ids=lambda headers: " ".join(headers.values()),
    )
    def test_a_raise_takes_json_by_each_of_its_names(
        self, client: Client, fresh_key: str, headers: dict[str, str]
    ) -> None:
        response = client.request("PUT", f"/v1/series/{fresh_key}", '{"value": 41}', headers)
        assert response.json() == entry(fresh_key, None, 41)

    def test_a_raise_takes_any_way_to_write_the_same_json(
        self, client: Client, fresh_key: str
    ) -> None:
        body = ' \r\n{\t"\\u0076alue"\n:41 } '
        response = client.request("PUT", f"/v1/series/{fresh_key}", body, JSON)
        assert response.json() == entry(fresh_key, None, 41)

    @pytest.mark.parametrize("value", [2**53 - 1, 2**53, 2**53 + 1, LAST - 1])
    def test_large_values_are_exact(self, client: Client, fresh_key: str, value: int) -> None:
        raised = advance_to(client, fresh_key, value)
        assert f'"value": {value}}}'.encode() in raised.body
        assert f'"value": {value + 1}}}'.encode() in put(client, fresh_key, "T").body
        assert peek(client, fresh_key) == entry(fresh_key, "T", value + 1)
        assert ledger(client, fresh_key) == [("T", value + 1), (None, value)]


class TestTheLastValue:
    """A series that stands at 9223372036854775807."""

    def test_it_is_given(self, client: Client, fresh_key: str) -> None:
        advance_to(client, fresh_key, LAST - 1)
        assert value_of(client, fresh_key, "T") == LAST

    @pytest.mark.parametrize("query", ["", "?reuse=any"])
    def test_no_new_token_gets_a_value_after_it(
        self, client: Client, fresh_key: str, problem: Problem, query: str
    ) -> None:
        advance_to(client, fresh_key, LAST - 1)
        put(client, fresh_key, "T")
        for _ in range(2):
            response = client.request("PUT", f"/v1/series/{fresh_key}/U{query}")
            problem(response, 409, "series_exhausted", applied="no")
        assert peek(client, fresh_key) == entry(fresh_key, "T", LAST)
        assert ledger(client, fresh_key) == [("T", LAST), (None, LAST - 1)]

    @pytest.mark.parametrize("query", ["", "?reuse=any"])
    def test_its_token_gets_it_again(self, client: Client, fresh_key: str, query: str) -> None:
        advance_to(client, fresh_key, LAST - 1)
        put(client, fresh_key, "T")
        assert value_of(client, fresh_key, "T", query) == LAST

    def test_an_older_token_keeps_its_value_with_reuse_any(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, LAST)
        assert value_of(client, fresh_key, "T", "?reuse=any") == 1
        response = client.request("PUT", f"/v1/series/{fresh_key}/T")
        problem(response, 409, "series_exhausted", applied="no")

    def test_a_raise_reaches_it(self, client: Client, fresh_key: str) -> None:
        response = advance_to(client, fresh_key, LAST)
        assert response.json() == entry(fresh_key, None, LAST)
        assert advance_to(client, fresh_key, LAST).headers["Monotron-Reused"] == "true"

    def test_a_deleted_series_keeps_it(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        advance_to(client, fresh_key, LAST)
        delete(client, fresh_key)
        response = client.request("PUT", f"/v1/series/{fresh_key}/T")
        problem(response, 409, "series_exhausted", applied="no")
        problem(client.request("GET", f"/v1/series/{fresh_key}"), 404, "series_not_found")

    def test_a_restart_forgets_it(self, client: Client, fresh_key: str) -> None:
        advance_to(client, fresh_key, LAST)
        delete(client, fresh_key, "?restart=true")
        assert value_of(client, fresh_key, "T") == 1


class TestDelete:
    """DELETE /v1/series/{key}"""

    def test_a_delete_answers_nothing(self, client: Client, fresh_key: str) -> None:
        put(client, fresh_key, "T")
        response = delete(client, fresh_key)
        assert response.body == b""
        assert response.headers["Content-Length"] == "0"

    @pytest.mark.parametrize("query", ["", "?restart=false", "?restart=true"])
    def test_a_deleted_series_is_gone(
        self, client: Client, fresh_key: str, problem: Problem, query: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key, query)
        problem(client.request("GET", f"/v1/series/{fresh_key}"), 404, "series_not_found")
        problem(client.request("GET", f"/v1/entries/{fresh_key}"), 404, "series_not_found")
        response = client.request("GET", f"/v1/series/{fresh_key}/T")
        problem(response, 404, "series_not_found", "entry_not_found")
        assert listed(client, fresh_key) == []

    @pytest.mark.parametrize("query", ["", "?restart=true"])
    def test_a_series_that_does_not_exist_may_be_deleted(
        self, client: Client, fresh_key: str, query: str
    ) -> None:
        assert delete(client, fresh_key, query).body == b""
        assert delete(client, fresh_key, query).body == b""
        assert value_of(client, fresh_key, "T") == 1

    @pytest.mark.parametrize("query", ["", "?restart=false"])
    def test_the_height_of_a_deleted_series_is_kept(
        self, client: Client, fresh_key: str, query: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key, query)
        assert value_of(client, fresh_key, "V") == 3

    def test_the_height_is_kept_through_a_second_delete(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key)
        delete(client, fresh_key)
        assert value_of(client, fresh_key, "V") == 3

    def test_the_tokens_of_a_deleted_series_are_new_again(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key)
        answer = put(client, fresh_key, "U", "?reuse=any")
        assert answer.json() == entry(fresh_key, "U", 3)
        assert answer.headers["Monotron-Reused"] == "false"
        assert value_of(client, fresh_key, "T", "?reuse=any") == 4
        assert ledger(client, fresh_key) == [("T", 4), ("U", 3)]

    def test_the_last_token_of_a_deleted_series_is_not_the_current_one(
        self, client: Client, fresh_key: str
    ) -> None:
        put(client, fresh_key, "T")
        delete(client, fresh_key)
        assert value_of(client, fresh_key, "T") == 2

    def test_a_restart_starts_at_1(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key, "?restart=true")
        answer = put(client, fresh_key, "U", "?reuse=any")
        assert answer.json() == entry(fresh_key, "U", 1)
        assert answer.headers["Monotron-Reused"] == "false"
        assert ledger(client, fresh_key) == [("U", 1)]

    def test_a_restart_forgets_the_height_of_a_deleted_series(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key)
        delete(client, fresh_key, "?restart=true")
        assert value_of(client, fresh_key, "T") == 1

    @pytest.mark.parametrize("value", [1, 2])
    def test_a_deleted_series_is_not_raised_below_its_height(
        self, client: Client, fresh_key: str, problem: Problem, value: int
    ) -> None:
        put_all(client, fresh_key, *"TUV")
        delete(client, fresh_key)
        problem(advance_to(client, fresh_key, value), 409, "value_would_fall", applied="no")
        problem(client.request("GET", f"/v1/series/{fresh_key}"), 404, "series_not_found")
        assert value_of(client, fresh_key, "T") == 4

    @pytest.mark.parametrize("value", [2, 3])
    def test_a_deleted_series_exists_again_when_raised_to_its_height_or_more(
        self, client: Client, fresh_key: str, value: int
    ) -> None:
        put_all(client, fresh_key, *"TU")
        delete(client, fresh_key)
        response = advance_to(client, fresh_key, value)
        assert response.status == 200
        assert response.json() == entry(fresh_key, None, value)
        assert response.headers["Monotron-Reused"] == "false"
        assert peek(client, fresh_key) == entry(fresh_key, None, value)
        assert ledger(client, fresh_key) == [(None, value)]
        assert listed(client, fresh_key) == [fresh_key]
        assert value_of(client, fresh_key, "T", "?reuse=any") == value + 1

    def test_other_series_stay(self, client: Client, fresh_key: str) -> None:
        put(client, fresh_key, "T")
        put(client, f"{fresh_key}-2", "T")
        delete(client, fresh_key, "?restart=true")
        assert peek(client, f"{fresh_key}-2") == entry(f"{fresh_key}-2", "T", 1)
        assert listed(client, fresh_key) == [f"{fresh_key}-2"]


class TestList:
    """GET /v1/series?prefix=&limit=&after="""

    def test_a_list_holds_the_current_entries_in_order_of_key(
        self, client: Client, fresh_key: str
    ) -> None:
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

    def test_a_list_without_a_match_is_empty(self, client: Client, fresh_key: str) -> None:
        response = client.request("GET", f"/v1/series?prefix={fresh_key}")
        assert response.status == 200
        assert response.json() == {"series": [], "next": None}

    @pytest.mark.parametrize("query", ["", "?prefix=", "?limit=1000"])
    def test_a_list_without_a_prefix_holds_every_series(self, client: Client, query: str) -> None:
        # Sorts before all that other tests make, but for the strange keys that they delete.
        put(client, "!", "T")
        response = client.request("GET", f"/v1/series{query}")
        assert response.json()["series"][0] == entry("!", "T", 1)

    def test_keys_are_in_order_of_their_characters(self, client: Client, fresh_key: str) -> None:
        keys = [fresh_key + end for end in ("", "!", "/", "B", "a", "b", "z", "é", "\ufffd", "🦊")]
        for key in reversed(keys):
            put(client, key, "T")
        assert listed(client, fresh_key) == keys

    @pytest.mark.parametrize("end", ["_", "%", "*", "?", ".", "[a]", "A", "\\", "é", "🦊", "$"])
    def test_a_prefix_is_taken_literally(self, client: Client, fresh_key: str, end: str) -> None:
        put(client, f"{fresh_key}a", "T")
        put(client, f"{fresh_key}b", "T")
        put(client, f"{fresh_key}{end}", "T")
        put(client, f"{fresh_key}{end}2", "T")
        assert listed(client, fresh_key + end) == [f"{fresh_key}{end}", f"{fresh_key}{end}2"]

    def test_a_prefix_may_end_in_the_last_character(self, client: Client, fresh_key: str) -> None:
        keys = [f"{fresh_key}\U0010ffff{end}" for end in ("", "a", "\U0010ffff")]
        for key in (fresh_key, *keys):
            put(client, key, "T")
        assert listed(client, f"{fresh_key}\U0010ffff") == keys

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
    def test_pages_hold_every_series_once(self, client: Client, fresh_key: str, limit: int) -> None:
        keys = [fresh_key + end for end in (" ", "%2F", "&a=b", "+", "/", "a", "é", "🦊")]
        for key in keys:
            put(client, key, "T")
        path = f"/v1/series?prefix={fresh_key}&limit={limit}"
        found = list(pages(client, path, "series", "after"))
        assert all(len(page) <= limit for page in found)
        assert [entry["key"] for page in found for entry in page] == keys

    def test_next_is_the_last_key_of_a_full_page(self, client: Client, fresh_key: str) -> None:
        for end in "abc":
            put(client, fresh_key + end, "T")
        page = client.request("GET", f"/v1/series?prefix={fresh_key}&limit=2").json()
        assert page["next"] == f"{fresh_key}b"

    def test_a_page_may_start_after_a_key_that_is_none(
        self, client: Client, fresh_key: str
    ) -> None:
        for end in "abc":
            put(client, fresh_key + end, "T")
        delete(client, f"{fresh_key}b")
        for after in ("b", "aa", "a"):
            path = f"/v1/series?prefix={fresh_key}&after={fresh_key}{after}"
            page = client.request("GET", path).json()
            assert page == {"series": [entry(f"{fresh_key}c", "T", 1)], "next": None}

    def test_a_page_holds_100_series_unless_told(self, client: Client, fresh_key: str) -> None:
        for n in range(101):
            put(client, f"{fresh_key}-{n:03}", "T")
        found = list(pages(client, f"/v1/series?prefix={fresh_key}", "series", "after"))
        assert [len(page) for page in found] == [100, 1]
        (page,) = pages(client, f"/v1/series?prefix={fresh_key}&limit=1000", "series", "after")
        assert len(page) == 101


class TestLedger:
    """GET /v1/entries/{key}?limit=&before="""

    def test_the_ledger_holds_every_entry_newest_first(
        self, client: Client, fresh_key: str
    ) -> None:
        put_all(client, fresh_key, *"TUT")
        assert ledger(client, fresh_key) == [("T", 3), ("U", 2), ("T", 1)]

    def test_a_repetition_is_no_entry(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *"TTT")
        assert ledger(client, fresh_key) == [("T", 1)]

    def test_a_raise_is_an_entry_without_a_token(self, client: Client, fresh_key: str) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, 41)
        put(client, fresh_key, "U")
        assert ledger(client, fresh_key) == [("U", 42), (None, 41), ("T", 1)]

    def test_an_entry_has_the_time_beside_the_four_fields(
        self, client: Client, fresh_key: str
    ) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, 41)
        page = client.request("GET", f"/v1/entries/{fresh_key}").json()
        assert list(page) == ["entries", "next"]
        for given in page["entries"]:
            assert list(given)[:4] == ["creator_id", "key", "token", "value"]
            assert given.keys() == {*entry("", None, 0), "created_at"}
            assert given["creator_id"] == 1
            assert given["key"] == fresh_key
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", given["created_at"])
            assert datetime.fromisoformat(given["created_at"])

    def test_by_whom_a_value_was_given_stands_beside_it_only_if_asked_for(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, 41)
        path = f"/v1/entries/{fresh_key}"
        entries = client.request("GET", f"{path}?assigned_by=true").json()["entries"]
        for given in entries:
            assert list(given) == [
                "creator_id",
                "key",
                "token",
                "value",
                "created_at",
                "assigned_by",
            ]
            assert given.pop("assigned_by") == "anybody"
        for query in ("", "?assigned_by=false"):
            assert client.request("GET", path + query).json()["entries"] == entries
        page = client.request("GET", f"{path}?assigned_by=true&limit=1").json()
        assert page["next"] == 41
        rest = client.request("GET", f"{path}?assigned_by=true&limit=1&before=41").json()
        assert [given["assigned_by"] for given in rest["entries"]] == ["anybody"]
        problem(client.request("GET", f"{path}?assigned_by=anybody"), 400, "invalid_request")

    def test_a_series_that_was_never_counted_has_no_ledger(
        self, client: Client, fresh_key: str, problem: Problem
    ) -> None:
        response = client.request("GET", f"/v1/entries/{fresh_key}")
        problem(response, 404, "series_not_found")

    @pytest.mark.parametrize("limit", [1, 2, 4, 5, 6, 1000])
    def test_pages_hold_every_entry_once(self, client: Client, fresh_key: str, limit: int) -> None:
        put_all(client, fresh_key, *"TU")
        advance_to(client, fresh_key, 41)
        put_all(client, fresh_key, *"TU")
        found = list(pages(client, f"/v1/entries/{fresh_key}?limit={limit}", "entries", "before"))
        assert all(len(page) <= limit for page in found)
        assert [entry["value"] for page in found for entry in page] == [43, 42, 41, 2, 1]

    def test_next_is_the_last_value_of_a_full_page(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *"TUV")
        page = client.request("GET", f"/v1/entries/{fresh_key}?limit=2").json()
        assert page["next"] == 2
        assert type(page["next"]) is int

    def test_before_leaves_out_the_value_itself(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *"TUV")
        page = client.request("GET", f"/v1/entries/{fresh_key}?before=3").json()
        assert [entry["value"] for entry in page["entries"]] == [2, 1]

    @pytest.mark.parametrize("before", [1, 0, -1, -LAST - 1])
    def test_nothing_is_before_the_first_value(
        self, client: Client, fresh_key: str, before: int
    ) -> None:
        put(client, fresh_key, "T")
        page = client.request("GET", f"/v1/entries/{fresh_key}?before={before}").json()
        assert page == {"entries": [], "next": None}

    def test_all_but_the_last_value_is_before_the_last_value(
        self, client: Client, fresh_key: str
    ) -> None:
        put(client, fresh_key, "T")
        advance_to(client, fresh_key, LAST)
        page = client.request("GET", f"/v1/entries/{fresh_key}?before={LAST}").json()
        assert [entry["value"] for entry in page["entries"]] == [1]
        assert page["next"] is None

    def test_a_page_holds_100_entries_unless_told(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *(str(n) for n in range(101)))
        page = client.request("GET", f"/v1/entries/{fresh_key}").json()
        assert [entry["value"] for entry in page["entries"]] == list(range(101, 1, -1))
        assert page["next"] == 2
        rest = client.request("GET", f"/v1/entries/{fresh_key}?before=2").json()
        assert [entry["value"] for entry in rest["entries"]] == [1]
        assert len(ledger(client, fresh_key)) == 101


class TestForms:
    """JSON, text and dotenv answers."""

    def test_an_entry_is_exactly_as_in_the_contract(self, client: Client) -> None:
        response = put(client, "some-great-service", "7d4c379588")
        assert response.body.removesuffix(b"\n") == (
            b'{"creator_id": 1, "key": "some-great-service", "token": "7d4c379588", "value": 1}'
        )
        assert response.headers["Content-Type"].split(";")[0] == "application/json"

    def test_a_missing_token_is_null(self, client: Client, fresh_key: str) -> None:
        body = advance_to(client, fresh_key, 41).body.removesuffix(b"\n")
        assert (
            body
            == f'{{"creator_id": 1, "key": "{fresh_key}", "token": null, "value": 41}}'.encode()
        )

    @pytest.mark.parametrize(
        ("accept", "form"),
        [
            ("text/plain", "text/plain"),
            ("Text/Plain", "text/plain"),
            ("text/plain; charset=utf-8", "text/plain"),
            ("text/plain, application/json;q=0.5", "text/plain"),
            ("application/json;q=0.5, text/plain", "text/plain"),
            ("application/json;q=0, text/plain;q=0.1", "text/plain"),
            ("text/plain;q=0.9, */*;q=0.8", "text/plain"),
            ("text/html, text/plain", "text/plain"),
            ("*/*", "application/json"),
            ("application/json", "application/json"),
            ("application/*", "application/json"),
            ("application/json, text/plain;q=0.9", "application/json"),
            ("text/plain;q=0.9,application/json", "application/json"),
            ("text/plain;q=0.5, application/json;q=0.7, */*;q=0.1", "application/json"),
            ("text/plain;q=0", "application/json"),
            ("text/plain;q=0.0, */*", "application/json"),
            ("image/png", "application/json"),
            ("application/xml;q=0.9, image/png", "application/json"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
            ("nonsense", "application/json"),
        ],
    )
    def test_the_answer_has_the_form_that_accept_prefers(
        self, client: Client, fresh_key: str, accept: str, form: str
    ) -> None:
        put(client, fresh_key, "T")
        bodies = {"text/plain": b"1\n", "application/json": put(client, fresh_key, "T").body}
        for method, path in {
            "PUT": f"/v1/series/{fresh_key}/T",
            "GET": f"/v1/series/{fresh_key}",
        }.items():
            response = client.request(method, path, headers={"Accept": accept})
            assert response.status == 200
            assert response.headers["Content-Type"].split(";")[0] == form
            assert response.body == bodies[form]

    @pytest.mark.parametrize("accept", ["", ";;;", "text/plain;q=", "text/plain;q=x", ",", "a/b/c"])
    def test_a_malformed_accept_is_no_obstacle(
        self, client: Client, fresh_key: str, accept: str
    ) -> None:
        response = client.request("PUT", f"/v1/series/{fresh_key}/T", headers={"Accept": accept})
        assert response.status == 200

    def test_text_is_the_value_and_a_newline_on_every_route_of_an_entry(
        self, client: Client, fresh_key: str
    ) -> None:
        text = {"Accept": "text/plain"}
        path = f"/v1/series/{fresh_key}"
        raised = client.request("PUT", path, '{"value": 41}', text | JSON)
        assert raised.body == b"41\n"
        for method, end in (("PUT", "/T"), ("PUT", "/T?reuse=any"), ("GET", ""), ("GET", "/T")):
            assert client.request(method, path + end, headers=text).body == b"42\n"
        assert client.request("GET", f"{path}?format=text").body == b"42\n"
        assert client.request("PUT", f"{path}/T?reuse=any&format=text").body == b"42\n"

    def test_the_last_value_as_text_is_exact(self, client: Client, fresh_key: str) -> None:
        advance_to(client, fresh_key, LAST - 1)
        assert put(client, fresh_key, "T", "?format=text").body == b"9223372036854775807\n"

    def test_a_text_answer_tells_reuse_in_the_header_too(
        self, client: Client, fresh_key: str
    ) -> None:
        answers = [put(client, fresh_key, "T", "?format=text") for _ in range(2)]
        assert [answer.headers["Monotron-Reused"] for answer in answers] == ["false", "true"]

    @pytest.mark.parametrize(
        ("wish", "accept", "body"),
        [
            ("text", "application/json", "1\n"),
            ("json", "text/plain", '{"creator_id": 1, "key": "<key>", "token": "T", "value": 1}'),
            (
                "dotenv",
                "application/json",
                "MONOTRON_VALUE=1\nMONOTRON_BUILD_NUMBER=1\nMONOTRON_REUSED=true\n",
            ),
        ],
    )
    def test_the_query_wins_over_accept(
        self, client: Client, fresh_key: str, wish: str, accept: str, body: str
    ) -> None:
        put(client, fresh_key, "T")
        path = f"/v1/series/{fresh_key}?format={wish}"
        response = client.request("GET", path, headers={"Accept": accept})
        assert response.text.rstrip("\n") == body.replace("<key>", fresh_key).rstrip("\n")

    def test_dotenv_has_a_line_each_for_value_build_number_and_reuse(
        self, client: Client, fresh_key: str
    ) -> None:
        for reused in ("false", "true"):
            response = put(client, fresh_key, "T", "?format=dotenv")
            assert response.text == (
                f"MONOTRON_VALUE=1\nMONOTRON_BUILD_NUMBER=1\nMONOTRON_REUSED={reused}\n"
            )
            assert response.headers["Content-Type"].split(";")[0] == "text/plain"
            assert response.headers["Monotron-Reused"] == reused

    def test_dotenv_of_a_get_is_reused(self, client: Client, fresh_key: str) -> None:
        put_all(client, fresh_key, *"TU")
        for end, value in {"": 2, "/T": 1}.items():
            response = client.request("GET", f"/v1/series/{fresh_key}{end}?format=dotenv")
            assert response.text == (
                f"MONOTRON_VALUE={value}\nMONOTRON_BUILD_NUMBER={value}\nMONOTRON_REUSED=true\n"
            )

    def test_dotenv_of_a_raise_tells_whether_it_raised(
        self, client: Client, fresh_key: str
    ) -> None:
        for reused in ("false", "true"):
            assert advance_to(client, fresh_key, 41, "?format=dotenv").text == (
                f"MONOTRON_VALUE=41\nMONOTRON_BUILD_NUMBER=41\nMONOTRON_REUSED={reused}\n"
            )

    @pytest.mark.parametrize("prefix", ["CI_", "_", "x", "Build2_", "A" * 64])
    def test_a_prefix_changes_the_names_of_dotenv(
        self, client: Client, fresh_key: str, prefix: str
    ) -> None:
        response = put(client, fresh_key, "T", f"?format=dotenv&dotenv_prefix={prefix}")
        assert response.text == f"{prefix}VALUE=1\n{prefix}BUILD_NUMBER=1\n{prefix}REUSED=false\n"

    @pytest.mark.parametrize("wish", ["text/plain", "application/json", "image/png"])
    @pytest.mark.parametrize("query", ["", "?format=text", "?format=dotenv", "?format=json"])
    def test_errors_are_problem_documents_whatever_was_asked_for(
        self, client: Client, fresh_key: str, problem: Problem, wish: str, query: str
    ) -> None:
        response = client.request("GET", f"/v1/series/{fresh_key}{query}", headers={"Accept": wish})
        problem(response, 404, "series_not_found")


class TestEveryAnswer:
    """System routes, HEAD, and the headers that all answers share."""

    def routes(self, client: Client, key: str) -> list[tuple[str, str, int]]:
        """Method, path and status of one request of each kind; the series is counted first."""
        put(client, key, "T")
        return [
            ("GET", "/v1", 200),
            ("GET", "/livez", 200),
            ("GET", "/readyz", 200),
            ("GET", f"/v1/series?prefix={key}", 200),
            ("GET", f"/v1/series/{key}", 200),
            ("GET", f"/v1/series/{key}?format=text", 200),
            ("GET", f"/v1/series/{key}?format=dotenv", 200),
            ("GET", f"/v1/series/{key}/T", 200),
            ("GET", f"/v1/entries/{key}", 200),
            ("GET", f"/v1/series/{key}/none", 404),
            ("GET", f"/v1/series/{key}-none", 404),
            ("GET", f"/v1/entries/{key}-none", 404),
            ("GET", "/v1/series/%00", 400),
            ("GET", f"/v1/series/{key}?x=1", 400),
            ("GET", "/none", 404),
            ("PUT", f"/v1/series/{key}/T", 200),
            ("PUT", f"/v1/series/{key}", 400),
            ("PUT", "/v1/series/%00/T", 400),
            ("PUT", "/v1/series", 405),
            ("POST", f"/v1/series/{key}", 405),
            ("DELETE", f"/v1/series/{key}-none", 200),
        ]

    def test_the_api_tells_its_version(self, client: Client) -> None:
        response = client.request("GET", "/v1")
        assert response.status == 200
        assert response.body == b"API v1\n"
        assert response.headers["Content-Type"].split(";")[0] == "text/plain"

    @pytest.mark.parametrize("path", ["/livez", "/readyz"])
    def test_the_server_is_alive_and_ready(self, client: Client, path: str) -> None:
        assert client.request("GET", path).status == 200

    def test_nothing_is_stored_by_a_cache_and_the_server_is_not_named(
        self, client: Client, fresh_key: str
    ) -> None:
        for method, path, status in self.routes(client, fresh_key):
            response = client.request(method, path)
            assert response.status == status, (method, path)
            assert response.headers["Cache-Control"] == "no-store", (method, path)
            assert response.headers["Server"] is None, (method, path)

    def test_every_answer_has_an_id_of_its_own(self, client: Client, fresh_key: str) -> None:
        routes = self.routes(client, fresh_key)
        ids = [client.request(method, path).headers["X-Request-Id"] for method, path, _ in routes]
        assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) for given in ids)
        assert len(set(ids)) == len(ids)

    @pytest.mark.parametrize("sent", ["a", "Build-1.2_3", "0" * 64])
    def test_the_id_that_a_caller_sends_comes_back(
        self, client: Client, fresh_key: str, sent: str
    ) -> None:
        for method, path, _ in self.routes(client, fresh_key):
            response = client.request(method, path, headers={"X-Request-Id": sent})
            assert response.headers.get_all("X-Request-Id") == [sent], (method, path)

    @pytest.mark.parametrize(
        "sent", ["", "a b", "a/b", "<b>", "a\tb", "a;b", "é", "0" * 65, "0" * 1000]
    )
    def test_an_id_of_another_form_is_replaced(
        self, client: Client, fresh_key: str, sent: str
    ) -> None:
        path = f"/v1/series/{fresh_key}/T"
        response = client.request("PUT", path, headers={"X-Request-Id": sent})
        assert response.status == 200
        (given,) = response.headers.get_all("X-Request-Id") or []
        assert given != sent
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given)

    def test_head_answers_the_headers_of_get_without_a_body(
        self,
        client: Client,
        fresh_key: str,
        send_until_closed: Callable[[bytes], list[Response]],
    ) -> None:
        for method, path, status in self.routes(client, fresh_key):
            if method != "GET":
                continue
            got, head = (
                send_until_closed(
                    f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: same\r\n"
                    "Connection: close\r\n\r\n".encode()
                )[0]
                for verb in ("GET", "HEAD")
            )
            assert got.body
            assert head.body == b"", path
            assert head.status == got.status == status, path
            assert lines(head) == lines(got), path

    def test_a_connection_serves_on_after_head(self, client: Client, fresh_key: str) -> None:
        put(client, fresh_key, "T")
        for _ in range(3):
            assert client.request("HEAD", f"/v1/series/{fresh_key}").status == 200
            assert peek(client, fresh_key) == entry(fresh_key, "T", 1)

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("/v1", {"GET", "HEAD"}),
            ("/livez", {"GET", "HEAD"}),
            ("/readyz", {"GET", "HEAD"}),
            ("/v1/series", {"GET", "HEAD"}),
            ("/v1/series/<key>", {"GET", "HEAD", "PUT", "DELETE"}),
            ("/v1/series/<key>/T", {"GET", "HEAD", "PUT"}),
            ("/v1/entries/<key>", {"GET", "HEAD"}),
        ],
    )
    def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(
        self, client: Client, fresh_key: str, problem: Problem, path: str, allowed: set[str]
    ) -> None:
        put(client, fresh_key, "T")
        applied = {"PUT": "no", "DELETE": "no", "POST": "no", "OPTIONS": None, "TRACE": None}
        for method in ({*applied, "PATCH", "FOO", "put", "Get"}) - allowed:
            response = client.request(method, path.replace("<key>", fresh_key))
            # Whether a method that nobody knows is a write is left open.
            either = response.json().get("applied")
            problem(response, 405, "method_not_allowed", applied=applied.get(method, either))
            names = {name.strip() for name in response.headers["Allow"].split(",")}
            assert names == allowed, method
        assert ledger(client, fresh_key) == [("T", 1)]


def lines(response: Response) -> list[tuple[str, str]]:
    """The headers, but for what may differ between two requests a moment apart."""
    return sorted(line for line in response.headers.items() if line[0] != "Date")
