"""What all responses have in common, HEAD, and unsupported methods."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from support.series import entry, ledger, peek, put
from support.server import Client, Response

Problem = Callable[..., dict[str, Any]]


def routes(client: Client, key: str) -> list[tuple[str, str, int]]:
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


def test_the_api_reports_its_version(client: Client) -> None:
    response = client.request("GET", "/v1")
    assert response.status == 200
    assert response.body == b"API v1\n"
    assert response.headers["Content-Type"].split(";")[0] == "text/plain"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_the_server_is_alive_and_ready(client: Client, path: str) -> None:
    assert client.request("GET", path).status == 200


def test_no_response_is_cacheable_or_names_the_server_software(
    client: Client, fresh_key: str
) -> None:
    for method, path, status in routes(client, fresh_key):
        response = client.request(method, path)
        assert response.status == status, (method, path)
        assert response.headers["Cache-Control"] == "no-store", (method, path)
        assert response.headers["Server"] is None, (method, path)


def test_every_response_has_a_unique_id(client: Client, fresh_key: str) -> None:
    ids = [
        client.request(method, path).headers["X-Request-Id"]
        for method, path, _ in routes(client, fresh_key)
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", id) for id in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("sent", ["a", "Build-1.2_3", "0" * 64])
def test_a_request_id_is_returned(client: Client, fresh_key: str, sent: str) -> None:
    for method, path, _ in routes(client, fresh_key):
        response = client.request(method, path, headers={"X-Request-Id": sent})
        assert response.headers.get_all("X-Request-Id") == [sent], (method, path)


@pytest.mark.parametrize(
    "sent", ["", "a b", "a/b", "<b>", "a\tb", "a;b", "é", "0" * 65, "0" * 1000]
)
def test_an_invalid_request_id_is_replaced(client: Client, fresh_key: str, sent: str) -> None:
    path = f"/v1/series/{fresh_key}/T"
    response = client.request("PUT", path, headers={"X-Request-Id": sent})
    assert response.status == 200
    (request_id,) = response.headers.get_all("X-Request-Id") or []
    assert request_id != sent
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", request_id)


def test_head_returns_the_headers_of_get_without_a_body(
    client: Client,
    fresh_key: str,
    send_until_closed: Callable[[bytes], list[Response]],
) -> None:
    for method, path, status in routes(client, fresh_key):
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


def test_a_connection_stays_usable_after_head(client: Client, fresh_key: str) -> None:
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
def test_an_unsupported_method_is_refused_with_the_supported_ones(
    client: Client, fresh_key: str, problem: Problem, path: str, allowed: set[str]
) -> None:
    put(client, fresh_key, "T")
    applied = {"PUT": "no", "DELETE": "no", "POST": "no", "OPTIONS": None, "TRACE": None}
    for method in ({*applied, "PATCH", "FOO", "put", "Get"}) - allowed:
        response = client.request(method, path.replace("<key>", fresh_key))
        # It is not defined whether an unknown method is a write.
        either = response.json().get("applied")
        problem(response, 405, "method_not_allowed", applied=applied.get(method, either))
        names = {name.strip() for name in response.headers["Allow"].split(",")}
        assert names == allowed, method
    assert ledger(client, fresh_key) == [("T", 1)]


def lines(response: Response) -> list[tuple[str, str]]:
    """The headers, but for what may differ between two requests a moment apart."""
    return sorted(line for line in response.headers.items() if line[0] != "Date")
