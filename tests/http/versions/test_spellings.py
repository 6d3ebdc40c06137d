"""One spelling of a version as text.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import Problem, assign, get, put, releases, withdraw

SPELLINGS = ["pep440", "deb", "rpm", "maven", "docker"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "request_", ["a", "a?metadata=sha.1", "a?bump=minor&prerelease=rc", "a?prerelease=alpha"]
)
def test_every_route_returns_the_spelling_of_the_member(
    client: Client, name: str, request_: str, spelling: str
) -> None:
    document = assign(client, name, request_)
    text = f"{document['spellings'][spelling]}\n"
    version = document["version"].partition("+")[0]
    end = f"format=text&spelling={spelling}"
    put_path = f"/v1/versions/{name}/{request_}{'&' if '?' in request_ else '?'}{end}"
    assert client.request("PUT", put_path).text == text
    for path in (f"versions/{name}/a", f"releases/{name}/{version}"):
        response = client.request("GET", f"/v1/{path}?{end}")
        assert response.text == text
        assert response.headers["Content-Type"].split(";")[0] == "text/plain"


def test_the_latest_and_an_adopted_version_have_spellings(client: Client, name: str) -> None:
    path = f"/v1/versions/{name}?format=text&spelling=pep440"
    assert client.request("GET", path).text == "1.2.57\n"
    assert client.request("PUT", path, '{"version": "1.2.58"}').text == "1.2.58\n"


@pytest.mark.parametrize(
    ("label", "spelling"),
    [
        ("pr-12", "pep440"),
        ("SNAPSHOT", "pep440"),
        ("RC", "pep440"),
        ("pr-12", "maven"),
        ("dev", "maven"),
        ("a--b", "rpm"),
    ],
)
def test_a_request_for_a_spelling_that_does_not_exist_changes_nothing(
    client: Client, name: str, problem: Problem, label: str, spelling: str
) -> None:
    request = f"a?prerelease={label}"
    end = f"format=text&spelling={spelling}"
    for query in (f"{end}&dry_run=true", end):
        response = put(client, name, f"{request}&{query}")
        detail = problem(response, 422, "no_spelling", applied="no")["detail"]
        assert f"'{label}'" in detail
        assert spelling in detail
        assert releases(client, name) == []
    document = assign(client, name, request)
    assert document["spellings"][spelling] is None
    response = client.request("GET", f"/v1/versions/{name}/a?{end}")
    detail = problem(response, 422, "no_spelling")["detail"]
    assert f"1.2.58-{label}.1" in detail
    path = f"/v1/releases/{name}/1.2.58-{label}.1/withdrawal?{end}"
    for method in ("PUT", "DELETE"):
        response = client.request(method, path, '{"reason": "x"}')
        problem(response, 422, "no_spelling", applied="no")
    assert get(client, f"/v1/versions/{name}/a")["withdrawn"] is None
    assert client.request("GET", f"/v1/versions/{name}/a?format=text").text == (
        f"1.2.58-{label}.1\n"
    )


def test_a_missing_spelling_is_empty_in_dotenv(client: Client, name: str) -> None:
    lines = put(client, name, "a?prerelease=pr-12&format=dotenv").text.splitlines()
    assert lines[-6:] == [
        "MONOTRON_DOCKER_TAG=1.2.58-pr-12.1",
        "MONOTRON_PEP440=",
        "MONOTRON_DEB=1.2.58~pr.12.1",
        "MONOTRON_RPM=1.2.58~pr.12.1",
        "MONOTRON_MAVEN=",
        "MONOTRON_CREATOR_ID=1",
    ]


def test_a_long_version_has_no_docker_tag_as_spelling(
    client: Client, name: str, problem: Problem
) -> None:
    request = f"a?prerelease={'x' * 40}&metadata={'y' * 100}"
    response = put(client, name, f"{request}&format=text&spelling=docker&dry_run=true")
    problem(response, 422, "no_spelling", applied="no")
    assert releases(client, name) == []
    # The version is known only after it was assigned.
    response = put(client, name, f"{request}&format=text&spelling=docker")
    problem(response, 422, "no_spelling", applied="unknown")
    document = assign(client, name, request)
    assert document["spellings"]["docker"] is None
    path = f"/v1/versions/{name}/a?format=text&spelling=docker"
    problem(client.request("GET", path), 422, "no_spelling")
    variables = put(client, name, f"{request}&format=dotenv").text.splitlines()
    assert "MONOTRON_DOCKER_TAG=" in variables


def test_a_promotion_has_the_spelling_of_a_final_version(client: Client, name: str) -> None:
    assign(client, name, "a?bump=minor&prerelease=pr-12")
    request = "a?bump=final&prerelease=pr-12&format=text&spelling=pep440"
    assert put(client, name, request).text == "1.3.0\n"


def test_a_withdrawn_version_keeps_its_spellings(client: Client, name: str) -> None:
    spellings = assign(client, name, "a?bump=minor&prerelease=rc")["spellings"]
    withdraw(client, name, "1.3.0-rc.1")
    assert get(client, f"/v1/releases/{name}/1.3.0-rc.1")["spellings"] == spellings
