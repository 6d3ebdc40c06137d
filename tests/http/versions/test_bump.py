"""A bump increments one component; a token keeps its version.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.server import Client, Response, Server
from support.versions import (
    INT64_MAX,
    Problem,
    advance_series,
    assign,
    check_script,
    latest,
    outcomes,
    put,
    releases,
    start_at,
    state,
    words,
)


class TestBump:
    """PUT /v1/versions/{name}/{token}?bump=major, minor or patch"""

    @pytest.mark.parametrize(
        ("start", "query", "version"),
        [
            (None, "", "0.0.1"),
            (None, "?bump=patch", "0.0.1"),
            (None, "?bump=minor", "0.1.0"),
            (None, "?bump=major", "1.0.0"),
            ("1.2.57", "", "1.2.58"),
            ("1.2.57", "?bump=patch", "1.2.58"),
            ("1.2.57", "?bump=minor", "1.3.0"),
            ("1.2.57", "?bump=major", "2.0.0"),
            ("0.0.9", "?bump=patch", "0.0.10"),
            ("0.9.9", "?bump=minor", "0.10.0"),
            ("0.9.9", "?bump=major", "1.0.0"),
            ("9.9.9", "?bump=major", "10.0.0"),
            ("3.0.0", "?bump=patch", "3.0.1"),
            ("3.0.0", "?bump=minor", "3.1.0"),
            (f"1.{2**53}.0", "?bump=minor", f"1.{2**53 + 1}.0"),
            (
                f"{INT64_MAX}.{INT64_MAX}.{INT64_MAX - 1}",
                "?bump=patch",
                f"{INT64_MAX}.{INT64_MAX}.{INT64_MAX}",
            ),
        ],
    )
    def test_a_bump_adds_one_and_resets_what_is_below_it(
        self, client: Client, new_name: str, start: str | None, query: str, version: str
    ) -> None:
        if start:
            start_at(client, new_name, start)
        given = assign(client, new_name, f"T{query}")
        assert given["version"] == version
        assert ".".join(str(given[each]) for each in ("major", "minor", "patch")) == version
        assert given["latest"] is True
        assert latest(client, new_name)["version"] == version

    def test_versions_follow_one_another(self, client: Client, new_name: str) -> None:
        script = """
            a               0.0.1
            b               0.0.2
            c?bump=minor    0.1.0
            d               0.1.1
            e?bump=major    1.0.0
            f?bump=minor    1.1.0
            g               1.1.1
            h               1.1.2
            i?bump=minor    1.2.0
            j?bump=minor    1.3.0
            k?bump=major    2.0.0
            l               2.0.1
        """
        check_script(client, new_name, script)
        assert releases(client, new_name) == script.split()[::-2]

    def test_names_count_independently(self, client: Client, name: str) -> None:
        assert outcomes(client, f"{name}-2", "a?bump=minor") == ["0.1.0"]
        assert outcomes(client, name, "a?bump=minor") == ["1.3.0"]

    @pytest.mark.parametrize(
        "bump", ["huge", "Minor", "MAJOR", "none", "1", "minor%20", "premajor"]
    )
    def test_an_unknown_bump_is_rejected(
        self, client: Client, name: str, problem: Problem, bump: str
    ) -> None:
        before = state(client, name)
        problem(put(client, name, f"T?bump={bump}"), 422, "invalid_bump", applied="no")
        assert state(client, name) == before

    @pytest.mark.parametrize(
        ("key", "request_"),
        [
            ("major", "T?bump=major"),
            ("minor-v1", "T?bump=minor"),
            ("patch-v1.2", "T"),
            ("patch-v1.2", "T?line=1.2"),
            ("patch-v1.2", "T?prerelease=rc"),
            ("rc-v1.2.58", "T?prerelease=rc"),
        ],
    )
    def test_an_exhausted_series_assigns_no_version(
        self, client: Client, name: str, problem: Problem, key: str, request_: str
    ) -> None:
        advance_series(client, f"{name}-{key}", INT64_MAX)
        before = state(client, name)
        problem(put(client, name, request_), 409, "series_exhausted", applied="no")
        assert state(client, name) == before

    def test_concurrent_tokens_get_consecutive_versions(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(caller: int) -> list[str]:
            with Client(server.url) as client:
                return outcomes(client, name, *(f"{caller}-{n}" for n in range(10)))

        with ThreadPoolExecutor(12) as callers:
            versions = [version for some in callers.map(call, range(12)) for version in some]
        expected = [f"1.2.{58 + n}" for n in range(120)]
        assert sorted(versions, key=lambda version: int(version[4:])) == expected
        assert releases(client, name) == expected[::-1]

    def test_concurrent_bumps_never_get_the_same_version(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(caller: int) -> list[str]:
            bumps = ["patch", "minor", "patch", "major", "patch", "minor&prerelease=rc"]
            with Client(server.url) as client:
                return outcomes(
                    client, name, *(f"{caller}-{n}?bump={b}" for n, b in enumerate(bumps))
                )

        with ThreadPoolExecutor(8) as callers:
            versions = [version for some in callers.map(call, range(8)) for version in some]
        assert len(set(versions)) == len(versions)
        assert set(releases(client, name)) == set(versions)

    def test_concurrent_requests_of_one_token_get_one_version(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(bump: str) -> Response:
            with Client(server.url) as client:
                return put(client, name, f"T?bump={bump}")

        with ThreadPoolExecutor(12) as callers:
            answers = list(callers.map(call, ["major", "minor", "patch"] * 4))
        # The 422 of those who asked for another bump names the version too.
        (version,) = {answer.json()["version"] for answer in answers}
        codes = {answer.json()["code"] for answer in answers if answer.status != 200}
        assert codes <= {"token_taken"}
        new = [answer for answer in answers if answer.headers["Monotron-Reused"] == "false"]
        assert len(new) == 1
        assert releases(client, name) == [version]


class TestReuse:
    """A token keeps its version for ever."""

    @pytest.mark.parametrize(
        "request_",
        words("""
            T T?bump=patch T?bump=minor T?bump=major T?prerelease=rc T?bump=major&prerelease=rc
            T?line=1.2 T?line=1&bump=minor T?metadata=sha.7d4c379 x?bump=final
            x?bump=minor&prerelease=rc
        """),
    )
    def test_a_token_keeps_its_version_whatever_comes_between(
        self, client: Client, name: str, request_: str
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        first = assign(client, name, request_)
        outcomes(client, name, "a", "b?bump=minor", "c?bump=major", "d?prerelease=rc", "e?line=1.2")
        start_at(client, name, "5.0.0")
        before = state(client, name)
        for _ in range(2):
            response = put(client, name, request_)
            assert response.status == 200
            assert response.json() == first | {"reused": True, "latest": False}
            assert response.headers["Monotron-Reused"] == "true"
        assert state(client, name) == before

    def test_a_header_states_whether_the_version_is_reused(self, client: Client, name: str) -> None:
        answers = [put(client, name, token) for token in "TTU"]
        reused = [answer.headers["Monotron-Reused"] for answer in answers]
        assert reused == ["false", "true", "false"]
        assert [answer.json()["reused"] for answer in answers] == [False, True, False]

    @pytest.mark.parametrize(
        "query",
        words("""
            bump=minor bump=minor&metadata=other bump=minor&initial=7.0.0
            bump=minor&initial_development=false bump=minor&on_conflict=fail
            bump=minor&on_conflict=reuse bump=minor&dry_run=true bump=minor&dry_run=false
            bump=auto bump=auto&line=1 bump=auto&line=1.2 bump=auto&metadata=other
            on_conflict=reuse bump=major&on_conflict=reuse bump=final&on_conflict=reuse
            line=1&bump=minor&on_conflict=reuse
        """),
    )
    def test_the_same_request_or_on_conflict_reuse_gets_the_stored_version(
        self, client: Client, name: str, query: str
    ) -> None:
        first = assign(client, name, "T?bump=minor&metadata=sha.1")
        before = state(client, name)
        response = put(client, name, f"T?{query}")
        assert response.status == 200, response
        assert response.json() == first | {"reused": True}
        assert response.headers["Monotron-Reused"] == "true"
        assert state(client, name) == before

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("T", "T?bump=minor"),
            ("T", "T?bump=major"),
            ("T?bump=minor", "T"),
            ("T?bump=minor", "T?bump=patch"),
            ("T?bump=major", "T?bump=minor"),
            ("T?bump=minor", "T?bump=final"),
            ("x?bump=final", "x?bump=minor"),
            ("T", "T?line=1.2"),
            ("T", "T?line=1"),
            ("T?line=1.2", "T"),
            ("T?line=1", "T?line=1.2"),
            ("T?line=1&bump=minor", "T?bump=minor"),
            ("T?prerelease=rc", "T?prerelease=rc&bump=minor"),
            ("T?prerelease=rc&bump=major", "T?prerelease=rc&bump=minor"),
            ("T?prerelease=rc", "T?prerelease=rc&line=1.2"),
            ("T", "T?bump=minor&dry_run=true"),
        ],
    )
    def test_a_token_with_another_bump_or_line_is_rejected(
        self, client: Client, name: str, problem: Problem, first: str, second: str
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        stored = assign(client, name, first)
        before = state(client, name)
        document = problem(put(client, name, second), 422, "token_taken", applied="no")
        assert document["version"] == stored["version"]
        assert document["bump"] == stored["bump"]
        assert stored["version"] in document["detail"]
        assert state(client, name) == before
        reuse = f"{second}{'&' if '?' in second else '?'}on_conflict=reuse"
        assert assign(client, name, reuse) == stored | {"reused": True}
        assert state(client, name) == before

    def test_a_version_by_auto_conflicts_only_with_another_bump_than_it_decided(
        self, client: Client, name: str
    ) -> None:
        assert assign(client, name, "T?bump=auto", "feat: a")["version"] == "1.3.0"
        check_script(
            client,
            name,
            """
            T?bump=minor            1.3.0
            T?bump=patch            422 token_taken
            T?bump=minor&line=1     422 token_taken
            """,
        )

    def test_a_token_may_have_a_version_in_each_label_and_a_final_one(
        self, client: Client, name: str
    ) -> None:
        requests = ["T?prerelease=rc&bump=major", "T?prerelease=beta", "T?bump=minor"]
        versions = ["2.0.0-rc.1", "1.2.58-beta.1", "1.3.0"]
        assert outcomes(client, name, *requests) == versions
        assert outcomes(client, name, *requests) == versions

    def test_tokens_are_compared_exactly(self, client: Client, name: str) -> None:
        tokens = ["a", "A", "%C3%A9", "e%CC%81", "a%2Fb", "a%252Fb", "a%20b", "a+b"]
        assert outcomes(client, name, *tokens) == [f"1.2.{58 + n}" for n in range(len(tokens))]
        assert outcomes(client, name, *tokens) == [f"1.2.{58 + n}" for n in range(len(tokens))]


class TestMetadata:
    """PUT /v1/versions/{name}/{token}?metadata=sha.7d4c379"""

    @pytest.mark.parametrize(
        "metadata",
        ["sha.7d4c379", "7d4c379", "001", "0", "-", "a-b.c--d", "A.b.3", "x" * 100, "1.2.3"],
        ids=lambda metadata: metadata[:20],
    )
    def test_metadata_is_appended_and_does_not_change_the_count(
        self, client: Client, name: str, metadata: str
    ) -> None:
        given = assign(client, name, f"a?metadata={metadata}")
        assert given["version"] == f"1.2.58+{metadata}"
        assert given["tag"] == f"v1.2.58+{metadata}"
        assert given["metadata"] == metadata
        assert (given["major"], given["minor"], given["patch"]) == (1, 2, 58)
        assert given["latest"] is True
        assert outcomes(client, name, f"b?metadata={metadata}", "c") == [
            f"1.2.59+{metadata}",
            "1.2.60",
        ]

    @pytest.mark.parametrize("query", ["", "?metadata=sha.1", "?metadata=other"])
    def test_a_repeated_request_returns_the_original_metadata(
        self, client: Client, name: str, query: str
    ) -> None:
        given = assign(client, name, "T?metadata=sha.1")
        assert assign(client, name, f"T{query}") == given | {"reused": True}
        plain = assign(client, name, "U")
        again = assign(client, name, f"U{query}")
        assert again == plain | {"reused": True}
        assert again["metadata"] is None

    @pytest.mark.parametrize(
        "metadata",
        [
            *words("""
                . a..b .a a. a_b a%20b a+b a%2Bb a/b a:b a%0A %24a %C3%A9 %D9%A1
            """),
            "x" * 101,
        ],
        ids=lambda metadata: metadata[:20],
    )
    def test_invalid_metadata_is_rejected(
        self, client: Client, name: str, problem: Problem, metadata: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?metadata={metadata}")
        assert "metadata" in problem(response, 400, "invalid_request", applied="no")["detail"]
        assert state(client, name) == before
