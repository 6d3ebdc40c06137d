"""Quotas: how many API keys, trust policies, badges, series and attributes an account can have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from support.badges import new_badge
from support.credentials import JSON, new_account, new_grant
from support.server import ROOT, ROOT_ENV, Client, Response, Server

Problem = Callable[..., dict[str, Any]]

QUOTA = 3
ISSUERS = {"MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}
BODIES: dict[str, object] = {
    "grants": ["read:series"],
    "trusts": {
        "issuer": "github",
        "claims": {"repository_id": "777", "ref": "refs/heads/main"},
        "scopes": ["read:series"],
    },
    "badges": {},
}
UNIQUE_MEMBERS = {"trusts": "description", "badges": "name"}
NUMBERS = count()
SETTINGS = {
    "grants": "api_keys_per_account",
    "trusts": "trust_policies_per_account",
    "badges": "badges_per_account",
}
NOUNS = {"grants": "API keys", "trusts": "trust policies", "badges": "badges"}

each_kind = pytest.mark.parametrize("kind", BODIES)


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    settings = [*SETTINGS.values(), "series_per_account"]
    quotas = {f"MONOTRON_{name.upper()}": str(QUOTA) for name in settings}
    quotas["MONOTRON_ATTRIBUTE_BYTES_PER_ACCOUNT"] = "100"
    with Server("sqlite://", env={**ROOT_ENV, **ISSUERS, **quotas}) as server:
        yield server


@pytest.fixture
def root(limited: Server) -> Iterator[Client]:
    with limited.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def account(root: Client) -> int:
    return new_account(root)


def create(client: Client, account: int, kind: str) -> Response:
    """Create an API key, or a trust policy or badge that equals no other one."""
    body = BODIES[kind]
    if isinstance(body, dict):
        body = {**body, UNIQUE_MEMBERS[kind]: str(next(NUMBERS))}
    return client.request("POST", f"/v1/accounts/{account}/{kind}", json.dumps(body), JSON)


def listed(client: Client, account: int, kind: str) -> list[Any]:
    items: list[Any] = client.request("GET", f"/v1/accounts/{account}/{kind}").json()[kind]
    return items


@each_kind
def test_a_full_account_is_refused_and_unchanged(
    root: Client, account: int, problem: Problem, kind: str
) -> None:
    for _ in range(QUOTA):
        assert create(root, account, kind).status == 200
    before = listed(root, account, kind)
    document = problem(create(root, account, kind), 409, "quota_exceeded", applied="no")
    assert document["detail"] == (
        f"Account {account} has {QUOTA} {NOUNS[kind]}, and {QUOTA} are allowed. Delete "
        f"{NOUNS[kind]} that are not used, or ask the operator to raise `{SETTINGS[kind]}`."
    )
    assert listed(root, account, kind) == before


@pytest.mark.parametrize("kind", ["grants", "trusts"])
def test_a_refused_request_uses_no_id(root: Client, account: int, kind: str) -> None:
    def id_of(response: Response) -> int:
        document = response.json()
        id: int = document["api_key"]["id"] if kind == "grants" else document["id"]
        return id

    ids = [id_of(create(root, account, kind)) for _ in range(QUOTA)]
    assert create(root, account, kind).status == 409
    last = listed(root, account, kind)[-1]
    id = last["api_key"]["key"] if kind == "grants" else last["id"]
    assert root.request("DELETE", f"/v1/accounts/{account}/{kind}/{id}").status == 200
    assert id_of(create(root, account, kind)) == ids[-1] + 1


@each_kind
def test_each_account_has_its_own_quota(root: Client, account: int, kind: str) -> None:
    other = new_account(root)
    for _ in range(QUOTA):
        assert create(root, account, kind).status == 200
    assert create(root, account, kind).status == 409
    assert create(root, other, kind).status == 200


@each_kind
def test_a_deletion_makes_room(root: Client, account: int, kind: str) -> None:
    for _ in range(QUOTA):
        assert create(root, account, kind).status == 200
    first = listed(root, account, kind)[0]
    id = first["api_key"]["key"] if kind == "grants" else first["id"]
    assert root.request("DELETE", f"/v1/accounts/{account}/{kind}/{id}").status == 200
    assert create(root, account, kind).status == 200
    assert create(root, account, kind).status == 409


@each_kind
def test_concurrent_requests_do_not_exceed_the_quota(
    limited: Server, root: Client, account: int, kind: str
) -> None:
    def create_one(_: int) -> int:
        with limited.client(authorization=ROOT) as client:
            return create(client, account, kind).status

    with ThreadPoolExecutor(12) as threads:
        statuses = sorted(threads.map(create_one, range(12)))
    assert statuses == QUOTA * [200] + (12 - QUOTA) * [409]
    assert len(listed(root, account, kind)) == QUOTA


@each_kind
def test_an_invalid_or_forbidden_request_is_refused_for_that_reason_in_a_full_account(
    limited: Server, root: Client, account: int, problem: Problem, kind: str
) -> None:
    secret = new_grant(root, account, "write:acl")["api_key"]["secret"]
    while create(root, account, kind).status == 200:
        pass
    path = f"/v1/accounts/{account}/{kind}"
    problem(root.request("POST", path, "{}", JSON), 400, "invalid_request", applied="no")
    with limited.client(authorization=f"Bearer {secret}") as client:
        problem(create(client, account, kind), 403, "forbidden", applied="no")


def test_a_full_account_gets_the_badges_that_it_has(root: Client, account: int) -> None:
    badges = [new_badge(root, f"n{number}", account) for number in range(QUOTA)]
    assert create(root, account, "badges").status == 409
    assert [new_badge(root, each["name"], account) for each in badges] == badges


def test_a_full_account_gets_no_series_and_no_version(
    root: Client, account: int, problem: Problem
) -> None:
    path = f"/v1/accounts/{account}"
    for number in range(QUOTA):
        assert root.request("PUT", f"{path}/series/s{number}/t").status == 200
    new = root.request("PUT", f"{path}/series/new/t")
    document = problem(new, 409, "quota_exceeded", applied="no")
    assert document["detail"].startswith(f"Account {account} has {QUOTA} series, and {QUOTA} are")
    version = root.request("PUT", f"{path}/versions/shop/t?bump=minor")
    problem(version, 409, "quota_exceeded", applied="no")
    assert root.request("PUT", f"{path}/series/s0/u").json()["value"] == 2
    assert root.request("DELETE", f"{path}/series/s1").status in (200, 204)
    assert root.request("PUT", f"{path}/series/new/t").json()["value"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("versions/shop", {"version": "1.2.3"}),
        ("versions/shop/t?bump=minor&initial=3.4.5", None),
    ],
    ids=["adoption", "initial version"],
)
def test_a_version_that_needs_too_many_series_is_not_adopted(
    root: Client, account: int, problem: Problem, path: str, body: object
) -> None:
    base = f"/v1/accounts/{account}"
    for number in range(QUOTA - 2):  # a version has three series
        assert root.request("PUT", f"{base}/series/s{number}/t").status == 200
    content = (None, {}) if body is None else (json.dumps(body), JSON)
    for _ in range(2):
        response = root.request("PUT", f"{base}/{path}", *content)
        problem(response, 409, "quota_exceeded", applied="no")
    problem(root.request("GET", f"{base}/versions/shop"), 404, "version_not_found")
    problem(root.request("GET", f"{base}/releases/shop"), 404, "version_not_found")
    assert root.request("DELETE", f"{base}/series/s0").status == 200
    assert root.request("PUT", f"{base}/{path}", *content).status == 200


def test_a_full_account_gets_no_attributes(root: Client, account: int, problem: Problem) -> None:
    path = f"/v1/accounts/{account}/tokens/s/t/attrs"
    assert root.request("PUT", f"{path}/n", "x" * 98).status == 200
    refused = root.request("PUT", f"{path}/m", "")
    document = problem(refused, 409, "quota_exceeded", applied="no")
    assert "attribute_bytes_per_account" in document["detail"]
    assert root.request("PUT", f"{path}/n", "x" * 97).status == 200
