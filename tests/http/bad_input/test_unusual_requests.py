"""Unusual requests that are valid, or that servers interpret differently."""

from __future__ import annotations

import pytest

from support.raw_requests import Send, SendUntilClosed, SeriesProbe, http

CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "request_bytes",
    [
        http(b"PUT", b"/v1/series/<key>/before", b"Content-Length: 1", b"Content-Length: 1") + b"x",
        http(b"PUT", b"/v1/series/<key>/before", b"Content-Length: 1, 1") + b"x",
        b"PUT /v1/series/<key>/before HTTP/1.1\nHost: 127.0.0.1\n\n",
        b"PUT /v1/series/<key>/before HTTP/1.1\r\nHost: 127.0.0.1\n\n",
        b"\r\n" + http(b"PUT", b"/v1/series/<key>/before"),
        b"PUT /v1/series/<key>/before HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
        b"PUT /v1/series/<key>/before HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n",
        http(b"PUT", b"/v1/series/<key>/before", CHUNKED) + b"1;x=y\r\nx\r\n0\r\n\r\n",
        http(b"PUT", b"/v1/series/<key>/before", CHUNKED) + b"0\r\nX-A: b\r\n\r\n",
        http(b"PUT", b"/v1/series/<key>/before?"),
        http(b"PUT", b"/v1/series/<key>/before", b"Upgrade: h2c", b"Connection: Upgrade"),
        http(b"PUT", b"/v1/series/<key>/before", b"Upgrade: websocket", b"Connection: Upgrade"),
    ],
    ids=[
        "two equal lengths",
        "a list of two equal lengths",
        "bare line feeds",
        "some bare line feeds",
        "an empty line before",
        "HTTP/1.0",
        "HTTP/1.2",
        "chunk extension",
        "trailer",
        "empty query",
        "upgrade to HTTP/2",
        "upgrade to a web socket",
    ],
)
def test_an_ambiguous_request_is_answered_or_refused(
    series: SeriesProbe, send: Send, request_bytes: bytes
) -> None:
    response = send(series.insert_key(request_bytes))
    assert response is not None
    assert response.status in (200, 400)
    if response.status == 200:
        assert response.json()["value"] == 1
    series.assert_untouched()


def test_pipelined_requests_with_bodies_are_answered_in_order(
    series: SeriesProbe, send_until_closed: SendUntilClosed
) -> None:
    requests = [
        http(b"PUT", b"/v1/series/<key>/%d" % n, body=b"PUT / HTTP/1.1\r\n\r\n") for n in range(10)
    ]
    last = http(b"GET", b"/v1/series/<key>", b"Connection: close")
    responses = send_until_closed(series.insert_key(b"".join([*requests, last])))
    assert [response.json()["value"] for response in responses] == [*range(2, 12), 11]


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: Basic !!!",
        b"Authorization: \xff\xfe",
        b"Cookie: " + b"a=" * 2000,
        b"Content-Length: 0",
        b"Range: bytes=0-0",
        b"If-Match: nonsense",
        b"If-None-Match: *",
        b"If-Modified-Since: nonsense",
        b"Expect: nonsense",
        b"Accept-Encoding: gzip, br",
        b"Accept-Language: \xff",
        b"TE: trailers",
    ],
    ids=lambda header: header.decode("latin-1")[:40],
)
def test_an_irrelevant_header_is_ignored(series: SeriesProbe, send: Send, header: bytes) -> None:
    response = send(http(b"PUT", series.insert_key(b"/v1/series/<key>/before"), header))
    assert response is not None
    assert response.status == 200
    assert response.json()["value"] == 1
    assert response.headers["Content-Encoding"] is None
    assert response.headers["Access-Control-Allow-Origin"] is None
    series.assert_untouched()
