"""Host headers. Without credentials, only loopback names are accepted."""

from __future__ import annotations

import pytest

from support.raw_requests import (
    ADVANCE,
    ADVANCE_BODY,
    ROUTES,
    WRITES,
    Problem,
    Send,
    SeriesProbe,
    check_bad_request,
    http,
)


@pytest.mark.parametrize(
    "host",
    [
        b"example.com",
        b"example.com:3030",
        b"localhost.example.com",
        b"localhost.example.com:3030",
        b"notlocalhost",
        b"xlocalhost:3030",
        b"127.0.0.1.nip.io",
        b"127.0.0.1.example.com:3030",
        b"10.0.0.1",
        b"128.0.0.1",
        b"0.0.0.0",
        b"169.254.169.254",
        b"192.168.1.127",
        b"[::2]",
        b"[::]:3030",
        b"[fe80::1]",
        b"2130706433",
    ],
    ids=bytes.decode,
)
def test_a_host_other_than_loopback_is_refused(
    series: SeriesProbe, send: Send, problem: Problem, host: bytes
) -> None:
    for route in ROUTES:
        method, _, path = series.insert_key(route).partition(b" ")
        body = ADVANCE_BODY if route == ADVANCE else b""
        # Headers of a browser on a page of that host, and of a proxy: the Host is checked first.
        headers = (
            b"Origin: http://" + host,
            b"X-Forwarded-Host: localhost",
            b"Forwarded: host=localhost",
        )
        response = send(http(method, path, *headers, body=body, host=host))
        problem(response, 400, "invalid_host", applied="no" if method in WRITES else None)
    series.assert_untouched()


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b":3030",
        b"localhost:x",
        b"localhost@example.com",
        b"example.com@localhost",
        b"localhost/example.com",
        b"example.com#localhost",
        b"localhost, example.com",
        b"localhost example.com",
        b"127.0.0.256",
        b"127.0.0.1:3030:3030",
        b"[::1",
        b"::1",
        b"\xff",
        b"localhost\xff",
        b"\x00",
        b"[::1]example.com",
    ],
    ids=repr,
)
def test_a_malformed_host_is_refused(series: SeriesProbe, send: Send, host: bytes) -> None:
    for method, path in ((b"PUT", b"/v1/series/<key>/T"), (b"GET", b"/v1/series/<key>")):
        check_bad_request(send(http(method, series.insert_key(path), host=host)))
    series.assert_untouched()


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host: 127.0.0.1\r\nHost: example.com\r\n",
        b"Host: example.com\r\nHost: 127.0.0.1\r\n",
        b"Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n",
    ],
    ids=["none", "good and bad", "bad and good", "two good"],
)
def test_a_request_without_exactly_one_host_is_refused(
    series: SeriesProbe, send: Send, lines: bytes
) -> None:
    request = series.insert_key(b"PUT /v1/series/<key>/T HTTP/1.1\r\n" + lines + b"\r\n")
    check_bad_request(send(request))
    series.assert_untouched()


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"LocalHost:3030",
        b"build.localhost",
        b"a.b.localhost:80",
        b"127.0.0.1",
        b"127.0.0.1:3030",
        b"127.255.0.3:1",
        b"[::1]",
        b"[::1]:3030",
    ],
    ids=bytes.decode,
)
def test_a_loopback_host_is_served(series: SeriesProbe, send: Send, host: bytes) -> None:
    response = send(http(b"PUT", series.insert_key(b"/v1/series/<key>/T"), host=host))
    assert response is not None
    assert response.status == 200
