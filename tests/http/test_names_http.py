"""Name patterns in requests: which names and series they permit, and what lists omit.

A name pattern applies to the version name: a component series belongs to the name before its
suffix. `tests/unit/test_name_patterns.py` has the rule itself, and `test_access_matrix.py` sends
the requests of all routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from support.credentials import bearer, new_account, new_key
from support.routes import Call, calls
from support.series import segment
from support.server import ROOT, Client, Server

Problem = Callable[..., dict[str, Any]]


KEY_PARTS = ("series", "entries", "tokens")
NAME_PARTS = ("versions", "releases")


def part_of(call: Call) -> str | None:
    """The part of the path that is a key or a name."""
    parts = (part for part in (*KEY_PARTS, *NAME_PARTS) if f"{{{part}}}" in call.template)
    return next(parts, None)


class Case(NamedTuple):
    names: tuple[str, ...]
    path_part: str
    """A key or name, percent-encoded in the path."""
    as_key: bool
    """Whether the patterns allow the series."""
    as_name: bool
    """Whether the patterns allow the version name."""


CASES = [
    Case(("shop",), "shop", as_key=True, as_name=True),
    Case(("shop",), "shop-major", as_key=True, as_name=False),
    Case(("shop",), "shop-minor-v0", as_key=True, as_name=False),
    Case(("shop",), "shop-patch-v0.1", as_key=True, as_name=False),
    Case(("shop",), "shop-rc-v0.1.0", as_key=True, as_name=False),
    Case(("shop",), "shop-payments", as_key=False, as_name=False),
    Case(("shop",), "shop-payments-major", as_key=False, as_name=False),
    Case(("shop",), "shop-minor-v1-major", as_key=False, as_name=False),
    Case(("shop",), "Shop", as_key=False, as_name=False),
    Case(("shop-*",), "shop", as_key=False, as_name=False),
    Case(("shop-*",), "shop-major", as_key=False, as_name=True),
    Case(("shop-*",), "shop-minor-v0", as_key=False, as_name=True),
    Case(("shop-*",), "shop-patch-v0.1", as_key=False, as_name=True),
    Case(("shop-*",), "shop-rc-v0.1.0", as_key=False, as_name=True),
    Case(("shop-*",), "shop-payments", as_key=True, as_name=True),
    Case(("shop-*",), "shop-minor-v1-major", as_key=True, as_name=True),
    Case(("shop-major",), "shop-major", as_key=False, as_name=True),
    Case(("shop-major",), "shop-major-major", as_key=True, as_name=False),
    Case(("gh:acme:shop", "gh:acme:shop:*"), "gh:acme:shop", as_key=True, as_name=True),
    Case(("gh:acme:shop", "gh:acme:shop:*"), "gh:acme:shop:api", as_key=True, as_name=True),
    Case(("gh:acme:shop", "gh:acme:shop:*"), "gh:acme:shop-x", as_key=False, as_name=False),
    Case(("team-a/*",), "team-a/shop", as_key=True, as_name=True),
    Case(("team-a/*",), "team-a", as_key=False, as_name=False),
    Case(("team-a/*",), "x/team-a/", as_key=False, as_name=False),
    Case(("é*", "b"), "é🙂", as_key=True, as_name=True),
    Case(("*",), "shop-major", as_key=True, as_name=True),
]


each_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{','.join(case.names)}-{case.path_part}"
)


@pytest.fixture(scope="module")
def account(guarded: Server) -> int:
    with guarded.client(authorization=ROOT) as root:
        return new_account(root)


class TestPatterns:
    @each_case
    def test_a_name_pattern_permits_only_its_names_and_their_series(
        self, case: Case, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        key = new_key(root, account, "read:series", names=case.names)
        headers = {"Authorization": bearer(key)}
        for kind, permitted in ("series", case.as_key), ("versions", case.as_name):
            path = f"/v1/{kind}/{segment(case.path_part)}"
            response = stranger.request("GET", path, headers=headers)
            if permitted:
                assert response.status == 404, response
            else:
                detail = problem(response, 403, "forbidden")["detail"]
                assert "may not use the name" in detail

    def test_every_route_decodes_a_name_before_it_is_compared(
        self, root: Client, stranger: Client, account: int
    ) -> None:
        key = new_key(root, account, "*:series", names=["team-a/*"])
        headers = {"Authorization": bearer(key)}
        for call in calls():
            if part := part_of(call):
                for name, permitted in ("team-a/é", True), ("x/team-a/", False):
                    path = call.path(accounts=account, **{part: segment(name)})
                    status = stranger.request(call.verb, path, headers=headers).status
                    assert (status == 403) is not permitted, (call, name)
                    assert status < 500, (call, name)

    def test_a_pattern_does_not_change_the_errors_of_scopes_and_accounts(
        self, root: Client, stranger: Client, account: int, problem: Problem
    ) -> None:
        key = new_key(root, account, "read:series", names=["shop"])
        other = new_account(root)
        for verb, path, words in (
            ("PUT", "/v1/series/other/T", "Missing scope"),
            ("GET", f"/v1/accounts/{other}/series/other", "cannot use another one"),
        ):
            response = stranger.request(verb, path, headers={"Authorization": bearer(key)})
            applied = None if verb == "GET" else "no"
            assert words in problem(response, 403, "forbidden", applied=applied)["detail"]


KEYS = (
    "a", "a-1", "a-major", "shop", "shop-a-v1", "shop-a-v1.2.3", "shop-major", "shop-minor-v0",
    "shop-minor-v1-major", "shop-patch-v0.1", "shop-payments", "shop-payments-patch-v1.0",
    "shop.x", "shopx", "z", "é-major",
)  # fmt: skip
"""In order."""


class TestLists:
    """On both stores, which read the pages."""

    @pytest.fixture(scope="class")
    @classmethod
    def root(cls, guarded_store_server: Server) -> Iterator[Client]:
        with guarded_store_server.client(authorization=ROOT) as client:
            yield client

    @pytest.fixture(scope="class")
    @classmethod
    def stranger(cls, guarded_store_server: Server) -> Iterator[Client]:
        with guarded_store_server.client() as client:
            yield client

    @pytest.fixture(scope="class")
    @classmethod
    def full(cls, root: Client) -> int:
        """An account with the series of these keys."""
        account = new_account(root)
        for key in reversed(KEYS):
            path = f"/v1/accounts/{account}/series/{segment(key)}/T"
            assert root.request("PUT", path).status == 200
        return account

    def listed(self, client: Client, path: str, secret: str) -> list[list[str]]:
        """The keys of all pages. A page but the last is full, and names the next one."""
        headers = {"Authorization": bearer(secret)}
        found: list[list[str]] = []
        after: str | None = ""
        while after is not None:
            response = client.request("GET", f"{path}&after={segment(after)}", headers=headers)
            assert response.status == 200, response
            page = response.json()
            found.append([each["key"] for each in page["series"]])
            after = page["next"]
            assert after is None or after == found[-1][-1]
        return found

    @pytest.mark.parametrize("limit", [1, 2, 100])
    @pytest.mark.parametrize(
        ("names", "keys"),
        [
            (("*",), KEYS),
            (("a",), ("a", "a-major")),
            (("a-*",), ("a-1",)),
            (
                ("shop",),
                ("shop", "shop-a-v1.2.3", "shop-major", "shop-minor-v0", "shop-patch-v0.1"),
            ),
            (
                ("shop-*",),
                ("shop-a-v1", "shop-minor-v1-major", "shop-payments", "shop-payments-patch-v1.0"),
            ),
            (("shop-payments", "a", "é*"), (
                "a", "a-major", "shop-payments", "shop-payments-patch-v1.0", "é-major")),
            (("z", "shop*", "shop", "shop-*", "shop-payments"), (*KEYS[3:14], "z")),
            (("shop-major", "none", "none*"), ()),
        ],
        ids=lambda value: "-".join(value)[:30],
    )  # fmt: skip
    def test_a_list_omits_the_series_of_other_names_on_every_page(
        self,
        names: tuple[str, ...],
        keys: tuple[str, ...],
        limit: int,
        full: int,
        root: Client,
        stranger: Client,
    ) -> None:
        key = new_key(root, full, "read:series", names=names)
        for base in "/v1", f"/v1/accounts/{full}":
            pages = self.listed(stranger, f"{base}/series?limit={limit}", key)
            assert [key for page in pages for key in page] == list(keys)
            assert all(len(page) == limit for page in pages[:-1])
            assert pages[-1] or not keys

    @pytest.mark.parametrize("prefix", ["s", "shop", "shop-", "shop-p", "shop-minor-v", "é", "x"])
    def test_a_prefix_narrows_the_list(
        self, prefix: str, full: int, root: Client, stranger: Client
    ) -> None:
        for names in ("shop",), ("shop-*", "é"), ("*",):
            key = new_key(root, full, "read:series", names=names)
            (everything,) = self.listed(stranger, "/v1/series?limit=1000", key)
            path = f"/v1/series?limit=1000&prefix={segment(prefix)}"
            (narrowed,) = self.listed(stranger, path, key)
            assert narrowed == [key for key in everything if key.startswith(prefix)]
