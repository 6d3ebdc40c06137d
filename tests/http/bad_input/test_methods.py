"""Unsupported methods."""

from __future__ import annotations

import pytest

from support.raw_requests import (
    ADVANCE_BODY,
    WRITES,
    Problem,
    Send,
    SeriesProbe,
    http,
)


@pytest.mark.parametrize(
    "method",
    [b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"FOO", b"put", b"Put", b"POST", b"PROPFIND"],
    ids=bytes.decode,
)
@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        (b"/v1/series/<key>/T", "GET HEAD PUT"),
        (b"/v1/series/<key>", "DELETE GET HEAD PUT"),
        (b"/v1/series", "GET HEAD"),
    ],
    ids=["entry", "series", "list"],
)
def test_an_unsupported_method_is_refused(
    series: SeriesProbe, send: Send, problem: Problem, method: bytes, target: bytes, allowed: str
) -> None:
    response = send(http(method, series.insert_key(target), body=ADVANCE_BODY))
    assert response is not None
    assert response.status == 405
    # It is not defined whether an unknown method is a write.
    applied = "no" if method in WRITES else response.json().get("applied")
    problem(response, 405, "method_not_allowed", applied=applied)
    assert sorted(name.strip() for name in response.headers["Allow"].split(",")) == allowed.split()
    series.assert_untouched()


@pytest.mark.parametrize(
    "header",
    [b"X-HTTP-Method-Override: DELETE", b"X-HTTP-Method: PUT", b"X-Method-Override: DELETE"],
    ids=bytes.decode,
)
def test_a_header_does_not_override_the_method(
    series: SeriesProbe, send: Send, header: bytes
) -> None:
    response = send(http(b"GET", series.insert_key(b"/v1/series/<key>"), header))
    assert response is not None
    assert response.status == 200
    response = send(http(b"POST", series.insert_key(b"/v1/series/<key>"), header))
    assert response is not None
    assert response.status == 405
    series.assert_untouched()
