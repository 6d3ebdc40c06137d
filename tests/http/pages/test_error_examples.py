"""The examples on the pages of errors are requests and responses of a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from monotron.errors import MonotronError
from monotron.web.pages.error_guides import error_guides
from support.credentials import UNLIMITED, bearer, new_key
from support.error_codes import NEEDS_FAULTS
from support.http import Client, Response
from support.page_data import adopt, withdraw
from support.server import ROOT, ROOT_ENV, Server
from support.versions import INT64_MAX, JSON, advance_series, assign

CODES = [each.code for each in MonotronError.__subclasses__() if each.code not in NEEDS_FAULTS]


@pytest.fixture(scope="module")
def requested() -> Iterator[Server]:
    """A server with the versions and series that the examples name."""
    with Server("sqlite://", args=UNLIMITED, env=ROOT_ENV) as server:
        with server.client(authorization=ROOT) as root:
            adopt(root, "shop", "1.2.57")
            assign(root, "shop", "7d4c379588?bump=minor")
            assign(root, "shop", "c0ffee1234?bump=patch")
            withdraw(root, "shop", "1.3.1", "Wrong artifact")
            assign(root, "shop", "decade0000?bump=minor&prerelease=pr-12")
            advance_series(root, "build", 41)
            assert root.request("PUT", "/v1/series/build/7d4c379588").status == 200
            advance_series(root, "full", INT64_MAX)
            assert root.request("POST", "/v1/accounts", '{"name": "acme"}', JSON).status == 200
        yield server


def send(client: Client, text: str) -> Response:
    """Send a request that is written as an HTTP message. `Content-Length` stands for a body."""
    head, _, body = text.partition("\n\n")
    line, *fields = head.split("\n")
    method, path = line.split(" ")
    headers = dict(field.split(": ") for field in fields)
    content = "x" * int(headers.pop("Content-Length", "0")) or body
    return client.request(method, path, content or None, headers)


@pytest.mark.parametrize("code", CODES)
def test_a_request_gets_the_problem_document_of_the_example(
    code: str, requested: Server, client: Client
) -> None:
    guide = error_guides()[code]
    authorization: str | None = ROOT
    if code == "unauthenticated":
        authorization = None
    elif code == "forbidden":
        with requested.client(authorization=ROOT) as root:
            authorization = bearer(new_key(root, 1, "read:series"))
    if code == "invalid_host":
        response = send(client, guide.request)  # of a server without credentials
    else:
        with requested.client(authorization=authorization) as own:
            response = send(own, guide.request)
    assert json.dumps(response.json()) == json.dumps(guide.problem)
