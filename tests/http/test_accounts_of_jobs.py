"""Which account a CI job uses: the one in the path, in its audience, or the only one possible.

Acme's repository is acme/shop. Mallory is another tenant, who trusts the same repository.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from support.claims import AUDIENCE, github
from support.credentials import JSON, new_account
from support.issuer import IssuerServer
from support.server import ROOT, ROOT_ENV, Client, Response
from support.server_thread import ServerThread
from support.terminal import Terminal

Problem = Callable[..., dict[str, Any]]

SHOP = {"repository_id": "777", "repository_owner_id": "42", "ref": "refs/heads/main"}
OTHER_REPOSITORY = {"repository_id": "888", "repository_owner_id": "43", "ref": "refs/heads/main"}
SCOPES = ["read,write:series"]
DETAIL = (
    "The identity token does not name an account, which this server requires. Name it in the "
    "path (`/v1/accounts/ID/…`), or request a token with the audience "
    f"'{AUDIENCE}/accounts/ID'. An administrator of your account knows its ID."
)

both_orders = pytest.mark.parametrize("first", ["acme", "mallory"])

each_store = pytest.mark.parametrize("store", ["sqlite", "mongodb"], indirect=True)
"""For tests of the accounts that the store records. The others use an SQLite file."""


class Tenants:
    """A server with the accounts of Acme and Mallory, and an issuer of identity tokens."""

    def __init__(
        self,
        server: ServerThread,
        root: Client,
        issuer: IssuerServer,
        accounts: tuple[int, int] | None = None,
    ) -> None:
        """*accounts* are those of Acme and Mallory; they are created unless they exist."""
        self.server = server
        self.root = root
        self.issuer = issuer
        self.acme, self.mallory = accounts or (new_account(root), new_account(root))

    def trust(self, account: int, claims: dict[str, str] | None = None) -> int:
        """Create a trust policy, for acme/shop unless there are other *claims*."""
        body = {"issuer": self.issuer.url, "claims": claims or SHOP, "scopes": SCOPES}
        path = f"/v1/accounts/{account}/trusts"
        response = self.root.request("POST", path, json.dumps(body), JSON)
        assert response.status == 200, response
        id: int = response.json()["id"]
        return id

    def trust_in_order(self, first: str) -> None:
        """Create a trust policy in both accounts, in that of *first* first."""
        accounts = [self.acme, self.mallory]
        for account in accounts if first == "acme" else reversed(accounts):
            self.trust(account)

    def delete(self, account: int, id: int) -> None:
        response = self.root.request("DELETE", f"/v1/accounts/{account}/trusts/{id}")
        assert response.status == 200, response

    def token(self, **claims: Any) -> str:
        """A token of a new job of acme/shop, for the server's audience."""
        now = int(time.time())
        times = {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": uuid4().hex}
        return self.issuer.signers[0].token(github(**{"iss": self.issuer.url, **times, **claims}))

    def send(self, path: str, token: str, method: str = "PUT") -> Response:
        with self.server.client(authorization=f"Bearer {token}") as client:
            return client.request(method, path)

    def job(
        self, account: int | str | None = None, audience: object = None, **claims: Any
    ) -> Response:
        """Send the request of a new job, for the *account* in the path and the *audience*."""
        aud = AUDIENCE if audience is None else f"{AUDIENCE}/accounts/{audience}"
        scope = "" if account is None else f"/accounts/{account}"
        return self.send(
            f"/v1{scope}/versions/shop/T?bump=minor", self.token(**{"aud": aud, **claims})
        )

    def versions(self) -> list[list[str]]:
        """The versions of Acme and of Mallory."""
        return [self._versions_of(account) for account in (self.acme, self.mallory)]

    def _versions_of(self, account: int) -> list[str]:
        response = self.root.request("GET", f"/v1/accounts/{account}/releases/shop")
        if response.status == 404:
            return []
        return [each["version"] for each in response.json()["releases"]]


@pytest.fixture(scope="module")
def issuer() -> Iterator[IssuerServer]:
    with IssuerServer() as issuer:
        yield issuer


@pytest.fixture
def configure(issuer: IssuerServer, tmp_path: Path) -> Callable[..., str]:
    """Writes the config file with more settings, and returns its path."""

    def configure(**settings: object) -> str:
        issuers = [{"url": issuer.url, "kind": "github", "allow_private": True}]
        path = tmp_path / "monotron.yml"
        common = {"audience": AUDIENCE, "issuers": issuers, "failures_per_address": 0}
        path.write_text(yaml.safe_dump({**common, **settings}))
        return str(path)

    return configure


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store: an SQLite file, unless the test has other parameters."""
    if getattr(request, "param", "sqlite") == "mongodb":
        return str(request.getfixturevalue("database_url"))
    return f"sqlite:///{tmp_path}/monotron.db"


@pytest.fixture
def tenants(store: str, issuer: IssuerServer, configure: Callable[..., str]) -> Iterator[Tenants]:
    with (
        ServerThread(store, env=ROOT_ENV, config=configure()) as server,
        server.client(authorization=ROOT) as root,
    ):
        yield Tenants(server, root, issuer)


def is_ambiguous(problem: Problem, response: Response) -> bool:
    document = problem(response, 409, "ambiguous_account", applied="no")
    return bool(document["detail"] == DETAIL)


class TestSeveralAccountsWithPolicies:
    @both_orders
    def test_a_job_that_names_no_account_is_refused(
        self, tenants: Tenants, problem: Problem, first: str
    ) -> None:
        tenants.trust_in_order(first)
        assert is_ambiguous(problem, tenants.job())
        assert tenants.versions() == [[], []]

    @both_orders
    def test_a_job_uses_the_account_that_its_path_names(self, tenants: Tenants, first: str) -> None:
        tenants.trust_in_order(first)
        assert tenants.job(tenants.acme).json()["creator_id"] == tenants.acme
        assert tenants.versions() == [["0.1.0"], []]

    @both_orders
    def test_a_job_uses_the_account_that_its_audience_names(
        self, tenants: Tenants, first: str
    ) -> None:
        tenants.trust_in_order(first)
        assert tenants.job(audience=tenants.acme).json()["creator_id"] == tenants.acme
        assert tenants.job(tenants.acme, tenants.acme).json()["creator_id"] == tenants.acme
        assert tenants.versions() == [["0.1.0"], []]

    @both_orders
    def test_a_policy_of_another_tenant_for_another_repository_makes_a_job_ambiguous(
        self, tenants: Tenants, problem: Problem, first: str
    ) -> None:
        policies = [(tenants.acme, SHOP), (tenants.mallory, OTHER_REPOSITORY)]
        for account, claims in policies if first == "acme" else reversed(policies):
            tenants.trust(account, claims)
        assert is_ambiguous(problem, tenants.job())

    @each_store
    def test_the_owner_may_replace_its_only_policy_while_another_tenant_waits(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        policy = tenants.trust(tenants.acme)
        tenants.trust(tenants.mallory)
        tenants.delete(tenants.acme, policy)
        assert is_ambiguous(problem, tenants.job())
        assert tenants.job(tenants.acme).status == 401
        tenants.trust(tenants.acme)
        assert is_ambiguous(problem, tenants.job())
        assert tenants.job(tenants.acme).json()["creator_id"] == tenants.acme
        assert tenants.versions() == [["0.1.0"], []]

    @each_store
    def test_a_token_that_was_accepted_before_becomes_ambiguous_immediately(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust(tenants.mallory)
        token = tenants.token()
        assert tenants.send("/v1/versions/shop/T", token, "GET").status == 404
        tenants.trust(tenants.acme)
        assert is_ambiguous(problem, tenants.send("/v1/versions/shop/T", token))

    def test_one_token_may_name_one_account_after_the_other_in_its_paths(
        self, tenants: Tenants
    ) -> None:
        tenants.trust_in_order("acme")
        token = tenants.token()
        for account in tenants.acme, tenants.mallory, tenants.acme:
            response = tenants.send(f"/v1/accounts/{account}/versions/shop/T?bump=minor", token)
            assert response.json()["creator_id"] == account

    def test_an_invalid_token_is_refused_before_its_account_matters(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust_in_order("acme")
        problem(tenants.job(exp=1_700_000_000), 401, "unauthenticated", applied="no")
        problem(tenants.job(aud="https://other.example"), 401, "unauthenticated", applied="no")


class TestOnlyAccountWithPolicies:
    def test_a_job_need_not_name_the_account(self, tenants: Tenants) -> None:
        tenants.trust(tenants.mallory, OTHER_REPOSITORY)
        response = tenants.job(repository_id="888", repository_owner_id="43")
        assert response.json()["creator_id"] == tenants.mallory

    def test_a_job_that_does_not_match_is_refused(self, tenants: Tenants, problem: Problem) -> None:
        tenants.trust(tenants.mallory, OTHER_REPOSITORY)
        problem(tenants.job(), 401, "unauthenticated", applied="no")

    def test_without_any_policy_a_job_is_refused_with_the_command_that_adds_one(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        document = problem(tenants.job(), 401, "unauthenticated", applied="no")
        assert "`monotron trust github OWNER/REPO`" in document["detail"]


class TestDisabledAccount:
    def disable(self, tenants: Tenants, account: int, *, disabled: bool = True) -> None:
        body = json.dumps({"disabled": disabled})
        response = tenants.root.request("PATCH", f"/v1/accounts/{account}", body, JSON)
        assert response.status == 200, response

    @each_store
    def test_the_jobs_of_a_disabled_account_are_refused_until_it_is_enabled(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust(tenants.acme)
        token = tenants.token()
        path = "/v1/versions/shop/T?bump=minor"
        assert tenants.send(f"{path}&dry_run=true", token).status == 200
        self.disable(tenants, tenants.acme)
        for response in (
            tenants.send(path, token),
            tenants.send(f"{path}&dry_run=true", token),
            tenants.send("/v1/whoami", token, "GET"),
            tenants.job(),
            tenants.job(tenants.acme),
            tenants.job(audience=tenants.acme),
        ):
            applied = "no" if "applied" in response.json() else None
            document = problem(response, 403, "forbidden", applied=applied)
            assert document["detail"].startswith(f"Account {tenants.acme} is disabled")
        assert tenants.versions() == [[], []]
        self.disable(tenants, tenants.acme, disabled=False)
        assert tenants.send(path, token).json()["version"] == "0.1.0"

    def test_its_jobs_do_not_move_to_another_account_that_trusts_them(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust_in_order("acme")
        self.disable(tenants, tenants.acme)
        assert is_ambiguous(problem, tenants.job())
        assert tenants.job(tenants.mallory).json()["creator_id"] == tenants.mallory

    def test_whoami_shows_a_job_and_is_not_an_operation_of_its_token(
        self, tenants: Tenants
    ) -> None:
        tenants.trust(tenants.acme)
        document = tenants.send("/v1/whoami", tenants.token(), "GET").json()
        assert document["account"] == {"id": tenants.acme, "name": None}
        assert document["scopes"] == ["read,write:series"]
        assert document["names"] == ["*"]
        assert document["expires_at"].endswith("Z")


class TestNamedAccount:
    def test_the_refusal_does_not_reveal_whether_the_account_exists_or_has_policies(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust(tenants.mallory, OTHER_REPOSITORY)
        tenants.trust(tenants.mallory, {**OTHER_REPOSITORY, "repository_owner_id": "42"})
        tenants.trust(tenants.mallory, {**SHOP, "repository_owner_id": "43"})
        details = set()
        for account in tenants.acme, tenants.mallory, 999_999:
            for response in tenants.job(account), tenants.job(audience=account):
                document = problem(response, 401, "unauthenticated", applied="no")
                details.add(document["detail"].replace(f"account {account}", "account N"))
        (detail,) = details
        assert detail == (
            "No trust policy matches this job. No trust policy of account N exists for "
            "`repository_id` '777' and `repository_owner_id` '42'."
        )

    def test_the_refusal_of_a_job_with_the_right_ids_names_the_claim_that_differs(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        id = tenants.trust(tenants.acme)
        document = problem(
            tenants.job(tenants.acme, ref="refs/heads/x"), 401, "unauthenticated", applied="no"
        )
        assert document["detail"] == (
            f"No trust policy matches this job. `ref` is 'refs/heads/x', but trust policy {id} "
            "requires 'refs/heads/main'."
        )

    def test_a_path_that_names_another_account_than_the_audience_is_refused(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust_in_order("acme")
        for account in tenants.mallory, 999_999:
            response = tenants.job(account, tenants.acme)
            document = problem(response, 401, "unauthenticated", applied="no")
            assert document["detail"] == (
                f"The identity token is for account {tenants.acme}, but the path names another "
                f"one. Use `/v1/accounts/{tenants.acme}/…`, or request a token with another "
                "audience."
            )
        assert tenants.versions() == [[], []]

    def test_an_audience_with_an_invalid_account_is_refused(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust(tenants.acme)
        for id in ("", "0", "01", "+1", "-1", "1.0", "1/", "1/series", "x", "१", "1" + 18 * "0"):
            for account in None, tenants.acme:
                response = tenants.job(account, id)
                document = problem(response, 401, "unauthenticated", applied="no")
                assert f"requires '{AUDIENCE}' or '{AUDIENCE}/accounts/ID'" in document["detail"]

    def test_an_invalid_account_in_the_path_has_no_policies(
        self, tenants: Tenants, problem: Problem
    ) -> None:
        tenants.trust(tenants.acme)
        for id in ("0", "01", "x", "", "99999999999999999999"):
            problem(tenants.job(id), 401, "unauthenticated", applied="no")


class TestConfigFile:
    @pytest.fixture
    def accounts(self, store: str) -> tuple[int, int]:
        """The accounts of Acme and Mallory, in the store of a stopped server."""
        with (
            ServerThread(store, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            return new_account(root), new_account(root)

    @pytest.mark.parametrize("account", [2, 999_999_999_999])
    def test_a_policy_of_an_account_that_does_not_exist_is_an_invalid_setting(
        self,
        store: str,
        issuer: IssuerServer,
        configure: Callable[..., str],
        tmp_path: Path,
        account: int,
    ) -> None:
        policy = {"issuer": issuer.url, "claims": SHOP, "scopes": SCOPES}
        trusts = [{"account": 1, **policy}, {"account": account, **policy}]
        server = Terminal(tmp_path, "https://monotron.invalid", **ROOT_ENV)
        arguments = ("--store", store, "--config", configure(trusts=trusts))
        errors = server.fails(2, "serve", "--listen=127.0.0.1:0", *arguments)
        assert f"error: trusts, item 2: `account` {account} does not exist." in errors

    def test_the_jobs_of_a_disabled_account_are_refused_for_policies_of_the_config_file(
        self,
        store: str,
        issuer: IssuerServer,
        configure: Callable[..., str],
        problem: Problem,
        accounts: tuple[int, int],
    ) -> None:
        policy = {"account": accounts[0], "issuer": issuer.url, "claims": SHOP, "scopes": SCOPES}
        with (
            ServerThread(store, env=ROOT_ENV, config=configure(trusts=[policy])) as server,
            server.client(authorization=ROOT) as root,
        ):
            tenants = Tenants(server, root, issuer, accounts)
            assert tenants.job().status == 200
            body = json.dumps({"disabled": True})
            assert root.request("PATCH", f"/v1/accounts/{accounts[0]}", body, JSON).status == 200
            problem(tenants.job(), 403, "forbidden", applied="no")

    @each_store
    @pytest.mark.parametrize("configured", ["acme", "mallory"])
    def test_policies_of_the_config_file_count_like_those_of_the_store(
        self,
        store: str,
        issuer: IssuerServer,
        configure: Callable[..., str],
        problem: Problem,
        configured: str,
        accounts: tuple[int, int],
    ) -> None:
        assert accounts == (2, 3)
        owner = {"acme": 2, "mallory": 3}[configured]
        policy = {"account": owner, "issuer": issuer.url, "claims": SHOP, "scopes": SCOPES}
        with (
            ServerThread(store, env=ROOT_ENV, config=configure(trusts=[policy])) as server,
            server.client(authorization=ROOT) as root,
        ):
            tenants = Tenants(server, root, issuer, accounts)
            assert tenants.job().json()["creator_id"] == owner
            tenants.trust(5 - owner)
            assert is_ambiguous(problem, tenants.job())
            assert tenants.job(owner).json()["creator_id"] == owner
        # The owner removes its policy from the config file, to replace it.
        with (
            ServerThread(store, env=ROOT_ENV, config=configure()) as tenants.server,
            tenants.server.client(authorization=ROOT) as tenants.root,
        ):
            assert is_ambiguous(problem, tenants.job())
            assert tenants.job(owner).status == 401

    def test_policies_of_two_accounts_in_the_config_file_are_ambiguous(
        self,
        store: str,
        issuer: IssuerServer,
        configure: Callable[..., str],
        problem: Problem,
        accounts: tuple[int, int],
    ) -> None:
        policy = {"issuer": issuer.url, "claims": SHOP, "scopes": SCOPES}
        trusts = [{"account": account, **policy} for account in accounts[::-1]]
        with (
            ServerThread(store, env=ROOT_ENV, config=configure(trusts=trusts)) as server,
            server.client(authorization=ROOT) as root,
        ):
            tenants = Tenants(server, root, issuer, accounts)
            assert is_ambiguous(problem, tenants.job())
            for account in accounts:
                assert tenants.job(account).json()["creator_id"] == account

    def test_a_server_may_require_an_account_from_the_start(
        self,
        store: str,
        issuer: IssuerServer,
        configure: Callable[..., str],
        problem: Problem,
    ) -> None:
        with (
            ServerThread(store, env=ROOT_ENV, config=configure(require_account=True)) as server,
            server.client(authorization=ROOT) as root,
        ):
            tenants = Tenants(server, root, issuer)
            assert is_ambiguous(problem, tenants.job())
            tenants.trust(tenants.acme)
            assert is_ambiguous(problem, tenants.job())
            assert tenants.job(tenants.acme).status == 200
            assert tenants.job(audience=tenants.acme).status == 200
            assert root.request("PUT", "/v1/series/k/T").status == 200
