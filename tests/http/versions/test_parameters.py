"""The parameters of each route.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client, Response
from support.versions import Problem, outcomes, state

# A valid value of each parameter, and the parameters of each route.
VALID_VALUES = {
    "bump": "patch",
    "prerelease": "rc",
    "line": "1.2",
    "metadata": "sha.1",
    "initial": "1.0.0",
    "initial_development": "false",
    "on_conflict": "reuse",
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


PARAMETERS = {
    "PUT versions/<name>/<new>": {
        "bump",
        "prerelease",
        "line",
        "metadata",
        "initial",
        "initial_development",
        "on_conflict",
        "dry_run",
        "format",
    },
    "PUT versions/<name>": {"format"},
    "GET versions/<name>": {"format"},
    "GET versions/<name>/a": {"prerelease", "format"},
    "GET releases/<name>/1.2.58": {"format"},
    "GET releases/<name>": {"limit", "before"},
}


class TestParameters:
    """The parameters of each route."""

    def request(self, client: Client, name: str, route: str, query: str, new: str) -> Response:
        method, _, path = route.partition(" ")
        path = path.replace("<name>", name).replace("<new>", new)
        body = '{"version": "1.2.58"}' if route == "PUT versions/<name>" else None
        return client.request(method, f"/v1/{path}?{query}", body)

    @pytest.fixture
    def name_with_versions(self, client: Client, name: str) -> str:
        """A name whose token a has the versions 1.2.58 and 1.3.0-rc.1."""
        assert outcomes(client, name, "a", "a?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
        return name

    @pytest.mark.parametrize("route", PARAMETERS)
    def test_a_parameter_has_exactly_one_value(
        self, client: Client, name_with_versions: str, problem: Problem, route: str
    ) -> None:
        applied = "no" if route.startswith("PUT") else None
        for parameter in sorted(PARAMETERS[route]):
            query = f"{parameter}={VALID_VALUES[parameter]}"
            response = self.request(client, name_with_versions, route, query, f"new-{parameter}")
            assert response.status == 200, (query, response)
            for twice in (f"{query}&{query}", f"{query}&{parameter}=x", parameter):
                response = self.request(client, name_with_versions, route, twice, "never")
                detail = problem(response, 400, "invalid_request", applied=applied)["detail"]
                assert parameter in detail

    @pytest.mark.parametrize("route", PARAMETERS)
    def test_an_unknown_parameter_is_rejected(
        self, client: Client, name_with_versions: str, problem: Problem, route: str
    ) -> None:
        before = state(client, name_with_versions)
        applied = "no" if route.startswith("PUT") else None
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
            *((f"format={value}", "format", list(PARAMETERS)[:5]) for value in ("", "xml", "JSON")),
            *(
                (query, "dotenv_prefix", list(PARAMETERS)[:5])
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
                (f"limit={value}", "limit", ["GET releases/<name>"])
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
            applied = "no" if route.startswith("PUT") else None
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"], route
        assert state(client, name_with_versions) == before
