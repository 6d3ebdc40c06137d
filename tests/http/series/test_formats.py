"""Formats of entries: JSON, text and dotenv."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.series import JSON, LAST, advance_to, put, put_all
from support.server import Client

Problem = Callable[..., dict[str, Any]]


def test_an_entry_matches_the_contract_byte_by_byte(client: Client) -> None:
    response = put(client, "some-great-service", "7d4c379588")
    assert response.body.removesuffix(b"\n") == (
        b'{"creator_id": 1, "key": "some-great-service", "token": "7d4c379588", "value": 1}'
    )
    assert response.headers["Content-Type"].split(";")[0] == "application/json"


def test_a_missing_token_is_null(client: Client, fresh_key: str) -> None:
    body = advance_to(client, fresh_key, 41).body.removesuffix(b"\n")
    assert body == f'{{"creator_id": 1, "key": "{fresh_key}", "token": null, "value": 41}}'.encode()


@pytest.mark.parametrize(
    ("accept", "media_type"),
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
def test_the_response_has_the_format_preferred_by_accept(
    client: Client, fresh_key: str, accept: str, media_type: str
) -> None:
    put(client, fresh_key, "T")
    bodies = {"text/plain": b"1\n", "application/json": put(client, fresh_key, "T").body}
    for method, path in {
        "PUT": f"/v1/series/{fresh_key}/T",
        "GET": f"/v1/series/{fresh_key}",
    }.items():
        response = client.request(method, path, headers={"Accept": accept})
        assert response.status == 200
        assert response.headers["Content-Type"].split(";")[0] == media_type
        assert response.body == bodies[media_type]


@pytest.mark.parametrize("accept", ["", ";;;", "text/plain;q=", "text/plain;q=x", ",", "a/b/c"])
def test_a_malformed_accept_header_is_ignored(client: Client, fresh_key: str, accept: str) -> None:
    response = client.request("PUT", f"/v1/series/{fresh_key}/T", headers={"Accept": accept})
    assert response.status == 200


def test_text_is_the_value_and_a_newline_on_every_entry_route(
    client: Client, fresh_key: str
) -> None:
    text = {"Accept": "text/plain"}
    path = f"/v1/series/{fresh_key}"
    advanced = client.request("PUT", path, '{"value": 41}', text | JSON)
    assert advanced.body == b"41\n"
    for method, end in (("PUT", "/T"), ("PUT", "/T?reuse=any"), ("GET", ""), ("GET", "/T")):
        assert client.request(method, path + end, headers=text).body == b"42\n"
    assert client.request("GET", f"{path}?format=text").body == b"42\n"
    assert client.request("PUT", f"{path}/T?reuse=any&format=text").body == b"42\n"


def test_the_last_value_as_text_is_exact(client: Client, fresh_key: str) -> None:
    advance_to(client, fresh_key, LAST - 1)
    assert put(client, fresh_key, "T", "?format=text").body == b"9223372036854775807\n"


def test_a_text_response_has_the_reused_header(client: Client, fresh_key: str) -> None:
    responses = [put(client, fresh_key, "T", "?format=text") for _ in range(2)]
    assert [response.headers["Monotron-Reused"] for response in responses] == ["false", "true"]


@pytest.mark.parametrize(
    ("format", "accept", "body"),
    [
        ("text", "application/json", "1\n"),
        ("json", "text/plain", '{"creator_id": 1, "key": "<key>", "token": "T", "value": 1}'),
        (
            "dotenv",
            "application/json",
            "MONOTRON_VALUE=1\nMONOTRON_BUILD_NUMBER=1\nMONOTRON_REUSED=true\n"
            "MONOTRON_CREATOR_ID=1\n",
        ),
    ],
)
def test_the_format_parameter_takes_precedence_over_accept(
    client: Client, fresh_key: str, format: str, accept: str, body: str
) -> None:
    put(client, fresh_key, "T")
    path = f"/v1/series/{fresh_key}?format={format}"
    response = client.request("GET", path, headers={"Accept": accept})
    assert response.text.rstrip("\n") == body.replace("<key>", fresh_key).rstrip("\n")


def test_dotenv_contains_value_build_number_and_reused(client: Client, fresh_key: str) -> None:
    for reused in ("false", "true"):
        response = put(client, fresh_key, "T", "?format=dotenv")
        assert response.text == (
            f"MONOTRON_VALUE=1\nMONOTRON_BUILD_NUMBER=1\nMONOTRON_REUSED={reused}\n"
            "MONOTRON_CREATOR_ID=1\n"
        )
        assert response.headers["Content-Type"].split(";")[0] == "text/plain"
        assert response.headers["Monotron-Reused"] == reused


def test_dotenv_of_a_get_states_reused(client: Client, fresh_key: str) -> None:
    put_all(client, fresh_key, *"TU")
    for end, value in {"": 2, "/T": 1}.items():
        response = client.request("GET", f"/v1/series/{fresh_key}{end}?format=dotenv")
        assert response.text == (
            f"MONOTRON_VALUE={value}\nMONOTRON_BUILD_NUMBER={value}\nMONOTRON_REUSED=true\n"
            "MONOTRON_CREATOR_ID=1\n"
        )


def test_dotenv_of_advancing_states_whether_the_value_is_reused(
    client: Client, fresh_key: str
) -> None:
    for reused in ("false", "true"):
        assert advance_to(client, fresh_key, 41, "?format=dotenv").text == (
            f"MONOTRON_VALUE=41\nMONOTRON_BUILD_NUMBER=41\nMONOTRON_REUSED={reused}\n"
            "MONOTRON_CREATOR_ID=1\n"
        )


@pytest.mark.parametrize("prefix", ["CI_", "_", "x", "Build2_", "A" * 64])
def test_the_dotenv_prefix_changes_the_variable_names(
    client: Client, fresh_key: str, prefix: str
) -> None:
    response = put(client, fresh_key, "T", f"?format=dotenv&dotenv_prefix={prefix}")
    names = ("VALUE=1", "BUILD_NUMBER=1", "REUSED=false", "CREATOR_ID=1")
    assert response.text == "".join(f"{prefix}{name}\n" for name in names)


@pytest.mark.parametrize("format", ["text/plain", "application/json", "image/png"])
@pytest.mark.parametrize("query", ["", "?format=text", "?format=dotenv", "?format=json"])
def test_errors_are_problem_documents_in_every_format(
    client: Client, fresh_key: str, problem: Problem, format: str, query: str
) -> None:
    response = client.request("GET", f"/v1/series/{fresh_key}{query}", headers={"Accept": format})
    problem(response, 404, "series_not_found")
