"""Lists of names, and lists of releases of a line or label.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.credentials import bearer, new_account, new_key
from support.server import ROOT, ROOT_ENV, Client, Server
from support.versions import (
    JSON,
    LOOKED_UP,
    MEMBERS,
    Problem,
    advance_series,
    assign,
    get,
    latest,
    outcomes,
    segment,
    withdraw,
)


def versions(client: Client, query: str) -> list[tuple[str, str]]:
    """The names and versions of one page, which is the last one."""
    page = get(client, f"/v1/versions?{query}")
    assert list(page) == ["versions", "next"]
    assert page["next"] is None
    return [(each["name"], each["version"]) for each in page["versions"]]


@pytest.fixture(scope="module")
def root() -> Iterator[Client]:
    """The root key of another server, which requires credentials."""
    with (
        Server("sqlite://", env=ROOT_ENV) as server,
        server.client(authorization=ROOT) as client,
    ):
        yield client


class TestNames:
    """GET /v1/versions?prefix=&limit=&after="""

    def test_each_name_has_its_newest_final_version(self, client: Client, new_name: str) -> None:
        outcomes(client, f"{new_name}/b", "x?bump=minor", "y", "z?bump=minor&prerelease=rc")
        outcomes(client, f"{new_name}/a", "x?bump=major", "y?line=1", "z?bump=major")
        page = get(client, f"/v1/versions?prefix={new_name}")
        assert [list(each) for each in page["versions"]] == [MEMBERS] * 2
        assert [(each["name"], each["version"]) for each in page["versions"]] == [
            (f"{new_name}/a", "2.0.0"),
            (f"{new_name}/b", "0.1.1"),
        ]
        for each in page["versions"]:
            assert each | {"auto_after": each["token"]} == latest(client, each["name"])
            assert (each["reused"], each["changed"], each["latest"]) == (True, False, True)

    def test_a_name_without_a_final_version_has_its_highest_pre_release(
        self, client: Client, new_name: str
    ) -> None:
        outcomes(client, new_name, "x?prerelease=rc", "y?prerelease=rc")
        (document,) = get(client, f"/v1/versions?prefix={new_name}")["versions"]
        assert list(document) == MEMBERS
        assert document == get(client, f"/v1/releases/{new_name}/0.0.1-rc.2")
        assert (document["prerelease"], document["latest"]) == ("rc.2", False)

    def test_a_name_that_is_only_counted_in_series_has_no_token(
        self, client: Client, new_name: str
    ) -> None:
        advance_series(client, f"{new_name}-minor-v0", 4)
        (document,) = get(client, f"/v1/versions?prefix={new_name}")["versions"]
        assert document | {"auto_after": None} == latest(client, new_name)
        assert (document["version"], document["token"]) == ("0.4.0", None)

    def test_names_whose_versions_were_all_withdrawn_are_omitted(
        self, client: Client, new_name: str
    ) -> None:
        outcomes(client, f"{new_name}/a", "x")
        outcomes(client, f"{new_name}/b", "x")
        withdraw(client, f"{new_name}/a", "0.0.1")
        assert versions(client, f"prefix={new_name}") == [(f"{new_name}/b", "0.0.1")]

    def test_a_withdrawn_version_is_not_the_newest(self, client: Client, name: str) -> None:
        outcomes(client, name, "a", "b?bump=major")
        withdraw(client, name, "2.0.0")
        assert versions(client, f"prefix={name}") == [(name, "1.2.58")]

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 1000])
    def test_pages_contain_every_name_once_in_order(
        self, client: Client, new_name: str, limit: int
    ) -> None:
        names = [f"{new_name}{end}" for end in ("", "-x", "/a", "é", "🦊")]
        for each in names[::-1]:
            assign(client, each, "a")
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            start = f"&after={segment(after)}" if after else ""
            page = get(client, f"/v1/versions?prefix={new_name}&limit={limit}{start}")
            assert 0 < len(page["versions"]) <= limit
            found += [each["name"] for each in page["versions"]]
            after = page["next"]
            assert after in (None, found[-1])
        assert found == names

    def test_a_prefix_without_names_has_an_empty_page(self, client: Client, new_name: str) -> None:
        assert versions(client, f"prefix={new_name}") == []

    def test_a_prefix_is_compared_exactly(self, client: Client, new_name: str) -> None:
        for end in ("%", "_", "*", "A", "a"):
            assign(client, f"{new_name}.{end}", "x")
        for end in ("%", "_", "*", "A", "a"):
            prefix = segment(f"{new_name}.{end}")
            assert versions(client, f"prefix={prefix}") == [(f"{new_name}.{end}", "0.0.1")]


class TestPermittedNames:
    """The list contains only names that the credentials may use."""

    @pytest.mark.parametrize(
        ("patterns", "names"),
        [
            (["*"], ["other", "shop", "shop-api", "team-a/x", "team-a/y", "team-b/x"]),
            (["shop"], ["shop"]),
            (["team-a/*"], ["team-a/x", "team-a/y"]),
            (["shop", "team-b/*"], ["shop", "team-b/x"]),
            (["none"], []),
        ],
        ids=lambda value: ",".join(value),
    )
    @pytest.mark.parametrize("limit", [1, 100])
    def test_a_key_lists_only_its_names(
        self, root: Client, patterns: list[str], names: list[str], limit: int
    ) -> None:
        account = new_account(root)
        base = f"/v1/accounts/{account}/versions"
        for name in ("shop", "shop-api", "team-a/x", "team-a/y", "team-b/x", "other"):
            assert root.request("PUT", f"{base}/{segment(name)}/T").status == 200
        secret = new_key(root, account, "read:series", names=patterns)
        found: list[str] = []
        query = f"limit={limit}"
        while True:
            page = self.page(root, f"{base}?{query}", secret)
            found += [each["name"] for each in page["versions"]]
            if page["next"] is None:
                break
            query = f"limit={limit}&after={segment(page['next'])}"
        assert found == names

    def test_accounts_have_names_of_their_own(self, root: Client) -> None:
        first, second = new_account(root), new_account(root)
        root.request("PUT", f"/v1/accounts/{first}/versions/shop/T")
        assert self.page(root, f"/v1/accounts/{second}/versions", None)["versions"] == []

    def test_a_key_without_the_scope_is_rejected(self, root: Client, problem: Problem) -> None:
        account = new_account(root)
        secret = new_key(root, account, "write:series")
        path = f"/v1/accounts/{account}/versions"
        response = root.request("GET", path, None, {"Authorization": bearer(secret)})
        problem(response, 403, "forbidden")

    def test_a_withdrawal_requires_delete_series(self, root: Client, problem: Problem) -> None:
        account = new_account(root)
        root.request("PUT", f"/v1/accounts/{account}/versions/shop/T")
        path = f"/v1/accounts/{account}/releases/shop/0.0.1/withdrawal"
        writer = new_key(root, account, "read,write:series")
        deleter = new_key(root, account, "delete:series")
        body = '{"reason": "a mistake"}'
        for method in ("PUT", "DELETE"):
            headers = JSON | {"Authorization": bearer(writer)}
            problem(root.request(method, path, body, headers), 403, "forbidden", applied="no")
            headers = JSON | {"Authorization": bearer(deleter)}
            response = root.request(method, path, body, headers)
            assert response.status == 200
            withdrawal = response.json()["withdrawn"]
            assert (withdrawal is None) == (method == "DELETE")
            if withdrawal:
                assert withdrawal["by"].startswith("key:mtk_k_")

    def page(self, root: Client, path: str, secret: str | None) -> Any:
        headers = {"Authorization": bearer(secret)} if secret else {}
        response = root.request("GET", path, None, headers)
        assert response.status == 200
        return response.json()


class TestNewestOfLine:
    """GET /v1/versions/{name}?line=1.2"""

    @pytest.mark.parametrize(
        ("line", "version", "flags"),
        [
            ("1", "1.3.1", (False, True, True)),
            ("1.2", "1.2.58", (False, False, True)),
            ("1.3", "1.3.1", (False, True, True)),
            ("2", "2.0.0", (True, True, True)),
            ("2.0", "2.0.0", (True, True, True)),
        ],
    )
    def test_a_line_shows_its_newest_version(
        self, client: Client, name: str, line: str, version: str, flags: tuple[bool, ...]
    ) -> None:
        outcomes(
            client, name, "a", "b?bump=minor", "c", "d?bump=major", "e?bump=minor&prerelease=x"
        )
        document = get(client, f"/v1/versions/{name}?line={line}")
        assert document["version"] == version
        assert flags == (
            document["latest"],
            document["latest_in_major"],
            document["latest_in_minor"],
        )
        text = client.request("GET", f"/v1/versions/{name}?line={line}&format=text").text
        assert text == f"{version}\n"

    @pytest.mark.parametrize("line", ["9", "1.9", "0"])
    def test_an_unknown_line_is_not_found(
        self, client: Client, name: str, problem: Problem, line: str
    ) -> None:
        response = client.request("GET", f"/v1/versions/{name}?line={line}")
        assert line in problem(response, 404, "line_not_found")["detail"]

    def test_a_line_of_withdrawn_versions_is_not_found(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assign(client, name, "a?bump=major")
        withdraw(client, name, "2.0.0")
        problem(client.request("GET", f"/v1/versions/{name}?line=2"), 404, "line_not_found")


class TestReleasesOfLineOrLabel:
    """GET /v1/releases/{name}?line=&label="""

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("label=", ["2.0.0", "1.3.0", "1.2.58", "1.2.57"]),
            ("label=rc", ["2.1.0-rc.1", "1.2.59-rc.1"]),
            ("label=beta", ["2.0.1-beta.1"]),
            ("label=alpha", []),
            ("line=1", ["1.3.0", "1.2.59-rc.1", "1.2.58", "1.2.57"]),
            ("line=1.2", ["1.2.59-rc.1", "1.2.58", "1.2.57"]),
            ("line=1.2&label=", ["1.2.58", "1.2.57"]),
            ("line=1.2&label=rc", ["1.2.59-rc.1"]),
            ("line=1.2&label=beta", []),
            ("line=9", []),
            ("line=1.2&before=1.2.58", ["1.2.57"]),
            ("line=1.2&before=9.0.0&label=", ["1.2.58", "1.2.57"]),
            ("line=1.3&before=1.2.58", []),
            ("label=rc&before=2.1.0-rc.1", ["1.2.59-rc.1"]),
        ],
    )
    def test_only_releases_of_the_line_and_label_are_listed(
        self, client: Client, name: str, query: str, found: list[str]
    ) -> None:
        assert outcomes(
            client,
            name,
            "a",
            "b?bump=minor",
            "c?line=1.2&prerelease=rc",
            "d?bump=major",
            "e?prerelease=beta",
            "f?bump=minor&prerelease=rc",
        ) == ["1.2.58", "1.3.0", "1.2.59-rc.1", "2.0.0", "2.0.1-beta.1", "2.1.0-rc.1"]
        page = get(client, f"/v1/releases/{name}?{query}")
        assert [each["version"] for each in page["releases"]] == found
        assert page["next"] is None

    @pytest.mark.parametrize("query", ["label=", "label=rc", "line=1", "line=1.2&label="])
    def test_pages_of_one_contain_the_releases_of_a_complete_page(
        self, client: Client, name: str, query: str
    ) -> None:
        outcomes(client, name, "a", "a?prerelease=rc", "b?prerelease=rc", "c?bump=major", "d")
        complete = get(client, f"/v1/releases/{name}?{query}")["releases"]
        assert len(complete) >= 2
        found: list[Any] = []
        before: str | None = "9.9.9"
        while before is not None:
            page = get(client, f"/v1/releases/{name}?{query}&limit=1&before={before}")
            found += page["releases"]
            before = page["next"]
        assert found == complete

    def test_an_unknown_name_is_not_found(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        for query in ("line=1", "label=rc", "label="):
            response = client.request("GET", f"/v1/releases/{new_name}?{query}")
            problem(response, 404, "version_not_found")

    def test_a_name_with_withdrawn_versions_only_has_releases(
        self, client: Client, new_name: str
    ) -> None:
        document = assign(client, new_name, "a")
        withdraw(client, new_name, "0.0.1")
        (release,) = get(client, f"/v1/releases/{new_name}")["releases"]
        assert release["withdrawn"]["reason"] == "a wrong version"
        assert release["version"] == (document | LOOKED_UP)["version"]
        assert get(client, f"/v1/releases/{new_name}?label=rc")["releases"] == []
        advance_series(client, f"{new_name}-major", 3)
        assert latest(client, new_name)["version"] == "3.0.0"
