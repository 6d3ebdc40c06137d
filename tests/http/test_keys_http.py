"""API keys: creation, lists, use and revocation, what they may grant, and their names."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monotron.auth.key_format import PATTERN
from support.credentials import JSON, bearer, new_account, new_grant, new_key
from support.member import until
from support.server import ROOT_ENV, Client, Response, basic
from support.server_thread import ServerThread

Problem = Callable[..., dict[str, Any]]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def account(root: Client) -> int:
    """A new account without API keys."""
    return new_account(root)


def requests_with(client: Client, secret: str) -> Callable[..., Any]:
    """Returns a function that sends requests with the secret of an API key."""

    def ask(verb: str, path: str, body: str | None = None) -> Any:
        headers = {"Authorization": bearer(secret), **(JSON if body else {})}
        return client.request(verb, path, body, headers)

    return ask


def rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


class TestNewApiKey:
    def test_the_response_to_a_list_of_scopes_has_only_the_documented_members(
        self, root: Client, account: int
    ) -> None:
        response = root.request(
            "POST", f"/v1/accounts/{account}/grants", '["read,write:series"]', JSON
        )
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        grant = response.json()
        assert list(grant) == [
            *("account_id", "api_key", "scopes", "names", "created_by", "expires_at")
        ]
        assert list(grant["api_key"]) == ["id", "key", "secret"]
        assert grant["account_id"] == account
        assert type(grant["api_key"]["id"]) is int
        assert re.fullmatch(PATTERN, grant["api_key"]["secret"])
        assert grant["scopes"] == ["read,write:series"]
        assert (grant["names"], grant["created_by"]) == (["*"], "root")

    def test_a_new_key_has_the_requested_description_names_and_expiry(
        self, root: Client, account: int
    ) -> None:
        requested = {
            "description": "CI of Été ✨",
            "names": ["team-a/*", "shop", "shop"],
            "expires_at": "2999-01-31T00:00:00Z",
        }
        grant = new_grant(root, account, "*:series", **requested)
        assert requested.items() <= grant.items()
        path = f"/v1/accounts/{account}/grants/{grant['api_key']['key']}"
        assert requested.items() <= root.request("GET", path).json().items()

    @pytest.mark.parametrize(
        "scopes",
        [
            ["*:acl"],
            ["delete,read:series", "write:account", "read:series"],
            ["read:acl", "read:series"],
            [],
        ],
        ids=str,
    )
    def test_scopes_are_returned_as_given(
        self, scopes: list[str], root: Client, account: int
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        for body in (scopes, {"scopes": scopes}):
            created = root.request("POST", path, json.dumps(body), JSON).json()
            assert created["scopes"] == scopes
            shown = root.request("GET", f"{path}/{created['api_key']['key']}")
            assert shown.json()["scopes"] == scopes
        listed = root.request("GET", path).json()["grants"]
        assert [grant["scopes"] for grant in listed] == [scopes, scopes]

    def test_a_key_without_scopes_has_no_rights(
        self, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        ask = requests_with(stranger, new_key(root, account))
        own = f"/v1/accounts/{account}"
        for verb, path in (
            ("GET", "/v1/series"),
            ("PUT", "/v1/series/k/T"),
            ("DELETE", "/v1/series/k"),
            ("GET", own),
            ("GET", f"{own}/grants"),
            ("POST", f"{own}/grants"),
        ):
            detail = problem(
                ask(verb, path), 403, "forbidden", applied=None if verb == "GET" else "no"
            )["detail"]
            assert "These credentials have no scopes." in detail
        assert ask("GET", "/v1").status == 200

    def test_the_expiry_may_be_given_in_any_time_zone(self, root: Client, account: int) -> None:
        grant = new_grant(root, account, "read:series", expires_at="2999-01-31T02:00:00+02:00")
        assert grant["expires_at"] == "2999-01-31T00:00:00Z"

    def test_new_keys_differ_from_each_other(self, root: Client, account: int) -> None:
        keys = [new_grant(root, account, "read:series")["api_key"] for _ in range(10)]
        for member in "id", "key", "secret":
            assert len({key[member] for key in keys}) == 10

    @pytest.mark.parametrize(
        "body",
        [
            "", "null", "1", '"read:series"', "{}", "[1]", "[null]", '[["read:series"]]',
            '["reed:series"]', '["read:keys"]', '["*:*"]', '["READ:series"]', '["read:series",]',
            '{"scopes": [], "label": "CI"}',
            '{"scopes": "read:series"}', '{"scopes": ["read:series"], "id": 1}',
            '{"scopes": ["read:series"], "scopes": ["*:acl"]}',
            '{"scopes": ["read:series"], "account_id": 1}',
            '{"scopes": ["read:series"], "secret": "mine"}',
            *(f'{{"scopes": ["read:series"], {more}}}' for more in (
                '"description": 1', '"description": ["a"]', '"description": "a\\u0000b"',
                '"description": "\\ud800"',
                f'"description": "{257 * "x"}"', '"prefix": "a"', '"names": null',
                '"names": []', '"names": "a"', '"names": {"a": 1}', '"names": [1]', '"names": [""]',
                '"names": ["a\\nb"]', '"names": ["\\udfff"]', '"names": ["a*b"]',
                '"names": ["**"]', '"names": ["*a"]', '"names": [["a"]]', '"names": ["a", null]',
                f'"names": ["{257 * "x"}"]', f'"names": ["{257 * "x"}*"]',
                '"names": ["x"' + 32 * ', "x"' + "]", '"created_by": "root"',
                '"expires_at": 1', '"expires_at": false', '"expires_at": ""',
                '"expires_at": "soon"', '"expires_at": "2999-01-31"',
                '"expires_at": "2999-01-31T00:00:00"', '"expires_at": "2001-01-31T00:00:00Z"',
                '"expires_at": "0001-01-01T00:00:00+23:59"',
                '"expires_at": "9999-12-31T23:59:59-23:59"',
                '"expires_at": "99999-01-01T00:00:00Z"',
            )),
        ],
    )  # fmt: skip
    def test_an_invalid_request_creates_no_key(
        self, body: str, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        response = root.request("POST", path, body, JSON)
        problem(response, 400, "invalid_request", applied="no")
        assert root.request("GET", path).json() == {"grants": [], "next": None}

    def test_a_form_creates_no_key(self, root: Client, account: int, problem: Problem) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        response = root.request("POST", f"/v1/accounts/{account}/grants", '["read:series"]', form)
        problem(response, 415, "unsupported_media_type", applied="no")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
    def test_a_page_of_another_host_creates_no_key(
        self, origin: str, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        response = root.request("POST", path, '["read:series"]', {**JSON, "Origin": origin})
        problem(response, 403, "forbidden", applied="no")
        assert root.request("GET", path).json()["grants"] == []


class TestApiKeys:
    def test_keys_are_listed_and_shown_without_secrets(self, root: Client, account: int) -> None:
        created = [
            new_grant(root, account, "read:series", description=str(number)) for number in range(3)
        ]
        path = f"/v1/accounts/{account}/grants"
        listed = root.request("GET", path)
        shown = [root.request("GET", f"{path}/{grant['api_key']['key']}") for grant in created]
        for grant in created:
            secret = grant["api_key"].pop("secret")
            for response in (listed, *shown):
                assert secret not in response.text
                assert secret[-36:] not in response.text
        for response in shown:
            assert response.json() in listed.json()["grants"]
        for grant, response in zip(created, shown, strict=True):
            assert grant.items() <= response.json().items()
            assert TIME.fullmatch(response.json()["created_at"])
            assert response.json()["last_used_at"] is None

    def test_keys_are_listed_in_pages_ordered_by_name(self, root: Client, account: int) -> None:
        names = sorted(new_grant(root, account, "read:series")["api_key"]["key"] for _ in range(5))
        listed_names: list[str] = []
        query = "?limit=2"
        while query:
            page = root.request("GET", f"/v1/accounts/{account}/grants{query}").json()
            listed_names += [grant["api_key"]["key"] for grant in page["grants"]]
            query = f"?limit=2&after={page['next']}" if page["next"] else ""
        assert listed_names == names

    def test_an_unknown_key_is_not_found(
        self, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants/mtk_k_00000000"
        problem(root.request("GET", path), 404, "grant_not_found")
        problem(root.request("DELETE", path), 404, "grant_not_found", applied="no")

    def test_the_last_use_of_a_key_is_recorded_to_the_hour(
        self, root: Client, stranger: Client, account: int
    ) -> None:
        key = new_grant(root, account, "read:series")["api_key"]
        assert requests_with(stranger, key["secret"])("GET", "/v1/series").status == 200
        path = f"/v1/accounts/{account}/grants/{key['key']}"
        used = until(lambda: root.request("GET", path).json()["last_used_at"], 10, "the use")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", used)
        assert datetime.now(UTC) - datetime.fromisoformat(used) < timedelta(hours=2)

    def test_a_key_works_until_it_expires(
        self, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        ask = requests_with(
            stranger, new_key(root, account, "read:series", expires_at=rfc3339(ends))
        )
        assert ask("GET", "/v1/series").status == 200

        def refusal() -> Response | None:
            began = time.time()
            response = ask("GET", "/v1/series")
            assert response.status == 401 or began < ends.timestamp()
            return None if response.status == 200 else response

        response = until(refusal, 10, "the expiry")
        assert "expired" in problem(response, 401, "unauthenticated")["detail"]
        assert time.time() >= ends.timestamp()


class TestRevocation:
    def test_a_revoked_key_stops_working_immediately(
        self, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        key = new_grant(root, account, "*:series", "*:acl")["api_key"]
        ask = requests_with(stranger, key["secret"])
        path = f"/v1/accounts/{account}/grants/{key['key']}"
        assert ask("PUT", "/v1/series/k/T").status == 200
        response = root.request("DELETE", path)
        assert (response.status, response.body) == (200, b"")
        problem(ask("PUT", "/v1/series/k/T"), 401, "unauthenticated", applied="no")
        problem(root.request("GET", path), 404, "grant_not_found")
        problem(root.request("DELETE", path), 404, "grant_not_found", applied="no")
        assert root.request("GET", f"/v1/accounts/{account}/grants").json()["grants"] == []

    def test_a_revoked_key_stops_working_in_each_header_format(
        self, root: Client, stranger: Client, account: int
    ) -> None:
        key = new_grant(root, account, "*:series")["api_key"]
        name, secret = key["key"], key["secret"]
        headers = [basic(name, secret), bearer(secret), bearer(f"{name}:{secret}"),
                   f"bearer  {secret}"]  # fmt: skip
        sent = [{"Authorization": header} for header in headers]
        assert [stranger.request("GET", "/v1/series", headers=each).status for each in sent] == (
            [200] * 4
        )
        assert root.request("DELETE", f"/v1/accounts/{account}/grants/{name}").status == 200
        assert [stranger.request("GET", "/v1/series", headers=each).status for each in sent] == (
            [401] * 4
        )

    def test_a_key_may_revoke_itself(self, root: Client, stranger: Client, account: int) -> None:
        key = new_grant(root, account, "*:acl")["api_key"]
        ask = requests_with(stranger, key["secret"])
        path = f"/v1/accounts/{account}/grants"
        assert ask("DELETE", f"{path}/{key['key']}").status == 200
        assert ask("GET", path).status == 401

    def test_revoking_a_key_does_not_revoke_the_keys_it_created(
        self, root: Client, stranger: Client, account: int
    ) -> None:
        maker = new_grant(root, account, "*:series", "*:acl")["api_key"]
        root_path = f"/v1/accounts/{account}/grants"
        with_it = requests_with(stranger, maker["secret"])("POST", root_path, '["read:series"]')
        assert root.request("DELETE", f"{root_path}/{maker['key']}").status == 200
        ask = requests_with(stranger, with_it.json()["api_key"]["secret"])
        assert ask("GET", "/v1/series").status == 200


def test_a_revoked_key_stops_working_on_another_server_of_the_same_store_within_5_s(
    database_url: str,
) -> None:
    with (
        ServerThread(database_url, env=ROOT_ENV) as one,
        ServerThread(database_url, env=ROOT_ENV) as other,
        one.client(authorization=basic(*ROOT_ENV.values())) as root,
    ):
        key = new_grant(root, 1, "*:series")["api_key"]
        with other.client(authorization=bearer(key["secret"])) as client:
            assert client.request("PUT", "/v1/series/k/T").status == 200
            assert root.request("DELETE", f"/v1/accounts/1/grants/{key['key']}").status == 200
            until(lambda: client.request("GET", "/v1/series").status == 401, 5, "refused")


class TestGranting:
    """An API key can grant at most its own permissions."""

    @pytest.fixture
    def granting(self, root: Client, stranger: Client, account: int) -> Callable[..., Any]:
        """Creates an API key with another, new API key of these scopes and options."""

        def granting(scopes: list[str], body: dict[str, Any], **more: object) -> Any:
            ask = requests_with(stranger, new_key(root, account, *scopes, **more))
            response = ask("POST", f"/v1/accounts/{account}/grants", json.dumps(body))
            if response.status == 200:
                return response
            listed = root.request("GET", f"/v1/accounts/{account}/grants").json()["grants"]
            assert len(listed) == 1
            return response

        return granting

    @pytest.mark.parametrize("requested", ["read:series", "write:acl", "read,write:series"])
    def test_a_key_can_grant_its_own_scopes(
        self, requested: str, granting: Callable[..., Any]
    ) -> None:
        response = granting(["read,write:series", "write:acl"], {"scopes": [requested]})
        assert response.json()["scopes"] == [requested]

    @pytest.mark.parametrize(
        "requested", ["delete:series", "*:series", "read:acl", "*:acl", "read:account"]
    )
    def test_a_key_cannot_grant_a_scope_that_it_does_not_have(
        self, requested: str, granting: Callable[..., Any], problem: Problem
    ) -> None:
        response = granting(
            ["read,write:series", "write:acl"], {"scopes": ["read:series", requested]}
        )
        problem(response, 403, "forbidden", applied="no")

    @pytest.mark.parametrize(
        "names",
        [None, ["*"], ["team*"], ["team-b/*"], ["Team-a/*"], ["team-a"], ["team-a/*", "x"],
         ["shop*"], ["shop-major"]],
        ids=str,
    )  # fmt: skip
    def test_a_key_cannot_grant_names_that_it_may_not_use(
        self, names: list[str] | None, granting: Callable[..., Any], problem: Problem
    ) -> None:
        requested = {"scopes": ["read:series"], **({"names": names} if names else {})}
        own = ["team-a/*", "shop"]
        response = granting(["*:series", "write:acl"], requested, names=own)
        detail = problem(response, 403, "forbidden", applied="no")["detail"]
        assert "Their names are `team-a/*`, `shop`." in detail

    @pytest.mark.parametrize(
        "names", [["team-a/*"], ["team-a/x"], ["team-a/team-b/*", "shop", "shop"]], ids=str
    )
    def test_a_key_can_grant_names_that_it_may_use(
        self, names: list[str], granting: Callable[..., Any]
    ) -> None:
        requested = {"scopes": ["read:series"], "names": names}
        response = granting(["*:series", "write:acl"], requested, names=["team-a/*", "shop"])
        assert response.json()["names"] == names

    @pytest.mark.parametrize("requested", [None, "2999-01-01T00:00:01Z", "2998-12-31T23:59:59Z"])
    def test_what_a_key_creates_may_outlive_it(
        self, requested: str | None, granting: Callable[..., Any]
    ) -> None:
        body = {"scopes": ["read:series"], "expires_at": requested}
        response = granting(["*:series", "write:acl"], body, expires_at="2999-01-01T00:00:00Z")
        assert response.json().get("expires_at") == requested

    @pytest.mark.parametrize("scope", ["read:system", "write:system", "*:system"])
    def test_system_scopes_cannot_be_granted_outside_account_1(
        self, scope: str, root: Client, account: int, granting: Callable[..., Any], problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        response = root.request("POST", path, json.dumps([scope]), JSON)
        problem(response, 400, "invalid_request", applied="no")
        response = granting(["*:series", "*:acl", "*:account"], {"scopes": [scope]})
        assert response.status in (400, 403)

    def test_system_scopes_can_only_be_granted_by_a_key_that_has_them(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        requested = '["write:system"]'
        without = requests_with(stranger, new_key(root, 1, "*:series", "*:acl"))
        refused = without("POST", "/v1/accounts/1/grants", requested)
        problem(refused, 403, "forbidden", applied="no")
        with_it = requests_with(stranger, new_key(root, 1, "*:acl", "*:system"))
        assert with_it("POST", "/v1/accounts/1/grants", requested).status == 200
