"""Invalid queries."""

from __future__ import annotations

import pytest

from support.raw_requests import (
    ADVANCE,
    ADVANCE_BODY,
    DELETE,
    GET,
    GET_ENTRY,
    KEY_OR_TOKEN,
    LEDGER,
    LIST,
    PUT,
    PUT_CURRENT,
    ROUTES,
    WRITES,
    Problem,
    Send,
    SeriesProbe,
    http,
)

INVALID_LIMITS = (
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
INVALID_INITIALS = (
    "",
    "-1",
    "x",
    "1.5",
    "1e3",
    "0x10",
    "1_0",
    "%2b5",
    "5%20",
    "5%0a",
    "%d9%a1",
    "null",
    "1.4.2",
    "9223372036854775808",
    "9" * 5000,
)
INVALID_BEFORE = (
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
INVALID_PREFIXES = (
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

ENTRIES = (PUT, GET, GET_ENTRY, ADVANCE)
PAGES = (LIST, LEDGER)


def but(*routes: bytes) -> tuple[bytes, ...]:
    return tuple(route for route in ROUTES if route not in routes)


# The query, the parameter that the error names, and the routes that refuse it.
INVALID_QUERIES: list[tuple[str, str, tuple[bytes, ...]]] = [
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
    ("initial=5", "initial", but(PUT, PUT_CURRENT)),
    ("initial", "initial", (PUT, PUT_CURRENT)),
    *((f"initial={value}", "initial", (PUT, PUT_CURRENT)) for value in INVALID_INITIALS),
    ("initial=5&initial=5", "initial", (PUT,)),
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
    *((f"limit={value}", "limit", PAGES) for value in INVALID_LIMITS),
    ("limit=1&limit=2", "limit", PAGES),
    ("before=1", "before", but(LEDGER)),
    *((f"before={value}", "before", (LEDGER,)) for value in INVALID_BEFORE),
    ("before=1&before=1", "before", (LEDGER,)),
    ("after=a", "after", but(LIST)),
    ("after=a&after=b", "after", (LIST,)),
    ("with_descendants=true", "with_descendants", ROUTES),
    ("names=a", "names", ROUTES),
    ("prefix=a&prefix=b", "prefix", (LIST,)),
    ("prefix=A_", "prefix", but(LIST)),
    ("dotenv_prefix=A_", "dotenv_prefix", ROUTES),
    ("format=json&dotenv_prefix=A_", "dotenv_prefix", ENTRIES),
    ("format=text&dotenv_prefix=A_", "dotenv_prefix", ENTRIES),
    ("format=dotenv&dotenv_prefix=A_&dotenv_prefix=A_", "dotenv_prefix", ENTRIES),
    *(
        (f"format=dotenv&dotenv_prefix={value}", "dotenv_prefix", ENTRIES)
        for value in INVALID_PREFIXES
    ),
    *((f"prefix={value}", "prefix", (LIST,)) for value in ("%ff", "%ed%a0%80", "%zz", "a%2")),
    *((f"after={value}", "after", (LIST,)) for value in ("%ff", "%ed%a0%80", "%zz", "a%2")),
    *((f"{name}=1", "", ROUTES) for name in ("%zz", "%ff", "%00", "%0d%0a", "")),
    *((f"{name}=hunter2", name, ROUTES) for name in ("api_key", "access_token", "token")),
]


@pytest.mark.parametrize(
    ("query", "name", "routes"), INVALID_QUERIES, ids=[row[0][:40] for row in INVALID_QUERIES]
)
def test_an_invalid_query_is_refused_and_named(
    series: SeriesProbe,
    send: Send,
    problem: Problem,
    query: str,
    name: str,
    routes: tuple[bytes, ...],
) -> None:
    for route in routes:
        method, _, path = series.insert_key(route).partition(b" ")
        body = ADVANCE_BODY if route == ADVANCE else b""
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
    series: SeriesProbe, send: Send, problem: Problem, query: bytes
) -> None:
    for route in ROUTES:
        method, _, path = series.insert_key(route).partition(b" ")
        response = send(http(method, path + b"?" + query))
        applied = "no" if method in WRITES else None
        problem(response, 400, "invalid_request", *KEY_OR_TOKEN, applied=applied)
    series.assert_untouched()
