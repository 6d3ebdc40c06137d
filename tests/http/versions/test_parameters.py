"""The parameters of each route.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client, Response
from support.versions import Problem, outcomes, put, state

# A valid value of each parameter, and the parameters of each route.
VALID_VALUES = {
    "bump": "patch",
    "prerelease": "rc",
    "line": "1.2",
    "metadata": "sha.1",
    "initial": "1.0.0",
    "initial_development": "false",
    "on_conflict": "reuse",
    "on_withdrawn": "new",
    "calendar": "YYYY.M",
    "spelling": "deb",
    "label": "rc",
    "base": "9.9.9",
    "skip_types": "docs",
    "minor_types": "feat",
    "commits": "strict",
    "dotenv_prefix": "A_",
    "dry_run": "true",
    "format": "text",
    "limit": "5",
    "before": "9.9.9",
    "reuse": "any",
    "restart": "true",
    "after": "a",
    "value": "1",
    "version": "1.4.2",
    "prefix": "A_",
    "token": "hunter2",
    "api_key": "hunter2",
    "Bump": "minor",
    "x": "1",
}


REQUIRED = {
    "calendar": "bump=calendar&",
    "spelling": "format=text&",
    "dotenv_prefix": "format=dotenv&",
}
"""What a parameter requires."""

ONE_VERSION = {"format", "dotenv_prefix", "spelling"}
"""The parameters of every route that returns one version."""

PARAMETERS = {
    "PUT versions/<name>/<new>": {
        "bump",
        "prerelease",
        "line",
        "version",
        "calendar",
        "metadata",
        "initial",
        "initial_development",
        "on_conflict",
        "on_withdrawn",
        "dry_run",
        *ONE_VERSION,
    },
    "PUT versions/<name>": ONE_VERSION,
    "GET versions/<name>": {"line", *ONE_VERSION},
    "GET versions/<name>/a": {"prerelease", *ONE_VERSION},
    "GET releases/<name>/1.2.58": ONE_VERSION,
    "PUT releases/<name>/1.2.58/withdrawal": ONE_VERSION,
    "DELETE releases/<name>/1.2.58/withdrawal": ONE_VERSION,
    "GET releases/<name>": {"limit", "before", "line", "label"},
    "GET versions": {"prefix", "limit", "after"},
}

BODIES = {
    "PUT versions/<name>": '{"version": "1.2.58"}',
    "PUT releases/<name>/1.2.58/withdrawal": '{"reason": "a mistake"}',
}

ROUTES_OF_ONE_VERSION = [route for route, names in PARAMETERS.items() if names >= ONE_VERSION]


def applied_by(route: str) -> str | None:
    """The member `applied` of an error. Errors of reads do not contain it."""
    return None if route.startswith("GET") else "no"


class TestParameters:
    """The parameters of each route."""

    def request(self, client: Client, name: str, route: str, query: str, new: str) -> Response:
        method, _, path = route.partition(" ")
        path = path.replace("<name>", name).replace("<new>", new)
        return client.request(method, f"/v1/{path}?{query}", BODIES.get(route))

    @pytest.fixture
    def name_with_versions(self, client: Client, name: str) -> str:
        """A name whose token a has the versions 1.2.58 and 1.3.0-rc.1."""
        assert outcomes(client, name, "a", "a?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
        return name

    @pytest.mark.parametrize("route", PARAMETERS)
    def test_a_parameter_has_exactly_one_value(
        self, client: Client, name_with_versions: str, problem: Problem, route: str
    ) -> None:
        applied = applied_by(route)
        for parameter in sorted(PARAMETERS[route]):
            required = REQUIRED.get(parameter, "")
            query = f"{parameter}={VALID_VALUES[parameter]}"
            response = self.request(
                client, name_with_versions, route, required + query, f"new-{parameter}"
            )
            assert response.status == 200, (query, response)
            for twice in (f"{query}&{query}", f"{query}&{parameter}=x", parameter):
                response = self.request(
                    client, name_with_versions, route, required + twice, "never"
                )
                detail = problem(response, 400, "invalid_request", applied=applied)["detail"]
                assert parameter in detail

    @pytest.mark.parametrize("route", PARAMETERS)
    def test_an_unknown_parameter_is_rejected(
        self, client: Client, name_with_versions: str, problem: Problem, route: str
    ) -> None:
        before = state(client, name_with_versions)
        applied = applied_by(route)
        for parameter in sorted(VALID_VALUES.keys() - PARAMETERS[route]):
            query = f"{parameter}={VALID_VALUES[parameter]}"
            response = self.request(client, name_with_versions, route, query, "never")
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"]
            assert "hunter2" not in response.text
        assert state(client, name_with_versions) == before

    @pytest.mark.parametrize(
        ("query", "parameter", "routes"),
        [
            *(
                (f"{parameter}={value}", parameter, ["PUT versions/<name>/<new>"])
                for parameter in ("dry_run", "initial_development")
                for value in ("", "1", "True", "true%20")
            ),
            *(
                (f"on_conflict={value}", "on_conflict", ["PUT versions/<name>/<new>"])
                for value in ("", "Fail", "any")
            ),
            *(
                (f"on_withdrawn={value}", "on_withdrawn", ["PUT versions/<name>/<new>"])
                for value in ("", "New", "reuse", "true")
            ),
            *(
                (f"bump=calendar&calendar={value}", "calendar", ["PUT versions/<name>/<new>"])
                for value in ("", "yyyy.m", "YYYY.MM", "YYYY.M.MICRO", "2026.11", "YYYY.M%0A")
            ),
            *(
                (f"{query}calendar=YYYY.M", "calendar", ["PUT versions/<name>/<new>"])
                for query in ("", "bump=minor&", "bump=auto&", "bump=final&")
            ),
            *(
                (f"version=2.5.0&{query}", "version", ["PUT versions/<name>/<new>"])
                for query in (
                    "bump=patch",
                    "bump=auto",
                    "bump=calendar",
                    "line=1.2",
                    "prerelease=rc",
                    "initial=1.0.0",
                    "calendar=YYYY.M",
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
                for value in ("7", "rc.1", "rc%20", "%C3%A9", "x" * 41)
            ),
            *(
                (f"prerelease={value}", "prerelease", ["PUT versions/<name>/<new>"])
                for value in ("", "7", "20261129", "x" * 41)
            ),
            *((f"{name}={'x' * 257}", name, ["GET versions"]) for name in ("prefix", "after")),
            *(
                (f"format={value}", "format", ROUTES_OF_ONE_VERSION)
                for value in ("", "xml", "JSON")
            ),
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
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    def test_an_invalid_parameter_value_is_rejected(
        self,
        client: Client,
        name_with_versions: str,
        problem: Problem,
        query: str,
        parameter: str,
        routes: list[str],
    ) -> None:
        before = state(client, name_with_versions)
        for route in routes:
            response = self.request(client, name_with_versions, route, query, "never")
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
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    @pytest.mark.parametrize("end", ["", "&dry_run=true"], ids=["request", "dry-run"])
    def test_an_invalid_version_or_combination_is_rejected_and_changes_nothing(
        self,
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
        response = put(client, name_with_versions, f"never?{query}{end}")
        detail = problem(response, status, code, applied="no")["detail"]
        assert word in detail
        assert len(detail) < 400
        assert state(client, name_with_versions) == before
