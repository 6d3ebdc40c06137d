"""Invalid withdrawals, and invalid reversals of withdrawals.

Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import JSON, Problem, assign, get, reverse, state, withdraw


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "a wrong version",
        '"a wrong version"',
        '["a wrong version"]',
        "{}",
        "null",
        '{"reason": null}',
        '{"reason": 1}',
        '{"reason": ["x"]}',
        '{"reason": ""}',
        '{"reason": "  "}',
        '{"reason": "a\\nb"}',
        '{"reason": "a\\u0000b"}',
        '{"reason": "a\\u0085b"}',
        '{"reason": "%s"}' % ("x" * 501),
        '{"reason": "%s"}' % ("🦊" * 501),
        '{"commits": "ignore"}',
        '{"reason": "x", "commits": null}',
        '{"reason": "x", "commits": "Ignore"}',
        '{"reason": "x", "commits": true}',
        '{"reason": "x", "commits": []}',
        '{"reason": "x", "commits": "strict"}',
        '{"reason": "x", "version": "1.2.58"}',
        '{"reason": "x", "by": "me"}',
        "[]",
        '{"Reason": "x"}',
        '{"reason": "x", "reason": "y"}',
        '{"reason": "x"',
        '{"reason": "\\ud800"}',
        b'{"reason": "\xff"}',
    ],
    ids=lambda body: ascii(body)[:40],
)
def test_an_invalid_body_is_rejected(
    client: Client, name: str, problem: Problem, body: bytes | str | None
) -> None:
    assign(client, name, "a")
    before = state(client, name)
    path = f"/v1/releases/{name}/1.2.58/withdrawal"
    response = client.request("PUT", path, body, JSON)
    detail = problem(response, 400, "invalid_request", applied="no")["detail"]
    assert len(detail) < 400
    assert state(client, name) == before


def test_a_body_of_another_type_is_rejected(client: Client, name: str, problem: Problem) -> None:
    assign(client, name, "a")
    path = f"/v1/releases/{name}/1.2.58/withdrawal"
    response = client.request("PUT", path, '{"reason": "x"}', {"Content-Type": "text/plain"})
    problem(response, 415, "unsupported_media_type", applied="no")
    assert get(client, f"/v1/releases/{name}/1.2.58")["withdrawn"] is None


@pytest.mark.parametrize("version", ["1.2.59", "2.0.0", "0.0.0", "1.2.58-rc.1", "1.2.56"])
def test_an_unknown_version_is_not_found(
    client: Client, name: str, problem: Problem, version: str
) -> None:
    assign(client, name, "a")
    before = state(client, name)
    for response in (withdraw(client, name, version), reverse(client, name, version)):
        detail = problem(response, 404, "version_not_found", applied="no")["detail"]
        assert version in detail
    assert state(client, name) == before


def test_an_unknown_name_is_not_found(client: Client, new_name: str, problem: Problem) -> None:
    for response in (withdraw(client, new_name, "1.0.0"), reverse(client, new_name, "1.0.0")):
        problem(response, 404, "version_not_found", applied="no")
    assert client.request("GET", f"/v1/releases/{new_name}").status == 404


@pytest.mark.parametrize("version", ["1.2", "x", "1.2.58%0A", "1.2.58-", "9" * 5000 + ".0.0"])
def test_an_invalid_version_is_rejected(
    client: Client, name: str, problem: Problem, version: str
) -> None:
    path = f"/v1/releases/{name}/{version}/withdrawal"
    for method, body in (("PUT", '{"reason": "x"}'), ("DELETE", None)):
        response = client.request(method, path, body)
        problem(response, 400, "invalid_version", applied="no")


DETAILS = {
    "": 'Missing body. Send JSON, for example `{"reason": "…"}`.',
    "wrong": (
        "The body cannot be read as JSON: not valid JSON. Send one value, for example "
        '`{"reason": "…"}`.'
    ),
    "[]": 'The body must be a JSON object, for example `{"reason": "…"}`.',
    "{}": (
        "`reason` must be a text of 1 to 500 characters without control characters. It is shown "
        "with the version."
    ),
    '{"reason": "x", "version": "1.2.58"}': (
        "Unknown member `version`. Allowed: `reason`, `commits`."
    ),
    '{"reason": "x", "commits": "strict"}': (
        "`commits` must be `count` or `ignore`. With `ignore`, `bump=auto` does not read the "
        "commits of this version again."
    ),
}


@pytest.mark.parametrize("body", DETAILS)
def test_an_error_states_the_cause_and_the_remedy(client: Client, name: str, body: str) -> None:
    response = client.request("PUT", f"/v1/releases/{name}/1.2.57/withdrawal", body)
    assert response.json()["detail"] == DETAILS[body]


def test_an_error_of_a_replaced_version_states_the_remedy(client: Client, name: str) -> None:
    assign(client, name, "a")
    withdraw(client, name, "1.2.58")
    assign(client, name, "a?on_withdrawn=new")
    assert reverse(client, name, "1.2.58").json()["detail"] == (
        f"The withdrawal of 1.2.58 of {name!r} cannot be reversed. Its token 'a' was assigned a "
        "new version since. Use that version, or build a new commit."
    )
