"""Who created an API key or a trust policy, and the revocation of all that a key created."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.administration import (
    EVERYTHING,
    LIMITED,
    WITHIN_LIMITED,
    Administrator,
    Administrators,
    id_of,
    on_each_store,
)
from support.credentials import new_account, new_grant
from support.server import Client

Problem = Callable[..., dict[str, Any]]

each_kind = pytest.mark.parametrize("kind", ["grants", "trusts"])


class TestCreators:
    @each_kind
    def test_the_creator_is_stored_and_shown(
        self, kind: str, administrator: Administrators, problem: Problem
    ) -> None:
        admin = administrator(EVERYTHING)
        assert admin.request("GET", f"grants/{admin.id}").json()["created_by"] == "root"
        created = admin.create(kind, WITHIN_LIMITED).json()
        shown = admin.request("GET", f"{kind}/{id_of(created)}").json()
        listed = admin.request("GET", f"{kind}?limit=1000").json()[kind]
        assert created["created_by"] == shown["created_by"] == f"key:{admin.id}"
        assert shown in listed
        assert "creators" not in str(listed)

    @on_each_store
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
        for number, admin in enumerate((first, other, first)):
            admin.create("trusts", WITHIN_LIMITED, description=str(number))
            admin.create("grants", WITHIN_LIMITED)
        for admin, trusts, keys in (first, [1, 2], [1, 2, 3]), (other, [1], [1, 2]):
            listed = admin.request("GET", "trusts").json()["trusts"]
            assert [each["id"] for each in listed] == trusts
            grants = admin.request("GET", "grants").json()["grants"]
            assert sorted(each["api_key"]["id"] for each in grants) == keys
        assert first.request("DELETE", "trusts/2").status == 200
        assert other.request("GET", "trusts/2").status == 404
        assert other.request("GET", "trusts/1").status == 200
        assert first.create("trusts", WITHIN_LIMITED, description="3").json()["id"] == 3


class TestDescendants:
    @pytest.fixture
    def family(self, administrator: Administrators) -> list[Administrator]:
        """An API key, what it created, what that created, and an unrelated one."""
        parent = administrator(EVERYTHING)
        child = parent.new(EVERYTHING)
        grandchild = child.new(EVERYTHING)
        for each in parent, child, grandchild:
            assert each.create("trusts", WITHIN_LIMITED).status == 200
        return [parent, child, grandchild, administrator(EVERYTHING)]

    @on_each_store
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

    @on_each_store
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

    @on_each_store
    def test_descendants_with_more_rights_than_the_administrator_are_kept(
        self, family: list[Administrator], administrator: Administrators, problem: Problem
    ) -> None:
        parent, *_, other = family
        within = parent.new(WITHIN_LIMITED)
        limited = administrator(LIMITED)
        assert other.request("DELETE", f"grants/{parent.id}").status == 200
        before = other.ids("grants")
        assert other.ids("trusts") == {"1", "2", "3"}
        path = f"grants/{parent.id}?with_descendants=true"
        assert limited.request("DELETE", path).status == 200
        assert other.ids("grants") == before - {within.id}
        assert other.ids("trusts") == set()
        problem(limited.request("DELETE", path), 404, "grant_not_found", applied="no")

    def test_nothing_is_removed_if_the_administrator_cannot_revoke_the_key(
        self, family: list[Administrator], administrator: Administrators, problem: Problem
    ) -> None:
        parent = family[0]
        parent.new(WITHIN_LIMITED)
        limited = administrator(LIMITED)
        before = parent.ids("grants"), parent.ids("trusts")
        path = f"grants/{parent.id}?with_descendants=true"
        problem(limited.request("DELETE", path), 404, "grant_not_found", applied="no")
        assert (parent.ids("grants"), parent.ids("trusts")) == before

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
