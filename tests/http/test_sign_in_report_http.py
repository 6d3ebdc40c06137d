"""`POST …/trusts/test` and `monotron trust test`: whether an account accepts an identity token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.claims import AUDIENCE, github
from support.credentials import JSON, bearer, new_account, new_key
from support.keyless import Keyless, keyless
from support.server import ROOT, Client

MAIN = {"repository_id": "777", "repository_owner_id": "42", "ref": "refs/heads/main"}


@pytest.fixture(scope="module")
def monotron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    folder = tmp_path_factory.mktemp("reports")
    with keyless("github", folder, MONOTRON_OPERATIONS_PER_IDENTITY="1") as monotron:
        yield monotron


@pytest.fixture
def root(monotron: Keyless) -> Iterator[Client]:
    with monotron.server.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def account(root: Client) -> int:
    return new_account(root)


def trust(root: Client, monotron: Keyless, account: int, **members: Any) -> int:
    body = {
        "issuer": monotron.issuer.url,
        "claims": MAIN,
        "scopes": ["read,write:series"],
        **members,
    }
    response = root.request("POST", f"/v1/accounts/{account}/trusts", json.dumps(body), JSON)
    assert response.status == 200, response
    id: int = response.json()["id"]
    return id


def report(client: Client, account: int, token: str) -> Any:
    body = json.dumps({"id_token": token})
    response = client.request("POST", f"/v1/accounts/{account}/trusts/test", body, JSON)
    assert response.status == 200, response
    return response.json()


def test_an_accepted_token_is_reported_with_its_permissions(
    root: Client, monotron: Keyless, account: int
) -> None:
    first = trust(root, monotron, account, claims={**MAIN, "ref": "refs/heads/next"})
    second = trust(root, monotron, account, names=["shop"])
    document = report(root, account, monotron.token(github()))
    assert document.pop("expires_at").endswith("Z")
    assert document == {
        "accepted": True,
        "reason": None,
        "principal": f"github@{monotron.issuer.url.partition('//')[2]}:acme/shop:9876543210",
        "scopes": ["read,write:series"],
        "names": ["shop"],
        "trusts": [
            {"id": second, "matches": True, "reason": None},
            {
                "id": first,
                "matches": False,
                "reason": f"`ref` is 'refs/heads/main', but trust policy {first} requires "
                "'refs/heads/next'.",
            },
        ],
    }


def test_a_report_uses_up_no_operation_and_grants_nothing(
    root: Client, monotron: Keyless, account: int
) -> None:
    trust(root, monotron, account)
    token = monotron.token(github(aud=f"{AUDIENCE}/accounts/{account}"))
    for _ in range(3):
        assert report(root, account, token)["accepted"]
    with monotron.server.client(authorization=f"Bearer {token}") as job:
        assert job.request("PUT", "/v1/series/shop/T").status == 200
        assert job.request("PUT", "/v1/series/shop/U").json()["code"] == "token_replayed"
        path = f"/v1/accounts/{account}/trusts/test"
        assert job.request("POST", path, json.dumps({"id_token": token}), JSON).status == 403


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"repository_id": "778"}, "No trust policy matches this job."),
        ({"event_name": "pull_request"}, "No trust policy matches this job."),
        ({"aud": "https://other.example.com"}, "audience"),
        ({"aud": f"{AUDIENCE}/accounts/999"}, "names account 999"),
    ],
    ids=str,
)
def test_a_rejected_token_is_reported_with_the_reason(
    root: Client, monotron: Keyless, account: int, changes: dict[str, str], reason: str
) -> None:
    trust(root, monotron, account)
    document = report(root, account, monotron.token(github(**changes)))
    assert document["accepted"] is False
    assert reason in document["reason"]


def test_a_forged_token_is_reported_without_a_detail(
    root: Client, monotron: Keyless, account: int
) -> None:
    trust(root, monotron, account)
    head, body, signature = monotron.token(github()).split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    document = report(root, account, forged)
    assert (document["accepted"], document["trusts"]) == (False, [])
    assert "its signature could not be verified" in document["reason"]
    assert forged not in monotron.server.log()
    assert body not in monotron.server.log()


def test_a_report_binds_no_name(root: Client, monotron: Keyless, account: int) -> None:
    claims = {"repository_owner_id": "42", "ref_protected": "true"}
    trust(root, monotron, account, claims=claims, names_from="repository")
    for id in "777", "778":
        document = report(root, account, monotron.token(github(repository_id=id)))
        assert document["names"] == ["gh:acme:shop", "gh:acme:shop:*"]


def test_a_report_contains_only_policies_that_the_caller_may_list(
    root: Client, monotron: Keyless, account: int
) -> None:
    trust(root, monotron, account, names=["shop"])
    visible = trust(root, monotron, account, names=["web"], claims={**MAIN, "ref": "refs/heads/x"})
    key = new_key(root, account, "read:acl", "*:series", names=["web"])
    with monotron.server.client(authorization=bearer(key)) as administrator:
        document = report(administrator, account, monotron.token(github()))
    assert [each["id"] for each in document["trusts"]] == [visible]
    assert document["accepted"] is False


def test_a_disabled_account_rejects_every_token(
    root: Client, monotron: Keyless, account: int
) -> None:
    trust(root, monotron, account)
    root.request("PATCH", f"/v1/accounts/{account}", '{"disabled": true}', JSON)
    document = report(root, account, monotron.token(github()))
    assert document["reason"] == f"Account {account} is disabled."


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '"e30.e30.e30"',
        '{"id_token": 1}',
        '{"id_token": ""}',
        '{"token": "a"}',
        '{"id_token": "a", "b": 1}',
        '{"id_token": "' + "a" * 16_385 + '"}',
    ],
    ids=lambda body: body[:24],
)
def test_an_invalid_body_is_refused(root: Client, account: int, body: str) -> None:
    response = root.request("POST", f"/v1/accounts/{account}/trusts/test", body, JSON)
    assert (response.status, response.json()["code"]) == (400, "invalid_request")
    assert "`id_token`" in response.json()["detail"]


class TestCommand:
    def test_a_token_is_read_from_each_source(
        self, root: Client, monotron: Keyless, account: int
    ) -> None:
        id = trust(root, monotron, account)
        token, option = monotron.token(github()), f"--account={account}"
        operator = monotron.operator
        outputs = {
            operator.prints("trust", "test", token, option),
            operator.prints("trust", "test", "-", option, stdin=f"{token}\n".encode()),
            operator.run("trust", "test", option, MONOTRON_ID_TOKEN=token).stdout,
        }
        (output,) = outputs
        first, policy = output.splitlines()
        assert first.startswith("accepted: ")
        assert first.endswith(" gets read,write:series on all names")
        assert policy == f"  trust policy {id}: matches"

    def test_a_rejected_token_fails_with_the_differences(
        self, root: Client, monotron: Keyless, account: int
    ) -> None:
        trust(root, monotron, account)
        token = monotron.token(github(ref="refs/heads/x"))
        process = monotron.operator.run("trust", "test", token, f"--account={account}")
        assert process.returncode == 1
        assert process.stdout.startswith("rejected: No trust policy matches this job. `ref` is ")
        assert "but trust policy 1 requires 'refs/heads/main'.\n" in process.stdout

    def test_a_token_is_required(self, monotron: Keyless) -> None:
        errors = monotron.operator.fails(2, "trust", "test", "--account=1")
        assert "pass TOKEN, or set MONOTRON_ID_TOKEN" in errors
