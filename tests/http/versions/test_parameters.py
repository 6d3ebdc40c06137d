"""The parameters of each route.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.version_routes import PARAMETERS, REQUIRED, VALID_VALUES, applied_by, request_route
from support.versions import Problem, state


class TestParameters:
    """The parameters of each route."""

    @pytest.mark.parametrize("route", PARAMETERS)
    def test_a_parameter_has_exactly_one_value(
        self, client: Client, name_with_versions: str, problem: Problem, route: str
    ) -> None:
        applied = applied_by(route)
        for parameter in sorted(PARAMETERS[route]):
            required = REQUIRED.get(parameter, "")
            query = f"{parameter}={VALID_VALUES[parameter]}"
            response = request_route(
                client, name_with_versions, route, required + query, f"new-{parameter}"
            )
            assert response.status == 200, (query, response)
            for twice in (f"{query}&{query}", f"{query}&{parameter}=x", parameter):
                response = request_route(
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
            response = request_route(client, name_with_versions, route, query, "never")
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"]
            assert "hunter2" not in response.text
        assert state(client, name_with_versions) == before
