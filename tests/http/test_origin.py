"""Requests from proxies to an open server, and requests that web pages of other hosts cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from support.credentials import UNLIMITED
from support.server import ROOT, ROOT_ENV, Client, Server

Problem = Callable[..., dict[str, Any]]

FROM_PROXIES = {
    "Forwarded": "for=192.0.2.60",
    "forwarded": "",
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "127.0.0.1",
    "X-Forwarded-Server": "proxy",
    "x-forwarded-anything": "x",
    "X-Real-IP": "10.0.0.1",
    "x-real-ip": "10.0.0.1",
    "Via": "1.1 proxy",
}

FROM_OTHER_PAGES = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "none, cross-site"},
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://localhost:HOST"},
    {"Origin": "http://HOST@evil.example"},
    {"Origin": "http://HOST.evil.example"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://HOST", "Sec-Fetch-Site": "cross-site"},
]

FROM_OWN_PAGES = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://HOST"},
    {"Origin": "https://HOST"},
    {"Origin": "http://HOST", "Sec-Fetch-Site": "same-origin"},
]


@pytest.fixture(scope="module", name="open_server")
def _open_server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def stranger(open_server: Server) -> Iterator[Client]:
    with open_server.client() as client:
        yield client


@pytest.fixture(scope="module", name="closed_server")
def _closed_server() -> Iterator[Server]:
    with Server("sqlite://", args=UNLIMITED, env=ROOT_ENV) as server:
        yield server


@pytest.fixture
def operator(closed_server: Server) -> Iterator[Client]:
    with closed_server.client(authorization=ROOT) as client:
        yield client


def with_host(headers: dict[str, str], client: Client) -> dict[str, str]:
    return {name: value.replace("HOST", client.authority) for name, value in headers.items()}


class TestProxies:
    @pytest.mark.parametrize("name", FROM_PROXIES)
    def test_an_open_server_rejects_a_request_from_a_proxy(
        self, name: str, stranger: Client, problem: Problem
    ) -> None:
        headers = {name: FROM_PROXIES[name]}
        for method, path in (("GET", "/v1/series"), ("PUT", "/v1/series/proxied/T"), ("GET", "/")):
            response = stranger.request(method, path, headers=headers)
            applied = "no" if method == "PUT" else None
            detail = problem(response, 403, "forbidden", applied=applied)["detail"]
            assert "MONOTRON_ROOT_API_KEY" in detail
        assert stranger.request("GET", "/v1/series/proxied").status == 404

    def test_a_server_with_credentials_serves_a_request_from_a_proxy(
        self, operator: Client
    ) -> None:
        for name, value in FROM_PROXIES.items():
            response = operator.request("PUT", "/v1/series/k/T", headers={name: value})
            assert response.status == 200, name


class TestPages:
    @pytest.mark.parametrize("headers", FROM_OTHER_PAGES, ids=str)
    def test_a_page_of_another_host_changes_nothing(
        self, headers: dict[str, str], operator: Client, stranger: Client, problem: Problem
    ) -> None:
        for client in operator, stranger:
            sent = with_host(headers, client)
            for method in "PUT", "POST", "DELETE", "PATCH":
                response = client.request(method, "/v1/series/attacked/T", headers=sent)
                problem(response, 403, "forbidden", applied="no")
            assert client.request("GET", "/v1/series/attacked").status == 404

    @pytest.mark.parametrize("headers", FROM_OTHER_PAGES, ids=str)
    def test_a_page_of_another_host_cannot_use_the_system_paths(
        self, headers: dict[str, str], operator: Client, problem: Problem
    ) -> None:
        sent = with_host(headers, operator)
        response = operator.request("GET", "/v1/system/audit", headers=sent)
        problem(response, 403, "forbidden")
        assert operator.request("HEAD", "/v1/system/audit", headers=sent).status == 403
        response = operator.request("POST", "/v1/system/backup", headers=sent)
        problem(response, 403, "forbidden", applied="no")

    @pytest.mark.parametrize("headers", FROM_OTHER_PAGES, ids=str)
    def test_a_page_of_another_host_may_link_to_a_read(
        self, headers: dict[str, str], operator: Client
    ) -> None:
        sent = with_host(headers, operator)
        response = operator.request("GET", "/v1/series", headers=sent)
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] is None

    @pytest.mark.parametrize("headers", FROM_OWN_PAGES, ids=str)
    def test_a_page_of_the_server_and_a_direct_request_are_served(
        self, headers: dict[str, str], operator: Client, stranger: Client
    ) -> None:
        for client in operator, stranger:
            sent = with_host(headers, client)
            assert client.request("PUT", "/v1/series/own/T", headers=sent).status == 200
            assert client.request("GET", "/v1/system/audit", headers=sent).status == 200
            assert client.request("POST", "/v1/system/backup", headers=sent).status == 200


def test_every_response_has_the_security_headers(operator: Client, stranger: Client) -> None:
    paths = ["/", "/v1", "/livez", "/readyz", "/nowhere", "/v1/series", "/v1/series/%", "/v1/x"]
    for client in operator, stranger:
        for method in "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE":
            for path in paths:
                headers = client.request(method, path).headers
                assert headers["X-Content-Type-Options"] == "nosniff", (method, path)
                assert headers["Referrer-Policy"] == "no-referrer", (method, path)
                assert headers["Cross-Origin-Resource-Policy"] == "same-origin", (method, path)


def test_request_ids_do_not_count_requests(operator: Client) -> None:
    def number() -> int:
        request_id = operator.request("GET", "/v1").headers["X-Request-Id"] or ""
        return int(request_id.rpartition("-")[2], 16)

    numbers = [number() for _ in range(20)]
    differences = {later - earlier for earlier, later in pairwise(numbers)}
    assert len(set(numbers)) == 20
    assert len(differences) == 19
    assert max(numbers) > 2**48
