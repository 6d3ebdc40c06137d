"""Bodies that are ignored, chunked or too large."""

from __future__ import annotations

import pytest

from support.raw_requests import (
    ADVANCE_BODY,
    SMUGGLED,
    Problem,
    Send,
    SendUntilClosed,
    SeriesProbe,
    http,
)

MAX_BODY_BYTES = 64 * 1024

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="value"; filename="x"\r\n\r\n41\r\n--b--\r\n'
)
IGNORED_BODIES = {
    "empty object": ((b"Content-Type: application/json",), b"{}"),
    "the body of an advance": ((b"Content-Type: application/json",), ADVANCE_BODY),
    "broken JSON": ((b"Content-Type: application/json",), b'{"value": '),
    "form": ((b"Content-Type: application/x-www-form-urlencoded",), b"reuse=any&token=x&%zz=%ff"),
    "multipart": ((b"Content-Type: multipart/form-data; boundary=b",), MULTIPART),
    "cut multipart": ((b"Content-Type: multipart/form-data; boundary=b",), MULTIPART[:30]),
    "multipart without boundary": ((b"Content-Type: multipart/form-data",), MULTIPART),
    "multipart with 10000 parts": (
        (b"Content-Type: multipart/form-data; boundary=b",),
        b"--b\r\n\r\n\r\n" * 6000,
    ),
    "declared as gzip": ((b"Content-Encoding: gzip",), b"\x1f\x8b not gzip"),
    "declared as br": ((b"Content-Encoding: br", b"Content-Type: text/plain"), b"\x00"),
    "no type": ((), b"\x00\xff\r\n"),
    "malformed type": ((b"Content-Type: ;;=",), b"x"),
    "64 KiB": ((), b"x" * MAX_BODY_BYTES),
    "another request": ((), SMUGGLED),
}


@pytest.mark.parametrize(("headers", "body"), IGNORED_BODIES.values(), ids=IGNORED_BODIES.keys())
def test_the_body_of_a_put_is_ignored(
    series: SeriesProbe, send_until_closed: SendUntilClosed, headers: tuple[bytes, ...], body: bytes
) -> None:
    target = series.insert_key(b"/v1/series/<key>/before")
    body = series.insert_key(body)
    (response,) = send_until_closed(http(b"PUT", target, *headers, b"Connection: close", body=body))
    assert response.status == 200
    assert response.json()["value"] == 1
    series.assert_untouched()


@pytest.mark.parametrize(
    "chunks",
    [
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
        b"10000\r\n" + b"x" * MAX_BODY_BYTES + b"\r\n0\r\n\r\n",
    ],
    ids=["empty", "one chunk", "two chunks", "64 KiB"],
)
def test_the_chunked_body_of_a_put_is_ignored(
    series: SeriesProbe, send: Send, chunks: bytes
) -> None:
    target = series.insert_key(b"/v1/series/<key>/before")
    response = send(http(b"PUT", target, b"Transfer-Encoding: chunked") + chunks)
    assert response is not None
    assert response.status == 200
    series.assert_untouched()


def test_a_chunked_body_advances_the_series(series: SeriesProbe, send: Send) -> None:
    target = series.insert_key(b"/v1/series/<key>")
    chunks = b'6\r\n{"valu\r\n7\r\ne": 41}\r\n0\r\n\r\n'
    response = send(http(b"PUT", target, b"Transfer-Encoding: chunked") + chunks)
    assert response is not None
    assert response.json()["value"] == 41


WITH_AND_WITHOUT_EXPECT = pytest.mark.parametrize(
    "expect", [(), (b"Expect: 100-continue",)], ids=["", "expect"]
)
WITH_AND_WITHOUT_TOKEN = pytest.mark.parametrize(
    "target", [b"/v1/series/<key>/T", b"/v1/series/<key>"], ids=bytes.decode
)


@WITH_AND_WITHOUT_TOKEN
@WITH_AND_WITHOUT_EXPECT
@pytest.mark.parametrize("length", [10**9, 2**63, 10**30])
def test_an_announced_body_that_is_too_large_is_refused_before_it_is_sent(
    series: SeriesProbe,
    send_until_closed: SendUntilClosed,
    problem: Problem,
    target: bytes,
    expect: tuple[bytes, ...],
    length: int,
) -> None:
    declared = b"Content-Length: %d" % length
    (response,) = send_until_closed(http(b"PUT", series.insert_key(target), declared, *expect))
    problem(response, 413, "body_too_large", applied="no")
    series.assert_untouched()


@WITH_AND_WITHOUT_TOKEN
@WITH_AND_WITHOUT_EXPECT
@pytest.mark.parametrize(
    "length", [MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 2000, 1024 * 1024, 3 * 1024 * 1024]
)
def test_a_body_that_is_too_large_is_refused(
    series: SeriesProbe,
    send: Send,
    problem: Problem,
    target: bytes,
    expect: tuple[bytes, ...],
    length: int,
) -> None:
    # The body is never parsed as a request.
    smuggled = series.insert_key(SMUGGLED)
    body = smuggled * (length // len(smuggled)) + b"x" * (length % len(smuggled))
    response = send(http(b"PUT", series.insert_key(target), *expect, body=body))
    problem(response, 413, "body_too_large", applied="no")
    series.assert_untouched()


@WITH_AND_WITHOUT_TOKEN
@pytest.mark.parametrize(
    "chunks",
    [
        b"%x\r\n" % (MAX_BODY_BYTES + 1) + b"x" * (MAX_BODY_BYTES + 1) + b"\r\n0\r\n\r\n",
        (b"%x\r\n" % 1024 + b"x" * 1024 + b"\r\n") * 65 + b"0\r\n\r\n",
        b"8\r\n12345678\r\n" * (MAX_BODY_BYTES // 8 + 1) + b"0\r\n\r\n",
        b"ffffffffffffffff\r\nx",
    ],
    ids=["one chunk", "many chunks", "tiny chunks", "a vast chunk"],
)
def test_a_chunked_body_that_is_too_large_is_refused(
    series: SeriesProbe, send_until_closed: SendUntilClosed, target: bytes, chunks: bytes
) -> None:
    head = http(b"PUT", series.insert_key(target), b"Transfer-Encoding: chunked")
    (response,) = send_until_closed(head + chunks)
    assert response.status in (400, 413)
    assert b"Traceback" not in response.body
    series.assert_untouched()


def test_a_body_after_100_continue_is_read(series: SeriesProbe, send: Send) -> None:
    target = series.insert_key(b"/v1/series/<key>")
    response = send(http(b"PUT", target, b"Expect: 100-continue", body=ADVANCE_BODY))
    assert response is not None
    assert response.json()["value"] == 41
