"""One trust policy for all repositories of an organization, with tokens of a real issuer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.claims import AUDIENCE, github
from support.credentials import JSON, new_account
from support.keyless import Keyless, keyless
from support.log_lines import line_of
from support.server import ROOT, Client

Job = Callable[..., Client]

ORGANIZATION = {"repository_owner_id": "42", "ref_protected": "true"}


@pytest.fixture(scope="module")
def monotron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    with keyless("github", tmp_path_factory.mktemp("organizations")) as monotron:
        yield monotron


@pytest.fixture
def root(monotron: Keyless) -> Iterator[Client]:
    with monotron.server.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def account(root: Client, monotron: Keyless) -> int:
    """An account that trusts all repositories of acme."""
    account = new_account(root)
    trust(root, monotron, account)
    return account


@pytest.fixture
def job(monotron: Keyless, account: int) -> Iterator[Job]:
    """Creates a client with the token of a job of a repository, by default acme/shop."""
    clients = []

    def job(path: str = "acme/shop", id: str = "777", **claims: Any) -> Client:
        audience = f"{AUDIENCE}/accounts/{account}"
        token = monotron.token(github(repository=path, repository_id=id, aud=audience, **claims))
        clients.append(monotron.server.client(authorization=f"Bearer {token}"))
        return clients[-1]

    yield job
    for client in clients:
        client.close()


def trust(root: Client, monotron: Keyless, account: int, **members: Any) -> dict[str, Any]:
    body = {
        "issuer": monotron.issuer.url,
        "claims": ORGANIZATION,
        "scopes": ["read,write:series"],
        "names_from": "repository",
        **members,
    }
    path = f"/v1/accounts/{account}/trusts"
    created: dict[str, Any] = root.request("POST", path, json.dumps(body), JSON).json()
    return created


def trust_repository(root: Client, monotron: Keyless, account: int, id: str, *names: str) -> None:
    """Create a trust policy for one repository that does not derive names."""
    body = {
        "issuer": monotron.issuer.url,
        "claims": {**ORGANIZATION, "repository_id": id},
        "scopes": ["read,write:series"],
        "names": names,
    }
    path = f"/v1/accounts/{account}/trusts"
    assert root.request("POST", path, json.dumps(body), JSON).status == 200


def version(client: Client, name: str) -> int:
    return client.request("PUT", f"/v1/versions/{name}/T").status


def test_each_repository_may_use_its_own_names_only(job: Job) -> None:
    shop, api = job(), job("acme/api", "778")
    assert version(shop, "gh:acme:shop") == version(shop, "gh:acme:shop:web") == 200
    assert version(api, "gh:acme:api") == 200
    for name in "gh:acme:api", "gh:acme:shop-payments", "gh:acme", "shop":
        assert version(shop, name) == 403, name


def test_a_job_of_another_owner_or_an_unprotected_branch_is_refused(job: Job) -> None:
    assert version(job(repository_owner_id="43"), "gh:acme:shop") == 401
    assert version(job(ref_protected="false"), "gh:acme:shop") == 401


def test_a_new_repository_with_an_old_path_is_refused(job: Job, monotron: Keyless) -> None:
    assert version(job(), "gh:acme:shop") == 200
    response = job(id="999").request("PUT", "/v1/versions/gh:acme:shop/U")
    assert (response.status, response.json()["code"]) == (403, "forbidden")
    assert "belongs to another repository" in response.json()["detail"]
    assert version(job(), "gh:acme:shop") == 200


@pytest.mark.parametrize(
    ("path", "id", "status", "reason"),
    [
        ("acme/shop", "999", 403, "the derived name 'gh:acme:shop' belongs to another repository"),
        ("acme/store", "777", 409, "The repository was renamed"),
    ],
    ids=["another repository", "renamed"],
)
def test_the_log_explains_the_rejection_of_a_derived_name_by_its_request_id(
    job: Job, monotron: Keyless, path: str, id: str, status: int, reason: str
) -> None:
    assert version(job(), "gh:acme:shop") == 200
    response = job(path, id).request("PUT", "/v1/versions/gh:acme:shop/U")
    assert response.status == status
    line = line_of(monotron.server, response)
    explanation = ("issuer", "project", "claim", "code", "reason")
    assert [line[name] for name in explanation] == [
        *(monotron.issuer.url, path, "repository", response.json()["code"], reason)
    ]


def test_a_renamed_repository_continues_with_a_trust_policy_of_its_own(
    job: Job, root: Client, monotron: Keyless, account: int
) -> None:
    assert version(job(), "gh:acme:shop") == 200
    response = job("acme/store").request("PUT", "/v1/versions/gh:acme:store/U")
    assert (response.status, response.json()["code"]) == (409, "repository_renamed")
    assert "'gh:acme:shop'" in response.json()["detail"]
    trust_repository(root, monotron, account, "777", "gh:acme:shop")
    assert version(job("acme/store"), "gh:acme:shop") == 200
    assert version(job("acme/store"), "gh:acme:store") == 403


def test_a_new_repository_with_an_old_path_gets_a_name_from_a_trust_policy_of_its_own(
    job: Job, root: Client, monotron: Keyless, account: int
) -> None:
    """The default names of `monotron trust github` equal the derived ones."""
    assert version(job(), "gh:acme:shop") == 200
    assert version(job(id="999"), "gh:acme:shop") == 403
    trust_repository(root, monotron, account, "999", "gh:acme:shop", "gh:acme:shop:*")
    assert version(job(id="999"), "gh:acme:shop") == 200
    assert version(job(id="888"), "gh:acme:shop") == 403


def test_the_name_of_a_repository_with_its_own_trust_policy_is_bound(
    job: Job, root: Client, monotron: Keyless, account: int
) -> None:
    trust_repository(root, monotron, account, "777", "gh:acme:shop", "gh:acme:shop:*")
    assert version(job(), "gh:acme:shop") == 200
    assert version(job(id="999"), "gh:acme:shop") == 403


def test_the_reason_of_a_refused_repository_is_logged(job: Job, monotron: Keyless) -> None:
    assert version(job(), "gh:acme:shop") == 200
    for path, repository, status, reason in (
        ("acme/shop", "999", 403, "the derived name 'gh:acme:shop' belongs to another repository"),
        ("acme/store", "777", 409, "The repository was renamed"),
    ):
        response = job(path, repository).request("PUT", "/v1/versions/gh:acme:shop/U")
        assert response.status == status
        with monotron.server.client() as client:  # earlier lines have been written then
            assert client.request("GET", "/livez").status == 200
        id = response.headers["X-Request-Id"]
        (line,) = [line for line in monotron.server.log().splitlines() if id in line]
        assert json.loads(line)["reason"] == reason


def test_a_response_shows_that_names_are_derived(root: Client, monotron: Keyless) -> None:
    account = new_account(root)
    created = trust(root, monotron, account, names=["gh:acme:*"])
    assert (created["names"], created["names_from"]) == (["gh:acme:*"], "repository")
    path = f"/v1/accounts/{account}/trusts/{created['id']}"
    assert root.request("GET", path).json() == created
