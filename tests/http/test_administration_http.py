"""Administration does not exceed the rights of the administrator, and every change is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from monotron.auth.scopes import SCOPES
from support.credentials import JSON, UNLIMITED, bearer, new_account, new_grant, new_key
from support.server import ROOT, ROOT_ENV, Client, Server

Problem = Callable[..., dict[str, Any]]

MAIN = {"repository_id": "777", "ref": "refs/heads/main"}

ISSUERS = {"MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}


class Rights(NamedTuple):
    scopes: tuple[str, ...]
    names: tuple[str, ...]


class Case(NamedTuple):
    """Whether an administrator may see and remove an API key or a trust policy."""

    own: Rights
    other: Rights
    permitted: bool


OWN_NAMES = ("shop", "team-a/*")
OWN = Rights(("read,write:series", "*:acl"), OWN_NAMES)

CASES = [
    Case(OWN, Rights(("read:series",), ("shop",)), permitted=True),
    Case(OWN, Rights(("read,write:series",), OWN_NAMES), permitted=True),
    Case(OWN, Rights(("write:series",), ("team-a/x", "team-a/y*")), permitted=True),
    Case(OWN, Rights(("delete:series",), ("shop",)), permitted=False),
    Case(OWN, Rights(("*:series",), OWN_NAMES), permitted=False),
    Case(OWN, Rights(("read:series",), ("*",)), permitted=False),
    Case(OWN, Rights(("read:series",), ("shop*",)), permitted=False),
    Case(OWN, Rights(("read:series",), ("shop", "other")), permitted=False),
    Case(OWN, Rights(("read:series",), ("team*",)), permitted=False),
    Case(Rights(("*:acl",), ("*",)), Rights(("read:series",), ("shop",)), permitted=False),
    Case(Rights(("*:series", "*:acl"), ("*",)), Rights(("*:series",), ("*",)), permitted=True),
]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(CASES.index(case)))
each_kind = pytest.mark.parametrize("kind", ["grants", "trusts"])


@pytest.fixture(scope="module")
def site(guarded_store_url: str) -> Iterator[Server]:
    """A server on each store, which trusts GitHub's issuer."""
    env = {**ROOT_ENV, **ISSUERS}
    with Server(guarded_store_url, args=UNLIMITED, env=env) as server:
        yield server


@pytest.fixture(scope="module")
def root(site: Server) -> Iterator[Client]:
    with site.client(authorization=ROOT) as client:
        yield client


@pytest.fixture
def account(root: Client) -> int:
    return new_account(root)


@pytest.fixture
def stranger(site: Server) -> Iterator[Client]:
    with site.client() as client:
        yield client


class Administrator:
    """An API key with these rights, and what it can do in its account."""

    def __init__(self, client: Client, account: int, key: dict[str, Any]) -> None:
        self._client = client
        self.path = f"/v1/accounts/{account}"
        self.id: str = key["key"]
        self._headers = {**JSON, "Authorization": bearer(key["secret"])}

    def request(self, verb: str, path: str, body: object = None) -> Any:
        text = None if body is None else json.dumps(body)
        return self._client.request(verb, f"{self.path}/{path}", text, self._headers)

    def create(self, kind: str, rights: Rights) -> Any:
        body: dict[str, Any] = {"scopes": rights.scopes, "names": rights.names}
        if kind == "trusts":
            body |= {"issuer": "github", "claims": MAIN}
        return self.request("POST", kind, body)

    def new(self, rights: Rights) -> Administrator:
        """Another API key, which this one creates."""
        response = self.create("grants", rights)
        assert response.status == 200, response
        account = int(self.path.rpartition("/")[2])
        return Administrator(self._client, account, response.json()["api_key"])

    def ids(self, kind: str) -> set[str]:
        """All ids in the list, which it reads with the smallest pages."""
        found: set[str] = set()
        after = "0" if kind == "trusts" else ""
        while after is not None:
            page = self.request("GET", f"{kind}?limit=1&after={after}").json()
            found |= {id_of(each) for each in page[kind]}
            assert page["next"] is None or len(page[kind]) == 1
            after = page["next"]
        return found


def id_of(document: dict[str, Any]) -> str:
    return document["api_key"]["key"] if "api_key" in document else str(document["id"])


Administrators = Callable[[Rights], Administrator]


@pytest.fixture
def administrator(root: Client, stranger: Client, account: int) -> Administrators:
    """Creates an administrator with the root key."""

    def administrator(rights: Rights) -> Administrator:
        grant = new_grant(root, account, *rights.scopes, names=rights.names)
        return Administrator(stranger, account, grant["api_key"])

    return administrator


EVERYTHING = Rights(("*:series", "*:account", "*:acl"), ("*",))


class TestOwnRights:
    @each_kind
    @each_case
    def test_an_administrator_creates_at_most_its_own_rights(
        self, case: Case, kind: str, administrator: Administrators, problem: Problem
    ) -> None:
        response = administrator(case.own).create(kind, case.other)
        if case.permitted:
            assert response.status == 200
        else:
            problem(response, 403, "forbidden", applied="no")

    @each_kind
    @each_case
    def test_an_administrator_sees_and_removes_only_what_it_could_have_granted(
        self, case: Case, kind: str, administrator: Administrators, problem: Problem
    ) -> None:
        operator, admin = administrator(EVERYTHING), administrator(case.own)
        created = operator.create(kind, case.other).json()
        path, id = f"{kind}/{id_of(created)}", id_of(created)
        if case.permitted:
            assert id in admin.ids(kind)
            assert id_of(admin.request("GET", path).json()) == id
            assert admin.request("DELETE", path).status == 200
            assert id not in operator.ids(kind)
        else:
            assert id not in admin.ids(kind)
            code = "grant_not_found" if kind == "grants" else "trust_not_found"
            unknown = "mtk_k_00000000" if kind == "grants" else "999"
            quoted = "'{}'" if kind == "grants" else "trust {} "
            for verb, applied in ("GET", None), ("DELETE", "no"):
                response = admin.request(verb, path)
                detail = problem(response, 404, code, applied=applied)["detail"]
                other = admin.request(verb, f"{kind}/{unknown}").json()["detail"]
                assert detail.replace(quoted.format(id), "") == (
                    other.replace(quoted.format(unknown), "")
                )
            assert id in operator.ids(kind)

    @each_kind
    def test_an_administrator_sees_itself_and_the_expiry_does_not_matter(
        self, kind: str, root: Client, stranger: Client, account: int
    ) -> None:
        options = {"names": OWN.names, "expires_at": "2999-01-01T00:00:00Z"}
        grant = new_grant(root, account, *OWN.scopes, **options)
        admin = Administrator(stranger, account, grant["api_key"])
        created = admin.create(kind, OWN if kind == "grants" else CASES[1].other)
        assert created.status == 200
        assert {id_of(created.json())} <= admin.ids(kind)
        assert admin.id in admin.ids("grants")

    @each_kind
    def test_each_scope_lists_only_rights_within_it(
        self, kind: str, root: Client, administrator: Administrators
    ) -> None:
        operator = administrator(EVERYTHING)
        scopes = [each for each in SCOPES if not each.endswith(":system")]
        if kind == "trusts":
            scopes = [each for each in scopes if each.endswith(":series")]
        ids = {scope: id_of(operator.create(kind, Rights((scope,), ("*",))).json())
               for scope in scopes}  # fmt: skip
        for scope in scopes:
            admin = administrator(Rights(tuple({scope, "read:acl"}), ("*",)))
            visible = {each for each in scopes if ids[each] in admin.ids(kind)}
            assert visible == {scope, "read:acl"} & set(scopes)

    def test_scopes_on_the_system_are_hidden_from_other_administrators(
        self, root: Client, stranger: Client
    ) -> None:
        with_system = new_grant(root, 1, "read:system")["api_key"]["key"]
        for scopes, visible in (("*:series", "*:acl"), False), (("*:acl", "*:system"), True):
            key = new_key(root, 1, *scopes)
            response = stranger.request(
                "GET",
                f"/v1/accounts/1/grants/{with_system}",
                headers={"Authorization": bearer(key)},
            )
            assert response.status == (200 if visible else 404)


class TestCreators:
    @each_kind
    def test_the_creator_is_stored_and_shown(
        self, kind: str, administrator: Administrators, problem: Problem
    ) -> None:
        admin = administrator(EVERYTHING)
        assert admin.request("GET", f"grants/{admin.id}").json()["created_by"] == "root"
        created = admin.create(kind, CASES[0].other).json()
        shown = admin.request("GET", f"{kind}/{id_of(created)}").json()
        listed = admin.request("GET", f"{kind}?limit=1000").json()[kind]
        assert created["created_by"] == shown["created_by"] == f"key:{admin.id}"
        assert shown in listed
        assert "creators" not in str(listed)

    def test_ids_count_per_account(
        self, root: Client, administrator: Administrators, stranger: Client
    ) -> None:
        first = administrator(EVERYTHING)
        other_account = new_account(root)
        other = Administrator(
            stranger,
            other_account,
            new_grant(root, other_account, *EVERYTHING.scopes)["api_key"],
        )
        for admin in first, other, first:
            admin.create("trusts", CASES[0].other)
            admin.create("grants", CASES[0].other)
        for admin, trusts, keys in (first, [1, 2], [1, 2, 3]), (other, [1], [1, 2]):
            listed = admin.request("GET", "trusts").json()["trusts"]
            assert [each["id"] for each in listed] == trusts
            grants = admin.request("GET", "grants").json()["grants"]
            assert sorted(each["api_key"]["id"] for each in grants) == keys
        assert first.request("DELETE", "trusts/2").status == 200
        assert other.request("GET", "trusts/2").status == 404
        assert other.request("GET", "trusts/1").status == 200
        assert first.create("trusts", CASES[0].other).json()["id"] == 3


class TestDescendants:
    @pytest.fixture
    def family(self, administrator: Administrators) -> list[Administrator]:
        """An API key, what it created, what that created, and an unrelated one."""
        parent = administrator(EVERYTHING)
        child = parent.new(EVERYTHING)
        grandchild = child.new(EVERYTHING)
        for each in parent, child, grandchild:
            assert each.create("trusts", CASES[0].other).status == 200
        return [parent, child, grandchild, administrator(EVERYTHING)]

    def test_a_key_is_revoked_with_all_that_it_created(self, family: list[Administrator]) -> None:
        parent, child, grandchild, other = family
        path = f"grants/{child.id}?with_descendants=true"
        response = other.request("DELETE", path)
        assert (response.status, response.body) == (200, b"")
        assert other.ids("grants") == {parent.id, other.id}
        assert other.ids("trusts") == {"1"}
        for revoked in child, grandchild:
            assert revoked.request("GET", "grants").status == 401
        assert parent.request("GET", "grants").status == 200

    @pytest.mark.parametrize("query", ["", "?with_descendants=false"])
    def test_descendants_are_kept_by_default(self, query: str, family: list[Administrator]) -> None:
        parent, child, grandchild, other = family
        assert other.request("DELETE", f"grants/{parent.id}{query}").status == 200
        assert other.ids("grants") == {child.id, grandchild.id, other.id}
        assert other.ids("trusts") == {"1", "2", "3"}

    def test_descendants_of_revoked_keys_are_removed(self, family: list[Administrator]) -> None:
        parent, child, grandchild, other = family
        assert other.request("DELETE", f"grants/{child.id}").status == 200
        assert other.request("DELETE", f"grants/{parent.id}").status == 200
        path = f"grants/{parent.id}?with_descendants=true"
        assert other.request("DELETE", path).status == 200
        assert other.ids("grants") == {other.id}
        assert other.ids("trusts") == set()
        assert grandchild.request("GET", "grants").status == 401
        assert other.request("DELETE", path).status == 404

    def test_a_key_may_revoke_itself_with_its_descendants(
        self, family: list[Administrator]
    ) -> None:
        parent, child, _, other = family
        path = f"grants/{parent.id}?with_descendants=true"
        assert parent.request("DELETE", path).status == 200
        assert other.ids("grants") == {other.id}
        assert child.request("GET", "grants").status == 401

    def test_descendants_with_more_rights_than_the_administrator_are_kept(
        self, family: list[Administrator], administrator: Administrators, problem: Problem
    ) -> None:
        parent = family[0]
        within = parent.new(CASES[0].other)
        limited = administrator(OWN)
        before = parent.ids("grants")
        assert parent.ids("trusts") == {"1", "2", "3"}
        path = f"grants/{parent.id}?with_descendants=true"
        assert limited.request("DELETE", path).status == 200
        assert parent.ids("grants") == before - {within.id}
        assert parent.ids("trusts") == set()
        problem(limited.request("DELETE", path), 404, "grant_not_found", applied="no")

    @pytest.mark.parametrize(
        "query", ["?with_descendants=", "?with_descendants=true%20", "?limit=1",
                  "?with_descendants", "?with_descendants=1", "?with_descendants=True",
                  "?descendants=true", "?with_descendants=true&with_descendants=true"],
    )  # fmt: skip
    def test_an_invalid_query_revokes_nothing(
        self, query: str, family: list[Administrator], problem: Problem
    ) -> None:
        parent, *_, other = family
        before = other.ids("grants")
        response = other.request("DELETE", f"grants/{parent.id}{query}")
        problem(response, 400, "invalid_request", applied="no")
        assert other.ids("grants") == before


class TestEvents:
    def events(self, root: Client, after: int) -> list[dict[str, Any]]:
        """All events after an id, which it reads in pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = root.request("GET", f"/v1/system/events?limit=2&after={after}").json()
            found += page["events"]
            if page["next"] is None:
                return found
            after = int(page["next"])

    @pytest.fixture
    def last(self, root: Client) -> int:
        """The id of the newest event."""
        new_account(root)
        return int(self.events(root, 0)[-1]["id"])

    def test_every_creation_and_deletion_is_recorded_with_the_rights(
        self, root: Client, last: int, administrator: Administrators, account: int
    ) -> None:
        admin = administrator(EVERYTHING)
        key = admin.create("grants", CASES[0].other).json()["api_key"]
        admin.create("trusts", CASES[0].other)
        assert admin.request("DELETE", "trusts/1").status == 200
        assert admin.request("DELETE", f"grants/{key['key']}").status == 200
        events = self.events(root, last)
        assert [each["id"] for each in events] == [*range(last + 1, last + 7)]
        for event in events:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("created_at"))
            del event["id"]
        by = {"account_id": account, "by": f"key:{admin.id}"}
        granted = {"scopes": ["read:series"], "names": ["shop"]}
        key_event = {"subject": "api_key", "granted": {**granted, "expires_at": None}, **by}
        issuer = "https://token.actions.githubusercontent.com"
        trust = {"issuer": issuer, "claims": MAIN, **granted}
        trust_event = {"subject": "trust", "subject_id": "1", "granted": trust, **by}
        assert events == [
            {
                "account_id": account,
                "by": "root",
                "action": "create",
                "subject": "account",
                "subject_id": str(account),
            },
            {
                "account_id": account,
                "by": "root",
                "action": "create",
                "subject": "api_key",
                "subject_id": admin.id,
                "granted": {
                    "scopes": list(EVERYTHING.scopes),
                    "names": ["*"],
                    "expires_at": None,
                },
            },
            {"action": "create", "subject_id": key["key"], **key_event},
            {"action": "create", **trust_event},
            {"action": "delete", **trust_event},
            {"action": "delete", "subject_id": key["key"], **key_event},
        ]

    def test_each_descendant_that_is_removed_is_recorded(
        self, root: Client, last: int, administrator: Administrators
    ) -> None:
        admin = administrator(EVERYTHING)
        child = admin.new(EVERYTHING)
        grandchild = child.new(EVERYTHING)
        grandchild.create("trusts", CASES[0].other)
        path = f"{admin.path}/grants/{admin.id}?with_descendants=true"
        assert root.request("DELETE", path).status == 200
        deleted = [each for each in self.events(root, last) if each["action"] == "delete"]
        assert {each["by"] for each in deleted} == {"root"}
        assert {each["subject_id"] for each in deleted} == {admin.id, child.id, grandchild.id, "1"}

    def test_refused_and_ordinary_requests_are_not_recorded(
        self, root: Client, last: int, administrator: Administrators
    ) -> None:
        admin = administrator(OWN)
        last = int(self.events(root, last)[-1]["id"])
        for case in CASES:
            if case.own == OWN and not case.permitted:
                for kind in "grants", "trusts":
                    assert admin.create(kind, case.other).status == 403
        assert admin.request("DELETE", "grants/mtk_k_00000000").status == 404
        assert admin.request("POST", "grants", {"scopes": [], "names": []}).status == 400
        assert admin.request("GET", "grants").status == 200
        assert self.events(root, last) == []

    def test_events_contain_no_secret(
        self, root: Client, last: int, account: int, stranger: Client
    ) -> None:
        secret = new_key(root, account, "*:series")
        text = root.request("GET", f"/v1/system/events?after={last}").text
        assert secret[:14] in text
        assert secret[15:] not in text
        assert "digest" not in text

    def test_only_the_root_key_reads_events(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        secret = new_key(root, 1, *SCOPES)
        response = stranger.request(
            "GET", "/v1/system/events", headers={"Authorization": bearer(secret)}
        )
        problem(response, 403, "forbidden")

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=1001", "limit=x", "after=x", "after=1.0", "before=1", "after="]
    )
    def test_an_invalid_query_is_refused(self, query: str, root: Client, problem: Problem) -> None:
        problem(root.request("GET", f"/v1/system/events?{query}"), 400, "invalid_request")

    @pytest.mark.parametrize("after", [-1, 2**63 - 1])
    def test_the_start_of_a_page_can_be_any_integer(self, after: int, root: Client) -> None:
        page = root.request("GET", f"/v1/system/events?after={after}&limit=1000").json()
        assert (page["events"] == []) is (after > 0)
