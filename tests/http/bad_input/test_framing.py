"""Malformed requests."""

from __future__ import annotations

import pytest

from support.raw_requests import (
    SMUGGLED,
    SendUntilClosed,
    SeriesProbe,
    check_bad_request,
    http,
)

CHUNKED = b"Transfer-Encoding: chunked"
TARGET = b"/v1/series/<key>/T"
LINE = b"PUT /v1/series/<key>/T HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"

INVALID_FRAMES = {
    "length and chunked": http(b"PUT", TARGET, b"Content-Length: 5", CHUNKED) + b"0\r\n\r\n",
    "chunked and length": http(b"PUT", TARGET, CHUNKED, b"Content-Length: 5") + b"0\r\n\r\n",
    "chunked twice": http(b"PUT", TARGET, CHUNKED, CHUNKED) + b"0\r\n\r\n",
    "chunked, chunked": http(b"PUT", TARGET, b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "gzip, chunked": http(b"PUT", TARGET, b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunked, gzip": http(b"PUT", TARGET, b"Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n",
    "xchunked": http(b"PUT", TARGET, b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "vertical tab before chunked": http(b"PUT", TARGET, b"Transfer-Encoding: \x0bchunked")
    + b"0\r\n\r\n",
    "identity": http(b"PUT", TARGET, b"Transfer-Encoding: identity"),
    "empty transfer encoding": http(b"PUT", TARGET, b"Transfer-Encoding: "),
    "length -1": http(b"PUT", TARGET, b"Content-Length: -1"),
    "length +1": http(b"PUT", TARGET, b"Content-Length: +1") + b"x",
    "length 1_0": http(b"PUT", TARGET, b"Content-Length: 1_0") + b"x" * 10,
    "length 0x1": http(b"PUT", TARGET, b"Content-Length: 0x1") + b"x",
    "length 1.0": http(b"PUT", TARGET, b"Content-Length: 1.0") + b"x",
    "length x": http(b"PUT", TARGET, b"Content-Length: x") + b"x",
    "length 1 1": http(b"PUT", TARGET, b"Content-Length: 1 1") + b"x",
    "empty length": http(b"PUT", TARGET, b"Content-Length: "),
    "superscript length": http(b"PUT", TARGET, b"Content-Length: \xb2") + b"xx",
    "two lengths": http(b"PUT", TARGET, b"Content-Length: 1", b"Content-Length: 2") + b"xx",
    "a list of two lengths": http(b"PUT", TARGET, b"Content-Length: 1, 2") + b"xx",
    "chunk size xyz": http(b"PUT", TARGET, CHUNKED) + b"xyz\r\n",
    "chunk size -1": http(b"PUT", TARGET, CHUNKED) + b"-1\r\n",
    "chunk size +1": http(b"PUT", TARGET, CHUNKED) + b"+1\r\nx\r\n0\r\n\r\n",
    "chunk size 0x1": http(b"PUT", TARGET, CHUNKED) + b"0x1\r\nx\r\n0\r\n\r\n",
    "chunk size 1_0": http(b"PUT", TARGET, CHUNKED) + b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
    "empty chunk size": http(b"PUT", TARGET, CHUNKED) + b"\r\n\r\n",
    "chunk longer than its size": http(b"PUT", TARGET, CHUNKED) + b"1\r\nxx\r\n0\r\n\r\n",
    "chunk without line break": http(b"PUT", TARGET, CHUNKED) + b"1\r\nx0\r\n\r\n\r\n",
    "folded header": LINE + HOST + b"X-A: a\r\n b\r\n\r\n",
    "folded host": LINE + b"Host:\r\n 127.0.0.1\r\n\r\n",
    "first header folded": LINE + b" " + HOST + b"\r\n",
    "space before colon": LINE + HOST + b"Content-Length : 0\r\n\r\n",
    "space before colon of host": LINE + b"Host : 127.0.0.1\r\n\r\n",
    "header without colon": LINE + HOST + b"nonsense\r\n\r\n",
    "header without name": LINE + HOST + b": x\r\n\r\n",
    "nul in a header": LINE + HOST + b"X-A: a\x00b\r\n\r\n",
    "nul in a header's name": LINE + HOST + b"X\x00A: a\r\n\r\n",
    "lone return in a header": LINE + HOST + b"X-A: a\rX-B: b\r\n\r\n",
    "HTTP/2.0": b"PUT /v1/series/<key>/T HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/1.10": b"PUT /v1/series/<key>/T HTTP/1.10\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"PUT /v1/series/<key>/T\r\n\r\n",
    "http/1.1": b"PUT /v1/series/<key>/T http/1.1\r\n" + HOST + b"\r\n",
    "no version": b"PUT /v1/series/<key>/T \r\n" + HOST + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "raw nul in the path": b"PUT /v1/series/<key>\x00/T HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw space in the path": b"PUT /v1/series/<key> /T HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw tab in the path": b"PUT /v1/series/<key>\t/T HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw return in the path": b"PUT /v1/series/<key>\r/T HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw delete in the path": b"PUT /v1/series/<key>\x7f/T HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw escape sequence in the path": b"PUT /v1/series/<key>\x1b[31m/T HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "raw control in the method": b"PU\x01T /v1/series/<key>/T HTTP/1.1\r\n" + HOST + b"\r\n",
    "no path": b"PUT  HTTP/1.1\r\n" + HOST + b"\r\n",
    "no method": b" /v1/series/<key>/T HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "garbage": bytes(range(256)) * 4 + b"\r\n\r\n",
    "white": b" \t \r\n\r\n",
    "Redis": b"*1\r\n$4\r\nPING\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", INVALID_FRAMES.values(), ids=INVALID_FRAMES.keys())
def test_a_malformed_request_is_refused_and_the_connection_closed(
    series: SeriesProbe, send_until_closed: SendUntilClosed, request_bytes: bytes
) -> None:
    (response,) = send_until_closed(series.insert_key(request_bytes + SMUGGLED))
    check_bad_request(response)
    series.assert_untouched()
