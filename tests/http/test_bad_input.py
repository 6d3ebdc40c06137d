"""Requests that no client library would send, as bytes, and what each comes to.

Each row aims at a series that stands at 1 and asserts that nothing changed, in it or in any other,
and that the server counts on.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.server import Client, Response, Server, raw

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], Response | None]
SendUntilClosed = Callable[[bytes], list[Response]]

MAX_BODY = 64 * 1024
KEY_OR_TOKEN = ("invalid_key", "invalid_token")
WRITES = (b"PUT", b"DELETE", b"POST")


@dataclass
class Series:
    """A series at 1, and all that the server holds."""

    client: Client
    key: str

    def __post_init__(self) -> None:
        assert self.put("before") == 1
        self._held = self._everything()

    def put(self, token: str) -> int:
        response = self.client.request("PUT", f"/v1/series/{self.key}/{token}")
        assert response.status == 200, response
        return response.json()["value"]

    def aimed_at(self, template: bytes) -> bytes:
        return template.replace(b"<key>", self.key.encode())

    def _everything(self) -> list[Any]:
        ledger = self.client.request("GET", f"/v1/entries/{self.key}")
        held = [ledger.json()]
        after = ""
        while True:
            response = self.client.request("GET", f"/v1/series?limit=1000{after}")
            assert response.status == 200, response
            held.append(response.json()["series"])
            if (following := response.json()["next"]) is None:
                return held
            after = f"&after={following}"

    def assert_untouched(self) -> None:
        assert self._everything() == self._held
        assert self.put("after") == 2


@pytest.fixture
def series(client: Client, fresh_key: str) -> Iterator[Series]:
    """A series that stands at 1, and is gone after the test."""
    yield Series(client, fresh_key)
    client.request("DELETE", f"/v1/series/{fresh_key}?restart=true")


def http(
    method: bytes, target: bytes, *headers: bytes, body: bytes = b"", host: bytes = b"127.0.0.1"
) -> bytes:
    """A request in which only the given parts may be wrong."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, *headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def check_bare(response: Response | None) -> None:
    """A 400 of the HTTP parser has no document; that of a handler is one. Neither tells more."""
    assert response is not None
    assert response.status == 400
    assert response.body == b"" or "code" in response.json()
    assert b"Traceback" not in response.body


# --- Keys and tokens -----------------------------------------------------------------------------

BAD_NAMES = {
    "empty": b"",
    "nul": b"%00",
    "nul inside": b"ok%00ok",
    "nul at the end": b"ok%00",
    "line break": b"%0d%0a",
    "line break inside": b"ok%0aok",
    "line break at the end": b"ok%0a",
    "tab": b"%09",
    "escape sequence": b"%1b%5b31m",
    "unit separator": b"%1f",
    "delete": b"%7f",
    "first C1 control": b"%c2%80",
    "next line": b"%c2%85",
    "last C1 control": b"ok%c2%9F",
    "byte ff": b"%ff",
    "lone continuation byte": b"%80",
    "overlong slash": b"%c0%af",
    "overlong nul": b"%c0%80",
    "surrogate": b"%ed%a0%80",
    "surrogate pair": b"%ed%a0%bd%ed%b8%80",
    "beyond Unicode": b"%f4%90%80%80",
    "cut character": b"ok%e2%82",
    "Latin-1": b"caf%e9",
    "no hexadecimal escape": b"%zz",
    "no hexadecimal escape inside": b"ok%zzok",
    "half an escape": b"a%2",
    "percent at the end": b"a%",
    "percent alone": b"%",
    "two percents": b"%%",
    "half a hexadecimal escape": b"%2x",
    "escape with a sign": b"%+1",
    "escape with an underscore": b"%1_",
    "JavaScript's escape": b"%u0041",
    "raw UTF-8": "café".encode(),
    "raw emoji": "🦊".encode(),
    "raw Latin-1": b"caf\xe9",
    "raw byte ff": b"\xff",
    "raw C1 control": b"ok\x85",
    "raw no-break space": b"ok\xa0",
    "dot": b".",
    "two dots": b"..",
    "escaped dot": b"%2e",
    "escaped dots": b"%2E%2e",
    "half escaped dots": b".%2e",
    "257 characters": b"x" * 257,
    "257 escaped characters": b"%61" * 257,
    "257 characters of two bytes": b"%c3%a9" * 257,
    "257 characters of four bytes": b"%F0%9F%98%80" * 257,
    "10000 characters": b"x" * 10_000,
}

RAISE = b'{"value": 41}'
SMUGGLED = b"PUT /v1/series/<key>/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PLACES = {
    "the key of a PUT": (b"PUT", b"/v1/series/<bad>/T", b"", "invalid_key"),
    "the key of a PUT with reuse": (b"PUT", b"/v1/series/<bad>/T?reuse=any", b"", "invalid_key"),
    "the token of a PUT": (b"PUT", b"/v1/series/<key>/<bad>", b"", "invalid_token"),
    "the key of a GET": (b"GET", b"/v1/series/<bad>", b"", "invalid_key"),
    "the key of a GET of an entry": (b"GET", b"/v1/series/<bad>/T", b"", "invalid_key"),
    "the token of a GET": (b"GET", b"/v1/series/<key>/<bad>", b"", "invalid_token"),
    "the key of a raise": (b"PUT", b"/v1/series/<bad>", RAISE, "invalid_key"),
    "the key of a DELETE": (b"DELETE", b"/v1/series/<bad>?restart=true", b"", "invalid_key"),
    "the key of a ledger": (b"GET", b"/v1/entries/<bad>", b"", "invalid_key"),
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_a_bad_name_is_refused_wherever_it_stands(
    series: Series, send: Send, problem: Problem, name: bytes
) -> None:
    raw_bytes = any(byte > 0x7F for byte in name)
    for place, (method, target, body, code) in PLACES.items():
        request = http(method, series.aimed_at(target).replace(b"<bad>", name), body=body)
        response = send(request)
        assert response is not None, place
        assert response.status == 400, (place, response)
        codes = KEY_OR_TOKEN if raw_bytes else (code,)
        problem(response, 400, *codes, applied="no" if method in WRITES else None)
    series.assert_untouched()


@pytest.mark.parametrize(
    "target", [b"/v1/series//", b"/v1/series/%00/%00", b"/v1/series/./..", b"/v1/series/%zz/%"]
)
@pytest.mark.parametrize("method", [b"PUT", b"GET"])
def test_a_bad_key_with_a_bad_token_is_refused_for_one_of_them(
    series: Series, send: Send, problem: Problem, method: bytes, target: bytes
) -> None:
    applied = "no" if method in WRITES else None
    problem(send(http(method, target)), 400, *KEY_OR_TOKEN, applied=applied)
    series.assert_untouched()


# --- Paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/v2",
        b"/v1/none",
        b"/v1/none/<key>/T",
        b"/v1/series/<key>/T/U",
        b"/v1/series/<key>/T/",
        b"/v1/series/org/<key>/T",
        b"/v1/entries/<key>/T",
        b"/V1/series/<key>/T",
        b"/v1/Series/<key>/T",
        b"//v1/series/<key>/T",
        b"/v1//series/<key>/T",
        b"/v1/../v1/series/<key>/T",
        b"/./v1/series/<key>/T",
        b"/v1/series%2f<key>/T",
        b"/x/v1/series/<key>/T",
        b"/livez/<key>",
        b"/favicon.ico",
        b"/static/../../../etc/passwd",
        b"/index.html",
    ],
    ids=bytes.decode,
)
def test_a_path_that_is_none_is_not_found(
    series: Series, send: Send, problem: Problem, target: bytes
) -> None:
    for method in (b"GET", b"PUT", b"DELETE", b"POST"):
        response = send(http(method, series.aimed_at(target)))
        problem(response, 404, "not_found", applied="no" if method in WRITES else None)
    series.assert_untouched()


@pytest.mark.parametrize(
    "target",
    [
        b"http://127.0.0.1/v1/series/<key>/T",
        b"http://evil.example/v1/series/<key>/T",
        b"v1/series/<key>/T",
        b"*",
        b"127.0.0.1:80",
        b"\\v1\\series\\<key>\\T",
    ],
    ids=bytes.decode,
)
def test_a_target_of_another_form_reaches_nothing(
    series: Series, send: Send, target: bytes
) -> None:
    for method in (b"GET", b"PUT", b"CONNECT", b"OPTIONS"):
        response = send(http(method, series.aimed_at(target)))
        assert response is not None
        assert response.status in (400, 404, 405)
    series.assert_untouched()


# --- Queries -------------------------------------------------------------------------------------

PUT = b"PUT /v1/series/<key>/T"
PUT_CURRENT = b"PUT /v1/series/<key>/before"
GET = b"GET /v1/series/<key>"
GET_ENTRY = b"GET /v1/series/<key>/before"
RAISE_IT = b"PUT /v1/series/<key>"
DELETE = b"DELETE /v1/series/<key>"
LIST = b"GET /v1/series"
LEDGER = b"GET /v1/entries/<key>"
ROUTES = (PUT, PUT_CURRENT, GET, GET_ENTRY, RAISE_IT, DELETE, LIST, LEDGER)

BAD_LIMITS = (
    "0",
    "-1",
    "1001",
    "",
    "x",
    "1.0",
    "1e2",
    "0x10",
    "1_0",
    "+5",
    "%2b5",
    "%205",
    "5%20",
    "5%0a",
    "%d9%a1",
    "%ef%bc%95",
    "99999999999999999999",
    "9" * 5000,
    "null",
    "true",
)
BAD_BEFORE = (
    "",
    "x",
    "1.5",
    "1e3",
    "true",
    "null",
    "1_0",
    "5%0a",
    "%d9%a1",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 5000,
)
BAD_PREFIXES = (
    "",
    "1A",
    "A-B",
    "A.B",
    "A%20B",
    "A%3dB",
    "A%24B",
    "A%0a",
    "A%0aB",
    "%0aA",
    "A%00",
    "A%3bB",
    "%c3%89",
    "%60id%60",
    "A" * 65,
)

ENTRIES = (PUT, GET, GET_ENTRY, RAISE_IT)
PAGES = (LIST, LEDGER)


def but(*routes: bytes) -> tuple[bytes, ...]:
    return tuple(route for route in ROUTES if route not in routes)


# The query, the parameter that the answer names, and where it is not understood.
BAD_QUERIES: list[tuple[str, str, tuple[bytes, ...]]] = [
    ("x=1", "x", ROUTES),
    ("x", "x", ROUTES),
    ("reuse=any&x=1", "x", (PUT,)),
    ("Reuse=any", "Reuse", (PUT, PUT_CURRENT)),
    ("reuse=any", "reuse", but(PUT, PUT_CURRENT)),
    ("reuse", "reuse", (PUT, PUT_CURRENT)),
    *(
        (f"reuse={value}", "reuse", (PUT, PUT_CURRENT))
        for value in ("", "ANY", "all", "any%20", "any%00", "true", "any;x=1", "any,current")
    ),
    ("reuse=any&reuse=any", "reuse", (PUT,)),
    ("reuse=any&reuse=current", "reuse", (PUT,)),
    ("reuse=any&re%75se=any", "reuse", (PUT,)),
    ("restart=true", "restart", but(DELETE)),
    ("restart", "restart", (DELETE,)),
    *(
        (f"restart={value}", "restart", (DELETE,))
        for value in ("", "1", "0", "yes", "TRUE", "True", "true%20", "true%00")
    ),
    ("restart=true&restart=true", "restart", (DELETE,)),
    ("restart=true&restart=false", "restart", (DELETE,)),
    *(
        (f"format={value}", "format", ENTRIES)
        for value in ("", "xml", "JSON", "text/plain", "json%20", "html")
    ),
    ("format=text&format=text", "format", ENTRIES),
    ("format=text&format=json", "format", ENTRIES),
    ("limit=1", "limit", but(LIST, LEDGER)),
    *((f"limit={value}", "limit", PAGES) for value in BAD_LIMITS),
    ("limit=1&limit=2", "limit", PAGES),
    ("before=1", "before", but(LEDGER)),
    *((f"before={value}", "before", (LEDGER,)) for value in BAD_BEFORE),
    ("before=1&before=1", "before", (LEDGER,)),
    ("after=a", "after", but(LIST)),
    ("after=a&after=b", "after", (LIST,)),
    ("prefix=a&prefix=b", "prefix", (LIST,)),
    ("prefix=A_", "prefix", but(LIST)),
    ("dotenv_prefix=A_", "dotenv_prefix", ROUTES),
    ("format=json&dotenv_prefix=A_", "dotenv_prefix", ENTRIES),
    ("format=text&dotenv_prefix=A_", "dotenv_prefix", ENTRIES),
    ("format=dotenv&dotenv_prefix=A_&dotenv_prefix=A_", "dotenv_prefix", ENTRIES),
    *((f"format=dotenv&dotenv_prefix={value}", "dotenv_prefix", ENTRIES) for value in BAD_PREFIXES),
    *((f"prefix={value}", "prefix", (LIST,)) for value in ("%ff", "%ed%a0%80", "%zz", "a%2")),
    *((f"after={value}", "after", (LIST,)) for value in ("%ff", "%ed%a0%80", "%zz", "a%2")),
    *((f"{name}=1", "", ROUTES) for name in ("%zz", "%ff", "%00", "%0d%0a", "")),
    *((f"{name}=hunter2", name, ROUTES) for name in ("api_key", "access_token", "token")),
]


@pytest.mark.parametrize(
    ("query", "name", "routes"), BAD_QUERIES, ids=[row[0][:40] for row in BAD_QUERIES]
)
def test_a_query_that_is_not_understood_is_refused_by_name(
    series: Series, send: Send, problem: Problem, query: str, name: str, routes: tuple[bytes, ...]
) -> None:
    for route in routes:
        method, _, path = series.aimed_at(route).partition(b" ")
        body = RAISE if route == RAISE_IT else b""
        response = send(http(method, path + b"?" + query.encode(), body=body))
        applied = "no" if method in WRITES else None
        document = problem(response, 400, "invalid_request", applied=applied)
        assert name in document["detail"], route
        assert "hunter2" not in response.text
    series.assert_untouched()


@pytest.mark.parametrize(
    "query", ["prefix=é".encode(), b"limit=\xff", b"reuse=any\xa0", b"\xe9=1", b"format=\x85"]
)
def test_raw_bytes_in_a_query_are_refused(
    series: Series, send: Send, problem: Problem, query: bytes
) -> None:
    for route in ROUTES:
        method, _, path = series.aimed_at(route).partition(b" ")
        response = send(http(method, path + b"?" + query))
        applied = "no" if method in WRITES else None
        problem(response, 400, "invalid_request", *KEY_OR_TOKEN, applied=applied)
    series.assert_untouched()


# --- Bodies --------------------------------------------------------------------------------------

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="value"; filename="x"\r\n\r\n41\r\n--b--\r\n'
)
IGNORED_BODIES = {
    "empty object": ((b"Content-Type: application/json",), b"{}"),
    "a raise": ((b"Content-Type: application/json",), RAISE),
    "broken JSON": ((b"Content-Type: application/json",), b'{"value": '),
    "form": ((b"Content-Type: application/x-www-form-urlencoded",), b"reuse=any&token=x&%zz=%ff"),
    "multipart": ((b"Content-Type: multipart/form-data; boundary=b",), MULTIPART),
    "cut multipart": ((b"Content-Type: multipart/form-data; boundary=b",), MULTIPART[:30]),
    "multipart without boundary": ((b"Content-Type: multipart/form-data",), MULTIPART),
    "multipart with 10000 parts": (
        (b"Content-Type: multipart/form-data; boundary=b",),
        b"--b\r\n\r\n\r\n" * 6000,
    ),
    "said to be gzip": ((b"Content-Encoding: gzip",), b"\x1f\x8b not gzip"),
    "said to be br": ((b"Content-Encoding: br", b"Content-Type: text/plain"), b"\x00"),
    "no type": ((), b"\x00\xff\r\n"),
    "malformed type": ((b"Content-Type: ;;=",), b"x"),
    "64 KiB": ((), b"x" * MAX_BODY),
    "another request": ((), SMUGGLED),
}


@pytest.mark.parametrize(("headers", "body"), IGNORED_BODIES.values(), ids=IGNORED_BODIES.keys())
def test_the_body_of_a_put_is_ignored(
    series: Series, send_until_closed: SendUntilClosed, headers: tuple[bytes, ...], body: bytes
) -> None:
    target = series.aimed_at(b"/v1/series/<key>/before")
    body = series.aimed_at(body)
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
        b"10000\r\n" + b"x" * MAX_BODY + b"\r\n0\r\n\r\n",
    ],
    ids=["empty", "one chunk", "two chunks", "64 KiB"],
)
def test_the_chunked_body_of_a_put_is_ignored(series: Series, send: Send, chunks: bytes) -> None:
    target = series.aimed_at(b"/v1/series/<key>/before")
    response = send(http(b"PUT", target, b"Transfer-Encoding: chunked") + chunks)
    assert response is not None
    assert response.status == 200
    series.assert_untouched()


def test_a_chunked_raise_raises(series: Series, send: Send) -> None:
    target = series.aimed_at(b"/v1/series/<key>")
    chunks = b'6\r\n{"valu\r\n7\r\ne": 41}\r\n0\r\n\r\n'
    response = send(http(b"PUT", target, b"Transfer-Encoding: chunked") + chunks)
    assert response is not None
    assert response.json()["value"] == 41


EXPECTING = pytest.mark.parametrize("expect", [(), (b"Expect: 100-continue",)], ids=["", "asks"])
WITH_AND_WITHOUT_TOKEN = pytest.mark.parametrize(
    "target", [b"/v1/series/<key>/T", b"/v1/series/<key>"], ids=bytes.decode
)


@WITH_AND_WITHOUT_TOKEN
@EXPECTING
@pytest.mark.parametrize("length", [10**9, 2**63, 10**30])
def test_a_body_that_says_it_is_vast_is_refused_before_it_is_sent(
    series: Series,
    send_until_closed: SendUntilClosed,
    problem: Problem,
    target: bytes,
    expect: tuple[bytes, ...],
    length: int,
) -> None:
    declared = b"Content-Length: %d" % length
    (response,) = send_until_closed(http(b"PUT", series.aimed_at(target), declared, *expect))
    problem(response, 413, "body_too_large", applied="no")
    series.assert_untouched()


@WITH_AND_WITHOUT_TOKEN
@EXPECTING
@pytest.mark.parametrize("length", [MAX_BODY + 1, MAX_BODY + 2000, 1024 * 1024, 3 * 1024 * 1024])
def test_a_body_that_is_too_large_is_refused(
    series: Series,
    send: Send,
    problem: Problem,
    target: bytes,
    expect: tuple[bytes, ...],
    length: int,
) -> None:
    # What is in the body is never read as a request.
    smuggled = series.aimed_at(SMUGGLED)
    body = smuggled * (length // len(smuggled)) + b"x" * (length % len(smuggled))
    response = send(http(b"PUT", series.aimed_at(target), *expect, body=body))
    problem(response, 413, "body_too_large", applied="no")
    series.assert_untouched()


@WITH_AND_WITHOUT_TOKEN
@pytest.mark.parametrize(
    "chunks",
    [
        b"%x\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1) + b"\r\n0\r\n\r\n",
        (b"%x\r\n" % 1024 + b"x" * 1024 + b"\r\n") * 65 + b"0\r\n\r\n",
        b"8\r\n12345678\r\n" * (MAX_BODY // 8 + 1) + b"0\r\n\r\n",
        b"ffffffffffffffff\r\nx",
    ],
    ids=["one chunk", "many chunks", "tiny chunks", "a vast chunk"],
)
def test_a_chunked_body_that_is_too_large_is_refused(
    series: Series, send_until_closed: SendUntilClosed, target: bytes, chunks: bytes
) -> None:
    head = http(b"PUT", series.aimed_at(target), b"Transfer-Encoding: chunked")
    (response,) = send_until_closed(head + chunks)
    assert response.status in (400, 413)
    assert b"Traceback" not in response.body
    series.assert_untouched()


def test_a_body_that_the_server_is_asked_for_is_read(series: Series, send: Send) -> None:
    target = series.aimed_at(b"/v1/series/<key>")
    response = send(http(b"PUT", target, b"Expect: 100-continue", body=RAISE))
    assert response is not None
    assert response.json()["value"] == 41


BAD_RAISES = {
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


@pytest.mark.parametrize("body", BAD_RAISES.values(), ids=BAD_RAISES.keys())
def test_a_raise_that_is_not_understood_is_refused(
    series: Series, send: Send, problem: Problem, body: bytes
) -> None:
    target = series.aimed_at(b"/v1/series/<key>")
    response = send(http(b"PUT", target, b"Content-Type: application/json", body=body))
    problem(response, 400, "invalid_request", applied="no")
    series.assert_untouched()


@pytest.mark.parametrize("body", [b"", b"41", b'{"value": 0}', b'{"value": true}'])
def test_a_refused_raise_makes_no_series(
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
def test_a_raise_in_another_form_than_json_is_refused(
    series: Series, send: Send, problem: Problem, header: bytes
) -> None:
    headers = [header]
    if header.startswith(b"Content-Encoding"):
        headers.append(b"Content-Type: application/json")
    response = send(http(b"PUT", series.aimed_at(b"/v1/series/<key>"), *headers, body=RAISE))
    problem(response, 415, "unsupported_media_type", applied="no")
    series.assert_untouched()


# --- Methods -------------------------------------------------------------------------------------


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
def test_a_method_that_is_none_is_refused(
    series: Series, send: Send, problem: Problem, method: bytes, target: bytes, allowed: str
) -> None:
    response = send(http(method, series.aimed_at(target), body=RAISE))
    assert response is not None
    assert response.status == 405
    # Whether a method that nobody knows is a write is left open.
    applied = "no" if method in WRITES else response.json().get("applied")
    problem(response, 405, "method_not_allowed", applied=applied)
    assert sorted(name.strip() for name in response.headers["Allow"].split(",")) == allowed.split()
    series.assert_untouched()


@pytest.mark.parametrize(
    "header",
    [b"X-HTTP-Method-Override: DELETE", b"X-HTTP-Method: PUT", b"X-Method-Override: DELETE"],
    ids=bytes.decode,
)
def test_a_method_is_overridden_by_nothing(series: Series, send: Send, header: bytes) -> None:
    response = send(http(b"GET", series.aimed_at(b"/v1/series/<key>"), header))
    assert response is not None
    assert response.status == 200
    response = send(http(b"POST", series.aimed_at(b"/v1/series/<key>"), header))
    assert response is not None
    assert response.status == 405
    series.assert_untouched()


# --- Host ----------------------------------------------------------------------------------------


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
def test_a_host_that_is_no_loopback_name_is_refused(
    series: Series, send: Send, problem: Problem, host: bytes
) -> None:
    for route in ROUTES:
        method, _, path = series.aimed_at(route).partition(b" ")
        body = RAISE if route == RAISE_IT else b""
        # What a browser sends for a page of that host; and what a proxy would add.
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
def test_a_malformed_host_is_refused(series: Series, send: Send, host: bytes) -> None:
    for method, path in ((b"PUT", b"/v1/series/<key>/T"), (b"GET", b"/v1/series/<key>")):
        check_bare(send(http(method, series.aimed_at(path), host=host)))
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
def test_a_request_has_one_host(series: Series, send: Send, lines: bytes) -> None:
    request = series.aimed_at(b"PUT /v1/series/<key>/T HTTP/1.1\r\n" + lines + b"\r\n")
    check_bare(send(request))
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
def test_a_loopback_host_is_served(series: Series, send: Send, host: bytes) -> None:
    response = send(http(b"PUT", series.aimed_at(b"/v1/series/<key>/T"), host=host))
    assert response is not None
    assert response.status == 200


# --- Framing -------------------------------------------------------------------------------------

CHUNKED = b"Transfer-Encoding: chunked"
TARGET = b"/v1/series/<key>/T"
LINE = b"PUT /v1/series/<key>/T HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"

BAD_FRAMES = {
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
    "chunk longer than it says": http(b"PUT", TARGET, CHUNKED) + b"1\r\nxx\r\n0\r\n\r\n",
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


@pytest.mark.parametrize("request_bytes", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_a_malformed_request_is_refused_and_what_follows_it_is_not_read(
    series: Series, send_until_closed: SendUntilClosed, request_bytes: bytes
) -> None:
    (response,) = send_until_closed(series.aimed_at(request_bytes + SMUGGLED))
    check_bare(response)
    series.assert_untouched()


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
def test_a_request_that_servers_differ_about_is_answered_or_refused(
    series: Series, send: Send, request_bytes: bytes
) -> None:
    response = send(series.aimed_at(request_bytes))
    assert response is not None
    assert response.status in (200, 400)
    if response.status == 200:
        assert response.json()["value"] == 1
    series.assert_untouched()


def test_requests_sent_together_are_answered_in_order(
    series: Series, send_until_closed: SendUntilClosed
) -> None:
    requests = [
        http(b"PUT", b"/v1/series/<key>/%d" % n, body=b"PUT / HTTP/1.1\r\n\r\n") for n in range(10)
    ]
    last = http(b"GET", b"/v1/series/<key>", b"Connection: close")
    answers = send_until_closed(series.aimed_at(b"".join([*requests, last])))
    assert [answer.json()["value"] for answer in answers] == [*range(2, 12), 11]


@pytest.mark.parametrize(
    "header",
    [
        b"X-Forwarded-For: 10.0.0.1",
        b"X-Real-Ip: nonsense",
        b"X-Forwarded-Proto: gopher",
        b"X-Forwarded-Host: example.com",
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
        b"Origin: http://example.com",
        b"TE: trailers",
    ],
    ids=lambda header: header.decode("latin-1")[:40],
)
def test_a_header_that_nobody_asked_for_changes_no_put(
    series: Series, send: Send, header: bytes
) -> None:
    response = send(http(b"PUT", series.aimed_at(b"/v1/series/<key>/before"), header))
    assert response is not None
    assert response.status == 200
    assert response.json()["value"] == 1
    assert response.headers["Content-Encoding"] is None
    assert response.headers["Access-Control-Allow-Origin"] is None
    series.assert_untouched()


# --- What is left behind -------------------------------------------------------------------------


def test_a_caller_that_hangs_up_within_a_request_changes_nothing(
    server: Server, series: Series
) -> None:
    whole = series.aimed_at(http(b"PUT", b"/v1/series/<key>/T", body=b"0123456789"))
    for length in range(1, len(whole)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(whole[:length])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    series.assert_untouched()


def test_a_caller_that_does_not_read_its_answer_may_ask_again(
    server: Server, client: Client, fresh_key: str
) -> None:
    request = http(b"PUT", f"/v1/series/{fresh_key}/T?reuse=any".encode())
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(request)
    response = client.request("PUT", f"/v1/series/{fresh_key}/T?reuse=any")
    assert response.json()["value"] == 1
    ledger = client.request("GET", f"/v1/entries/{fresh_key}").json()
    assert [entry["value"] for entry in ledger["entries"]] == [1]


def test_the_log_has_a_line_for_each_request_and_no_secret(tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path / 'monotron.db'}") as server:
        for n, target in enumerate(
            (
                b"/v1/series/logged/T?api_key=hunter2",
                b"/v1/series/logged/T?access_token=hunter2",
                b"/v1/series/logged/T?token=hunter2&reuse=any",
                b"/v1/series/logged%0d%0aforged%1b%5b31m/T",
                b"/v1/series/logged%E2%80%A8forged/T",
                "/v1/series/logged-é".encode() + b"\x85\x9b31m/T",
                b"/v1/series/logged/T",
            )
        ):
            headers = (
                b"X-Request-Id: logged-%d" % n,
                b"Authorization: Basic hunter2",
                b"Cookie: hunter2",
            )
            received = raw(server.port, http(b"PUT", target, *headers))
            assert b"X-Request-Id: logged-%d\r\n" % n in received
            assert b"hunter2" not in received
        assert server.stop() == 0
        log = server.log()
    assert "hunter2" not in log
    assert "Traceback" not in log
    assert "\x1b" not in log
    # Every line break that some reader of a log knows.
    requests = [json.loads(line) for line in log.splitlines() if "/v1/series/logged" in line]
    assert [line["status"] for line in requests] == [400, 400, 400, 400, 200, 400, 200]
    for n, line in enumerate(requests):
        assert f"logged-{n}" in line.values()
        assert "PUT" in line.values()
        assert all(ord(character) >= 0x20 for character in line["path"])
        assert "?" not in line["path"]
