"""Keys: made, listed, used, revoked; and what they can grant, and for which names."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monotron.auth.key_format import PATTERN
from support.credentials import JSON, UNLIMITED, bearer, new_account, new_grant, new_key
from support.member import until
from support.server import ROOT_ENV, Client, Server, basic

Problem = Callable[..., dict[str, Any]]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def account(root: Client) -> int:
    """A new account, which has no keys yet."""
    return new_account(root)


def asking(client: Client, secret: str) -> Callable[..., Any]:
    """Requests on the client's connection with a key's credentials."""

    def ask(verb: str, path: str, body: str | None = None) -> Any:
        headers = {"Authorization": bearer(secret), **(JSON if body else {})}
        return client.request(verb, path, body, headers)

    return ask


def rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


class TestNewKey:
    def test_for_a_bare_list_is_answered_by_these_members_and_no_others(
        self, root: Client, account: int
    ) -> None:
        answer = root.request(
            "POST", f"/v1/accounts/{account}/grants", '["read,write:series"]', JSON
        )
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        grant = answer.json()
        assert list(grant) == ["account_id", "api_key", "scopes"]
        assert list(grant["api_key"]) == ["id", "key", "secret"]
        assert grant["account_id"] == account
        assert type(grant["api_key"]["id"]) is int
        assert re.fullmatch(PATTERN, grant["api_key"]["secret"])
        assert grant["scopes"] == ["read,write:series"]

    def test_says_what_was_given_of_label_prefix_and_end(self, root: Client, account: int) -> None:
        given = {"label": "CI of Été ✨", "prefix": "team-a/", "expires_at": "2999-01-31T00:00:00Z"}
        grant = new_grant(root, account, "*:series", **given)
        assert grant["scopes"] == ["read,write,delete:series"]
        assert given.items() <= grant.items()
        shown = root.request("GET", f"/v1/accounts/{account}/grants/{grant['api_key']['key']}")
        assert given.items() <= shown.json().items()

    def test_may_end_at_a_time_in_any_zone(self, root: Client, account: int) -> None:
        grant = new_grant(root, account, "read:series", expires_at="2999-01-31T02:00:00+02:00")
        assert grant["expires_at"] == "2999-01-31T00:00:00Z"

    def test_differs_from_every_other(self, root: Client, account: int) -> None:
        keys = [new_grant(root, account, "read:series")["api_key"] for _ in range(10)]
        for member in "id", "key", "secret":
            assert len({key[member] for key in keys}) == 10

    @pytest.mark.parametrize(
        "body",
        [
            "", "null", "1", '"read:series"', "{}", "[]", "[1]", "[null]", '[["read:series"]]',
            '["reed:series"]', '["read:keys"]', '["*:*"]', '["READ:series"]', '["read:series",]',
            '{"scopes": []}', '{"scopes": "read:series"}', '{"scopes": ["read:series"], "id": 1}',
            '{"scopes": ["read:series"], "scopes": ["*:acl"]}',
            '{"scopes": ["read:series"], "account_id": 1}',
            '{"scopes": ["read:series"], "secret": "mine"}',
            *(f'{{"scopes": ["read:series"], {more}}}' for more in (
                '"label": 1', '"label": ["a"]', '"label": "a\\u0000b"', '"label": "\\ud800"',
                f'"label": "{257 * "x"}"', '"prefix": 1', '"prefix": "a\\nb"',
                '"prefix": "\\udfff"', '"expires_at": 1', '"expires_at": false', '"expires_at": ""',
                '"expires_at": "soon"', '"expires_at": "2999-01-31"',
                '"expires_at": "2999-01-31T00:00:00"', '"expires_at": "2001-01-31T00:00:00Z"',
                '"expires_at": "0001-01-01T00:00:00+23:59"',
                '"expires_at": "9999-12-31T23:59:59-23:59"',
                '"expires_at": "99999-01-01T00:00:00Z"',
            )),
        ],
    )  # fmt: skip
    def test_is_not_made_where_the_request_is_wrong(
        self, body: str, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        answer = root.request("POST", path, body, JSON)
        problem(answer, 400, "invalid_request", applied="no")
        assert root.request("GET", path).json() == {"grants": [], "next": None}

    def test_is_not_made_from_a_form(self, root: Client, account: int, problem: Problem) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = root.request("POST", f"/v1/accounts/{account}/grants", '["read:series"]', form)
        problem(answer, 415, "unsupported_media_type", applied="no")

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
    def test_is_not_made_for_a_page_of_another_host(
        self, origin: str, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        answer = root.request("POST", path, '["read:series"]', {**JSON, "Origin": origin})
        problem(answer, 400, "invalid_host", applied="no")
        assert root.request("GET", path).json()["grants"] == []


class TestKeys:
    def test_are_listed_and_shown_without_secrets(self, root: Client, account: int) -> None:
        made = [new_grant(root, account, "read:series", label=str(number)) for number in range(3)]
        path = f"/v1/accounts/{account}/grants"
        listed = root.request("GET", path)
        shown = [root.request("GET", f"{path}/{grant['api_key']['key']}") for grant in made]
        for grant in made:
            secret = grant["api_key"].pop("secret")
            for answer in (listed, *shown):
                assert secret not in answer.text
                assert secret[-36:] not in answer.text
        for answer in shown:
            assert answer.json() in listed.json()["grants"]
        for grant, answer in zip(made, shown, strict=True):
            assert grant.items() <= answer.json().items()
            assert TIME.fullmatch(answer.json()["created_at"])
            assert answer.json()["last_used_at"] is None

    def test_are_listed_page_by_page_in_order_of_name(self, root: Client, account: int) -> None:
        names = sorted(new_grant(root, account, "read:series")["api_key"]["key"] for _ in range(5))
        found: list[str] = []
        query = "?limit=2"
        while query:
            page = root.request("GET", f"/v1/accounts/{account}/grants{query}").json()
            found += [grant["api_key"]["key"] for grant in page["grants"]]
            query = f"?limit=2&after={page['next']}" if page["next"] else ""
        assert found == names

    def test_that_there_are_not_are_not_found(
        self, root: Client, account: int, problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants/mtk_k_00000000"
        problem(root.request("GET", path), 404, "grant_not_found")
        problem(root.request("DELETE", path), 404, "grant_not_found", applied="no")

    def test_say_to_the_hour_when_they_were_last_used(
        self, root: Client, stranger: Client, account: int
    ) -> None:
        key = new_grant(root, account, "read:series")["api_key"]
        assert asking(stranger, key["secret"])("GET", "/v1/series").status == 200
        path = f"/v1/accounts/{account}/grants/{key['key']}"
        used = until(lambda: root.request("GET", path).json()["last_used_at"], 10, "the use")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", used)
        assert datetime.now(UTC) - datetime.fromisoformat(used) < timedelta(hours=2)

    def test_work_until_they_expire(
        self, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        ask = asking(stranger, new_key(root, account, "read:series", expires_at=rfc3339(ends)))
        answer = ask("GET", "/v1/series")
        asked = 1
        while answer.status == 200:
            began = time.time()
            answer = ask("GET", "/v1/series")
            asked += 1
            assert answer.status == 401 or began < ends.timestamp()
        assert "expired" in problem(answer, 401, "unauthenticated")["detail"]
        assert time.time() >= ends.timestamp()
        assert asked > 2


class TestRevokedKey:
    def test_stops_working_at_once(
        self, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        key = new_grant(root, account, "*:series", "*:acl")["api_key"]
        ask = asking(stranger, key["secret"])
        path = f"/v1/accounts/{account}/grants/{key['key']}"
        assert ask("PUT", "/v1/series/k/T").status == 200
        answer = root.request("DELETE", path)
        assert (answer.status, answer.body) == (200, b"")
        problem(ask("PUT", "/v1/series/k/T"), 401, "unauthenticated", applied="no")
        problem(root.request("GET", path), 404, "grant_not_found")
        problem(root.request("DELETE", path), 404, "grant_not_found", applied="no")
        assert root.request("GET", f"/v1/accounts/{account}/grants").json()["grants"] == []

    def test_stops_working_in_each_way_that_it_was_sent(
        self, root: Client, stranger: Client, account: int
    ) -> None:
        key = new_grant(root, account, "*:series")["api_key"]
        name, secret = key["key"], key["secret"]
        headers = [basic(name, secret), bearer(secret), bearer(f"{name}:{secret}"),
                   f"bearer  {secret}"]  # fmt: skip
        asked = [{"Authorization": header} for header in headers]
        assert [stranger.request("GET", "/v1/series", headers=each).status for each in asked] == (
            [200] * 4
        )
        assert root.request("DELETE", f"/v1/accounts/{account}/grants/{name}").status == 200
        assert [stranger.request("GET", "/v1/series", headers=each).status for each in asked] == (
            [401] * 4
        )

    def test_may_revoke_itself(self, root: Client, stranger: Client, account: int) -> None:
        key = new_grant(root, account, "*:acl")["api_key"]
        ask = asking(stranger, key["secret"])
        path = f"/v1/accounts/{account}/grants"
        assert ask("DELETE", f"{path}/{key['key']}").status == 200
        assert ask("GET", path).status == 401

    def test_takes_no_other_with_it(self, root: Client, stranger: Client, account: int) -> None:
        maker = new_grant(root, account, "*:series", "*:acl")["api_key"]
        root_path = f"/v1/accounts/{account}/grants"
        with_it = asking(stranger, maker["secret"])("POST", root_path, '["read:series"]')
        assert root.request("DELETE", f"{root_path}/{maker['key']}").status == 200
        ask = asking(stranger, with_it.json()["api_key"]["secret"])
        assert ask("GET", "/v1/series").status == 200


def test_a_revoked_key_stops_working_on_another_server_of_the_same_store_within_5_s(
    database_url: str,
) -> None:
    with (
        Server(database_url, args=UNLIMITED, env=ROOT_ENV) as one,
        Server(database_url, args=UNLIMITED, env=ROOT_ENV) as other,
        one.client(authorization=basic(*ROOT_ENV.values())) as root,
    ):
        key = new_grant(root, 1, "*:series")["api_key"]
        with other.client(authorization=bearer(key["secret"])) as client:
            assert client.request("PUT", "/v1/series/k/T").status == 200
            assert root.request("DELETE", f"/v1/accounts/1/grants/{key['key']}").status == 200
            until(lambda: client.request("GET", "/v1/series").status == 401, 5, "refused")


class TestGranting:
    """A key can grant no more than it has."""

    @pytest.fixture
    def granting(self, root: Client, stranger: Client, account: int) -> Callable[..., Any]:
        """Asks for a grant with a new key of these scopes and so on."""

        def granting(scopes: list[str], wanted: dict[str, Any], **more: object) -> Any:
            ask = asking(stranger, new_key(root, account, *scopes, **more))
            answer = ask("POST", f"/v1/accounts/{account}/grants", json.dumps(wanted))
            if answer.status == 200:
                return answer
            listed = root.request("GET", f"/v1/accounts/{account}/grants").json()["grants"]
            assert len(listed) == 1
            return answer

        return granting

    @pytest.mark.parametrize("wanted", ["read:series", "write:acl", "read,write:series"])
    def test_what_it_has_it_can(self, wanted: str, granting: Callable[..., Any]) -> None:
        answer = granting(["read,write:series", "write:acl"], {"scopes": [wanted]})
        assert answer.json()["scopes"] == [wanted]

    @pytest.mark.parametrize(
        "wanted", ["delete:series", "*:series", "read:acl", "*:acl", "read:account"]
    )
    def test_a_scope_that_it_lacks_it_cannot(
        self, wanted: str, granting: Callable[..., Any], problem: Problem
    ) -> None:
        answer = granting(["read,write:series", "write:acl"], {"scopes": ["read:series", wanted]})
        problem(answer, 403, "forbidden", applied="no")

    @pytest.mark.parametrize("prefix", ["", "team", "team-b/", "Team-a/", "team-a", "/team-a/"])
    def test_names_beyond_its_prefix_it_cannot(
        self, prefix: str, granting: Callable[..., Any], problem: Problem
    ) -> None:
        wanted = {"scopes": ["read:series"], "prefix": prefix}
        answer = granting(["*:series", "write:acl"], wanted, prefix="team-a/")
        problem(answer, 403, "forbidden", applied="no")

    @pytest.mark.parametrize("prefix", ["team-a/", "team-a/x", "team-a/team-b/"])
    def test_names_within_its_prefix_it_can(
        self, prefix: str, granting: Callable[..., Any]
    ) -> None:
        wanted = {"scopes": ["read:series"], "prefix": prefix}
        answer = granting(["*:series", "write:acl"], wanted, prefix="team-a/")
        assert answer.json()["prefix"] == prefix

    @pytest.mark.parametrize(
        ("wanted", "status"),
        [(None, 403), ("2999-01-01T00:00:01Z", 403), ("2999-01-01T00:00:00Z", 200),
         ("2998-12-31T23:59:59Z", 200), ("2999-01-01T00:00:00-00:01", 403)],
    )  # fmt: skip
    def test_a_later_end_than_its_own_it_cannot(
        self, wanted: str | None, status: int, granting: Callable[..., Any]
    ) -> None:
        body = {"scopes": ["read:series"], "expires_at": wanted}
        answer = granting(["*:series", "write:acl"], body, expires_at="2999-01-01T00:00:00Z")
        assert answer.status == status

    @pytest.mark.parametrize("scope", ["read:system", "write:system", "*:system"])
    def test_nobody_can_grant_system_scopes_outside_account_1(
        self, scope: str, root: Client, account: int, granting: Callable[..., Any], problem: Problem
    ) -> None:
        path = f"/v1/accounts/{account}/grants"
        answer = root.request("POST", path, json.dumps([scope]), JSON)
        problem(answer, 400, "invalid_request", applied="no")
        asked = granting(["*:series", "*:acl", "*:account"], {"scopes": [scope]})
        assert asked.status in (400, 403)

    def test_system_scopes_in_account_1_it_can_only_with_them(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        wanted = '["write:system"]'
        without = asking(stranger, new_key(root, 1, "*:series", "*:acl"))
        refused = without("POST", "/v1/accounts/1/grants", wanted)
        problem(refused, 403, "forbidden", applied="no")
        with_it = asking(stranger, new_key(root, 1, "*:acl", "*:system"))
        assert with_it("POST", "/v1/accounts/1/grants", wanted).status == 200


class TestPrefix:
    """A key with `prefix` is for series and versions that begin so."""

    @pytest.fixture
    def ask(self, root: Client, stranger: Client, account: int) -> Callable[..., Any]:
        for name in "team-a%2Fshop", "team-b%2Fshop", "team-a":
            for path in f"series/{name}/T", f"versions/{name}/T?bump=minor":
                assert root.request("PUT", f"/v1/accounts/{account}/{path}").status == 200
        return asking(stranger, new_key(root, account, "*:series", prefix="team-a/"))

    PATHS = (
        ("GET", "series/{}"), ("GET", "series/{}/T"), ("PUT", "series/{}/T"),
        ("PUT", "series/{}"), ("DELETE", "series/{}"), ("GET", "entries/{}"),
        ("GET", "versions/{}"), ("GET", "versions/{}/T"), ("PUT", "versions/{}/T"),
        ("PUT", "versions/{}/T?dry_run=true&bump=minor"), ("PUT", "versions/{}"),
        ("GET", "releases/{}"), ("GET", "releases/{}/0.1.0"),
    )  # fmt: skip

    @pytest.mark.parametrize(("verb", "path"), PATHS)
    def test_holds_on_every_path(
        self, verb: str, path: str, ask: Callable[..., Any], account: int, problem: Problem
    ) -> None:
        member = {"series/{}": '{"value": 7}', "versions/{}": '{"version": "7.0.0"}'}
        body = member.get(path) if verb == "PUT" else None
        if verb == "PUT" and path == "versions/{}/T":
            path += "?bump=minor"
        applied = None if verb == "GET" else "no"
        for base in "/v1", f"/v1/accounts/{account}":
            for name in "team-b%2Fshop", "team-a", "team-b%2Fnone", "%54eam-a%2F", "x%2Fteam-a%2F":
                answer = ask(verb, f"{base}/{path.format(name)}", body)
                problem(answer, 403, "forbidden", applied=applied)
            for name in "team-a%2Fshop", "te%61m-a%2fshop":
                answer = ask(verb, f"{base}/{path.format(name)}", body)
                assert answer.status == 200 or verb == "DELETE", answer

    def test_holds_in_lists(self, ask: Callable[..., Any], account: int, problem: Problem) -> None:
        for base in "/v1", f"/v1/accounts/{account}":
            for query in "", "?prefix=team", "?prefix=team-a%2F", "?after=a":
                listed = ask("GET", f"{base}/series{query}").json()["series"]
                assert [each["key"] for each in listed] == ["team-a/shop", "team-a/shop-minor-v0"]
            problem(ask("GET", f"{base}/series?prefix=team-b"), 403, "forbidden")

    def test_is_kept_by_refusals(self, ask: Callable[..., Any], root: Client, account: int) -> None:
        ask("PUT", "/v1/series/team-b%2Fshop/U")
        ask("DELETE", "/v1/series/team-b%2Fshop")
        path = f"/v1/accounts/{account}/series/team-b%2Fshop"
        assert root.request("GET", path).json()["token"] == "T"
