"""Slow clients, many connections and large requests must not affect other clients."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from support.server import Client, Response, Server

Send = Callable[[bytes], Response | None]
SendUntilClosed = Callable[[bytes], list[Response]]

SLOW = 200
MAX_HEADERS_SIZE = 32 * 1024

HALF_REQUESTS = {
    "nothing": b"",
    "half a request line": b"PUT /v1/ser",
    "half a header": b"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0",
    "no end of the headers": b"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "no body": b"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n",
    "half a body": b"PUT /v1/series/<key> HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b'Content-Length: 13\r\n\r\n{"value"',
    "half a chunk": b"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
    "no last chunk": b"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "half a body that is too large": b"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: 65537\r\n\r\nhello",
}


@contextmanager
def open_connections(server: Server, number: int, data: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        connections = []
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            connections.append(stack.enter_context(connection))
            connection.sendall(data)
        yield connections


def series_exists(client: Client, key: str) -> bool:
    response = client.request("GET", f"/v1/series/{key}")
    assert response.status in (200, 404)
    return response.status == 200


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


@pytest.mark.parametrize("half", HALF_REQUESTS.values(), ids=HALF_REQUESTS.keys())
def test_slow_clients_do_not_delay_others(
    server: Server, client: Client, fresh_key: str, half: bytes
) -> None:
    data = half.replace(b"<key>", f"{fresh_key}-slow".encode())
    with open_connections(server, SLOW, data):
        for n in range(1, 21):
            response = client.request("PUT", f"/v1/series/{fresh_key}/{n}")
            assert response.status == 200
            assert response.json()["value"] == n
        with Client(server.url) as another:
            assert another.request("GET", "/readyz").status == 200
        assert not series_exists(client, f"{fresh_key}-slow")
    assert not series_exists(client, f"{fresh_key}-slow")


def test_a_slow_client_is_answered_when_its_request_is_complete(
    server: Server, client: Client, fresh_key: str
) -> None:
    request = f"PUT /v1/series/{fresh_key}/T HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    with open_connections(server, SLOW, request) as connections:
        assert not series_exists(client, fresh_key)
        for connection in connections:
            connection.sendall(b"\r\n")
        for connection in connections:
            assert status_of(connection.recv(65536)) == 200
    response = client.request("GET", f"/v1/series/{fresh_key}")
    assert response.json()["value"] == 1


def test_a_request_may_arrive_byte_by_byte(server: Server, fresh_key: str) -> None:
    request = (
        f"PUT /v1/series/{fresh_key} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 13\r\n\r\n"
        '{"value": 41}'
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request.encode():
            connection.sendall(bytes([byte]))
        assert status_of(connection.recv(65536)) == 200


def test_many_connections_can_stay_open(server: Server, fresh_key: str) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.url)) for _ in range(SLOW)]
        for turn in range(2):
            for n, client in enumerate(clients, start=1):
                response = client.request("PUT", f"/v1/series/{fresh_key}/{turn}-{n}")
                assert response.json()["value"] == turn * SLOW + n


def test_a_client_that_does_not_read_does_not_delay_others(
    server: Server, client: Client, fresh_key: str
) -> None:
    for n in range(100):
        client.request("PUT", f"/v1/series/{fresh_key}/{n}-{'x' * 200}")
    request = (
        f"GET /v1/entries/{fresh_key}?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 100
    )
    with open_connections(server, 5, request):
        for n in range(20):
            response = client.request("PUT", f"/v1/series/{fresh_key}/after-{n}")
            assert response.json()["value"] == 101 + n


@pytest.mark.parametrize(
    "headers",
    [
        "".join(f"X-{n}: x\r\n" for n in range(50)),
        "X-A: x\r\n" * 50,
        f"X-A: {'x' * 8000}\r\n",
        f"X-A: {'x' * (MAX_HEADERS_SIZE - 1000)}\r\n",
    ],
    ids=["50 headers", "50 of one name", "8000 bytes", "almost 32 KiB"],
)
def test_headers_within_the_limits_are_accepted(
    client: Client, fresh_key: str, send: Send, headers: str
) -> None:
    request = f"PUT /v1/series/{fresh_key}/T HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"
    response = send(request.encode())
    assert response is not None
    assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        "".join(f"X-{n}: x\r\n" for n in range(1000)),
        "X-A: x\r\n" * 1000,
        "X-A: x\r\n" * 101,
    ],
    ids=["1000 headers", "1000 of one name", "101 headers"],
)
def test_more_than_100_headers_are_refused(
    client: Client, fresh_key: str, send: Send, headers: str
) -> None:
    request = f"PUT /v1/series/{fresh_key}/T HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"
    response = send(request.encode())
    assert response is not None
    assert response.status in (400, 431)
    assert not series_exists(client, fresh_key)


@pytest.mark.parametrize(
    "request_text",
    [
        f"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: {'x' * 40_000}\r\n\r\n",
        f"PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\n{'x' * 40_000}: x\r\n\r\n",
        f"PUT /v1/series/<key>/{'x' * 40_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"PUT /v1/series/<key>/T?{'x' * 40_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"{'P' * 40_000} /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "x" * 1_000_000,
        "PUT /v1/series/<key>/T HTTP/1.1\r\n" + "X: x\r\n" * 200_000,
        "PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "0" * 1_000_000,
        "PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"1;{'x' * 1_000_000}",
        "PUT /v1/series/<key>/T HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n" + "X: x\r\n" * 200_000,
    ],
    ids=[
        "large header",
        "large name of a header",
        "large path",
        "large query",
        "large method",
        "endless line",
        "endless headers",
        "endless chunk size",
        "endless chunk extension",
        "endless trailers",
    ],
)
def test_a_request_beyond_the_limits_is_refused_and_changes_nothing(
    client: Client, fresh_key: str, send_until_closed: SendUntilClosed, request_text: str
) -> None:
    request = request_text.replace("<key>", fresh_key).encode()
    # If Tornado's parser gives up, the client gets no response and knows: not applied.
    for answer in send_until_closed(request):
        assert answer.status in (400, 414, 431)
        assert b"Traceback" not in answer.body
    assert not series_exists(client, fresh_key)
    assert client.request("PUT", f"/v1/series/{fresh_key}/T").json()["value"] == 1


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_a_web_page_of_another_host_cannot_start_a_backup(client: Client, origin: str) -> None:
    response = client.request("POST", "/v1/system/backup", headers={"Origin": origin})
    assert response.status == 403
    assert response.json()["code"] == "forbidden"


def test_a_web_page_of_another_port_cannot_start_a_backup(client: Client) -> None:
    headers = {"Origin": "http://localhost:8000"}
    assert client.request("POST", "/v1/system/backup", headers=headers).status == 403
