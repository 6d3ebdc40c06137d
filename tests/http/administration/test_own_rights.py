"""Administration does not exceed the rights of the administrator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from monotron.auth.scopes import SCOPES
from support.administration import (
    EVERYTHING,
    LIMITED,
    Administrator,
    Administrators,
    Rights,
    id_of,
)
from support.credentials import bearer, new_grant, new_key
from support.server import Client

Problem = Callable[..., dict[str, Any]]


class Case(NamedTuple):
    """Whether an administrator may see and remove an API key or a trust policy."""

    own: Rights
    other: Rights
    permitted: bool


CASES = [
    Case(LIMITED, Rights(("read:series",), ("shop",)), permitted=True),
    Case(LIMITED, Rights(("read,write:series",), LIMITED.names), permitted=True),
    Case(LIMITED, Rights(("write:series",), ("team-a/x", "team-a/y*")), permitted=True),
    Case(LIMITED, Rights(("delete:series",), ("shop",)), permitted=False),
    Case(LIMITED, Rights(("*:series",), LIMITED.names), permitted=False),
    Case(LIMITED, Rights(("read:series",), ("*",)), permitted=False),
    Case(LIMITED, Rights(("read:series",), ("shop*",)), permitted=False),
    Case(LIMITED, Rights(("read:series",), ("shop", "other")), permitted=False),
    Case(LIMITED, Rights(("read:series",), ("team*",)), permitted=False),
    Case(Rights(("*:acl",), ("*",)), Rights(("read:series",), ("shop",)), permitted=False),
    Case(Rights(("*:series", "*:acl"), ("*",)), Rights(("*:series",), ("*",)), permitted=True),
]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(CASES.index(case)))
each_kind = pytest.mark.parametrize("kind", ["grants", "trusts"])


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
            quoted = "'{}'" if kind == "grants" else "trust policy {} "
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
        options = {"names": LIMITED.names, "expires_at": "2999-01-01T00:00:00Z"}
        grant = new_grant(root, account, *LIMITED.scopes, **options)
        admin = Administrator(stranger, account, grant["api_key"])
        created = admin.create(
            kind, LIMITED if kind == "grants" else Rights(("read,write:series",), LIMITED.names)
        )
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
