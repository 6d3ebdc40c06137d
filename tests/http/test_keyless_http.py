"""Keyless sign-in from CI: trusts, and tokens of an issuer that really serves its keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from support.claims import AUDIENCE, github, github_pull_request
from support.issuer import IssuerServer
from support.server import ROOT, ROOT_ENV, Client, Server

SHOP = {"repository_id": "777", "repository_owner_id": "42"}
MAIN = {**SHOP, "ref": "refs/heads/main"}
SERIES = {"scopes": ["read,write:series"]}
FILE = "acme/shop/.github/workflows/release.yml"

Job = Callable[..., Client]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def issuer(ca: trustme.CA) -> Iterator[IssuerServer]:
    with IssuerServer(ca, "localhost") as issuer:
        yield issuer


@pytest.fixture(scope="module")
def config(ca: trustme.CA, issuer: IssuerServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keyless")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "monotron.yml").write_text(
        yaml.safe_dump(
            {
                "audience": AUDIENCE,
                "issuers": [
                    {
                        "url": issuer.url,
                        "kind": "github",
                        "allow_private": True,
                        "ca_file": str(folder / "ca.pem"),
                    }
                ],
                "trusts": [{"account": 1, "issuer": issuer.url, "claims": MAIN, **SERIES}],
                "operations_per_identity": 5,
            }
        )
    )
    return folder / "monotron.yml"


@pytest.fixture(scope="module")
def server(config: Path) -> Iterator[Server]:
    with Server("sqlite://", env=ROOT_ENV, args=["--config", str(config)]) as server:
        yield server


@pytest.fixture(scope="module")
def root(server: Server) -> Iterator[Client]:
    with server.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def job(server: Server, issuer: IssuerServer) -> Iterator[Job]:
    """Creates a client with an identity token for an account, by default of a push to main."""
    clients = []
    numbers = iter(range(1000))

    def job(claims: dict[str, Any] | None = None, *, account: int = 1, **changes: Any) -> Client:
        now = int(time.time())
        jti = f"{now}-{id(clients)}-{next(numbers)}"
        times = {"iat": now, "nbf": now - 600, "exp": now + 300, "jti": jti, "iss": issuer.url}
        aud = f"{AUDIENCE}/accounts/{account}"
        token = issuer.signers[0].token({**(claims or github()), **times, "aud": aud, **changes})
        clients.append(server.client(authorization=f"Bearer {token}"))
        return clients[-1]

    yield job
    for client in clients:
        client.close()


@pytest.fixture
def tenant(root: Client) -> int:
    """A new account."""
    return int(root.request("POST", "/v1/accounts").json()["id"])


def trust(root: Client, account: int, issuer: IssuerServer, **members: Any) -> dict[str, Any]:
    body = {"issuer": issuer.url, "claims": MAIN, **SERIES, **members}
    response = root.request("POST", f"/v1/accounts/{account}/trusts", json.dumps(body))
    assert response.status == 200, response.body
    created: dict[str, Any] = response.json()
    return created


def outcome(client: Client, path: str, method: str = "PUT") -> tuple[int, str]:
    response = client.request(method, path)
    return response.status, "" if response.status == 200 else response.json()["code"]


class TestSignIn:
    def test_a_trusted_job_is_assigned_a_value_without_a_secret(
        self, job: Job, fresh_key: str
    ) -> None:
        response = job().request("PUT", f"/v1/series/{fresh_key}/t?reuse=any")
        assert response.status == 200
        assert response.json()["value"] == 1

    def test_the_ledger_names_the_job(self, job: Job, fresh_key: str) -> None:
        client = job()
        client.request("PUT", f"/v1/series/{fresh_key}/t")
        (entry,) = client.request("GET", f"/v1/entries/{fresh_key}?assigned_by=true").json()[
            "entries"
        ]
        assert entry["assigned_by"].startswith("github@localhost:")
        assert entry["assigned_by"].endswith(":acme/shop:9876543210")

    def test_a_job_without_a_matching_trust_policy_is_refused_with_the_reason(
        self, job: Job
    ) -> None:
        response = job(ref="refs/heads/feature").request("PUT", "/v1/series/a/t")
        assert response.status == 401
        assert response.json()["code"] == "unauthenticated"
        assert response.json()["detail"] == (
            "No trust policy matches this job. `ref` is 'refs/heads/feature', but a trust policy "
            "in the config file requires 'refs/heads/main'."
        )
        assert response.headers["WWW-Authenticate"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "https://github.com/acme"},
            {"repository_id": "778"},
            {"repository_owner_id": "43"},
            {"event_name": "pull_request_target"},
            {"exp": 1_700_000_000},
            {"iss": "https://token.actions.githubusercontent.com"},
        ],
        ids=str,
    )
    def test_the_server_applies_the_checks_of_the_verifier(self, job: Job, changes: Any) -> None:
        assert outcome(job(**changes), "/v1/series/a/t") == (401, "unauthenticated")

    def test_a_pull_request_of_a_trusted_repository_is_refused(self, job: Job) -> None:
        assert outcome(job(github_pull_request()), "/v1/series/a/t")[0] == 401

    def test_a_job_has_only_the_scopes_of_its_trust_policy(self, job: Job) -> None:
        client = job()
        assert outcome(client, "/v1/series/a", "DELETE") == (403, "forbidden")
        for path in ("/v1/accounts", "/v1/accounts/1/grants", "/v1/accounts/1/trusts"):
            assert outcome(client, path, "GET") == (403, "forbidden")


class TestTrusts:
    def test_a_trust_policy_can_be_created_listed_shown_and_deleted(
        self, root: Client, tenant: int, issuer: IssuerServer
    ) -> None:
        path = f"/v1/accounts/{tenant}/trusts"
        created = trust(root, tenant, issuer, names=["shop-*"], description="the shop")
        assert created == {
            "id": created["id"],
            "account_id": tenant,
            "issuer": issuer.url,
            "claims": MAIN,
            "scopes": ["read,write:series"],
            "names": ["shop-*"],
            "description": "the shop",
            "created_by": "root",
        }
        assert root.request("GET", path).json() == {"trusts": [created], "next": None}
        assert root.request("GET", f"{path}/{created['id']}").json() == created
        assert outcome(root, f"{path}/{created['id']}", "DELETE") == (200, "")
        assert outcome(root, f"{path}/{created['id']}", "DELETE") == (404, "trust_not_found")
        assert outcome(root, f"{path}/{created['id']}", "GET") == (404, "trust_not_found")

    def test_trust_policies_of_the_config_file_are_listed_first_without_an_id(
        self, root: Client
    ) -> None:
        first = root.request("GET", "/v1/accounts/1/trusts").json()["trusts"][0]
        assert (first["id"], first["claims"]) == (None, MAIN)
        assert (first["names"], first["created_by"]) == (["*"], None)

    def test_trust_policies_of_the_config_file_are_hidden_from_administrators_with_fewer_rights(
        self, server: Server, root: Client
    ) -> None:
        for scopes, names, visible in (
            (["*:series", "read:acl"], ["*"], True),
            (["*:series", "read:acl"], ["shop"], False),
            (["read:series", "read:acl"], ["*"], False),
        ):
            body = json.dumps({"scopes": scopes, "names": names})
            key = root.request("POST", "/v1/accounts/1/grants", body).json()["api_key"]
            with server.client(authorization=f"Bearer {key['secret']}") as client:
                listed = client.request("GET", "/v1/accounts/1/trusts").json()["trusts"]
                assert bool(listed) is visible

    def test_trust_policies_are_listed_in_pages(
        self, root: Client, tenant: int, issuer: IssuerServer
    ) -> None:
        created = [
            trust(root, tenant, issuer, description=str(number))["id"] for number in range(5)
        ]
        path, seen = f"/v1/accounts/{tenant}/trusts?limit=2", []
        after = "0"
        while after:
            page = root.request("GET", f"{path}&after={after}").json()
            seen += [each["id"] for each in page["trusts"]]
            after = page["next"]
        assert seen == created

    @pytest.mark.parametrize(
        "scopes", [["*:series"], ["write,read:series", "read:series"]], ids=str
    )
    def test_scopes_are_returned_as_given(
        self, scopes: list[str], root: Client, tenant: int, issuer: IssuerServer
    ) -> None:
        created = trust(root, tenant, issuer, scopes=scopes)
        path = f"/v1/accounts/{tenant}/trusts"
        assert created["scopes"] == scopes
        assert root.request("GET", f"{path}/{created['id']}").json()["scopes"] == scopes
        assert root.request("GET", path).json()["trusts"] == [created]

    def test_a_trust_policy_applies_to_its_own_account_only(
        self, root: Client, job: Job, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {"repository_id": str(1000 + tenant), "ref": "refs/heads/main"}
        client = job(account=tenant, repository_id=str(1000 + tenant))
        assert outcome(client, "/v1/series/k/t")[0] == 401
        trust(root, tenant, issuer, claims=claims)
        response = client.request("PUT", "/v1/series/k/t")
        assert response.json()["creator_id"] == tenant
        assert outcome(client, "/v1/accounts/1/series/k/t") == (401, "unauthenticated")

    def test_a_job_that_differs_in_one_claim_is_refused_with_the_trust_policy_and_the_claim(
        self, root: Client, job: Job, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {"repository_id": str(1000 + tenant), "ref": "refs/heads/main"}
        id = trust(root, tenant, issuer, claims=claims)["id"]
        client = job(
            account=tenant, repository_id=claims["repository_id"], ref="refs/heads/feature"
        )
        assert client.request("PUT", "/v1/series/k/t").json()["detail"] == (
            "No trust policy matches this job. `ref` is 'refs/heads/feature', but "
            f"trust policy {id} requires 'refs/heads/main'."
        )

    def test_a_deleted_trust_policy_no_longer_applies(
        self, root: Client, job: Job, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {"repository_id": str(1000 + tenant), "ref": "refs/heads/main"}
        created = trust(root, tenant, issuer, claims=claims)
        client = job(account=tenant, repository_id=str(1000 + tenant))
        assert outcome(client, "/v1/series/k/t")[0] == 200
        root.request("DELETE", f"/v1/accounts/{tenant}/trusts/{created['id']}")
        assert outcome(client, "/v1/series/k/t")[0] == 401
        assert (
            outcome(job(account=tenant, repository_id=str(1000 + tenant)), "/v1/series/k/t")[0]
            == 401
        )

    def test_trust_policies_of_one_account_with_the_same_names_are_combined(
        self, root: Client, job: Job, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {"repository_id": str(1000 + tenant), "ref": "refs/heads/main"}
        trust(root, tenant, issuer, claims=claims, scopes=["read:series"])
        assert (
            outcome(job(account=tenant, repository_id=str(1000 + tenant)), "/v1/series/k/t")[0]
            == 403
        )
        trust(root, tenant, issuer, claims=claims, scopes=["write:series"])
        assert (
            outcome(job(account=tenant, repository_id=str(1000 + tenant)), "/v1/series/k/t")[0]
            == 200
        )

    def test_a_trust_policy_limits_a_job_to_its_names(
        self, root: Client, job: Job, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {"repository_id": str(1000 + tenant), "ref": "refs/heads/main"}
        trust(root, tenant, issuer, claims=claims, names=["shop-*"])
        client = job(account=tenant, repository_id=str(1000 + tenant))
        assert outcome(client, "/v1/versions/shop-web/t")[0] == 200
        for path in "versions/web/t", "versions/shop/t", "series/shop-major/t":
            assert outcome(client, f"/v1/{path}") == (403, "forbidden")

    def test_an_unprotected_environment_must_be_accepted(
        self, root: Client, job: Job, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {"repository_id": str(1000 + tenant), "environment": "release"}
        created = trust(root, tenant, issuer, claims=claims, accept_unprotected=True)
        assert created["accept_unprotected"] is True
        assert root.request("GET", f"/v1/accounts/{tenant}/trusts").json()["trusts"] == [created]
        claims = {**claims, "ref": "refs/heads/x"}
        client = job(account=tenant, **claims)
        assert outcome(client, "/v1/versions/web/t") == (200, "")

    def test_an_identity_token_may_have_16_kib(self, job: Job, fresh_key: str) -> None:
        for length, expected in ((11_500, (200, "")), (12_500, (401, "unauthenticated"))):
            client = job(repo_property_team="x" * (length - 1000))
            assert outcome(client, f"/v1/series/{fresh_key}/t") == expected

    @pytest.mark.parametrize(
        ("members", "word"),
        [
            ({"issuer": "github"}, "issuer"),
            ({"claims": {"repository": "acme/shop", "ref": "refs/heads/main"}}, "repository_id"),
            ({"claims": SHOP}, "claims"),
            ({"claims": {**SHOP, "environment": "release"}}, "set `accept_unprotected` to true"),
            ({"claims": {**SHOP, "workflow": FILE}}, "every branch has its own copy"),
            ({"claims": {"repository_owner_id": "42", "ref": "refs/heads/main"}}, "create this"),
            ({"accept_unprotected": True}, "`accept_unprotected` requires `claims.environment`"),
            ({"accept_unprotected": "true"}, "`accept_unprotected` must be true or false"),
            ({"accept_unprotected": None}, "`accept_unprotected` must be true or false"),
            ({"scopes": []}, "scopes"),
            ({"scopes": ["*:acl"]}, "outlives"),
            ({"scope": ["read:series"]}, "scope"),
            ({"prefix": "shop"}, "Unknown member `prefix`"),
            ({"created_by": "root"}, "Unknown member `created_by`"),
            ({"creators": ["root"]}, "Unknown member `creators`"),
            ({"names": None}, "`names` must be a list"),
            ({"names": "shop"}, "`names` must be a list"),
            ({"names": []}, "`names` must be a list"),
            ({"names": ["a"] * 33}, "`names` must be a list"),
            ({"names": ["a*b"]}, "Invalid name pattern"),
            ({"names": ["a" * 257 + "*"]}, "Invalid name pattern"),
            ({"names": [1]}, "Invalid name pattern"),
            ({"description": 1}, "description"),
            ({"label": "CI"}, "Unknown member `label`"),
            ({"account": 2}, "account"),
        ],
        ids=str,
    )
    def test_an_invalid_trust_policy_is_refused_with_the_member_and_a_hint(
        self, root: Client, tenant: int, issuer: IssuerServer, members: Any, word: str
    ) -> None:
        body = {"issuer": issuer.url, "claims": MAIN, **SERIES, **members}
        response = root.request("POST", f"/v1/accounts/{tenant}/trusts", json.dumps(body))
        assert (response.status, response.json()["code"]) == (400, "invalid_request")
        assert word in response.json()["detail"]
        assert root.request("GET", f"/v1/accounts/{tenant}/trusts").json()["trusts"] == []

    def test_a_trust_policy_cannot_exceed_the_permissions_of_its_creator(
        self, server: Server, root: Client, tenant: int, issuer: IssuerServer
    ) -> None:
        path = f"/v1/accounts/{tenant}/grants"
        body = {"scopes": ["read:series", "write:acl"], "names": ["shop-*"]}
        secret = root.request("POST", path, json.dumps(body)).json()["api_key"]["secret"]
        with server.client(authorization=f"Bearer {secret}") as client:
            for members, status in (
                ({"scopes": ["read,write:series"], "names": ["shop-*"]}, 403),
                ({"scopes": ["read:series"]}, 403),
                ({"scopes": ["read:series"], "names": ["shop-x"]}, 200),
            ):
                body = {"issuer": issuer.url, "claims": MAIN, **members}
                response = client.request("POST", f"/v1/accounts/{tenant}/trusts", json.dumps(body))
                assert response.status == status, (members, response.body)

    def test_a_trust_policy_of_more_than_4_kib_is_refused(
        self, root: Client, tenant: int, issuer: IssuerServer
    ) -> None:
        claims = {**SHOP, "ref": "refs/heads/main", "environment": "x" * 400}
        events = [f"event_{'x' * 40}" for _ in range(32)]
        body = {"issuer": issuer.url, "claims": claims, "allow_events": events, **SERIES}
        path = f"/v1/accounts/{tenant}/trusts"
        text = json.dumps(body)
        for size, status in (4097, 413), (4096, 200):
            response = root.request("POST", path, text + (size - len(text)) * " ")
            assert response.status == status, response.body
        assert len(root.request("GET", path).json()["trusts"]) == 1


class TestReplay:
    def test_an_identity_token_is_limited_to_a_number_of_operations(
        self, job: Job, fresh_key: str
    ) -> None:
        client = job()
        paths = [f"/v1/series/{fresh_key}/t{number}" for number in range(7)]
        outcomes = [outcome(client, path) for path in paths]
        assert outcomes == [(200, "")] * 5 + [(401, "token_replayed")] * 2
        assert [outcome(client, path)[0] for path in paths[:5]] == [200] * 5
        assert outcome(client, f"/v1/series/{fresh_key}", "GET")[0] == 200

    def test_a_refused_operation_assigns_no_value(
        self, job: Job, root: Client, fresh_key: str
    ) -> None:
        client = job()
        for number in range(7):
            client.request("PUT", f"/v1/series/{fresh_key}/t{number}")
        assert root.request("GET", f"/v1/series/{fresh_key}").json()["value"] == 5

    def test_a_preview_does_not_count_as_an_operation(self, job: Job, fresh_key: str) -> None:
        client = job()
        for number in range(7):
            path = f"/v1/versions/{fresh_key}/t{number}?dry_run=true"
            assert outcome(client, path)[0] == 200

    def test_concurrent_use_does_not_exceed_the_limit_of_operations(
        self, server: Server, job: Job, fresh_key: str
    ) -> None:
        authorization = job()._always["Authorization"]

        def use(number: int) -> int:
            with server.client(authorization=authorization) as client:
                return client.request("PUT", f"/v1/series/{fresh_key}/t{number}").status

        with ThreadPoolExecutor(25) as threads:
            statuses = list(threads.map(use, range(25)))
        assert sorted(statuses) == [200] * 5 + [401] * 20


def test_a_server_with_issuers_but_no_audience_does_not_start(config: Path) -> None:
    content = yaml.safe_load(config.read_text())
    del content["audience"]
    wrong = config.with_name("no-audience.yml")
    wrong.write_text(yaml.safe_dump(content))
    with pytest.raises(RuntimeError, match="`issuers` requires `audience`: set MONOTRON_AUDIENCE"):
        Server("sqlite://", args=["--config", str(wrong)])


def test_a_server_with_an_invalid_trust_policy_in_its_config_file_does_not_start(
    config: Path,
) -> None:
    content = yaml.safe_load(config.read_text())
    content["trusts"].append(
        {"account": 1, "issuer": "https://unknown.example", "claims": MAIN, **SERIES}
    )
    wrong = config.with_name("wrong-trust.yml")
    wrong.write_text(yaml.safe_dump(content))
    with pytest.raises(RuntimeError, match="trusts, item 2: Untrusted `issuer`"):
        Server("sqlite://", args=["--config", str(wrong)])


def test_a_trust_policy_in_the_config_file_that_anyone_can_satisfy_is_refused(config: Path) -> None:
    content = yaml.safe_load(config.read_text())
    claims = {**SHOP, "environment": "release"}
    content["trusts"].append({**content["trusts"][0], "claims": claims})
    wrong = config.with_name("open-trust.yml")
    wrong.write_text(yaml.safe_dump(content))
    with pytest.raises(
        RuntimeError, match="trusts, item 2: A trust policy must also restrict where"
    ):
        Server("sqlite://", args=["--config", str(wrong)])
    content["trusts"][1]["accept_unprotected"] = True
    wrong.write_text(yaml.safe_dump(content))
    Server("sqlite://", args=["--config", str(wrong)]).stop()


def test_a_server_with_issuers_requires_credentials(config: Path) -> None:
    with (
        Server("sqlite://", listen="0.0.0.0:0", args=["--config", str(config)]) as server,
        Client(f"http://127.0.0.1:{server.port}") as client,
    ):
        assert outcome(client, "/v1/series/a/t") == (401, "unauthenticated")
