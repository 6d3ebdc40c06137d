"""Who may send which request: the expected rights of every route, independent of the code.

`tests/http/test_access_matrix.py` sends each request as each caller, and compares. A new route or
method needs a row in `ROWS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from support.routes import Call, calls, page_calls

PUBLIC = "no credentials"
OPTIONAL = "no credentials, or valid ones"
ROOT_KEY = "the root key"
ANY_CREDENTIAL = "any credentials"

Subject = Literal["key", "name", "names"]
"""What name patterns apply to: the name of the path's series, the version name of the path, or the
name patterns that are granted (in the body, or in the API key or trust policy of the path)."""

NAMES = ("shop", "shop-major", "shop-payments", "other")

PATTERNS = ("*", "shop", "shop-*")

USABLE: dict[Subject, dict[str, set[str]]] = {
    "key": {"*": {*NAMES}, "shop": {"shop", "shop-major"}, "shop-*": {"shop-payments"}},
    "name": {"*": {*NAMES}, "shop": {"shop"}, "shop-*": {"shop-major", "shop-payments"}},
    "names": {"*": {*NAMES}, "shop": {"shop"}, "shop-*": {"shop-major", "shop-payments"}},
}
"""The names that a credential with this pattern may use. As the key of a series, `shop-major`
belongs to the version name `shop`."""


@dataclass(frozen=True)
class Row:
    """What a request requires."""

    needs: str
    """A scope, `PUBLIC`, `OPTIONAL`, `ANY_CREDENTIAL` or `ROOT_KEY`."""
    subject: Subject | None = None
    refusal: int = 403
    """The status if the name patterns, or the scopes to grant, do not permit the request."""
    grants: str | None = None
    """A scope that the API key or trust policy has, which the caller must have as well."""
    also_needs: str | None = None
    """A second scope."""
    body: str = ""
    """`{name}` is replaced by the name, and `{number}` by a higher number than before."""
    mongodb: int = 200
    """The status of a permitted request on MongoDB."""


_TRUST = (
    '{{"issuer": "{issuer}", "claims": {{"repository_id": "999", "ref": "refs/heads/main"}}, '
    '"scopes": ["read:series"], "names": ["{name}"]}}'
)
_A = "/v1/accounts/{accounts}"
_SERIES = _A + "/series/{series}"
_VERSIONS = _A + "/versions/{versions}"
_ATTRIBUTES = _A + "/tokens/{tokens}/{tokens_2}/attrs"

ROWS: dict[str, Row] = {
    "GET /": Row(PUBLIC),
    "GET / as HTML": Row("read:series"),
    "GET /v1": Row(PUBLIC),
    "GET /livez": Row(PUBLIC),
    "GET /readyz": Row(PUBLIC),
    f"GET {_A}/series": Row("read:series"),
    f"GET {_SERIES}": Row("read:series", "key"),
    f"PUT {_SERIES}": Row("write:series", "key", body='{{"value": {number}}}'),
    f"DELETE {_SERIES}": Row("delete:series", "key"),
    f"GET {_SERIES}/{{series_2}}": Row("read:series", "key"),
    f"PUT {_SERIES}/{{series_2}}": Row("write:series", "key"),
    f"GET {_A}/entries/{{entries}}": Row("read:series", "key"),
    f"GET {_A}/versions": Row("read:series"),
    f"GET {_A}/recent": Row("read:series"),
    f"GET {_VERSIONS}": Row("read:series", "name"),
    f"PUT {_VERSIONS}": Row("write:series", "name", body='{{"version": "{number}.0.0"}}'),
    f"GET {_VERSIONS}/{{versions_2}}": Row("read:series", "name"),
    f"PUT {_VERSIONS}/{{versions_2}}": Row("write:series", "name"),
    f"PUT {_VERSIONS}/{{versions_2}}?bump=auto": Row("write:series", "name", body="fix: a"),
    f"PUT {_VERSIONS}/{{versions_2}}?dry_run=true": Row("read:series", "name"),
    f"PUT {_VERSIONS}/{{versions_2}}?dry_run=false": Row("write:series", "name"),
    f"GET {_A}/releases/{{releases}}": Row("read:series", "name"),
    f"GET {_A}/releases/{{releases}}/{{releases_2}}": Row("read:series", "name"),
    f"PUT {_A}/releases/{{releases}}/{{releases_2}}/withdrawal": Row(
        "delete:series", "name", body='{{"reason": "wrong"}}'
    ),
    f"DELETE {_A}/releases/{{releases}}/{{releases_2}}/withdrawal": Row("delete:series", "name"),
    f"GET {_ATTRIBUTES}": Row("read:series", "key"),
    f"PUT {_ATTRIBUTES}": Row("write:series", "key", body='{{"branch": "main"}}'),
    f"DELETE {_ATTRIBUTES}": Row("write:series", "key"),
    f"GET {_ATTRIBUTES}/{{attrs}}": Row("read:series", "key"),
    f"PUT {_ATTRIBUTES}/{{attrs}}": Row("write:series", "key", body="main"),
    f"DELETE {_ATTRIBUTES}/{{attrs}}": Row("write:series", "key"),
    f"GET {_A}/badges": Row("read:series"),
    f"POST {_A}/badges": Row("write:series", "name", body='{{"name": "{name}"}}'),
    f"GET {_A}/badges/{{badges}}": Row("read:series", "name", refusal=404),
    f"DELETE {_A}/badges/{{badges}}": Row("delete:series", "name", refusal=404),
    "GET /badge/{badge}.svg": Row(PUBLIC),
    "GET /badge/{badge}.json": Row(PUBLIC),
    "GET /v1/accounts": Row(ROOT_KEY),
    "POST /v1/accounts": Row(ROOT_KEY),
    f"GET {_A}": Row("read:account"),
    f"PATCH {_A}": Row(ROOT_KEY, body='{{"disabled": false}}'),
    f"GET {_A}/whoami": Row(ANY_CREDENTIAL),
    f"GET {_A}/grants": Row("read:acl"),
    f"POST {_A}/grants": Row(
        "write:acl",
        "names",
        grants="read:series",
        body='{{"scopes": ["read:series"], "names": ["{name}"]}}',
    ),
    f"GET {_A}/grants/{{grants}}": Row("read:acl", "names", refusal=404, grants="read:series"),
    f"DELETE {_A}/grants/{{grants}}": Row("delete:acl", "names", refusal=404, grants="read:series"),
    f"DELETE {_A}/grants/{{grants}}?with_descendants=true": Row(
        "delete:acl", "names", refusal=404, grants="read:series"
    ),
    f"POST {_A}/grants/{{grants}}/rotate": Row(
        "write:acl",
        "names",
        also_needs="delete:acl",
        refusal=404,
        grants="read:series",
        body='{{"overlap_seconds": 0}}',
    ),
    f"GET {_A}/trusts": Row("read:acl"),
    f"POST {_A}/trusts": Row("write:acl", "names", grants="read:series", body=_TRUST),
    f"POST {_A}/trusts/test": Row("read:acl", body='{{"id_token": "e30.e30.e30"}}'),
    f"GET {_A}/trusts/{{trusts}}": Row("read:acl", "names", refusal=404, grants="read:series"),
    f"DELETE {_A}/trusts/{{trusts}}": Row("delete:acl", "names", refusal=404, grants="read:series"),
    "POST /v1/system/backup": Row("write:system", mongodb=400),
    "GET /v1/system/audit": Row("read:system"),
    "GET /v1/system/events": Row(ROOT_KEY),
    "GET /metrics": Row("read:system"),
    "GET /v1/system/info": Row(OPTIONAL),
    "GET /openapi.json": Row(PUBLIC),
    "GET /names/{names}": Row("read:series", "name"),
    "GET /names/{names}/{names_2}": Row("read:series", "name"),
    "GET /series": Row("read:series"),
    "GET /series/{series}": Row("read:series", "key"),
    "GET /access": Row("read:acl"),
    "GET /status": Row("read:system"),
    "GET /api": Row(PUBLIC),
    "GET /errors": Row(PUBLIC),
    "GET /errors/{errors}": Row(PUBLIC),
    "GET /static/monotron.css": Row(PUBLIC),
    "GET /favicon.ico": Row(PUBLIC),
    "GET /robots.txt": Row(PUBLIC),
}
"""By method and path, with the account if the path may contain one. HEAD is like GET. A row with a
query is tested in addition to the row without it."""


def row_name(call: Call) -> str:
    """The name of the row of a call. Raises LookupError, which states how to add one."""
    verb = "GET" if call.verb == "HEAD" else call.verb
    with_account = call.template.replace("/v1/", f"{_A}/", 1)
    suffix = " as HTML" if call.prefers_html else ""
    for template in call.template, with_account:
        if f"{verb} {template}{suffix}" in ROWS:
            return f"{verb} {template}{suffix}"
    raise LookupError(
        f"{verb} {call.template} has no row in the table of expected rights. Add it to ROWS in "
        "tests/support/access_table.py: the scope that the request requires, and what its name "
        "patterns apply to."
    )


def calls_of(name: str) -> list[Call]:
    """The calls of a row: with and without an account in the path, and HEAD."""
    return [call for call in all_calls() if row_name(call) == name.partition("?")[0]]


def all_calls() -> list[Call]:
    """The calls of the API and of the pages."""
    return [*calls(), *page_calls()]
