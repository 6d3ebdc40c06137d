"""Bodies of `PUT /v1/series/{key}` that are not the expected JSON."""

from __future__ import annotations

import pytest

from support.raw_requests import ADVANCE_BODY, Problem, Send, SeriesProbe, http
from support.server import Client

INVALID_BODIES = {
    "nothing": b"",
    "white space": b" \r\n",
    "null": b"null",
    "a number": b"41",
    "a string": b'"41"',
    "a list": b'[{"value": 41}]',
    "an empty object": b"{}",
    "null value": b'{"value": null}',
    "string value": b'{"value": "41"}',
    "true": b'{"value": true}',
    "list value": b'{"value": [41]}',
    "object value": b'{"value": {"$inc": 41}}',
    "float": b'{"value": 41.5}',
    "whole float": b'{"value": 41.0}',
    "exponent": b'{"value": 41e0}',
    "large exponent": b'{"value": 1e400}',
    "NaN": b'{"value": NaN}',
    "Infinity": b'{"value": Infinity}',
    "-Infinity": b'{"value": -Infinity}',
    "zero": b'{"value": 0}',
    "minus zero": b'{"value": -0}',
    "negative": b'{"value": -41}',
    "the least int64": b'{"value": -9223372036854775808}',
    "one more than the last": b'{"value": 9223372036854775808}',
    "2**64 + 41": b'{"value": 18446744073709551657}',
    "10**30": b'{"value": 1%s}' % (b"0" * 30),
    "5000 digits": b'{"value": 1%s}' % (b"0" * 5000),
    "60000 digits": b'{"value": 1%s}' % (b"0" * 60_000),
    "leading zero": b'{"value": 041}',
    "plus": b'{"value": +41}',
    "hexadecimal": b'{"value": 0x29}',
    "underscore": b'{"value": 4_1}',
    "Arabic digits": '{"value": ٤١}'.encode(),
    "another member": b'{"value": 41, "x": 1}',
    "only another member": b'{"values": 41}',
    "another case": b'{"Value": 41}',
    "the member twice": b'{"value": 40, "value": 41}',
    "the same member twice": b'{"value": 41, "value": 41}',
    "the member twice, once escaped": b'{"value": 41, "\\u0076alue": 41}',
    "lone surrogate as member": b'{"value": 41, "\\ud800": 1}',
    "only a lone surrogate": b'{"\\udfff": 1}',
    "lone surrogate as value": b'{"value": "\\ud800"}',
    "nul in a member": b'{"value": 41, "\\u0000": 1}',
    "__proto__": b'{"value": 41, "__proto__": {}}',
    "the entry": b'{"creator_id": 1, "key": "k", "token": "T", "value": 41}',
    "text after": b'{"value": 41} x',
    "two objects": b'{"value": 41}{"value": 41}',
    "cut": b'{"value": 41',
    "single quotes": b"{'value': 41}",
    "no quotes": b"{value: 41}",
    "comma at the end": b'{"value": 41,}',
    "comment": b'{"value": 41} // forty-one',
    "form": b"value=41",
    "byte ff": b'{"value": 41}\xff',
    "invalid UTF-8 in a member": b'{"\xff": 41}',
    "UTF-16": '{"value": 41}'.encode("utf-16"),
    "UTF-16 without a mark": '{"value": 41}'.encode("utf-16-le"),
    "UTF-32": '{"value": 41}'.encode("utf-32"),
    "nul after": b'{"value": 41}\x00',
    "deep lists": b"[" * 60_000,
    "deep closed lists": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"value":' * 7_000,
    "deep value": b'{"value": %s%s}' % (b"[" * 30_000, b"]" * 30_000),
}


@pytest.mark.parametrize("body", INVALID_BODIES.values(), ids=INVALID_BODIES.keys())
def test_an_invalid_body_is_refused(
    series: SeriesProbe, send: Send, problem: Problem, body: bytes
) -> None:
    target = series.insert_key(b"/v1/series/<key>")
    response = send(http(b"PUT", target, b"Content-Type: application/json", body=body))
    problem(response, 400, "invalid_request", applied="no")
    series.assert_untouched()


@pytest.mark.parametrize("body", [b"", b"41", b'{"value": 0}', b'{"value": true}'])
def test_a_refused_body_creates_no_series(
    client: Client, fresh_key: str, send: Send, problem: Problem, body: bytes
) -> None:
    response = send(http(b"PUT", f"/v1/series/{fresh_key}".encode(), body=body))
    problem(response, 400, "invalid_request", applied="no")
    response = client.request("GET", f"/v1/series/{fresh_key}")
    problem(response, 404, "series_not_found")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Type: multipart/form-data; boundary=b",
        b"Content-Type: multipart/form-data",
        b"Content-Type: application/xml",
        b"Content-Type: application/jsonx",
        b"Content-Type: application/octet-stream",
        b"Content-Type: */*",
        b"Content-Type: json",
        b"Content-Type: nonsense",
        b"Content-Type: text/plain; x=application/json",
        b"Content-Type: \xff",
        b"Content-Encoding: gzip",
        b"Content-Encoding: deflate",
        b"Content-Encoding: br",
        b"Content-Encoding: nonsense",
        b"Content-Encoding: identity, gzip",
    ],
    ids=lambda header: header.decode("latin-1"),
)
def test_a_body_of_another_type_than_json_is_refused(
    series: SeriesProbe, send: Send, problem: Problem, header: bytes
) -> None:
    headers = [header]
    if header.startswith(b"Content-Encoding"):
        headers.append(b"Content-Type: application/json")
    response = send(
        http(b"PUT", series.insert_key(b"/v1/series/<key>"), *headers, body=ADVANCE_BODY)
    )
    problem(response, 415, "unsupported_media_type", applied="no")
    series.assert_untouched()
