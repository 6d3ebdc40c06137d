"""Each route with each scope and name pattern, on both stores. The table is made from the routes.

A name pattern applies to the version name: a component series belongs to the name before its
suffix. `tests/unit/test_name_patterns.py` has the rule itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from monotron.auth.scopes import SCOPES
from support.credentials import JSON, bearer, new_account, new_key
from support.routes import Call, calls
from support.series import segment
from support.server import ROOT, Client, Response, Server

Problem = Callable[..., dict[str, Any]]
Secret = Callable[..., str]

KEY_PARTS = ("series", "entries", "tokens")
NAME_PARTS = ("versions", "releases")


def part_of(call: Call) -> str | None:
    """The part of the path that is a key or a name."""
    parts = (part for part in (*KEY_PARTS, *NAME_PARTS) if f"{{{part}}}" in call.template)
    return next(parts, None)


CALLS = [call for call in calls() if part_of(call)]

each_call = pytest.mark.parametrize("call", CALLS, ids=str)


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


@pytest.fixture(scope="module")
def root(guarded_store_server: Server) -> Iterator[Client]:
    with guarded_store_server.client(authorization=ROOT) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(guarded_store_server: Server) -> Iterator[Client]:
    with guarded_store_server.client() as client:
        yield client


@pytest.fixture(scope="module")
def account(root: Client) -> int:
    return new_account(root)


@pytest.fixture(scope="module")
def secret(root: Client, account: int) -> Secret:
    """Creates each API key once."""
    secrets: dict[object, str] = {}

    def secret(scope: str, names: tuple[str, ...]) -> str:
        if (scope, names) not in secrets:
            secrets[scope, names] = new_key(root, account, scope, names=names)
        return secrets[scope, names]

    return secret


def ask(client: Client, call: Call, account: int, path_part: str, secret: str) -> Response:
    part = part_of(call)
    assert part is not None
    path = call.path(accounts=account, **{part: segment(path_part)})
    return client.request(call.verb, path, None, {**JSON, "Authorization": bearer(secret)})


def check_refusal(response: Response, call: Call, problem: Problem, words: str) -> None:
    if call.verb == "HEAD":
        assert response.status == 403
    else:
        applied = "no" if call.writes else None
        assert words in problem(response, 403, "forbidden", applied=applied)["detail"]


class TestEveryRoute:
    @each_call
    def test_a_name_pattern_permits_only_its_names_and_their_series(
        self, call: Call, stranger: Client, account: int, secret: Secret, problem: Problem
    ) -> None:
        for case in CASES:
            key = secret(call.needs or "", case.names)
            response = ask(stranger, call, account, case.path_part, key)
            if case.as_key if part_of(call) in KEY_PARTS else case.as_name:
                assert response.status not in (401, 403, 405), (case, response)
                assert response.status < 500, (case, response)
            else:
                check_refusal(response, call, problem, "may not use the name")

    @each_call
    def test_a_name_pattern_does_not_replace_a_scope(
        self, call: Call, stranger: Client, account: int, secret: Secret, problem: Problem
    ) -> None:
        for scope in SCOPES:
            if scope != call.needs and not scope.endswith(":system"):
                for path_part in "shop", "other":
                    response = ask(stranger, call, account, path_part, secret(scope, ("shop",)))
                    check_refusal(response, call, problem, "Missing scope")

    @pytest.mark.parametrize("call", [each for each in CALLS if each.names_account], ids=str)
    def test_a_name_pattern_does_not_permit_another_account(
        self, call: Call, root: Client, stranger: Client, secret: Secret, problem: Problem
    ) -> None:
        other = new_account(root)
        for names in ("shop",), ("*",):
            for path_part in "shop", "other":
                response = ask(stranger, call, other, path_part, secret(call.needs or "", names))
                check_refusal(response, call, problem, "cannot use another one")

    def test_a_refused_write_changes_nothing(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        account = new_account(root)
        base = f"/v1/accounts/{account}"
        assert root.request("PUT", f"{base}/versions/shop/T?bump=minor").status == 200
        assert root.request("PUT", f"{base}/tokens/shop-major/T/attrs/a", "1").status == 200
        key = new_key(root, account, "*:series", names=["shop-*"])
        before = snapshot(root, base)
        for call in CALLS:
            if call.writes:
                for path_part in "shop", "shop-major", "shop-minor-v0":
                    response = ask(stranger, call, account, path_part, key)
                    if not (part_of(call) in NAME_PARTS and path_part != "shop"):
                        check_refusal(response, call, problem, "may not use the name")
        assert snapshot(root, base) == before


def snapshot(root: Client, base: str) -> list[object]:
    """What belongs to the name `shop`."""
    series = root.request("GET", f"{base}/series").json()["series"]
    own = ("shop", "shop-major", "shop-minor-v0")
    paths = ("releases/shop", "entries/shop-minor-v0", "tokens/shop-major/T/attrs")
    kept = [each for each in series if each["key"] in own]
    return [kept, *(root.request("GET", f"{base}/{path}").json() for path in paths)]


KEYS = (
    "a", "a-1", "a-major", "shop", "shop-a-v1", "shop-a-v1.2.3", "shop-major", "shop-minor-v0",
    "shop-minor-v1-major", "shop-patch-v0.1", "shop-payments", "shop-payments-patch-v1.0",
    "shop.x", "shopx", "z", "é-major",
)  # fmt: skip
"""In order."""


@pytest.fixture(scope="module")
def full(root: Client) -> int:
    """An account with the series of these keys."""
    account = new_account(root)
    for key in reversed(KEYS):
        path = f"/v1/accounts/{account}/series/{segment(key)}/T"
        assert root.request("PUT", path).status == 200
    return account


class TestLists:
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
