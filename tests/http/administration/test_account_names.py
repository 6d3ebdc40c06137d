"""Names of accounts, disabled accounts, and `GET /v1/whoami`."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from support.administration import EVERYTHING, LIMITED, Administrators, on_each_store
from support.credentials import JSON, bearer, new_account, new_grant, new_key
from support.server import ROOT, Client, Response
from support.server_thread import ServerThread

Problem = Callable[..., dict[str, Any]]


def send(client: Client, verb: str, path: str, body: object) -> Response:
    return client.request(verb, path, json.dumps(body), JSON)


def change(root: Client, account: int, **members: object) -> Response:
    return send(root, "PATCH", f"/v1/accounts/{account}", members)


@pytest.fixture
def name() -> str:
    """A name that no account has."""
    return f"acme-{uuid4().hex}"


def named(root: Client, name: str) -> list[dict[str, Any]]:
    page = root.request("GET", f"/v1/accounts?name={name}").json()
    assert page["next"] is None
    accounts: list[dict[str, Any]] = page["accounts"]
    return accounts


class TestNames:
    @on_each_store
    def test_an_account_is_created_with_a_name_and_found_by_it(
        self, root: Client, name: str
    ) -> None:
        created = send(root, "POST", "/v1/accounts", {"name": name}).json()
        assert created == {"id": created["id"], "name": name, "disabled": False}
        assert root.request("GET", f"/v1/accounts/{created['id']}").json() == created
        assert named(root, name) == [created]

    def test_an_account_without_a_name_is_listed_without_one(self, root: Client) -> None:
        account = new_account(root)
        unnamed = {"id": account, "name": None, "disabled": False}
        page = root.request("GET", f"/v1/accounts?after={account - 1}&limit=1").json()
        assert page["accounts"] == [unnamed]
        assert send(root, "POST", "/v1/accounts", {}).json() == {**unnamed, "id": account + 1}

    @on_each_store
    def test_a_renamed_account_frees_its_name(self, root: Client, account: int, name: str) -> None:
        assert change(root, account, name=name).json()["name"] == name
        assert change(root, account, name=f"{name}-2").json()["name"] == f"{name}-2"
        assert named(root, name) == []
        assert named(root, f"{name}-2")[0]["id"] == account
        assert send(root, "POST", "/v1/accounts", {"name": name}).status == 200

    @on_each_store
    def test_the_first_account_is_listed_once_after_it_was_named(
        self, root: Client, name: str
    ) -> None:
        assert change(root, 1, name=name).json() == {"id": 1, "name": name, "disabled": False}
        accounts = root.request("GET", "/v1/accounts?limit=2").json()["accounts"]
        assert [accounts[0]["id"], accounts[0]["name"]] == [1, name]
        assert accounts[1]["id"] == 2

    @on_each_store
    def test_a_taken_name_is_refused_and_changes_nothing(
        self, root: Client, account: int, name: str, problem: Problem
    ) -> None:
        other = send(root, "POST", "/v1/accounts", {"name": name}).json()["id"]
        for response in (
            send(root, "POST", "/v1/accounts", {"name": name}),
            change(root, account, name=name),
            change(root, account, name=name, disabled=True),
        ):
            problem(response, 409, "account_name_taken", applied="no")
        unchanged = {"id": account, "name": None, "disabled": False}
        assert root.request("GET", f"/v1/accounts/{account}").json() == unchanged
        assert [each["id"] for each in named(root, name)] == [other]
        assert new_account(root) == other + 1

    @on_each_store
    def test_a_repeated_change_has_no_effect(self, root: Client, account: int, name: str) -> None:
        for _ in range(2):
            assert change(root, account, name=name).status == 200
        events = root.request("GET", "/v1/system/events?limit=1000").json()["events"]
        own = [each for each in events if each["account_id"] == account]
        assert [each["action"] for each in own] == ["create", "update"]
        assert own[1]["before"] == {"name": None, "disabled": False}
        assert own[1]["after"] == {"name": name, "disabled": False}

    @on_each_store
    def test_only_one_of_several_concurrent_requests_gets_a_name(
        self, site: ServerThread, root: Client, name: str
    ) -> None:
        accounts = [new_account(root) for _ in range(4)]

        def claim(account: int | None) -> int:
            with site.client(authorization=ROOT) as client:
                if account is None:
                    return send(client, "POST", "/v1/accounts", {"name": name}).status
                return change(client, account, name=name).status

        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(claim, [*accounts, None, None, None, None]))
        assert sorted(statuses) == [200] + [409] * 7
        everyone = root.request("GET", "/v1/accounts?limit=1000").json()["accounts"]
        assert [each for each in everyone if each["name"] == name] == named(root, name)

    @pytest.mark.parametrize(
        "body",
        [
            {"name": ""}, {"name": "7"}, {"name": "1-2"}, {"name": "-a"}, {"name": "a-"},
            {"name": "A"}, {"name": "é"}, {"name": "a" * 65}, {"name": "a\n"}, {"name": "a/b"},
            {"name": "a b"}, {"name": None}, {"name": 1}, {"name": ["a"]}, {"id": 1}, [], "a",
        ],
        ids=str,
    )  # fmt: skip
    def test_an_invalid_name_is_refused(
        self, body: object, root: Client, account: int, problem: Problem
    ) -> None:
        for verb, path in ("POST", "/v1/accounts"), ("PATCH", f"/v1/accounts/{account}"):
            problem(send(root, verb, path, body), 400, "invalid_request", applied="no")
        assert root.request("GET", f"/v1/accounts/{account}").json()["name"] is None
        assert new_account(root) == account + 1

    @pytest.mark.parametrize(
        "body",
        [{}, {"disabled": None}, {"disabled": "true"}, {"disabled": 1}, {"disabled": True, "x": 1}],
        ids=str,
    )
    def test_an_invalid_change_is_refused(
        self, body: object, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}"
        problem(send(root, "PATCH", path, body), 400, "invalid_request", applied="no")
        problem(root.request("PATCH", path), 400, "invalid_request", applied="no")
        assert root.request("GET", path).json()["disabled"] is False

    @pytest.mark.parametrize("name", ["a", "7a", "a-1", "a--b", "1" * 63 + "a", "0x10"])
    def test_a_valid_name_is_accepted(self, name: str, root: Client, account: int) -> None:
        assert change(root, account, name=name).json()["name"] == name

    @pytest.mark.parametrize(
        "query", ["name=a&after=1", "name=", "name", "nane=a", "name=A&name=B"]
    )
    def test_an_unknown_name_and_an_invalid_query_find_no_account(
        self, query: str, root: Client, problem: Problem
    ) -> None:
        response = root.request("GET", f"/v1/accounts?{query}")
        if query == "name=":
            assert response.json() == {"accounts": [], "next": None}
        else:
            problem(response, 400, "invalid_request")

    def test_only_the_root_key_names_and_disables(
        self, root: Client, account: int, administrator: Administrators, problem: Problem
    ) -> None:
        admin = administrator(EVERYTHING)
        for body in {"name": "mine"}, {"disabled": True}:
            response = admin.request("PATCH", "", body)
            assert response.status in (403, 404)
        with_all = {"Authorization": bearer(new_key(root, account, "*:account", "*:acl")), **JSON}
        response = root.request("PATCH", f"/v1/accounts/{account}", '{"name": "mine"}', with_all)
        problem(response, 403, "forbidden", applied="no")
        assert root.request("GET", f"/v1/accounts/{account}").json()["name"] is None

    def test_an_unknown_account_is_not_changed(self, root: Client, problem: Problem) -> None:
        for id in 999_999, "acme":
            response = send(root, "PATCH", f"/v1/accounts/{id}", {"name": "acme"})
            problem(response, 404, "not_found", applied="no")


class TestDisabledAccounts:
    def test_all_requests_of_a_disabled_account_are_refused_until_it_is_enabled(
        self, root: Client, account: int, stranger: Client, problem: Problem
    ) -> None:
        headers = {"Authorization": bearer(new_key(root, account, "*:series", "*:acl"))}

        def ask(verb: str, path: str) -> Response:
            return stranger.request(verb, path, headers=headers)

        calls = [
            ("PUT", "/v1/versions/shop/T?bump=minor"),
            ("PUT", "/v1/versions/shop/T?bump=minor&dry_run=true"),
            ("GET", "/v1/versions/shop"),
            ("PUT", f"/v1/accounts/{account}/series/k/T"),
            ("GET", f"/v1/accounts/{account}/grants"),
            ("GET", "/v1/whoami"),
            ("GET", "/v1/accounts/1/series"),
        ]
        assert [ask(*call).status for call in calls] == [200] * 6 + [403]
        assert change(root, account, disabled=True).json()["disabled"] is True
        for verb, path in calls:
            applied = None if verb == "GET" else "no"
            detail = problem(ask(verb, path), 403, "forbidden", applied=applied)["detail"]
            assert detail.startswith(f"Account {account} is disabled")
        body = "x" * 100_000
        large = stranger.request("PUT", "/v1/versions/shop/U?bump=auto", body, headers)
        assert problem(large, 403, "forbidden", applied="no")["detail"].startswith("Account")
        assert change(root, account, disabled=False).json()["disabled"] is False
        assert [ask(*call).status for call in calls] == [200] * 6 + [403]

    def test_the_root_key_still_reads_a_disabled_account(
        self, root: Client, account: int, name: str
    ) -> None:
        new_key(root, account, "read:series")
        assert change(root, account, disabled=True, name=name).status == 200
        document = {"id": account, "name": name, "disabled": True}
        assert root.request("GET", f"/v1/accounts/{account}").json() == document
        assert named(root, name) == [document]
        assert len(root.request("GET", f"/v1/accounts/{account}/grants").json()["grants"]) == 1
        assert root.request("PUT", f"/v1/accounts/{account}/series/k/T").status == 200

    def test_other_accounts_are_not_affected(
        self, root: Client, account: int, stranger: Client
    ) -> None:
        headers = {"Authorization": bearer(new_key(root, new_account(root), "read:series"))}
        change(root, account, disabled=True)
        assert stranger.request("GET", "/v1/series", headers=headers).status == 200

    def test_a_wrong_secret_does_not_reveal_that_an_account_is_disabled(
        self, root: Client, account: int, stranger: Client, problem: Problem
    ) -> None:
        secret = new_key(root, account, "read:series")
        change(root, account, disabled=True)
        headers = {"Authorization": bearer(secret[:-1] + ("a" if secret[-1] != "a" else "b"))}
        response = stranger.request("GET", "/v1/series", headers=headers)
        problem(response, 401, "unauthenticated")

    def test_the_first_account_cannot_be_disabled(self, root: Client, problem: Problem) -> None:
        problem(change(root, 1, disabled=True), 400, "invalid_request", applied="no")
        assert change(root, 1, disabled=False).json()["disabled"] is False


class TestWhoami:
    def test_an_api_key_sees_its_account_and_rights(
        self, root: Client, account: int, name: str, administrator: Administrators
    ) -> None:
        change(root, account, name=name)
        admin = administrator(LIMITED)
        own = root.request("GET", f"/v1/accounts/{account}/grants/{admin.id}").json()
        assert admin.request("GET", "whoami").json() == {
            "account": {"id": account, "name": name},
            "principal": f"key:{admin.id}",
            "scopes": ["read,write:series", "read,write,delete:acl"],
            "names": ["shop", "team-a/*"],
            "expires_at": own["expires_at"],
        }

    def test_an_api_key_without_scopes_sees_itself(
        self, root: Client, account: int, stranger: Client
    ) -> None:
        key = new_grant(root, account, expires_at=None)["api_key"]
        headers = {"Authorization": bearer(key["secret"])}
        document = stranger.request("GET", "/v1/whoami", headers=headers).json()
        assert document["principal"] == f"key:{key['key']}"
        assert (document["scopes"], document["expires_at"]) == ([], None)

    def test_the_root_key_belongs_to_the_first_account_and_sees_any(
        self, root: Client, account: int
    ) -> None:
        document = root.request("GET", "/v1/whoami").json()
        assert (document["account"]["id"], document["principal"]) == (1, "root")
        document = root.request("GET", f"/v1/accounts/{account}/whoami").json()
        assert document["account"] == {"id": account, "name": None}

    def test_credentials_are_required(
        self, root: Client, account: int, stranger: Client, problem: Problem
    ) -> None:
        problem(stranger.request("GET", "/v1/whoami"), 401, "unauthenticated")
        headers = {"Authorization": bearer(new_key(root, account, "read:series"))}
        response = stranger.request("GET", "/v1/accounts/1/whoami", headers=headers)
        problem(response, 403, "forbidden")
