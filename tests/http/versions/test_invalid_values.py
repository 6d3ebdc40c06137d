"""Invalid parameters of versions and releases, and invalid combinations of them.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
1.2.57 was adopted for the name, and the token a has 1.2.58 and 1.3.0-rc.1.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.version_routes import ROUTES_OF_ONE_VERSION, applied_by, request_route
from support.versions import Problem, put, state

NEXT = ["PUT versions/<name>/<new>"]
"""The route that assigns a version."""


def shortened(value: object) -> str:
    return value[:40] if isinstance(value, str) else ""


@pytest.mark.parametrize(
    ("query", "parameter", "routes"),
    [
        *(
            (f"{parameter}={value}", parameter, NEXT)
            for parameter in ("dry_run", "initial_development")
            for value in ("", "1", "True", "true%20")
        ),
        *((f"on_conflict={value}", "on_conflict", NEXT) for value in ("", "Fail", "any")),
        *(
            (f"on_withdrawn={value}", "on_withdrawn", NEXT)
            for value in ("", "New", "reuse", "true")
        ),
        *(
            (f"bump=calendar&calendar={value}", "calendar", NEXT)
            for value in ("", "yyyy.m", "YYYY.MM", "YYYY.M.MICRO", "2026.11", "YYYY.M%0A")
        ),
        *(
            (f"{query}calendar=YYYY.M", "calendar", NEXT)
            for query in ("", "bump=minor&", "bump=auto&", "bump=final&")
        ),
        *(
            (f"version=2.5.0&{query}", "version", NEXT)
            for query in (
                "bump=patch",
                "bump=auto",
                "bump=calendar",
                "bump=auto&line=1.2&base=1.2.58",
                "line=1.2",
                "prerelease=rc",
                "initial=1.0.0",
                "initial=required",
                "calendar=YYYY.M",
                "base=1.2.58",
                "skip_types=docs",
                "minor_types=feat",
                "commits=strict",
            )
        ),
        *(
            (f"bump=auto&{parameter}={value}", parameter, NEXT)
            for parameter in ("skip_types", "minor_types")
            for value in (
                "",
                ",",
                "docs,",
                ",docs",
                "docs,,ci",
                "docs,%20ci",
                "docs%20ci",
                "docs;ci",
                "docs%0A",
                "docs!",
                "feat(api)",
                "x" * 41,
                ",".join("x" * 33),
            )
        ),
        *(
            (f"bump=auto&commits={value}", "commits", NEXT)
            for value in ("", "Strict", "ignore", "strict%20", "true")
        ),
        *(
            (f"{query}{parameter}={value}", parameter, NEXT)
            for query in ("", "bump=minor&", "bump=calendar&", "bump=final&")
            for parameter, value in (
                ("base", "1.2.58"),
                ("base", "none"),
                ("skip_types", "docs"),
                ("minor_types", "feat"),
                ("commits", "strict"),
            )
        ),
        *(
            (query, "spelling", ROUTES_OF_ONE_VERSION)
            for query in (
                "spelling=deb",
                "format=json&spelling=deb",
                "format=dotenv&spelling=deb",
                "format=text&spelling=",
                "format=text&spelling=npm",
                "format=text&spelling=DEB",
                "format=text&spelling=pep440,deb",
            )
        ),
        *(
            (f"line={value}", "line", ["GET versions/<name>", "GET releases/<name>"])
            for value in ("", "v1", "1.", "1.2.3", "01", "%EF%BC%91", f"{2**63}")
        ),
        *(
            (f"label={value}", "label", ["GET releases/<name>"])
            for value in ("7", "0123", "rc.1", "rc%20", "a_b", "%C3%A9", "x" * 41)
        ),
        *(
            (f"prerelease={value}", "prerelease", [*NEXT, "GET versions/<name>/a"])
            for value in ("", "7", "20261129", "x" * 41, "rc.1", "rc%20", "a_b", "%C3%A9")
        ),
        *((f"{name}={'x' * 257}", name, ["GET versions"]) for name in ("prefix", "after")),
        *((f"format={value}", "format", ROUTES_OF_ONE_VERSION) for value in ("", "xml", "JSON")),
        *(
            (query, "dotenv_prefix", ROUTES_OF_ONE_VERSION)
            for query in (
                "dotenv_prefix=A_",
                "format=text&dotenv_prefix=A_",
                "format=dotenv&dotenv_prefix=",
                "format=dotenv&dotenv_prefix=1A",
                "format=dotenv&dotenv_prefix=A-B",
                "format=dotenv&dotenv_prefix=A%0AB",
                f"format=dotenv&dotenv_prefix={'A' * 65}",
                "format=dotenv&dotenv_prefix=A_&dotenv_prefix=A_",
            )
        ),
        ("dotenv_prefix=A_", "dotenv_prefix", ["GET releases/<name>"]),
        *(
            (f"limit={value}", "limit", ["GET releases/<name>", "GET versions"])
            for value in ("", "0", "1001", "1.0", "%2B5", "9" * 5000)
        ),
    ],
    ids=shortened,
)
def test_an_invalid_parameter_value_is_rejected(
    client: Client,
    name_with_versions: str,
    problem: Problem,
    query: str,
    parameter: str,
    routes: list[str],
) -> None:
    before = state(client, name_with_versions)
    for route in routes:
        response = request_route(client, name_with_versions, route, query, "never")
        document = problem(response, 400, "invalid_request", applied=applied_by(route))
        assert parameter in document["detail"], route
    assert state(client, name_with_versions) == before


@pytest.mark.parametrize(
    ("query", "status", "code", "word"),
    [
        ("version=", 400, "invalid_version", "semantic version"),
        ("version=2.5", 400, "invalid_version", "semantic version"),
        ("version=02.5.0", 400, "invalid_version", "leading zeros"),
        ("version=2.5.0-rc.1", 400, "invalid_version", "final version"),
        ("version=2.5.0%20", 400, "invalid_version", "semantic version"),
        ("version=%EF%BC%92.5.0", 400, "invalid_version", "semantic version"),
        (f"version={2**63}.0.0", 400, "invalid_version", "largest"),
        (f"version={'9' * 5000}.0.0", 400, "invalid_version", "characters"),
        ("bump=auto&base=", 400, "invalid_version", "`none`"),
        ("bump=auto&base=1.2", 400, "invalid_version", "semantic version"),
        ("bump=auto&base=None", 400, "invalid_version", "`none`"),
        ("bump=auto&base=1.2.58%20", 400, "invalid_version", "semantic version"),
        ("bump=auto&base=1.2.58-rc.1", 400, "invalid_version", "final version"),
        ("bump=auto&base=a", 400, "invalid_version", "`base`"),
        (f"bump=auto&base={2**63}.0.0", 400, "invalid_version", "largest"),
        ("bump=auto&base=1.2.57", 409, "base_outdated", "`base=1.2.58`"),
        ("bump=auto&base=none", 409, "base_outdated", "`base=1.2.58`"),
        ("bump=auto&base=1.3.0", 409, "base_outdated", "`base=1.2.58`"),
        ("bump=auto&base=2.0.0&line=1.2", 409, "base_outdated", "line 1.2"),
        ("bump=auto&base=1.2.58&line=9", 404, "line_not_found", "9"),
        ("bump=auto&base=none&line=9", 404, "line_not_found", "9"),
        ("initial=1.4", 400, "invalid_version", "`initial`"),
        ("initial=", 400, "invalid_version", "`initial`"),
        ("initial=Required", 400, "invalid_version", "`required`"),
        ("initial=required%20", 400, "invalid_version", "`required`"),
        ("bump=exact", 422, "invalid_bump", "exact"),
        ("bump=calender", 422, "invalid_bump", "`calendar`"),
        ("bump=calendar&line=2026", 422, "out_of_line", "line"),
        ("bump=calendar&calendar=YYYY&line=2026.11", 422, "out_of_line", "line"),
        ("version=1.2.56", 409, "value_would_fall", "1.2.58"),
        ("version=0.9.0", 409, "value_would_fall", "1.2.58"),
        ("version=0.0.0", 409, "value_would_fall", "1.2.58"),
        ("version=1.2.57", 409, "already_released", "adopted"),
        ("version=1.2.58", 409, "already_released", "'a'"),
        ("bump=final&prerelease=beta", 422, "invalid_bump", "'beta'"),
    ],
    ids=shortened,
)
@pytest.mark.parametrize("end", ["", "&dry_run=true"], ids=["request", "dry-run"])
def test_an_invalid_version_or_combination_is_rejected_and_changes_nothing(
    client: Client,
    name_with_versions: str,
    problem: Problem,
    query: str,
    end: str,
    status: int,
    code: str,
    word: str,
) -> None:
    before = state(client, name_with_versions)
    response = put(client, name_with_versions, f"never?{query}{end}", "fix: a")
    detail = problem(response, status, code, applied="no")["detail"]
    assert word in detail
    assert len(detail) < 400
    assert state(client, name_with_versions) == before
