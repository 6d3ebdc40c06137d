"""Two tenants on one server: neither can see, change or detect the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.credentials import JSON, bearer, new_account, new_grant, new_key
from support.routes import Call, calls
from support.server import ROOT, Client, Response, Server

Problem = Callable[..., dict[str, Any]]

IN_AN_ACCOUNT = [call for call in calls() if call.names_account]

SCOPES = ("*:series", "*:account", "*:acl")
"""All scopes that a tenant can have."""

UNUSED_IDS = (999999, 9223372036854775807, 9223372036854775808, 9999999999999999999)
"""Ids of no account, including ids that are too large."""

each_call = pytest.mark.parametrize("call", IN_AN_ACCOUNT, ids=str)


class Tenant:
    """An account and a client with one of its API keys."""

    def __init__(self, server: Server, root: Client) -> None:
        self.account = new_account(root)
        key = new_grant(root, self.account, *SCOPES)["api_key"]
        self.key: str = key["key"]
        self.client = server.client(authorization=bearer(key["secret"]))

    def put(self, path: str, body: str | None = None) -> Any:
        response = self.client.request("PUT", f"/v1/{path}", body, JSON if body else None)
        assert response.status == 200, response
        return response.json()

    def get(self, path: str) -> Any:
        response = self.client.request("GET", f"/v1/{path}")
        assert response.status == 200, response
        return response.json()


@pytest.fixture
def tenants(guarded: Server, root: Client) -> Iterator[tuple[Tenant, Tenant]]:
    """Two new accounts, each with an API key with all scopes."""
    first, second = Tenant(guarded, root), Tenant(guarded, root)
    with first.client, second.client:
        yield first, second


@pytest.fixture(scope="module")
def neighbours(guarded: Server) -> Iterator[tuple[Tenant, Tenant]]:
    """Two accounts for tests in which everything is refused; the second one has data."""
    with guarded.client(authorization=ROOT) as root:
        first, second = Tenant(guarded, root), Tenant(guarded, root)
    with first.client, second.client:
        second.put("series/held/T")
        second.put("versions/held/T?bump=minor")
        yield first, second


def ask(client: Client, call: Call, **parts: object) -> Response:
    body = '{"scopes": ["read:series"]}' if call.verb in ("PUT", "POST") else None
    return client.request(call.verb, call.path(**parts), body, JSON if body else None)


def data_of(tenant: Tenant) -> dict[str, object]:
    """The parts of paths to the data of the second neighbour."""
    words = ("series", "entries", "versions", "releases", "tokens")
    tokens = ("series_2", "versions_2", "tokens_2")
    parts = {**dict.fromkeys(words, "held"), **dict.fromkeys(tokens, "T")}
    return {**parts, "releases_2": "0.1.0", "grants": tenant.key}


def comparable(response: Response) -> tuple[object, ...]:
    """A complete response without its date and request id."""
    headers = [pair for pair in response.headers.items() if pair[0] not in ("Date", "X-Request-Id")]
    return response.status, headers, response.body


class TestAnotherAccount:
    @each_call
    def test_the_403_does_not_reveal_whether_an_account_or_its_data_exists(
        self, call: Call, neighbours: tuple[Tenant, Tenant], problem: Problem
    ) -> None:
        me, other = neighbours
        responses = [
            ask(me.client, call, accounts=account, **parts)
            for account in (other.account, 1, *UNUSED_IDS)
            for parts in (data_of(other), {}, {"series": "%zz", "grants": me.key})
        ]
        if call.verb == "HEAD":
            assert responses[0].status == 403
        else:
            problem(responses[0], 403, "forbidden", applied="no" if call.writes else None)
        assert {str(comparable(response)) for response in responses} == {
            str(comparable(responses[0]))
        }

    @each_call
    def test_the_403_does_not_depend_on_the_query(
        self, call: Call, neighbours: tuple[Tenant, Tenant]
    ) -> None:
        me, other = neighbours
        plain = ask(me.client, call, accounts=other.account)
        for query in "?no-such=1", "?limit=0", "?dry_run=true", "?%zz":
            response = me.client.request(call.verb, call.path(accounts=other.account) + query)
            assert comparable(response) == comparable(plain)

    def test_refused_requests_change_nothing_in_another_account(
        self, neighbours: tuple[Tenant, Tenant]
    ) -> None:
        me, other = neighbours
        before = state(other)
        for call in IN_AN_ACCOUNT:
            if call.writes:
                assert ask(me.client, call, accounts=other.account, **data_of(other)).status == 403
        assert state(other) == before

    def test_other_accounts_are_not_listed(
        self, neighbours: tuple[Tenant, Tenant], problem: Problem
    ) -> None:
        me, _ = neighbours
        problem(me.client.request("GET", "/v1/accounts"), 403, "forbidden")
        problem(me.client.request("POST", "/v1/accounts"), 403, "forbidden", applied="no")

    def test_a_malformed_account_id_reaches_no_account(
        self, neighbours: tuple[Tenant, Tenant], root: Client, problem: Problem
    ) -> None:
        me, other = neighbours
        ids = ("0", f"0{other.account}", f"+{other.account}", f"%3{other.account}", "-1", "1.0")
        for id in (*ids, "", "x", "1e1", "१", "1" + 19 * "0"):
            path = f"/v1/accounts/{id}/series"
            problem(me.client.request("GET", path), 403, "forbidden")
            problem(root.request("GET", path), 404, "not_found")


def state(tenant: Tenant) -> list[object]:
    """All data of the account, without the times of last use of its API keys."""
    grants = tenant.get(f"accounts/{tenant.account}/grants")["grants"]
    for grant in grants:
        grant.pop("last_used_at")
    return [grants, *(tenant.get(path) for path in ("series", "releases/held", "entries/held"))]


class TestTwoTenants:
    def test_tenants_have_separate_series_with_the_same_key(
        self, tenants: tuple[Tenant, Tenant]
    ) -> None:
        first, second = tenants
        values = [
            (tenant.put(f"series/shop/{token}")["value"], tenant is first)
            for tenant, token in [(first, "a"), (second, "a"), (first, "b"), (first, "c")]
        ]
        assert values == [(1, True), (1, False), (2, True), (3, True)]
        assert first.get("series/shop") == entry(first, "shop", "c", 3)
        assert second.get("series/shop") == entry(second, "shop", "a", 1)
        assert second.client.request("GET", "/v1/series/shop/b").status == 404

    def test_tenants_have_separate_versions_with_the_same_name(
        self, tenants: tuple[Tenant, Tenant]
    ) -> None:
        first, second = tenants
        assert first.put("versions/shop/T?bump=major")["version"] == "1.0.0"
        assert second.put("versions/shop/T?bump=minor")["version"] == "0.1.0"
        assert first.put("versions/shop", '{"version": "7.0.0"}')["version"] == "7.0.0"
        assert second.put("versions/shop/U")["version"] == "0.1.1"
        for tenant, versions in (first, ["7.0.0", "1.0.0"]), (second, ["0.1.1", "0.1.0"]):
            releases = tenant.get("releases/shop")["releases"]
            assert [each["version"] for each in releases] == versions
        assert second.client.request("GET", "/v1/releases/shop/1.0.0").status == 404

    def test_a_deletion_does_not_affect_the_other_tenant(
        self, tenants: tuple[Tenant, Tenant]
    ) -> None:
        first, second = tenants
        for tenant in tenants:
            tenant.put("series/shop/T")
        assert first.client.request("DELETE", "/v1/series/shop?restart=true").status == 200
        assert first.client.request("GET", "/v1/series/shop").status == 404
        assert second.get("series/shop")["value"] == 1

    def test_lists_contain_only_the_tenants_own_data(self, tenants: tuple[Tenant, Tenant]) -> None:
        first, second = tenants
        for tenant, key in (first, "a"), (second, "b"), (first, "c"):
            tenant.put(f"series/{key}/T")
            tenant.put(f"series/both/{key}")
        assert [each["key"] for each in first.get("series")["series"]] == ["a", "both", "c"]
        assert [each["key"] for each in second.get("series")["series"]] == ["b", "both"]
        assert [each["token"] for each in first.get("entries/both")["entries"]] == ["c", "a"]
        assert [each["token"] for each in second.get("entries/both")["entries"]] == ["b"]

    def test_pages_contain_only_the_tenants_own_data(self, tenants: tuple[Tenant, Tenant]) -> None:
        first, second = tenants
        for key in "abc":
            first.put(f"series/{key}1/T")
            second.put(f"series/{key}2/T")
        page = first.get("series?limit=2&after=a1")
        assert ([each["key"] for each in page["series"]], page["next"]) == (["b1", "c1"], None)
        for key in "abc":
            new_grant(first.client, first.account, "read:series", description=key)
            new_grant(second.client, second.account, "read:series", description=key)
        page = first.get(f"accounts/{first.account}/grants?limit=3")
        more = first.get(f"accounts/{first.account}/grants?after={page['next']}")
        assert {each["account_id"] for each in page["grants"] + more["grants"]} == {first.account}
        assert len(page["grants"]) == 3
        assert len(more["grants"]) == 1
        assert more["next"] is None

    def test_a_tenant_sees_only_its_own_api_keys(
        self, tenants: tuple[Tenant, Tenant], problem: Problem
    ) -> None:
        first, second = tenants
        own = f"/v1/accounts/{first.account}/grants"
        for verb, expected in ("GET", None), ("DELETE", "no"):
            foreign = first.client.request(verb, f"{own}/{second.key}")
            unknown = first.client.request(verb, f"{own}/mtk_k_00000000")
            problem(foreign, 404, "grant_not_found", applied=expected)
            renamed = foreign.body.replace(second.key.encode(), b"mtk_k_00000000")
            assert renamed == unknown.body
        assert second.get("series") == {"series": [], "next": None}

    def test_a_tenant_uses_its_account_with_and_without_naming_it(
        self, tenants: tuple[Tenant, Tenant]
    ) -> None:
        first, _ = tenants
        first.put("versions/shop/T?bump=minor")
        series = ("series", "series/shop-minor-v0", "entries/shop-minor-v0")
        for path in (*series, "versions/shop", "versions/shop/T", "releases/shop"):
            short = first.client.request("GET", f"/v1/{path}")
            named = first.client.request("GET", f"/v1/accounts/{first.account}/{path}")
            assert comparable(short) == comparable(named)
        named_put = first.put(f"accounts/{first.account}/series/shop/T")
        assert named_put == first.put("series/shop/T") == entry(first, "shop", "T", 1)


def entry(tenant: Tenant, key: str, token: str, value: int) -> dict[str, object]:
    return {"creator_id": tenant.account, "key": key, "token": token, "value": value}


class TestRootKey:
    def test_the_root_key_uses_the_account_in_the_path(
        self, tenants: tuple[Tenant, Tenant], root: Client
    ) -> None:
        for number, tenant in enumerate(tenants):
            path = f"/v1/accounts/{tenant.account}"
            for token in "abc"[: number + 1]:
                response = root.request("PUT", f"{path}/series/shop/{token}")
                assert response.json()["creator_id"] == tenant.account
            assert root.request("PUT", f"{path}/versions/shop/T?bump=major").status == 200
            account = {"id": tenant.account, "name": None, "disabled": False}
            assert root.request("GET", path).json() == account
            assert tenant.get("series/shop")["value"] == number + 1
            assert tenant.get("versions/shop")["version"] == "1.0.0"

    def test_the_root_key_uses_account_1_by_default(
        self, tenants: tuple[Tenant, Tenant], root: Client, fresh_key: str
    ) -> None:
        assert root.request("PUT", f"/v1/series/{fresh_key}/T").json()["creator_id"] == 1
        for path in f"/v1/series/{fresh_key}", f"/v1/accounts/1/series/{fresh_key}":
            assert root.request("GET", path).json()["value"] == 1
        assert tenants[0].client.request("GET", f"/v1/series/{fresh_key}").status == 404

    @each_call
    def test_an_unknown_account_is_not_found_with_the_root_key(
        self, call: Call, root: Client, problem: Problem
    ) -> None:
        for account in UNUSED_IDS:
            response = ask(root, call, accounts=account)
            if call.verb == "HEAD":
                assert response.status == 404
            else:
                problem(response, 404, "not_found", applied="no" if call.writes else None)

    def test_the_root_key_cannot_write_to_an_account_before_its_creation(
        self, root: Client
    ) -> None:
        following = new_account(root) + 1
        for path in "series/k/T", "versions/n/T":
            assert root.request("PUT", f"/v1/accounts/{following}/{path}").status == 404
        body = '["read:series"]'
        path = f"/v1/accounts/{following}"
        assert root.request("POST", f"{path}/grants", body, JSON).status == 404
        assert new_account(root) == following
        for listed in "series", "grants":
            assert root.request("GET", f"{path}/{listed}").json() == {listed: [], "next": None}

    def test_the_root_key_lists_all_accounts_in_pages(self, root: Client) -> None:
        created = [new_account(root) for _ in range(3)]
        listed_ids: list[int] = []
        after = "0"
        while after is not None:
            page = root.request("GET", f"/v1/accounts?limit=2&after={after}").json()
            listed_ids += [each["id"] for each in page["accounts"]]
            after = page["next"]
        assert listed_ids == list(range(1, created[-1] + 1))

    def test_every_new_account_is_unique_and_inaccessible_to_others(
        self, guarded: Server, root: Client
    ) -> None:
        assert len({new_account(root) for _ in range(10)}) == 10
        secret = new_key(root, 1, "*:series", "*:acl", "*:account", "*:system")
        with guarded.client(authorization=bearer(secret)) as client:
            account = new_account(root)
            assert client.request("GET", f"/v1/accounts/{account}").status == 403
