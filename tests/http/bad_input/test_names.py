"""Invalid keys and tokens."""

from __future__ import annotations

import pytest

from support.raw_requests import (
    ADVANCE_BODY,
    KEY_OR_TOKEN,
    WRITES,
    Problem,
    Send,
    SeriesProbe,
    http,
)

INVALID_NAMES = {
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
    "not a hexadecimal escape": b"%zz",
    "not a hexadecimal escape, inside": b"ok%zzok",
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

PATHS = {
    "the key of a PUT": (b"PUT", b"/v1/series/<bad>/T", b"", "invalid_key"),
    "the key of a PUT with reuse": (b"PUT", b"/v1/series/<bad>/T?reuse=any", b"", "invalid_key"),
    "the token of a PUT": (b"PUT", b"/v1/series/<key>/<bad>", b"", "invalid_token"),
    "the key of a GET": (b"GET", b"/v1/series/<bad>", b"", "invalid_key"),
    "the key of a GET of an entry": (b"GET", b"/v1/series/<bad>/T", b"", "invalid_key"),
    "the token of a GET": (b"GET", b"/v1/series/<key>/<bad>", b"", "invalid_token"),
    "the key of an advance": (b"PUT", b"/v1/series/<bad>", ADVANCE_BODY, "invalid_key"),
    "the key of a DELETE": (b"DELETE", b"/v1/series/<bad>?restart=true", b"", "invalid_key"),
    "the key of a ledger": (b"GET", b"/v1/entries/<bad>", b"", "invalid_key"),
}


@pytest.mark.parametrize("name", INVALID_NAMES.values(), ids=INVALID_NAMES.keys())
def test_an_invalid_name_is_refused_in_every_path(
    series: SeriesProbe, send: Send, problem: Problem, name: bytes
) -> None:
    raw_bytes = any(byte > 0x7F for byte in name)
    for where, (method, target, body, code) in PATHS.items():
        request = http(method, series.insert_key(target).replace(b"<bad>", name), body=body)
        response = send(request)
        assert response is not None, where
        assert response.status == 400, (where, response)
        codes = KEY_OR_TOKEN if raw_bytes else (code,)
        problem(response, 400, *codes, applied="no" if method in WRITES else None)
    series.assert_untouched()


@pytest.mark.parametrize(
    "target", [b"/v1/series//", b"/v1/series/%00/%00", b"/v1/series/./..", b"/v1/series/%zz/%"]
)
@pytest.mark.parametrize("method", [b"PUT", b"GET"])
def test_an_invalid_key_with_an_invalid_token_is_refused(
    series: SeriesProbe, send: Send, problem: Problem, method: bytes, target: bytes
) -> None:
    applied = "no" if method in WRITES else None
    problem(send(http(method, target)), 400, *KEY_OR_TOKEN, applied=applied)
    series.assert_untouched()
