"""Reading the latest version, one version and pages of releases.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import json

import pytest

from support.credentials import JSON
from support.server import Client, Server
from support.versions import (
    LOOKED_UP,
    MEMBERS,
    NOT_LATEST,
    Problem,
    advance_series,
    assign,
    get,
    latest,
    outcomes,
    releases,
    segment,
    state,
    words,
)

# Requests, each for its own token, and their versions in the order of SemVer 2.0.0 §11.
REQUESTS = (
    "prerelease=rc",
    "bump=minor&prerelease=rc",
    *["bump=major&prerelease=rc"] * 11,
    *(
        f"bump=major&prerelease={label}"
        for label in ("rc1", "alpha", "beta", "RC", "Z", "1a", "10a", "a", "alpha")
    ),
    "bump=patch",
    *["bump=minor"] * 11,
    "bump=major",
    *["bump=patch"] * 11,
    "line=0.9",
    "bump=minor&prerelease=x&metadata=sha.1",
)


VERSIONS = [
    "1.1.0-x.1+sha.1",
    *(f"1.0.{n}" for n in range(11, -1, -1)),
    "1.0.0-rc1.1",
    *(f"1.0.0-rc.{n}" for n in range(11, 0, -1)),
    "1.0.0-beta.1",
    "1.0.0-alpha.2",
    "1.0.0-alpha.1",
    "1.0.0-a.1",
    "1.0.0-Z.1",
    "1.0.0-RC.1",
    "1.0.0-1a.1",
    "1.0.0-10a.1",
    "0.11.0",
    "0.10.0",
    "0.9.1",
    *(f"0.{n}.0" for n in range(9, 0, -1)),
    "0.1.0-rc.1",
    "0.0.1",
    "0.0.1-rc.1",
]


@pytest.fixture(scope="module")
def many(server: Server) -> str:
    """A name with all these versions, for tests that only read."""
    with Client(server.url) as client:
        for number, query in enumerate(REQUESTS):
            assign(client, "many-releases", f"{number}?{query}")
    return "many-releases"


class TestLatest:
    """`latest` and `previous`, and GET /v1/versions/{name}"""

    def test_the_name_shows_its_latest_final_version(self, client: Client, name: str) -> None:
        document = assign(client, name, "a?bump=minor")
        outcomes(client, name, "b?line=1.2", "c?bump=major&prerelease=rc", "d?prerelease=rc")
        assert list(latest(client, name)) == [*MEMBERS, "auto_after"]
        assert latest(client, name) == document | LOOKED_UP | {"auto_after": "a"}

    def test_commits_are_read_after_the_token_of_the_latest_version(
        self, client: Client, name: str
    ) -> None:
        assert latest(client, name)["auto_after"] is None  # it was adopted
        outcomes(client, name, "a", "b?bump=major")
        path = f"/v1/releases/{name}/2.0.0/withdrawal"
        for commits, token in (("count", "a"), ("ignore", "b")):
            body = json.dumps({"reason": "wrong", "commits": commits})
            assert client.request("PUT", path, body, JSON).status == 200
            assert latest(client, name)["auto_after"] == token
            assert client.request("DELETE", path).status == 200

    def test_reading_changes_nothing(self, client: Client, name: str) -> None:
        assign(client, name, "a?bump=minor")
        before = state(client, name)
        for path in (f"versions/{name}", f"versions/{name}/a", f"releases/{name}/1.3.0"):
            get(client, f"/v1/{path}")
        assert state(client, name) == before

    @pytest.mark.parametrize("before", [[], ["a?bump=minor&prerelease=rc"]])
    def test_a_name_without_a_final_version_is_not_found(
        self, client: Client, new_name: str, problem: Problem, before: list[str]
    ) -> None:
        outcomes(client, new_name, *before)
        response = client.request("GET", f"/v1/versions/{new_name}")
        assert new_name in problem(response, 404, "version_not_found")["detail"]


class TestLookUp:
    """GET /v1/versions/{name}/{token} and GET /v1/releases/{name}/{version}"""

    def test_a_token_shows_its_final_version_else_its_highest_prerelease(
        self, client: Client, name: str
    ) -> None:
        path = f"/v1/versions/{name}/T"
        steps = [
            ("T?bump=minor&prerelease=beta", "1.3.0-beta.1"),
            ("T?bump=minor&prerelease=rc", "1.3.0-rc.1"),
            ("T?bump=minor&prerelease=alpha", "1.3.0-rc.1"),
            ("T?bump=major&prerelease=alpha1", "2.0.0-alpha1.1"),
            ("T", "1.2.58"),
            ("T?bump=major&prerelease=z", "1.2.58"),
        ]
        for request, shown in steps:
            assign(client, name, request)
            assert get(client, path)["version"] == shown
        for label, shown in (("beta", "1.3.0-beta.1"), ("rc", "1.3.0-rc.1"), ("z", "2.0.0-z.1")):
            assert get(client, f"{path}?prerelease={label}")["version"] == shown

    def test_a_looked_up_version_equals_the_assigned_one(self, client: Client, name: str) -> None:
        final = assign(client, name, "T?bump=auto&metadata=sha.1", "feat: a")
        rc = assign(client, name, "T?bump=major&prerelease=rc")
        for path in ("versions/<name>/T", "releases/<name>/1.3.0", "releases/<name>/v1.3.0"):
            found = get(client, f"/v1/{path.replace('<name>', name)}")
            assert list(found) == MEMBERS
            assert found == final | LOOKED_UP
        for path in ("versions/<name>/T?prerelease=rc", "releases/<name>/2.0.0-rc.1"):
            assert get(client, f"/v1/{path.replace('<name>', name)}") == rc | LOOKED_UP

    @pytest.mark.parametrize(
        "path",
        words("""
            versions/<name>/U versions/<name>/T?prerelease=rc versions/<name>-2/T
            releases/<name>/1.2.59 releases/<name>/0.0.0 releases/<name>/1.3.0-RC.1
            releases/<name>/1.3.0-x-y.z releases/<name>-2/1.2.58
        """),
    )
    def test_an_unassigned_version_is_not_found(
        self, client: Client, name: str, problem: Problem, path: str
    ) -> None:
        assert outcomes(client, name, "T", "R?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
        response = client.request("GET", f"/v1/{path.replace('<name>', name)}")
        problem(response, 404, "version_not_found")

    @pytest.mark.parametrize(
        ("written", "token"),
        [
            ("1.3.0%2Bsha.1", "a"),
            ("v1.3.0+other", "a"),
            ("%31.3.0", "a"),
            ("v2.0.0-rc.1+x", "b"),
            ("1.3.1", "c"),
        ],
    )
    def test_a_version_may_be_written_with_v_and_metadata(
        self, client: Client, name: str, written: str, token: str
    ) -> None:
        outcomes(client, name, "a?bump=minor", "b?bump=major&prerelease=rc", "c?metadata=sha.2")
        assert get(client, f"/v1/releases/{name}/{written}")["token"] == token

    @pytest.mark.parametrize(
        "written",
        ["1.2", "1.2.58-", "%201.2.58", "%EF%BC%91.2.58"],
    )
    def test_looking_up_an_invalid_version_is_rejected(
        self, client: Client, name: str, problem: Problem, written: str
    ) -> None:
        assign(client, name, "T")
        response = client.request("GET", f"/v1/releases/{name}/{written}")
        problem(response, 400, "invalid_version")

    def test_an_adopted_version_is_found_without_a_token(self, client: Client, name: str) -> None:
        path = f"/v1/releases/{name}/1.2.57"
        found = get(client, path)
        assert found | {"auto_after": None} == latest(client, name)
        assert (found["token"], found["latest"]) == (None, True)
        assign(client, name, "T")
        assert get(client, path) == found | NOT_LATEST

    def test_a_manually_counted_version_is_found_while_it_is_the_latest(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        for series, value in (("patch-v1.2", 57), ("minor-v1", 2), ("major", 1)):
            advance_series(client, f"{new_name}-{series}", value)
        path = f"/v1/releases/{new_name}/1.2.57"
        found = get(client, path)
        assert found | {"auto_after": None} == latest(client, new_name)
        assert (found["token"], found["created_at"]) == (None, None)
        assign(client, new_name, "T")
        problem(client.request("GET", path), 404, "version_not_found")

    @pytest.mark.parametrize("written", ["{}.0.0"])
    def test_a_version_of_5000_digits_is_rejected(
        self, client: Client, name: str, problem: Problem, written: str
    ) -> None:
        version = segment(written.format("9" * 5000))
        for path in (f"{name}/{version}", f"{name}?before={version}"):
            response = client.request("GET", f"/v1/releases/{path}")
            detail = problem(response, 400, "invalid_version")["detail"]
            assert len(detail) < 300


class TestReleases:
    """GET /v1/releases/{name}?limit=&before="""

    def test_releases_are_in_semver_order_highest_first(self, client: Client, many: str) -> None:
        assert releases(client, many) == VERSIONS

    @pytest.mark.parametrize("limit", [1, 10, 47, 48, 1000])
    def test_pages_contain_every_release_once(self, client: Client, many: str, limit: int) -> None:
        found: list[str] = []
        following: str | None = ""
        while following is not None:
            before = f"&before={segment(following)}" if following else ""
            page = get(client, f"/v1/releases/{many}?limit={limit}{before}")
            versions = [release["version"] for release in page["releases"]]
            assert 0 < len(versions) <= limit
            found += versions
            following = page["next"]
            if following is not None:
                assert len(versions) == limit
                assert following == versions[-1].partition("+")[0]
        assert found == VERSIONS

    @pytest.mark.parametrize(
        ("before", "first"),
        [
            ("v1.1.0-x.1%2Bsha.1", "1.0.11"),
            ("1.1.0", "1.1.0-x.1+sha.1"),
            ("1.0.0-rc", "1.0.0-beta.1"),
            (f"1.0.0-rc.{10**20}", "1.0.0-rc.11"),
        ],
    )
    def test_a_page_starts_below_the_version_of_before(
        self, client: Client, many: str, before: str, first: str
    ) -> None:
        page = get(client, f"/v1/releases/{many}?limit=1&before={before}")
        assert [release["version"] for release in page["releases"]] == [first]

    @pytest.mark.parametrize("before", ["0.0.1-rc.1", "0.0.1-0"])
    def test_a_page_below_the_lowest_version_is_empty(
        self, client: Client, many: str, before: str
    ) -> None:
        page = get(client, f"/v1/releases/{many}?before={before}")
        assert page == {"releases": [], "next": None}

    def test_a_release_has_the_members_of_a_version(self, client: Client, name: str) -> None:
        documents = [
            assign(client, name, request)
            for request in ("a?metadata=sha.1", "b?bump=minor", "c?bump=minor&prerelease=rc")
        ]
        page = get(client, f"/v1/releases/{name}")
        adopted = page["releases"].pop()
        assert (adopted["version"], adopted["token"]) == ("1.2.57", None)
        assert [list(release) for release in page["releases"]] == [MEMBERS] * 3
        first, second, third = documents
        older = {"latest": False, "latest_in_major": False, "latest_in_minor": True}
        assert page["releases"] == [
            third | LOOKED_UP,
            second | LOOKED_UP,
            first | LOOKED_UP | older,
        ]

    def test_text_has_a_line_per_release_with_its_token(self, client: Client, name: str) -> None:
        outcomes(client, name, "a%20b?metadata=sha.1", "c?bump=minor", "d?prerelease=rc")
        path = f"/v1/releases/{name}?format=text"
        response = client.request("GET", path)
        assert response.text == "1.3.1-rc.1 d\n1.3.0 c\n1.2.58+sha.1 a b\n1.2.57\n"
        assert response.headers["Content-Type"].split(";")[0] == "text/plain"
        assert client.request("GET", f"{path}&label=&limit=1").text == "1.3.0 c\n"

    def test_a_list_has_no_dotenv_format(self, client: Client, name: str, problem: Problem) -> None:
        response = client.request("GET", f"/v1/releases/{name}?format=dotenv")
        problem(response, 400, "invalid_request")

    def test_a_page_contains_100_releases_by_default(self, client: Client, new_name: str) -> None:
        outcomes(client, new_name, *(str(n) for n in range(101)))
        page = get(client, f"/v1/releases/{new_name}")
        assert [each["patch"] for each in page["releases"]] == list(range(101, 1, -1))
        assert page["next"] == "0.0.2"
        page = get(client, f"/v1/releases/{new_name}?before=0.0.2")
        assert [each["patch"] for each in page["releases"]] == [1]
        assert page["next"] is None

    def test_a_name_with_series_only_has_an_empty_page(self, client: Client, new_name: str) -> None:
        advance_series(client, f"{new_name}-patch-v0.0", 7)
        assert get(client, f"/v1/releases/{new_name}") == {"releases": [], "next": None}

    def test_an_unknown_name_is_not_found(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        for query in ("", "?before=1.0.0", "?limit=1"):
            response = client.request("GET", f"/v1/releases/{new_name}{query}")
            assert new_name in problem(response, 404, "version_not_found")["detail"]

    def test_a_name_with_a_pre_release_only_has_releases(
        self, client: Client, new_name: str
    ) -> None:
        assign(client, new_name, "a?prerelease=rc")
        page = {"releases": [], "next": None}
        assert get(client, f"/v1/releases/{new_name}?before=0.0.1-alpha") == page

    @pytest.mark.parametrize("before", ["1.2", "1.2.3-rc.01", "1.2.3%0A"])
    def test_before_must_be_a_version(
        self, client: Client, name: str, problem: Problem, before: str
    ) -> None:
        response = client.request("GET", f"/v1/releases/{name}?before={before}")
        # Both codes are correct: an invalid parameter, and an invalid version.
        problem(response, 400, "invalid_request", "invalid_version")
