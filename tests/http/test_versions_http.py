"""The "Versions" table of the HTTP contract, row by row, over a real server.

A request is written as it ends its URL: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Where a test says nothing else its name stands at 1.2.57, by adoption.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.mongod import ReplicaSet
from support.server import Client, Response, Server

LAST = 9223372036854775807
JSON = {"Content-Type": "application/json"}
MAX_TEXT = 1 << 20

Problem = Callable[..., dict[str, Any]]
Send = Callable[[bytes], Response | None]


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The contract holds on both stores."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store')}/monotron.db"
        return
    replica_set: ReplicaSet = request.getfixturevalue("replica_set")
    yield replica_set.url("versions")
    with replica_set.client() as client:
        client.drop_database("versions")


# What is refused for how it is written never comes to a store: one of them is enough.
before_the_store = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True, scope="module")


@pytest.fixture
def new_name(fresh_key: str) -> str:
    """A name that no other test uses, and that has no version yet."""
    return fresh_key


@pytest.fixture
def name(client: Client, new_name: str) -> str:
    """A name that no other test uses, at 1.2.57."""
    stand_at(client, new_name, "1.2.57")
    return new_name


def segment(text: str) -> str:
    """A name, a token or a version as one segment of a path."""
    return quote(text, safe="")


def put(
    client: Client,
    name: str,
    request: str,
    text: bytes | str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    return client.request("PUT", f"/v1/versions/{segment(name)}/{request}", text, headers)


def give(
    client: Client, name: str, request: str, text: bytes | str | None = None
) -> dict[str, Any]:
    response = put(client, name, request, text)
    assert response.status == 200, (request, response)
    return response.json()


def outcome(response: Response) -> str:
    """The version, or the status and code of the error."""
    document = response.json()
    if response.status == 200:
        return document["version"]
    return f"{response.status} {document['code']}"


def ask(client: Client, name: str, *requests: str) -> list[str]:
    """What requests come to, one after the other."""
    return [outcome(put(client, name, request)) for request in requests]


def play(client: Client, name: str, script: str) -> None:
    """Ask line by line; each has the request and what it must come to."""
    rows = [tuple(line.split(maxsplit=1)) for line in script.strip().splitlines()]
    requests = [request for request, _ in rows]
    assert list(zip(requests, ask(client, name, *requests), strict=True)) == rows


def words(text: str) -> list[str]:
    return text.split()


MEMBERS = words("""
    creator_id name token version tag major minor patch prerelease metadata bump previous latest
    reused reason created_at
""")


def adopt(client: Client, name: str, version: str, query: str = "") -> Response:
    body = json.dumps({"version": version})
    path = f"/v1/versions/{segment(name)}{query}"
    return client.request("PUT", path, body, JSON)


def stand_at(client: Client, name: str, version: str) -> None:
    response = adopt(client, name, version)
    assert response.status == 200, response


def get(client: Client, path: str) -> dict[str, Any]:
    response = client.request("GET", path)
    assert response.status == 200, (path, response)
    return response.json()


def latest(client: Client, name: str) -> dict[str, Any]:
    return get(client, f"/v1/versions/{segment(name)}")


def releases(client: Client, name: str) -> list[str]:
    """All that tokens were given; what was adopted has none."""
    page = get(client, f"/v1/releases/{segment(name)}?limit=1000")
    assert list(page) == ["releases", "next"]
    assert page["next"] is None
    return [release["version"] for release in page["releases"] if release["token"] is not None]


def raise_series(client: Client, key: str, value: int) -> None:
    response = client.request(
        "PUT", f"/v1/series/{segment(key)}", json.dumps({"value": value}), JSON
    )
    assert response.status == 200, response


def count_by_hand(client: Client, key: str, token: str) -> int:
    response = client.request("PUT", f"/v1/series/{segment(key)}/{segment(token)}")
    assert response.status == 200, response
    value: int = response.json()["value"]
    return value


def delete_series(client: Client, key: str, query: str = "") -> None:
    assert client.request("DELETE", f"/v1/series/{segment(key)}{query}").status == 200


def series_of(client: Client, name: str) -> dict[str, tuple[str | None, int]]:
    """Token and value of each series of a name, by what comes after the name in its key."""
    page = get(client, f"/v1/series?limit=1000&prefix={segment(name)}-")
    return {
        entry["key"].removeprefix(f"{name}-"): (entry["token"], entry["value"])
        for entry in page["series"]
    }


def state(client: Client, name: str) -> list[Any]:
    """All that a name has: its releases, its series, and their ledgers."""
    keys = [f"{name}-{end}" for end in series_of(client, name)]
    paths = [f"/v1/releases/{segment(name)}?limit=1000"]
    paths += [f"/v1/series?limit=1000&prefix={segment(name)}-"]
    paths += [f"/v1/entries/{segment(key)}?limit=1000" for key in keys]
    return [client.request("GET", path).json() for path in paths]


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
            (f"{LAST}.{LAST}.{LAST - 1}", "?bump=patch", f"{LAST}.{LAST}.{LAST}"),
        ],
    )
    def test_a_bump_adds_one_and_resets_what_is_below_it(
        self, client: Client, new_name: str, start: str | None, query: str, version: str
    ) -> None:
        if start:
            stand_at(client, new_name, start)
        given = give(client, new_name, f"T{query}")
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
        play(client, new_name, script)
        assert releases(client, new_name) == script.split()[::-2]

    def test_names_count_independently(self, client: Client, name: str) -> None:
        assert ask(client, f"{name}-2", "a?bump=minor") == ["0.1.0"]
        assert ask(client, name, "a?bump=minor") == ["1.3.0"]

    @before_the_store
    @pytest.mark.parametrize(
        "bump", ["huge", "Minor", "MAJOR", "none", "1", "minor%20", "premajor"]
    )
    def test_a_bump_that_is_none_is_refused(
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
    def test_a_series_at_its_last_value_gives_no_version(
        self, client: Client, name: str, problem: Problem, key: str, request_: str
    ) -> None:
        raise_series(client, f"{name}-{key}", LAST)
        before = state(client, name)
        problem(put(client, name, request_), 409, "series_exhausted", applied="no")
        assert state(client, name) == before

    def test_callers_with_tokens_of_their_own_share_the_versions_without_a_gap(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(caller: int) -> list[str]:
            with Client(server.url) as client:
                return ask(client, name, *(f"{caller}-{n}" for n in range(10)))

        with ThreadPoolExecutor(12) as callers:
            versions = [version for some in callers.map(call, range(12)) for version in some]
        expected = [f"1.2.{58 + n}" for n in range(120)]
        assert sorted(versions, key=lambda version: int(version[4:])) == expected
        assert releases(client, name) == expected[::-1]

    def test_callers_who_bump_in_different_ways_never_get_the_same_version(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(caller: int) -> list[str]:
            bumps = ["patch", "minor", "patch", "major", "patch", "minor&prerelease=rc"]
            with Client(server.url) as client:
                return ask(client, name, *(f"{caller}-{n}?bump={b}" for n, b in enumerate(bumps)))

        with ThreadPoolExecutor(8) as callers:
            versions = [version for some in callers.map(call, range(8)) for version in some]
        assert len(set(versions)) == len(versions)
        assert set(releases(client, name)) == set(versions)

    def test_callers_with_one_token_get_one_version(
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


class TestAnswer:
    """The document of a version."""

    def test_a_version_is_exactly_as_in_the_contract(self, client: Client) -> None:
        stand_at(client, "some-great-service", "1.2.57")
        response = put(client, "some-great-service", "7d4c379588?bump=minor")
        created_at = response.json()["created_at"]
        assert response.text.removesuffix("\n") == (
            '{"creator_id": 1, "name": "some-great-service", "token": "7d4c379588", '
            '"version": "1.3.0", "tag": "v1.3.0", "major": 1, "minor": 3, "patch": 0, '
            '"prerelease": null, "metadata": null, "bump": "minor", "previous": "1.2.57", '
            '"latest": true, "reused": false, "reason": null, '
            f'"created_at": "{created_at}"}}'
        )
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created_at)
        assert datetime.fromisoformat(created_at)
        assert response.headers["Content-Type"].split(";")[0] == "application/json"
        assert response.headers["Monotron-Reused"] == "false"
        assert response.headers["Cache-Control"] == "no-store"

    def test_a_prerelease_tells_its_target_and_its_label(self, client: Client, name: str) -> None:
        given = give(client, name, "T?bump=minor&prerelease=rc&metadata=sha.7d4c379")
        assert list(given) == MEMBERS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", given.pop("created_at"))
        assert given == {
            "creator_id": 1,
            "name": name,
            "token": "T",
            "version": "1.3.0-rc.1+sha.7d4c379",
            "tag": "v1.3.0-rc.1+sha.7d4c379",
            "major": 1,
            "minor": 3,
            "patch": 0,
            "prerelease": "rc.1",
            "metadata": "sha.7d4c379",
            "bump": "minor",
            "previous": "1.2.57",
            "latest": False,
            "reused": False,
            "reason": None,
        }

    @pytest.mark.parametrize(
        ("request_", "bump"),
        [
            ("T", "patch"),
            ("T?bump=minor", "minor"),
            ("T?bump=major", "major"),
            ("T?prerelease=rc", "patch"),
            ("T?bump=major&prerelease=rc", "major"),
            ("x?bump=final", "final"),
        ],
    )
    def test_the_bump_is_the_one_that_was_decided(
        self, client: Client, name: str, request_: str, bump: str
    ) -> None:
        give(client, name, "x?bump=minor&prerelease=rc")
        assert give(client, name, request_)["bump"] == bump

    def test_large_numbers_are_exact(self, client: Client, new_name: str) -> None:
        stand_at(client, new_name, f"{2**53 + 1}.{LAST - 1}.5")
        body = put(client, new_name, "T?bump=minor").body
        assert f'"major": {2**53 + 1}, "minor": {LAST}, "patch": 0,'.encode() in body

    def test_the_first_version_has_no_previous_one(self, client: Client, new_name: str) -> None:
        assert give(client, new_name, "a")["previous"] is None
        assert give(client, new_name, "b")["previous"] == "0.0.1"


class TestRepeat:
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
        give(client, name, "x?bump=minor&prerelease=rc")
        first = give(client, name, request_)
        ask(client, name, "a", "b?bump=minor", "c?bump=major", "d?prerelease=rc", "e?line=1.2")
        stand_at(client, name, "5.0.0")
        before = state(client, name)
        for _ in range(2):
            response = put(client, name, request_)
            assert response.status == 200
            assert response.json() == first | {"reused": True, "latest": False}
            assert response.headers["Monotron-Reused"] == "true"
        assert state(client, name) == before

    def test_a_header_tells_whether_the_version_was_given_before(
        self, client: Client, name: str
    ) -> None:
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
    def test_what_asks_for_the_same_or_may_reuse_gets_the_stored_version(
        self, client: Client, name: str, query: str
    ) -> None:
        first = give(client, name, "T?bump=minor&metadata=sha.1")
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
    def test_the_same_token_with_another_bump_or_line_is_refused(
        self, client: Client, name: str, problem: Problem, first: str, second: str
    ) -> None:
        give(client, name, "x?bump=minor&prerelease=rc")
        stored = give(client, name, first)
        before = state(client, name)
        document = problem(put(client, name, second), 422, "token_taken", applied="no")
        assert document["version"] == stored["version"]
        assert document["bump"] == stored["bump"]
        assert stored["version"] in document["detail"]
        assert state(client, name) == before
        reuse = f"{second}{'&' if '?' in second else '?'}on_conflict=reuse"
        assert give(client, name, reuse) == stored | {"reused": True}
        assert state(client, name) == before

    def test_a_version_by_auto_conflicts_only_with_another_bump_than_it_decided(
        self, client: Client, name: str
    ) -> None:
        assert give(client, name, "T?bump=auto", "feat: a")["version"] == "1.3.0"
        play(
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
        assert ask(client, name, *requests) == versions
        assert ask(client, name, *requests) == versions

    def test_tokens_are_compared_exactly(self, client: Client, name: str) -> None:
        tokens = ["a", "A", "%C3%A9", "e%CC%81", "a%2Fb", "a%252Fb", "a%20b", "a+b"]
        assert ask(client, name, *tokens) == [f"1.2.{58 + n}" for n in range(len(tokens))]
        assert ask(client, name, *tokens) == [f"1.2.{58 + n}" for n in range(len(tokens))]


class TestLine:
    """PUT /v1/versions/{name}/{token}?line=1.2 or line=1"""

    @pytest.fixture
    def lines(self, client: Client, name: str) -> str:
        """A name with the lines 1.2, 1.3 and 2.0, at 2.0.0."""
        assert ask(client, name, "x?bump=minor", "y?bump=major") == ["1.3.0", "2.0.0"]
        return name

    @pytest.mark.parametrize(
        ("query", "answer"),
        [
            ("line=1.2", "1.2.58"),
            ("line=1.2&bump=patch", "1.2.58"),
            ("line=1.3", "1.3.1"),
            ("line=2.0", "2.0.1"),
            ("line=1", "1.3.1"),
            ("line=1&bump=patch", "1.3.1"),
            ("line=1&bump=minor", "1.4.0"),
            ("line=2", "2.0.1"),
            ("line=2&bump=minor", "2.1.0"),
            ("line=1.2&prerelease=rc", "1.2.58-rc.1"),
            ("line=1&bump=minor&prerelease=rc", "1.4.0-rc.1"),
            ("line=1.2&metadata=sha.1", "1.2.58+sha.1"),
            ("line=1.2&bump=minor", "422 out_of_line"),
            ("line=1.2&bump=major", "422 out_of_line"),
            ("line=2.0&bump=minor", "422 out_of_line"),
            ("line=1&bump=major", "422 out_of_line"),
            ("line=2&bump=major", "422 out_of_line"),
            ("line=1.2&bump=minor&prerelease=rc", "422 out_of_line"),
            ("line=1&bump=major&prerelease=rc", "422 out_of_line"),
            ("line=1.4", "404 line_not_found"),
            ("line=2.1", "404 line_not_found"),
            ("line=3", "404 line_not_found"),
            ("line=3&bump=minor", "404 line_not_found"),
            ("line=3.0", "404 line_not_found"),
            (f"line={LAST}.{LAST}", "404 line_not_found"),
            ("line=3.0&prerelease=rc", "404 line_not_found"),
            ("line=3.0&bump=final", "404 line_not_found"),
        ],
    )
    def test_a_line_goes_on_whatever_the_newest_version_is(
        self, client: Client, lines: str, query: str, answer: str
    ) -> None:
        before = state(client, lines)
        assert ask(client, lines, f"T?{query}") == [answer]
        if " " in answer:
            assert state(client, lines) == before

    def test_the_newest_line_is_not_touched_by_an_old_one(self, client: Client, lines: str) -> None:
        requests = ["a?line=1.2", "b", "c?line=1.2", "d?line=1&bump=minor", "e", "f?line=1"]
        versions = ["1.2.58", "2.0.1", "1.2.59", "1.4.0", "2.0.2", "1.4.1"]
        assert ask(client, lines, *requests) == versions
        assert latest(client, lines)["version"] == "2.0.2"

    def test_a_hotfix_on_an_old_line_is_not_the_latest(self, client: Client, lines: str) -> None:
        first, second = (give(client, lines, f"{token}?line=1.2") for token in "ab")
        assert [first["version"], second["version"]] == ["1.2.58", "1.2.59"]
        assert [first["latest"], second["latest"]] == [False, False]
        assert second["previous"] == "1.2.58"
        assert latest(client, lines)["version"] == "2.0.0"

    def test_a_version_on_the_newest_line_is_the_latest(self, client: Client, lines: str) -> None:
        for request in ("a?line=2.0", "b?line=2", "c?line=2&bump=minor"):
            assert give(client, lines, request)["latest"] is True

    def test_line_0_stays_after_the_first_major(self, client: Client, new_name: str) -> None:
        stand_at(client, new_name, "0.3.1")
        requests = ["a", "b?bump=major", "c?line=0.3", "d?line=0", "e?line=0&bump=minor"]
        versions = ["0.3.2", "1.0.0", "0.3.3", "0.3.4", "0.4.0"]
        assert ask(client, new_name, *requests) == versions

    @pytest.mark.parametrize("line", ["0", "0.0", "1", "1.2"])
    def test_a_new_name_has_no_lines(
        self, client: Client, new_name: str, problem: Problem, line: str
    ) -> None:
        problem(put(client, new_name, f"T?line={line}"), 404, "line_not_found", applied="no")
        assert series_of(client, new_name) == {}

    def test_a_line_is_there_once_its_series_is(self, client: Client, name: str) -> None:
        raise_series(client, f"{name}-patch-v1.1", 4)
        assert ask(client, name, "a?line=1.1", "b?line=1.7") == ["1.1.5", "404 line_not_found"]
        assert latest(client, name)["version"] == "1.2.57"

    @before_the_store
    @pytest.mark.parametrize(
        "line",
        [
            *words("""
                v1 v1.2 1.2.3 01 1.02 00 1. .1 1..2 x 1.x -1 %2B1 1e0 1_0 %201 1%20 1.2%0A %D9%A1
                %EF%BC%91.2 9223372036854775808 1.9223372036854775808
            """),
            "9" * 5000,
        ],
        ids=lambda line: line[:20],
    )
    def test_a_line_that_is_none_is_refused(
        self, client: Client, name: str, problem: Problem, line: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?line={line}")
        assert "line" in problem(response, 400, "invalid_request", applied="no")["detail"]
        assert state(client, name) == before


class TestPrerelease:
    """PUT /v1/versions/{name}/{token}?prerelease=rc"""

    @pytest.mark.parametrize(
        ("start", "query", "version"),
        [
            (None, "prerelease=rc", "0.0.1-rc.1"),
            (None, "prerelease=rc&bump=minor", "0.1.0-rc.1"),
            (None, "prerelease=rc&bump=major", "1.0.0-rc.1"),
            ("1.2.57", "prerelease=rc", "1.2.58-rc.1"),
            ("1.2.57", "prerelease=rc&bump=patch", "1.2.58-rc.1"),
            ("1.2.57", "prerelease=rc&bump=minor", "1.3.0-rc.1"),
            ("1.2.57", "prerelease=rc&bump=major", "2.0.0-rc.1"),
        ],
    )
    def test_a_prerelease_is_of_the_version_that_the_bump_would_give(
        self, client: Client, new_name: str, start: str | None, query: str, version: str
    ) -> None:
        if start:
            stand_at(client, new_name, start)
        assert ask(client, new_name, f"T?{query}") == [version]

    def test_prereleases_are_counted_per_target_and_label(self, client: Client, name: str) -> None:
        play(
            client,
            name,
            """
            a?bump=minor&prerelease=rc      1.3.0-rc.1
            b?bump=minor&prerelease=rc      1.3.0-rc.2
            c?bump=minor&prerelease=beta    1.3.0-beta.1
            d?bump=major&prerelease=rc      2.0.0-rc.1
            e?prerelease=rc                 1.2.58-rc.1
            f?bump=minor&prerelease=rc      1.3.0-rc.3
            g?bump=minor&prerelease=RC      1.3.0-RC.1
            h?bump=minor&prerelease=beta    1.3.0-beta.2
            """,
        )

    @pytest.mark.parametrize("bump", ["patch", "minor", "major"])
    def test_the_target_is_not_used_up(self, client: Client, name: str, bump: str) -> None:
        steady = {key: entry for key, entry in series_of(client, name).items() if "rc" not in key}
        ask(client, name, f"a?bump={bump}&prerelease=rc", f"b?bump={bump}&prerelease=rc")
        after = {key: entry for key, entry in series_of(client, name).items() if "rc" not in key}
        assert after == steady
        assert latest(client, name)["version"] == "1.2.57"
        target = {"patch": "1.2.58", "minor": "1.3.0", "major": "2.0.0"}[bump]
        assert ask(client, name, f"c?bump={bump}") == [target]

    def test_a_prerelease_is_never_the_latest(self, client: Client, new_name: str) -> None:
        for _ in range(2):
            assert give(client, new_name, "T?bump=major&prerelease=rc")["latest"] is False

    def test_the_same_token_may_get_the_final_version_later(
        self, client: Client, name: str
    ) -> None:
        requests = ["T?bump=minor&prerelease=rc", "T?bump=minor", "T?bump=minor&prerelease=rc"]
        assert ask(client, name, *requests) == ["1.3.0-rc.1", "1.3.0", "1.3.0-rc.1"]
        assert give(client, name, "T?bump=minor")["latest"] is True

    def test_a_new_token_gets_one_of_the_next_target_once_the_target_is_released(
        self, client: Client, name: str
    ) -> None:
        play(
            client,
            name,
            """
            a?bump=minor&prerelease=rc      1.3.0-rc.1
            b?bump=minor                    1.3.0
            c?bump=minor&prerelease=rc      1.4.0-rc.1
            a?bump=minor&prerelease=rc      1.3.0-rc.1
            a?bump=minor                    1.4.0
            d?prerelease=rc                 1.4.1-rc.1
            e                               1.4.1
            f?prerelease=rc                 1.4.2-rc.1
            """,
        )

    def test_other_versions_may_be_released_while_a_prerelease_is_out(
        self, client: Client, name: str
    ) -> None:
        requests = ["a?bump=minor&prerelease=rc", "b", "c", "d?bump=minor&prerelease=rc"]
        assert ask(client, name, *requests) == ["1.3.0-rc.1", "1.2.58", "1.2.59", "1.3.0-rc.2"]

    def test_an_adopted_version_is_released(self, client: Client, name: str) -> None:
        give(client, name, "a?bump=minor&prerelease=rc")
        stand_at(client, name, "1.3.0")
        assert ask(client, name, "b?bump=minor&prerelease=rc") == ["1.4.0-rc.1"]

    @pytest.mark.parametrize(
        "label",
        ["a", "Z", "rc", "RC", "rc1", "1rc", "1a2", "0x", "alpha", "x" * 20, "9" * 19 + "z"],
    )
    def test_a_label_is_letters_and_digits_with_a_letter(
        self, client: Client, name: str, label: str
    ) -> None:
        given = give(client, name, f"T?prerelease={label}")
        assert given["version"] == f"1.2.58-{label}.1"
        assert given["prerelease"] == f"{label}.1"
        assert series_of(client, name)[f"{label}-v1.2.58"] == ("T", 1)

    @before_the_store
    @pytest.mark.parametrize(
        "label",
        [
            *words("""
                1 123 rc.1 rc-1 rc_1 -rc rc%20 %20rc rc%0A r%2Bc r/c %24rc %C3%A9 %EF%BC%91a
                %F0%9F%A6%8A
            """),
            "0" * 20,
            "x" * 21,
        ],
    )
    def test_a_label_that_is_none_is_refused(
        self, client: Client, name: str, problem: Problem, label: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?prerelease={label}")
        assert "prerelease" in problem(response, 400, "invalid_request", applied="no")["detail"]
        response = client.request("GET", f"/v1/versions/{name}/T?prerelease={label}")
        problem(response, 400, "invalid_request")
        assert state(client, name) == before

    def test_a_label_may_be_the_name_of_a_component(self, client: Client, name: str) -> None:
        play(
            client,
            name,
            """
            a?prerelease=major      1.2.58-major.1
            b?prerelease=minor      1.2.58-minor.1
            c?prerelease=patch      1.2.58-patch.1
            d                       1.2.58
            e?bump=minor            1.3.0
            f?bump=major            2.0.0
            """,
        )

    def test_callers_share_the_numbers_of_a_label(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(caller: int) -> list[str]:
            requests = (f"{caller}-{n}?bump=minor&prerelease=rc" for n in range(5))
            with Client(server.url) as client:
                return ask(client, name, *requests)

        with ThreadPoolExecutor(8) as callers:
            versions = [version for some in callers.map(call, range(8)) for version in some]
        expected = [f"1.3.0-rc.{n}" for n in range(1, 41)]
        assert sorted(versions, key=lambda version: int(version[9:])) == expected
        assert releases(client, name) == expected[::-1]


class TestPromotion:
    """PUT /v1/versions/{name}/{token}?bump=final"""

    @pytest.mark.parametrize(
        ("bump", "prerelease", "version"),
        [
            ("patch", "1.2.58-rc.1", "1.2.58"),
            ("minor", "1.3.0-rc.1", "1.3.0"),
            ("major", "2.0.0-rc.1", "2.0.0"),
        ],
    )
    @pytest.mark.parametrize("token", ["a", "b"])
    def test_a_prerelease_becomes_final_for_its_token_or_another(
        self, client: Client, name: str, bump: str, prerelease: str, version: str, token: str
    ) -> None:
        assert ask(client, name, f"a?bump={bump}&prerelease=rc") == [prerelease]
        given = give(client, name, f"{token}?bump=final")
        assert given["version"] == version
        assert given["token"] == token
        assert given["bump"] == "final"
        assert given["prerelease"] is None
        assert given["previous"] == "1.2.57"
        assert given["latest"] is True
        assert given["reused"] is False
        assert latest(client, name)["token"] == token

    def test_a_promotion_uses_the_target_up(self, client: Client, name: str) -> None:
        requests = ["a?bump=minor&prerelease=rc", "a?bump=final", "b?bump=minor", "c"]
        assert ask(client, name, *requests) == ["1.3.0-rc.1", "1.3.0", "1.4.0", "1.4.1"]
        assert series_of(client, name)["minor-v1"] == ("b", 4)

    def test_a_token_promotes_its_own_prerelease_rather_than_the_newest(
        self, client: Client, name: str
    ) -> None:
        requests = ["a?bump=minor&prerelease=rc", "b?bump=major&prerelease=rc"]
        requests += ["a?bump=final", "b?bump=final"]
        assert ask(client, name, *requests) == ["1.3.0-rc.1", "2.0.0-rc.1", "1.3.0", "2.0.0"]

    def test_another_token_promotes_the_highest_prerelease(self, client: Client, name: str) -> None:
        requests = ["a?bump=major&prerelease=rc", "b?bump=minor&prerelease=rc", "c?bump=final"]
        assert ask(client, name, *requests) == ["2.0.0-rc.1", "1.3.0-rc.1", "2.0.0"]

    def test_a_token_with_several_labels_promotes_its_highest(
        self, client: Client, name: str
    ) -> None:
        requests = ["a?bump=major&prerelease=alpha", "a?bump=minor&prerelease=rc", "a?bump=final"]
        assert ask(client, name, *requests) == ["2.0.0-alpha.1", "1.3.0-rc.1", "2.0.0"]

    def test_a_promotion_repeated_is_the_same(self, client: Client, name: str) -> None:
        requests = ["a?bump=minor&prerelease=rc", "b?bump=final", "c?bump=major", "b?bump=final"]
        assert ask(client, name, *requests) == ["1.3.0-rc.1", "1.3.0", "2.0.0", "1.3.0"]

    @pytest.mark.parametrize(
        ("query", "version"),
        [
            ("c?bump=final", "1.4.0"),
            ("c?bump=final&line=1", "1.4.0"),
            ("c?bump=final&line=1.2", "1.2.58"),
            ("a?bump=final", "1.2.58"),
            ("a?bump=final&line=1.2", "1.2.58"),
            ("a?bump=final&line=1", "1.2.58"),
            ("b?bump=final", "1.4.0"),
            ("b?bump=final&line=1", "1.4.0"),
            ("b?bump=final&line=1.2", "1.2.58"),
            ("c?bump=final&line=1.3", "422 invalid_bump"),
            ("c?bump=final&line=1.5", "404 line_not_found"),
            ("c?bump=final&line=7", "404 line_not_found"),
        ],
    )
    def test_a_promotion_on_a_line_looks_at_that_line_only(
        self, client: Client, name: str, query: str, version: str
    ) -> None:
        requests = ["x?bump=minor", "a?line=1.2&prerelease=rc", "b?bump=minor&prerelease=rc"]
        assert ask(client, name, *requests) == ["1.3.0", "1.2.58-rc.1", "1.4.0-rc.1"]
        assert ask(client, name, query) == [version]

    def test_a_promotion_on_an_old_line_is_not_the_latest(self, client: Client, name: str) -> None:
        ask(client, name, "x?bump=minor", "a?line=1.2&prerelease=rc")
        given = give(client, name, "b?bump=final&line=1.2")
        assert given["version"] == "1.2.58"
        assert given["latest"] is False
        assert latest(client, name)["version"] == "1.3.0"

    @pytest.mark.parametrize(
        ("before", "request_", "answer"),
        [
            ([], "a?bump=final", "422 invalid_bump"),
            (["a"], "b?bump=final", "422 invalid_bump"),
            (["a?bump=minor&prerelease=rc"], "b?bump=final&prerelease=rc", "422 invalid_bump"),
            (
                ["a?bump=minor&prerelease=rc", "b?bump=final"],
                "a?bump=final",
                "409 already_released",
            ),
            (
                ["a?bump=minor&prerelease=rc", "b?bump=final"],
                "c?bump=final",
                "409 already_released",
            ),
            (
                ["a?bump=minor&prerelease=rc", "b?bump=minor"],
                "a?bump=final",
                "409 already_released",
            ),
            (
                ["a?bump=minor&prerelease=rc", "a?bump=final"],
                "b?bump=final",
                "409 already_released",
            ),
            (["a?prerelease=rc", "b", "c"], "a?bump=final", "409 already_released"),
            (["a?bump=minor&prerelease=rc", "a?bump=minor"], "a?bump=final", "422 token_taken"),
        ],
    )
    def test_what_cannot_be_promoted_is_refused(
        self,
        client: Client,
        name: str,
        problem: Problem,
        before: list[str],
        request_: str,
        answer: str,
    ) -> None:
        ask(client, name, *before)
        held = state(client, name)
        status, code = answer.split()
        problem(put(client, name, request_), int(status), code, applied="no")
        assert state(client, name) == held

    def test_a_promotion_of_a_version_that_a_series_has_passed_is_refused(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        give(client, name, "a?bump=minor&prerelease=rc")
        raise_series(client, f"{name}-minor-v1", 5)
        problem(put(client, name, "a?bump=final"), 409, "already_released", applied="no")
        assert ask(client, name, "a?bump=minor") == ["1.6.0"]

    def test_callers_with_tokens_of_their_own_promote_once(
        self, server: Server, client: Client, name: str
    ) -> None:
        give(client, name, "a?bump=minor&prerelease=rc")

        def call(caller: int) -> str:
            with Client(server.url) as client:
                return outcome(put(client, name, f"{caller}?bump=final"))

        with ThreadPoolExecutor(8) as callers:
            answers = sorted(callers.map(call, range(8)))
        assert answers == ["1.3.0"] + ["409 already_released"] * 7
        assert releases(client, name) == ["1.3.0", "1.3.0-rc.1"]


class TestAuto:
    """PUT /v1/versions/{name}/{token}?bump=auto, with commit messages"""

    @pytest.mark.parametrize(
        ("text", "version", "bump", "reason"),
        [
            ("fix: a", "1.2.58", "patch", "fix: a"),
            ("docs: a", "1.2.58", "patch", "docs: a"),
            ("Update the readme", "1.2.58", "patch", "Update the readme"),
            ("feature: a", "1.2.58", "patch", "feature: a"),
            ("fix: a\n\nfeat: b", "1.2.58", "patch", "fix: a"),
            ("fix: a\n\nbreaking change: b", "1.2.58", "patch", "fix: a"),
            ("feat: a", "1.3.0", "minor", "feat: a"),
            ("feat(ui): a", "1.3.0", "minor", "feat(ui): a"),
            ("Feat: a", "1.3.0", "minor", "Feat: a"),
            ("feat: a\n\nA longer text.\n", "1.3.0", "minor", "feat: a"),
            ("feat: é 🦊 日本", "1.3.0", "minor", "feat: é 🦊 日本"),
            ("feat!: a", "2.0.0", "major", "feat!: a"),
            ("fix(api)!: a", "2.0.0", "major", "fix(api)!: a"),
            ("chore!: a", "2.0.0", "major", "chore!: a"),
            ("fix: a\n\nBREAKING CHANGE: b", "2.0.0", "major", "BREAKING CHANGE: b"),
            ("docs: a\n\nBecause.\n\nBREAKING-CHANGE: b", "2.0.0", "major", "BREAKING-CHANGE: b"),
            ("fix: a\0feat: b\0docs: c", "1.3.0", "minor", "feat: b"),
            ("fix: a\n\0feat: b\n\0", "1.3.0", "minor", "feat: b"),
            ("feat: a\0fix!: b\0feat: c", "2.0.0", "major", "fix!: b"),
            ("\0\0feat: a\0", "1.3.0", "minor", "feat: a"),
        ],
    )
    def test_the_bump_is_the_largest_that_the_messages_ask_for(
        self, client: Client, name: str, text: str, version: str, bump: str, reason: str
    ) -> None:
        given = give(client, name, "T?bump=auto", text)
        assert given["version"] == version
        assert given["bump"] == bump
        assert given["reason"] == reason
        again = give(client, name, "T?bump=auto", text)
        assert again == given | {"reused": True}
        assert get(client, f"/v1/versions/{name}/T") == again

    @pytest.mark.parametrize(
        ("start", "query", "text", "answer"),
        [
            (None, "", "fix: a", "0.0.1"),
            (None, "", "feat: a", "0.1.0"),
            (None, "", "feat!: a", "0.1.0"),
            (None, "&initial_development=false", "feat!: a", "1.0.0"),
            (None, "&initial_development=true", "feat!: a", "0.1.0"),
            ("0.3.1", "", "fix: a", "0.3.2"),
            ("0.3.1", "", "feat: a", "0.4.0"),
            ("0.3.1", "", "feat!: a", "0.4.0"),
            ("0.3.1", "", "fix: a\n\nBREAKING CHANGE: b", "0.4.0"),
            ("0.3.1", "&initial_development=true", "feat!: a", "0.4.0"),
            ("0.3.1", "&initial_development=false", "feat!: a", "1.0.0"),
            ("0.3.1", "&initial_development=false", "feat: a", "0.4.0"),
            ("0.3.1", "&line=0", "feat!: a", "0.4.0"),
            ("0.3.1", "&line=0&initial_development=false", "feat!: a", "422 out_of_line"),
            ("0.3.1", "&line=0.3", "fix: a", "0.3.2"),
            ("0.3.1", "&line=0.3", "feat!: a", "422 out_of_line"),
            ("1.2.57", "&initial_development=true", "feat!: a", "2.0.0"),
            ("1.2.57", "&initial_development=false", "feat!: a", "2.0.0"),
            ("1.2.57", "&line=1", "feat: a", "1.3.0"),
            ("1.2.57", "&line=1", "feat!: a", "422 out_of_line"),
            ("1.2.57", "&line=1.2", "fix: a", "1.2.58"),
            ("1.2.57", "&line=1.2", "feat: a", "422 out_of_line"),
            ("1.2.57", "&line=1.2", "feat!: a", "422 out_of_line"),
            ("1.2.57", "&line=1.5", "fix: a", "404 line_not_found"),
            ("1.2.57", "&prerelease=rc", "feat: a", "1.3.0-rc.1"),
            ("0.3.1", "&prerelease=rc", "feat!: a", "0.4.0-rc.1"),
            ("1.2.57", "&metadata=sha.1", "feat: a", "1.3.0+sha.1"),
        ],
    )
    def test_the_name_and_the_line_decide_too(
        self, client: Client, new_name: str, start: str | None, query: str, text: str, answer: str
    ) -> None:
        if start:
            stand_at(client, new_name, start)
        before = state(client, new_name)
        assert outcome(put(client, new_name, f"T?bump=auto{query}", text)) == answer
        if " " in answer:
            assert state(client, new_name) == before

    def test_line_0_is_in_initial_development_whatever_the_newest_version_is(
        self, client: Client, new_name: str
    ) -> None:
        stand_at(client, new_name, "0.3.1")
        assert ask(client, new_name, "a", "b?bump=major") == ["0.3.2", "1.0.0"]
        assert give(client, new_name, "c?bump=auto&line=0", "feat!: a")["version"] == "0.4.0"
        assert give(client, new_name, "d?bump=auto", "feat!: a")["version"] == "2.0.0"

    def test_the_bump_of_a_guarded_breaking_change_is_minor(
        self, client: Client, new_name: str
    ) -> None:
        given = give(client, new_name, "T?bump=auto", "feat!: a")
        assert given["bump"] == "minor"
        assert given["reason"] == "feat!: a"
        assert ask(client, new_name, "T?bump=minor", "T?bump=major") == ["0.1.0", "422 token_taken"]

    @pytest.mark.parametrize("bump", ["major", "minor", "patch"])
    def test_a_bump_that_is_named_is_not_guarded_and_needs_no_reason(
        self, client: Client, new_name: str, bump: str
    ) -> None:
        stand_at(client, new_name, "0.3.1")
        given = give(client, new_name, f"T?bump={bump}", "docs: a")
        assert given["version"] == {"major": "1.0.0", "minor": "0.4.0", "patch": "0.3.2"}[bump]
        assert given["reason"] is None

    @pytest.mark.parametrize("line", ["feat: " + "x" * 195, "feat: " + "é🦊" * 300])
    def test_a_reason_is_cut_at_200_characters(self, client: Client, name: str, line: str) -> None:
        assert give(client, name, "T?bump=auto", line)["reason"] == line[:200]

    @pytest.mark.parametrize("text", [None, b"", b" ", b"\n\n", b"\0", b" \r\n\t\0\n\0 "])
    def test_a_new_token_without_a_message_is_refused(
        self, client: Client, name: str, problem: Problem, text: bytes | None
    ) -> None:
        before = state(client, name)
        response = put(client, name, "T?bump=auto", text)
        problem(response, 422, "invalid_bump", applied="no")
        assert state(client, name) == before

    @pytest.mark.parametrize("text", [None, b"", b"\0", b"feat!: b", b"\xff\xfe\x80", b"{" * 9000])
    @pytest.mark.parametrize("first", ["T", "T?bump=minor", "T?line=1.2", "x?bump=final"])
    def test_a_token_with_a_version_is_answered_before_the_text_is_read(
        self, client: Client, name: str, first: str, text: bytes | None
    ) -> None:
        give(client, name, "x?bump=minor&prerelease=rc")
        given = give(client, name, first)
        assert give(client, name, f"{first[0]}?bump=auto", text) == given | {"reused": True}

    @pytest.mark.parametrize(
        "type_",
        [
            None,
            "text/plain",
            "text/plain; charset=utf-8",
            "application/x-www-form-urlencoded",
            "application/json",
            "application/octet-stream",
            "multipart/form-data; boundary=b",
            "multipart/form-data",
            "nonsense",
        ],
    )
    def test_a_body_is_text_whatever_its_type(
        self, client: Client, name: str, type_: str | None
    ) -> None:
        headers = {} if type_ is None else {"Content-Type": type_}
        text = "feat: a=b&c=%zz; {d}"
        response = put(client, name, "T?bump=auto", text, headers)
        assert response.json()["version"] == "1.3.0"
        assert response.json()["reason"] == text

    def test_a_text_may_come_in_chunks(self, client: Client, name: str, send: Send) -> None:
        response = send(
            f"PUT /v1/versions/{name}/T?bump=auto HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n4\r\nfeat\r\n3\r\n: a\r\n0\r\n\r\n".encode()
        )
        assert response is not None
        assert response.json()["version"] == "1.3.0"

    @pytest.mark.parametrize(
        "text",
        [
            b"feat: a\n\n".ljust(MAX_TEXT, b"x"),
            b"feat: a\n\n".ljust(MAX_TEXT, b"\n"),
            b"fix: a\0".ljust(MAX_TEXT - 7, b"\0") + b"feat: a",
            (b"fix: a\0" * (MAX_TEXT // 7 - 1) + b"feat: a").ljust(MAX_TEXT),
        ],
        ids=["one line", "empty lines", "few messages", "many messages"],
    )
    def test_a_text_of_1_mib_is_read(self, client: Client, name: str, text: bytes) -> None:
        assert len(text) == MAX_TEXT
        given = give(client, name, "T?bump=auto", text)
        assert given["version"] == "1.3.0"
        assert given["reason"].strip() == "feat: a"

    @pytest.mark.parametrize("length", [MAX_TEXT + 1, 10**9])
    @pytest.mark.parametrize("query", ["bump=auto", "bump=patch"])
    def test_a_larger_text_is_refused(
        self, client: Client, name: str, send: Send, problem: Problem, length: int, query: str
    ) -> None:
        before = state(client, name)
        response = send(
            f"PUT /v1/versions/{name}/T?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        problem(response, 413, "body_too_large", applied="no")
        assert state(client, name) == before

    @pytest.mark.parametrize("query", ["", "?bump=patch", "?line=1.2"])
    def test_a_text_with_another_bump_is_ignored(
        self, client: Client, name: str, query: str
    ) -> None:
        for number, text in enumerate(("feat!: a", b"\xff", b"{", b"x" * 100_000)):
            given = give(client, name, f"T{number}{query}", text)
            assert given["version"] == f"1.2.{58 + number}"
            assert given["reason"] is None


class TestMetadata:
    """PUT /v1/versions/{name}/{token}?metadata=sha.7d4c379"""

    @pytest.mark.parametrize(
        "metadata",
        ["sha.7d4c379", "7d4c379", "001", "0", "-", "a-b.c--d", "A.b.3", "x" * 100, "1.2.3"],
        ids=lambda metadata: metadata[:20],
    )
    def test_metadata_is_appended_and_counts_for_nothing(
        self, client: Client, name: str, metadata: str
    ) -> None:
        given = give(client, name, f"a?metadata={metadata}")
        assert given["version"] == f"1.2.58+{metadata}"
        assert given["tag"] == f"v1.2.58+{metadata}"
        assert given["metadata"] == metadata
        assert (given["major"], given["minor"], given["patch"]) == (1, 2, 58)
        assert given["latest"] is True
        assert ask(client, name, f"b?metadata={metadata}", "c") == [f"1.2.59+{metadata}", "1.2.60"]

    @pytest.mark.parametrize("query", ["", "?metadata=sha.1", "?metadata=other"])
    def test_a_repeat_answers_the_metadata_that_was_first_given(
        self, client: Client, name: str, query: str
    ) -> None:
        given = give(client, name, "T?metadata=sha.1")
        assert give(client, name, f"T{query}") == given | {"reused": True}
        plain = give(client, name, "U")
        again = give(client, name, f"U{query}")
        assert again == plain | {"reused": True}
        assert again["metadata"] is None

    @before_the_store
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
    def test_metadata_that_semver_does_not_know_is_refused(
        self, client: Client, name: str, problem: Problem, metadata: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?metadata={metadata}")
        assert "metadata" in problem(response, 400, "invalid_request", applied="no")["detail"]
        assert state(client, name) == before


class TestInitial:
    """PUT /v1/versions/{name}/{token}?initial=1.4.2"""

    @pytest.mark.parametrize(
        ("query", "text", "version"),
        [
            ("initial=1.4.2", None, "1.4.3"),
            ("initial=1.4.2&bump=patch", None, "1.4.3"),
            ("initial=1.4.2&bump=minor", None, "1.5.0"),
            ("initial=1.4.2&bump=major", None, "2.0.0"),
            ("initial=1.4.2&bump=minor&prerelease=rc", None, "1.5.0-rc.1"),
            ("initial=1.4.2&bump=auto", "feat: a", "1.5.0"),
            ("initial=1.4.2&bump=auto", "feat!: a", "2.0.0"),
            ("initial=0.4.2&bump=auto", "feat!: a", "0.5.0"),
            ("initial=v1.4.2", None, "1.4.3"),
            ("initial=1.4.2%2Bbuild.5", None, "1.4.3"),
            ("initial=1.4.2&metadata=sha.1", None, "1.4.3+sha.1"),
            ("initial=0.0.0", None, "0.0.1"),
            ("initial=2.0.0", None, "2.0.1"),
            ("initial=0.7.0&bump=minor", None, "0.8.0"),
            (f"initial=1.0.{2**53}", None, f"1.0.{2**53 + 1}"),
        ],
    )
    def test_a_new_name_starts_from_the_initial_version(
        self, client: Client, new_name: str, query: str, text: str | None, version: str
    ) -> None:
        assert give(client, new_name, f"T?{query}", text)["version"] == version
        assert give(client, new_name, f"T?{query}", text)["reused"] is True

    @pytest.mark.parametrize(
        ("query", "answer"),
        [
            ("initial=1.4.2&line=1.2", "404 line_not_found"),
            ("initial=1.4.2&line=2", "404 line_not_found"),
            ("initial=1.4.2&bump=major&line=1", "422 out_of_line"),
            ("initial=1.4.2&bump=minor&line=1.4", "422 out_of_line"),
            ("initial=1.4.2&bump=auto", "422 invalid_bump"),
            ("initial=1.4.2&bump=final", "422 invalid_bump"),
            (f"initial={LAST}.0.0&bump=major", "409 series_exhausted"),
            (f"initial=1.0.{LAST}", "409 series_exhausted"),
            (f"initial=1.0.{LAST}&prerelease=rc", "409 series_exhausted"),
            ("initial=1.4.2&dry_run=true", "1.4.3"),
        ],
    )
    def test_what_gives_no_version_starts_from_nothing(
        self, client: Client, new_name: str, query: str, answer: str
    ) -> None:
        assert ask(client, new_name, f"T?{query}") == [answer]
        self.is_untouched(client, new_name)

    def test_a_name_that_is_too_long_for_a_label_starts_from_nothing(
        self, client: Client, new_name: str
    ) -> None:
        name = f"{new_name}{'x' * 200}"[:200]
        query = f"initial={LAST - 1}.{LAST - 1}.{LAST - 1}&prerelease={'x' * 20}"
        assert ask(client, name, f"T?{query}") == ["400 invalid_name"]
        self.is_untouched(client, name)

    def test_a_label_that_is_exhausted_starts_from_nothing(
        self, client: Client, new_name: str
    ) -> None:
        raise_series(client, f"{new_name}-rc-v1.4.3", LAST)
        before = state(client, new_name)
        assert ask(client, new_name, "T?initial=1.4.2&prerelease=rc") == ["409 series_exhausted"]
        assert state(client, new_name) == before

    def is_untouched(self, client: Client, name: str) -> None:
        assert series_of(client, name) == {}
        assert client.request("GET", f"/v1/releases/{name}").status == 404
        assert ask(client, name, "first") == ["0.0.1"]

    def test_versions_go_on_after_the_initial_one(self, client: Client, new_name: str) -> None:
        requests = ["a?initial=1.4.2", "b?initial=1.4.2", "c", "d?bump=minor&initial=1.4.2"]
        assert ask(client, new_name, *requests) == ["1.4.3", "1.4.4", "1.4.5", "1.5.0"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("a", "0.0.2"),
            ("a?prerelease=rc", "0.0.1"),
            ("a?bump=minor", "0.1.1"),
        ],
    )
    @pytest.mark.parametrize("initial", ["7.0.0", "0.0.0"])
    def test_a_name_that_has_begun_is_left_alone(
        self, client: Client, new_name: str, before: str, after: str, initial: str
    ) -> None:
        give(client, new_name, before)
        assert ask(client, new_name, f"T?initial={initial}") == [after]

    def test_a_name_with_a_series_has_begun(self, client: Client, new_name: str) -> None:
        raise_series(client, f"{new_name}-major", 2)
        assert ask(client, new_name, "T?initial=7.0.0") == ["2.0.1"]

    @before_the_store
    @pytest.mark.parametrize(
        "initial",
        [
            *words("""
                1 1.4 1.4.2.0 01.4.2 1.04.2 1.4.2-rc.1 1.4.2- 1.4.2%2B 1.4.2%2Ba..b vv1.4.2 v x
                -1.4.2 1.4.x 1.4.2%20 %201.4.2 %EF%BC%91.4.2 9223372036854775808.0.0
                0.0.9223372036854775808
            """),
            "9" * 5000 + ".0.0",
        ],
        ids=lambda initial: initial[:30],
    )
    def test_an_initial_version_that_is_no_final_semver_is_refused(
        self, client: Client, new_name: str, problem: Problem, initial: str
    ) -> None:
        response = put(client, new_name, f"T?initial={initial}")
        problem(response, 400, "invalid_version", applied="no")
        assert series_of(client, new_name) == {}


class TestDryRun:
    """PUT /v1/versions/{name}/{token}?dry_run=true"""

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("bump=patch", None),
            ("bump=minor", None),
            ("bump=major&metadata=sha.1", None),
            ("bump=minor&prerelease=rc", None),
            ("bump=minor&prerelease=beta", None),
            ("line=1.2", None),
            ("line=1&bump=minor", None),
            ("bump=final", None),
            ("bump=final&line=1.2", None),
            ("bump=auto", "feat: a"),
            ("bump=auto&prerelease=rc", "feat!: a"),
            ("initial=7.0.0", None),
        ],
    )
    def test_it_answers_what_the_put_would_and_changes_nothing(
        self, client: Client, name: str, query: str, text: str | None
    ) -> None:
        ask(client, name, "x?bump=minor", "y?line=1.2&prerelease=rc", "z?bump=minor&prerelease=rc")
        before = state(client, name)
        answers = [put(client, name, f"T?{query}&dry_run=true", text) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert [answer.headers["Monotron-Reused"] for answer in answers] == ["false", "false"]
        assert state(client, name) == before
        assert client.request("GET", f"/v1/versions/{name}/T").status == 404
        given = give(client, name, f"T?{query}", text)
        for answer in answers:
            assert list(answer.json()) == MEMBERS
            # When the version would be given, nobody knows.
            assert answer.json() | {"created_at": ""} == given | {"created_at": ""}

    @pytest.mark.parametrize(
        ("query", "version"),
        [("bump=minor", "0.1.0"), ("initial=1.4.2", "1.4.3"), ("prerelease=rc", "0.0.1-rc.1")],
    )
    def test_a_new_name_stays_new(
        self, client: Client, new_name: str, query: str, version: str
    ) -> None:
        assert ask(client, new_name, f"T?{query}&dry_run=true") == [version]
        assert series_of(client, new_name) == {}
        assert client.request("GET", f"/v1/versions/{new_name}").status == 404
        assert client.request("GET", f"/v1/releases/{new_name}").status == 404

    def test_of_a_token_with_a_version_it_answers_that(self, client: Client, name: str) -> None:
        given = give(client, name, "T?bump=minor")
        before = state(client, name)
        response = put(client, name, "T?bump=minor&dry_run=true")
        assert response.json() == given | {"reused": True}
        assert response.headers["Monotron-Reused"] == "true"
        assert ask(client, name, "T?dry_run=true&on_conflict=reuse") == ["1.3.0"]
        assert state(client, name) == before

    @pytest.mark.parametrize(
        ("by_hand", "request_", "answer"),
        [
            ({"rc-v1.2.58": LAST}, "T?prerelease=rc", "409 series_exhausted"),
            ({"rc-v1.2.58": LAST - 1}, "T?prerelease=rc", f"1.2.58-rc.{LAST}"),
            ({"patch-v1.2": LAST}, "T", "409 series_exhausted"),
            ({"patch-v1.2": LAST}, "T?prerelease=rc", "409 series_exhausted"),
            ({"patch-v1.2": "T"}, "T", "1.2.58"),
            ({"rc-v1.2.58": "T"}, "T?prerelease=rc", "1.2.58-rc.1"),
            ({"minor-v1": "T"}, "T?line=1&bump=minor", "1.3.0"),
            ({"minor-v1": "U", "patch-v1.3": 7}, "T?bump=minor", "1.4.0"),
            ({"minor-v2": 5}, "T?bump=major", "2.0.0"),
        ],
    )
    def test_it_heeds_what_was_counted_by_hand(
        self,
        client: Client,
        name: str,
        by_hand: dict[str, int | str],
        request_: str,
        answer: str,
    ) -> None:
        for scope, what in by_hand.items():
            if isinstance(what, int):
                raise_series(client, f"{name}-{scope}", what)
            else:
                count_by_hand(client, f"{name}-{scope}", what)
        self.answers_what_the_put_would(client, name, request_, answer)

    def test_it_heeds_that_another_token_has_the_version_of_a_number(
        self, client: Client, name: str
    ) -> None:
        """T has 58 after a restart, whose version A was given before it."""
        assert ask(client, name, "A", "B") == ["1.2.58", "1.2.59"]
        delete_series(client, f"{name}-patch-v1.2", "?restart=true")
        raise_series(client, f"{name}-patch-v1.2", 57)
        assert count_by_hand(client, f"{name}-patch-v1.2", "T") == 58
        self.answers_what_the_put_would(client, name, "T", "1.2.60")

    @pytest.mark.parametrize(
        ("scope", "adopted", "request_", "answer"),
        [
            ("patch-v1.2", "1.2.58", "T", "1.2.59"),
            ("patch-v1.2", "1.2.70", "T", "1.2.71"),
            ("minor-v1", "1.3.5", "T?bump=minor", "1.4.0"),
            ("major", "2.1.0", "T?bump=major", "3.0.0"),
            ("minor-v1", "1.3.5", "T?bump=final", "409 already_released"),
        ],
    )
    def test_it_heeds_what_was_adopted_beyond_a_number(
        self, client: Client, name: str, scope: str, adopted: str, request_: str, answer: str
    ) -> None:
        give(client, name, "x?bump=minor&prerelease=rc")
        count_by_hand(client, f"{name}-{scope}", "T")
        stand_at(client, name, adopted)
        self.answers_what_the_put_would(client, name, request_, answer)

    def answers_what_the_put_would(
        self, client: Client, name: str, request: str, answer: str
    ) -> None:
        before = state(client, name)
        query = "&" if "?" in request else "?"
        dry = put(client, name, f"{request}{query}dry_run=true")
        assert state(client, name) == before
        real = put(client, name, request)
        assert (outcome(dry), outcome(real)) == (answer, answer)
        if real.status == 200:
            assert dry.json() | {"created_at": ""} == real.json() | {"created_at": ""}

    @pytest.mark.parametrize(
        "request_",
        words("""
            a?bump=major T?bump=huge T?bump=auto T?line=9 T?line=1&bump=major b?bump=final
            T?bump=final&line=1.3 T?prerelease=1 T?metadata=_ T?initial=1
        """),
    )
    def test_it_answers_the_error_that_the_put_would(
        self, client: Client, name: str, request_: str
    ) -> None:
        ask(client, name, "a?bump=minor", "b?line=1.2&prerelease=rc", "c?line=1.2")
        before = state(client, name)
        dry, real = ask(client, name, f"{request_}&dry_run=true", request_)
        assert dry == real
        assert dry[0] == "4"
        assert state(client, name) == before


class TestAdoption:
    """PUT /v1/versions/{name} with {"version": "1.4.2"}"""

    @pytest.mark.parametrize(
        ("version", "series"),
        [
            ("1.4.2", {"major": 1, "minor-v1": 4, "patch-v1.4": 2}),
            ("0.4.2", {"minor-v0": 4, "patch-v0.4": 2}),
            ("0.0.7", {"patch-v0.0": 7}),
            ("2.0.0", {"major": 2}),
            ("2.0.5", {"major": 2, "patch-v2.0": 5}),
            ("2.3.0", {"major": 2, "minor-v2": 3}),
            (f"{LAST}.0.{LAST}", {"major": LAST, f"patch-v{LAST}.0": LAST}),
        ],
    )
    def test_a_version_raises_its_series(
        self, client: Client, new_name: str, version: str, series: dict[str, int]
    ) -> None:
        response = adopt(client, new_name, version)
        assert response.status == 200
        assert response.headers["Monotron-Reused"] == "false"
        major, minor, patch = map(int, version.split("."))
        document = response.json()
        assert list(document) == MEMBERS
        assert document == {
            "creator_id": 1,
            "name": new_name,
            "token": None,
            "version": version,
            "tag": f"v{version}",
            "major": major,
            "minor": minor,
            "patch": patch,
            "prerelease": None,
            "metadata": None,
            "bump": None,
            "previous": None,
            "latest": True,
            "reused": False,
            "reason": None,
            "created_at": document["created_at"],
        }
        assert document["created_at"] is not None
        assert series_of(client, new_name) == {key: (None, n) for key, n in series.items()}
        assert latest(client, new_name) == document | {"reused": True}

    @pytest.mark.parametrize("version", ["1.4.2", "v1.4.2", "1.4.2+build.5", "v1.4.2+sha.1"])
    def test_the_version_may_have_a_v_and_metadata(
        self, client: Client, new_name: str, version: str
    ) -> None:
        document = adopt(client, new_name, version).json()
        assert (document["version"], document["metadata"]) == ("1.4.2", None)
        assert ask(client, new_name, "T") == ["1.4.3"]

    @pytest.mark.parametrize(
        ("request_", "version"),
        [("T", "1.4.3"), ("T?bump=minor", "1.5.0"), ("T?bump=major", "2.0.0")],
    )
    def test_versions_go_on_after_it(
        self, client: Client, new_name: str, request_: str, version: str
    ) -> None:
        stand_at(client, new_name, "1.4.2")
        given = give(client, new_name, request_)
        assert (given["version"], given["previous"]) == (version, "1.4.2")

    def test_adopted_again_it_changes_nothing(self, client: Client, new_name: str) -> None:
        first = adopt(client, new_name, "1.4.2").json()
        before = state(client, new_name)
        for version in ("1.4.2", "v1.4.2"):
            response = adopt(client, new_name, version)
            assert response.status == 200
            assert response.json() == first | {"reused": True}
            assert response.headers["Monotron-Reused"] == "true"
        assert state(client, new_name) == before

    def test_the_version_that_a_token_has_may_be_adopted_and_stays_with_it(
        self, client: Client, name: str
    ) -> None:
        give(client, name, "T?bump=minor")
        before = state(client, name)
        document = adopt(client, name, "1.3.0").json()
        assert (document["version"], document["reused"]) == ("1.3.0", True)
        assert state(client, name) == before
        assert latest(client, name)["token"] == "T"

    def test_what_was_given_before_stays_with_its_token(
        self, client: Client, new_name: str
    ) -> None:
        assert ask(client, new_name, "a", "b?bump=minor") == ["0.0.1", "0.1.0"]
        document = adopt(client, new_name, "1.4.2").json()
        assert (document["previous"], document["latest"]) == ("0.1.0", True)
        given = give(client, new_name, "b?bump=minor")
        assert (given["version"], given["latest"], given["reused"]) == ("0.1.0", False, True)
        assert releases(client, new_name) == ["0.1.0", "0.0.1"]

    @pytest.mark.parametrize("version", ["1.4.1", "1.4.0", "1.3.9", "1.3.0", "0.9.9", "0.0.1"])
    @pytest.mark.parametrize("by_token", [False, True])
    def test_a_version_below_the_latest_is_refused(
        self, client: Client, new_name: str, problem: Problem, version: str, by_token: bool
    ) -> None:
        if by_token:
            stand_at(client, new_name, "1.4.1")
            give(client, new_name, "T")
        else:
            stand_at(client, new_name, "1.4.2")
        before = state(client, new_name)
        response = adopt(client, new_name, version)
        detail = problem(response, 409, "value_would_fall", applied="no")["detail"]
        assert version in detail
        assert "1.4.2" in detail
        assert state(client, new_name) == before

    @pytest.mark.parametrize(
        ("scope", "version", "ahead"),
        [("minor-v1", "1.0.0", "1.2.0"), ("patch-v1.4", "1.4.1", "1.4.2")],
    )
    @pytest.mark.parametrize("how", ["adopt", "initial", "dry_run"])
    def test_a_version_below_what_was_counted_by_hand_from_it_on_is_refused(
        self,
        client: Client,
        new_name: str,
        problem: Problem,
        scope: str,
        version: str,
        ahead: str,
        how: str,
    ) -> None:
        raise_series(client, f"{new_name}-{scope}", 2)
        before = state(client, new_name)
        dry = "true" if how == "dry_run" else "false"
        response = (
            adopt(client, new_name, version)
            if how == "adopt"
            else put(client, new_name, f"a?initial={version}&dry_run={dry}")
        )
        detail = problem(response, 409, "value_would_fall", applied="no")["detail"]
        assert f"up to {ahead} by hand" in detail
        assert state(client, new_name) == before
        assert adopt(client, new_name, ahead).status == 200
        assert latest(client, new_name)["version"] == ahead

    @pytest.mark.parametrize("how", ["adopt", "initial"])
    def test_nothing_cannot_be_adopted_since_counting_begins_after_it(
        self, client: Client, new_name: str, problem: Problem, how: str
    ) -> None:
        if how == "initial":
            assert ask(client, new_name, "T?initial=0.0.0") == ["0.0.1"]
            return
        detail = problem(adopt(client, new_name, "0.0.0"), 409, "value_would_fall", applied="no")
        assert "after 0.0.0" in detail["detail"]
        assert "already" not in detail["detail"]
        assert series_of(client, new_name) == {}

    def test_where_the_series_stand_by_hand_the_previous_one_is_that_of_the_records(
        self, client: Client, name: str
    ) -> None:
        raise_series(client, f"{name}-patch-v1.2", 60)
        assert adopt(client, name, "1.2.60").json()["previous"] == "1.2.57"

    def test_a_larger_component_may_come_with_smaller_ones(
        self, client: Client, new_name: str
    ) -> None:
        for version in ("0.9.9", "1.4.2", "1.5.0", "1.5.1", "2.0.0", "2.0.1"):
            assert adopt(client, new_name, version).status == 200
            assert latest(client, new_name)["version"] == version
        assert ask(client, new_name, "a?line=1.4", "b?line=1", "c") == ["1.4.3", "1.5.2", "2.0.2"]

    @before_the_store
    @pytest.mark.parametrize(
        "version",
        [
            *words("""
                v 1 1.4 1.4.2.0 1.4.x x latest 1.4.2-rc.1 v1.4.2-rc.1 1.4.2- 1.4.2+ 1.4.2+a..b
                1.4.2+a_b 01.4.2 1.04.2 1.4.02 -1.4.2 1.-4.2 vv1.4.2 =1.4.2 release-1.4.2 1e3.0.0
                9223372036854775808.0.0 0.9223372036854775808.0 0.0.9223372036854775808
            """),
            "",
            "1. 4.2",
            " 1.4.2",
            "1.4.2 ",
            "1.4.2\n",
            "1.4.2\0",
            "\uff11.4.2",
            "\u0661.4.2",
            "9" * 5000 + ".0.0",
        ],
        ids=lambda version: ascii(version)[:30],
    )
    def test_what_is_no_final_semver_is_refused(
        self, client: Client, new_name: str, problem: Problem, version: str
    ) -> None:
        problem(adopt(client, new_name, version), 400, "invalid_version", applied="no")
        assert series_of(client, new_name) == {}

    @before_the_store
    @pytest.mark.parametrize(
        "body",
        [
            None,
            "",
            "1.4.2",
            '"1.4.2"',
            "[]",
            '["1.4.2"]',
            "{}",
            "null",
            '{"version": null}',
            '{"version": 1}',
            '{"version": 1.4}',
            '{"version": true}',
            '{"version": ["1.4.2"]}',
            '{"version": {"$gt": ""}}',
            '{"Version": "1.4.2"}',
            '{"value": 41}',
            '{"version": "1.4.2", "value": 41}',
            '{"version": "1.4.2", "token": "T"}',
            '{"version": "1.4.2", "version": "1.4.2"}',
            '{"version": "1.4.2"',
            '{"version": "1.4.2"} {}',
            '{"version": "\\u00"}',
            b'{"version": "\xff"}',
        ],
        ids=ascii,
    )
    def test_a_body_that_is_not_one_object_with_one_version_is_refused(
        self, client: Client, new_name: str, problem: Problem, body: bytes | str | None
    ) -> None:
        response = client.request("PUT", f"/v1/versions/{new_name}", body, JSON)
        problem(response, 400, "invalid_request", applied="no")
        assert series_of(client, new_name) == {}

    @before_the_store
    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ],
        ids=lambda headers: " ".join(headers.values()),
    )
    def test_a_body_of_another_type_is_refused(
        self, client: Client, new_name: str, problem: Problem, headers: dict[str, str]
    ) -> None:
        body = '{"version": "1.4.2"}'
        response = client.request("PUT", f"/v1/versions/{new_name}", body, headers)
        problem(response, 415, "unsupported_media_type", applied="no")
        assert series_of(client, new_name) == {}

    def test_a_body_needs_no_content_type(self, client: Client, new_name: str) -> None:
        response = client.request("PUT", f"/v1/versions/{new_name}", '{"version": "1.4.2"}')
        assert response.json()["version"] == "1.4.2"


class TestLatest:
    """`latest` and `previous`, and GET /v1/versions/{name}"""

    def test_latest_is_decided_at_the_moment_of_the_answer(self, client: Client, name: str) -> None:
        steps = [
            ("a?bump=minor", "1.3.0", True, "1.2.57"),
            ("a?bump=minor", "1.3.0", True, "1.2.57"),
            ("b", "1.3.1", True, "1.3.0"),
            ("a?bump=minor", "1.3.0", False, "1.2.57"),
            ("c?bump=major&prerelease=rc", "2.0.0-rc.1", False, "1.3.1"),
            ("b", "1.3.1", True, "1.3.0"),
            ("d?bump=major", "2.0.0", True, "1.3.1"),
            ("e?line=1.3", "1.3.2", False, "1.3.1"),
            ("f?line=1.3&prerelease=rc", "1.3.3-rc.1", False, "1.3.2"),
            ("d?bump=major", "2.0.0", True, "1.3.1"),
            ("c?bump=major&prerelease=rc", "2.0.0-rc.1", False, "1.3.1"),
        ]
        for request, version, is_latest, previous in steps:
            given = give(client, name, request)
            found = (given["version"], given["latest"], given["previous"])
            assert found == (version, is_latest, previous), request

    def test_the_name_shows_its_latest_final_version(self, client: Client, name: str) -> None:
        given = give(client, name, "a?bump=minor")
        ask(client, name, "b?line=1.2", "c?bump=major&prerelease=rc", "d?prerelease=rc")
        assert list(latest(client, name)) == MEMBERS
        assert latest(client, name) == given | {"reused": True}

    def test_looking_changes_nothing(self, client: Client, name: str) -> None:
        give(client, name, "a?bump=minor")
        before = state(client, name)
        for path in (f"versions/{name}", f"versions/{name}/a", f"releases/{name}/1.3.0"):
            get(client, f"/v1/{path}")
        assert state(client, name) == before

    @pytest.mark.parametrize("before", [[], ["a?bump=minor&prerelease=rc"]])
    def test_a_name_without_a_final_version_is_not_found(
        self, client: Client, new_name: str, problem: Problem, before: list[str]
    ) -> None:
        ask(client, new_name, *before)
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
            give(client, name, request)
            assert get(client, path)["version"] == shown
        for label, shown in (("beta", "1.3.0-beta.1"), ("rc", "1.3.0-rc.1"), ("z", "2.0.0-z.1")):
            assert get(client, f"{path}?prerelease={label}")["version"] == shown

    def test_what_is_looked_up_is_what_was_given(self, client: Client, name: str) -> None:
        final = give(client, name, "T?bump=auto&metadata=sha.1", "feat: a")
        rc = give(client, name, "T?bump=major&prerelease=rc")
        for path in ("versions/<name>/T", "releases/<name>/1.3.0", "releases/<name>/v1.3.0"):
            found = get(client, f"/v1/{path.replace('<name>', name)}")
            assert list(found) == MEMBERS
            assert found == final | {"reused": True}
        for path in ("versions/<name>/T?prerelease=rc", "releases/<name>/2.0.0-rc.1"):
            assert get(client, f"/v1/{path.replace('<name>', name)}") == rc | {"reused": True}

    @pytest.mark.parametrize(
        "path",
        words("""
            versions/<name>/U versions/<name>/U?prerelease=rc versions/<name>/T?prerelease=rc
            versions/<name>/R?prerelease=beta versions/<name>/t versions/<name>-2/T
            releases/<name>/1.2.59 releases/<name>/1.2.56 releases/<name>/0.0.0
            releases/<name>/1.2.58-rc.1 releases/<name>/1.3.0 releases/<name>/1.3.0-rc.2
            releases/<name>/1.3.0-RC.1 releases/<name>/1.3.0-rc releases/<name>/1.3.0-beta.1
            releases/<name>/1.3.0-x-y.z releases/<name>-2/1.2.58
        """),
    )
    def test_what_was_never_given_is_not_found(
        self, client: Client, name: str, problem: Problem, path: str
    ) -> None:
        assert ask(client, name, "T", "R?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
        response = client.request("GET", f"/v1/{path.replace('<name>', name)}")
        problem(response, 404, "version_not_found")

    @pytest.mark.parametrize(
        ("written", "token"),
        [
            ("1.3.0", "a"),
            ("v1.3.0", "a"),
            ("1.3.0+sha.1", "a"),
            ("1.3.0%2Bsha.1", "a"),
            ("v1.3.0+other", "a"),
            ("%31.3.0", "a"),
            ("2.0.0-rc.1", "b"),
            ("v2.0.0-rc.1", "b"),
            ("2.0.0-rc.1+x", "b"),
            ("1.3.1", "c"),
            ("1.3.1+sha.2", "c"),
        ],
    )
    def test_a_version_may_be_written_with_v_and_metadata(
        self, client: Client, name: str, written: str, token: str
    ) -> None:
        ask(client, name, "a?bump=minor", "b?bump=major&prerelease=rc", "c?metadata=sha.2")
        assert get(client, f"/v1/releases/{name}/{written}")["token"] == token

    @before_the_store
    @pytest.mark.parametrize(
        "written",
        words("""
            1 1.2 1.2.58.0 x latest vv1.2.58 01.2.58 1.2.058 1.2.58- 1.2.58-rc..1 1.2.58-rc.01
            1.2.58-r_c 1.2.58+ 1.2.58+a_b %201.2.58 %EF%BC%91.2.58 %F0%9F%A6%8A
        """),
    )
    def test_what_is_no_semver_is_refused(
        self, client: Client, name: str, problem: Problem, written: str
    ) -> None:
        give(client, name, "T")
        response = client.request("GET", f"/v1/releases/{name}/{written}")
        problem(response, 400, "invalid_version")

    def test_an_adopted_version_is_found_without_a_token(self, client: Client, name: str) -> None:
        path = f"/v1/releases/{name}/1.2.57"
        found = get(client, path)
        assert found == latest(client, name)
        assert (found["token"], found["latest"]) == (None, True)
        give(client, name, "T")
        assert get(client, path) == found | {"latest": False}

    def test_a_version_counted_by_hand_is_found_while_it_is_the_latest(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        for series, value in (("patch-v1.2", 57), ("minor-v1", 2), ("major", 1)):
            raise_series(client, f"{new_name}-{series}", value)
        path = f"/v1/releases/{new_name}/1.2.57"
        found = get(client, path)
        assert found == latest(client, new_name)
        assert (found["token"], found["created_at"]) == (None, None)
        give(client, new_name, "T")
        problem(client.request("GET", path), 404, "version_not_found")

    def test_a_version_counted_by_hand_below_the_latest_is_not_found(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assert ask(client, name, "a?bump=major") == ["2.0.0"]
        delete_series(client, f"{name}-major", "?restart=true")
        raise_series(client, f"{name}-major", 1)
        raise_series(client, f"{name}-patch-v1.2", 60)
        assert latest(client, name)["version"] == "2.0.0"
        problem(client.request("GET", f"/v1/releases/{name}/1.2.60"), 404, "version_not_found")

    @pytest.mark.parametrize(
        "written", ["1.0.0-rc.{}", "{}.0.0", "1.0.0-{}", "1.0.0-x.{}", "1.0.0+{}", "v1.0.0-a.b.{}"]
    )
    def test_a_version_of_5000_digits_is_refused(
        self, client: Client, name: str, problem: Problem, written: str
    ) -> None:
        version = segment(written.format("9" * 5000))
        for path in (f"{name}/{version}", f"{name}?before={version}"):
            response = client.request("GET", f"/v1/releases/{path}")
            detail = problem(response, 400, "invalid_version")["detail"]
            assert len(detail) < 300


# What is asked for, by a token each; and all that was given, in the order of SemVer 2.0.0 §11.
ASKED_FOR = (
    *["bump=major&prerelease=rc"] * 11,
    *(
        f"bump=major&prerelease={label}"
        for label in ("rc1", "alpha", "beta", "RC", "Z", "1a", "10a", "a", "alpha")
    ),
    "bump=minor&prerelease=rc",
    "prerelease=rc",
    "bump=patch",
    *["bump=minor"] * 11,
    "bump=major",
    *["bump=patch"] * 11,
    "line=0.9",
    "bump=minor&prerelease=x&metadata=sha.1",
)
IN_ORDER = [
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
    """A name with all of them, shared by tests that only look."""
    with Client(server.url) as client:
        for number, query in enumerate(ASKED_FOR):
            give(client, "many-releases", f"{number}?{query}")
    return "many-releases"


class TestReleases:
    """GET /v1/releases/{name}?limit=&before="""

    def test_releases_are_in_the_order_of_semver_highest_first(
        self, client: Client, many: str
    ) -> None:
        assert releases(client, many) == IN_ORDER

    @pytest.mark.parametrize("limit", [1, 2, 3, 10, 47, 48, 49, 1000])
    def test_pages_hold_every_release_once(self, client: Client, many: str, limit: int) -> None:
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
        assert found == IN_ORDER

    @pytest.mark.parametrize(
        ("before", "first"),
        [
            ("1.1.0-x.1", "1.0.11"),
            ("v1.1.0-x.1", "1.0.11"),
            ("1.1.0-x.1%2Bsha.1", "1.0.11"),
            ("9.9.9", "1.1.0-x.1+sha.1"),
            ("1.1.0", "1.1.0-x.1+sha.1"),
            ("1.1.0-y.1", "1.1.0-x.1+sha.1"),
            ("1.0.12", "1.0.11"),
            ("1.0.0", "1.0.0-rc1.1"),
            ("1.0.0-rc1.1", "1.0.0-rc.11"),
            ("1.0.0-rc.11", "1.0.0-rc.10"),
            ("1.0.0-rc.10", "1.0.0-rc.9"),
            ("1.0.0-rc.2", "1.0.0-rc.1"),
            ("1.0.0-rc", "1.0.0-beta.1"),
            ("1.0.0-0", "0.11.0"),
            ("0.10.0", "0.9.1"),
            ("0.0.1", "0.0.1-rc.1"),
        ],
    )
    def test_a_page_begins_below_the_version_that_it_is_asked_for(
        self, client: Client, many: str, before: str, first: str
    ) -> None:
        page = get(client, f"/v1/releases/{many}?limit=1&before={before}")
        assert [release["version"] for release in page["releases"]] == [first]

    @pytest.mark.parametrize("before", ["0.0.1-rc.1", "0.0.0", "0.0.1-0"])
    def test_nothing_is_below_the_lowest_version(
        self, client: Client, many: str, before: str
    ) -> None:
        page = get(client, f"/v1/releases/{many}?before={before}")
        assert page == {"releases": [], "next": None}

    def test_a_release_is_a_version(self, client: Client, name: str) -> None:
        given = [
            give(client, name, request)
            for request in ("a?metadata=sha.1", "b?bump=minor", "c?bump=minor&prerelease=rc")
        ]
        page = get(client, f"/v1/releases/{name}")
        adopted = page["releases"].pop()
        assert (adopted["version"], adopted["token"]) == ("1.2.57", None)
        assert [list(release) for release in page["releases"]] == [MEMBERS] * 3
        assert page["releases"] == [
            each | {"reused": True, "latest": each["version"] == "1.3.0"} for each in given[::-1]
        ]

    def test_a_page_holds_100_releases_unless_told(self, client: Client, new_name: str) -> None:
        ask(client, new_name, *(str(n) for n in range(101)))
        page = get(client, f"/v1/releases/{new_name}")
        assert [each["patch"] for each in page["releases"]] == list(range(101, 1, -1))
        assert page["next"] == "0.0.2"
        page = get(client, f"/v1/releases/{new_name}?before=0.0.2")
        assert [each["patch"] for each in page["releases"]] == [1]
        assert page["next"] is None

    def test_a_name_that_has_only_series_has_no_releases(
        self, client: Client, new_name: str
    ) -> None:
        raise_series(client, f"{new_name}-patch-v0.0", 7)
        assert get(client, f"/v1/releases/{new_name}") == {"releases": [], "next": None}

    def test_a_name_that_nobody_knows_is_not_found(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        for query in ("", "?before=1.0.0", "?limit=1"):
            response = client.request("GET", f"/v1/releases/{new_name}{query}")
            assert new_name in problem(response, 404, "version_not_found")["detail"]

    def test_before_a_number_beyond_all_that_are_given_is_every_number(
        self, client: Client, new_name: str
    ) -> None:
        ask(client, new_name, "a?prerelease=rc", "b?prerelease=rc", "c?prerelease=sc")
        for number in (LAST, LAST + 1, 10**19, 10**20):
            page = get(client, f"/v1/releases/{new_name}?before=0.0.1-rc.{number}")
            assert [each["version"] for each in page["releases"]] == ["0.0.1-rc.2", "0.0.1-rc.1"]

    def test_a_name_with_a_pre_release_only_has_releases(
        self, client: Client, new_name: str
    ) -> None:
        give(client, new_name, "a?prerelease=rc")
        page = {"releases": [], "next": None}
        assert get(client, f"/v1/releases/{new_name}?before=0.0.1-alpha") == page

    @before_the_store
    @pytest.mark.parametrize(
        "before", ["1", "1.2", "x", "01.2.3", "1.2.3-", "1.2.3-rc.01", "%201.2.3", "1.2.3%0A"]
    )
    def test_before_must_be_a_version(
        self, client: Client, name: str, problem: Problem, before: str
    ) -> None:
        response = client.request("GET", f"/v1/releases/{name}?before={before}")
        # A parameter that is not understood, and a version that is none: both are true.
        problem(response, 400, "invalid_request", "invalid_version")


class TestSeries:
    """The three series of a name, kept by hand or by versions."""

    def test_series_kept_by_hand_are_a_version(self, client: Client, new_name: str) -> None:
        raise_series(client, f"{new_name}-major", 1)
        raise_series(client, f"{new_name}-minor-v1", 2)
        raise_series(client, f"{new_name}-patch-v1.2", 57)
        document = latest(client, new_name)
        assert list(document) == MEMBERS
        assert document == {
            "creator_id": 1,
            "name": new_name,
            "token": None,
            "version": "1.2.57",
            "tag": "v1.2.57",
            "major": 1,
            "minor": 2,
            "patch": 57,
            "prerelease": None,
            "metadata": None,
            "bump": None,
            "previous": None,
            "latest": True,
            "reused": True,
            "reason": None,
            "created_at": None,
        }
        requests = ["a", "b?bump=minor", "c?line=1.2", "d?bump=major", "e?bump=minor"]
        versions = ["1.2.58", "1.3.0", "1.2.59", "2.0.0", "2.1.0"]
        assert ask(client, new_name, *requests) == versions

    @pytest.mark.parametrize(
        ("series", "version"),
        [
            ({"major": 3}, "3.0.0"),
            ({"minor-v0": 4}, "0.4.0"),
            ({"patch-v0.0": 5}, "0.0.5"),
            ({"major": 1, "patch-v1.0": 2}, "1.0.2"),
            ({"major": 2, "minor-v1": 9, "patch-v1.9": 9}, "2.0.0"),
        ],
    )
    def test_a_series_that_does_not_exist_counts_as_0(
        self, client: Client, new_name: str, series: dict[str, int], version: str
    ) -> None:
        for key, value in series.items():
            raise_series(client, f"{new_name}-{key}", value)
        assert latest(client, new_name)["version"] == version
        assert latest(client, new_name)["token"] is None

    def test_series_counted_by_hand_with_tokens_are_a_version_too(
        self, client: Client, new_name: str
    ) -> None:
        for key, token in (("major", "a"), ("minor-v1", "b"), ("patch-v1.1", "c")):
            assert client.request("PUT", f"/v1/series/{new_name}-{key}/{token}").status == 200
        assert latest(client, new_name)["version"] == "1.1.1"
        assert ask(client, new_name, "d") == ["1.1.2"]

    def test_versions_go_on_after_a_value_that_was_taken_by_hand(
        self, client: Client, name: str
    ) -> None:
        assert ask(client, name, "a") == ["1.2.58"]
        by_hand = client.request("PUT", f"/v1/series/{name}-patch-v1.2/newtoken")
        assert by_hand.json()["value"] == 59
        document = latest(client, name)
        assert (document["version"], document["token"]) == ("1.2.59", None)
        given = give(client, name, "a")
        assert (given["version"], given["latest"]) == ("1.2.58", False)
        assert ask(client, name, "b", "a") == ["1.2.60", "1.2.58"]

    def test_a_token_keeps_the_number_that_it_took_by_hand(self, client: Client, name: str) -> None:
        assert client.request("PUT", f"/v1/series/{name}-patch-v1.2/T").json()["value"] == 58
        assert ask(client, name, "T", "U", "T") == ["1.2.58", "1.2.59", "1.2.58"]

    def test_a_number_that_a_token_took_by_hand_is_not_used_after_a_raise(
        self, client: Client, name: str
    ) -> None:
        assert client.request("PUT", f"/v1/series/{name}-patch-v1.2/T").json()["value"] == 58
        raise_series(client, f"{name}-patch-v1.2", 70)
        assert ask(client, name, "T") == ["1.2.71"]

    def test_versions_leave_the_truth_in_their_series(self, client: Client, new_name: str) -> None:
        steps: list[tuple[str, dict[str, tuple[str, int]]]] = [
            ("a", {"patch-v0.0": ("a", 1)}),
            ("b?bump=major", {"major": ("b", 1)}),
            ("c?bump=minor", {"minor-v1": ("c", 1)}),
            ("d?bump=minor", {"minor-v1": ("d", 2)}),
            ("e", {"patch-v1.2": ("e", 1)}),
            ("f", {"patch-v1.2": ("f", 2)}),
            ("g?bump=minor&prerelease=rc", {"rc-v1.3.0": ("g", 1)}),
            ("h?bump=minor&prerelease=rc", {"rc-v1.3.0": ("h", 2)}),
            ("i?prerelease=beta", {"beta-v1.2.3": ("i", 1)}),
            ("h?bump=final", {"minor-v1": ("h", 3)}),
            ("j?line=1.2", {"patch-v1.2": ("j", 3)}),
            ("a", {}),
        ]
        expected: dict[str, tuple[str, int]] = {}
        for request, change in steps:
            give(client, new_name, request)
            expected |= change
            assert series_of(client, new_name) == expected, request

    def test_a_patch_series_is_not_there_before_its_first_patch(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        give(client, name, "a?bump=minor")
        path = f"/v1/series/{name}-patch-v1.3"
        problem(client.request("GET", path), 404, "series_not_found")
        assert ask(client, name, "b") == ["1.3.1"]
        assert get(client, path) == {
            "creator_id": 1,
            "key": f"{name}-patch-v1.3",
            "token": "b",
            "value": 1,
        }

    def test_a_deleted_series_counts_by_its_height(self, client: Client, name: str) -> None:
        assert ask(client, name, "a") == ["1.2.58"]
        for key in ("patch-v1.2", "minor-v1", "major"):
            delete_series(client, f"{name}-{key}")
        assert latest(client, name)["version"] == "1.2.58"
        requests = ["b", "a", "c?bump=minor", "d?bump=major"]
        assert ask(client, name, *requests) == ["1.2.59", "1.2.58", "1.3.0", "2.0.0"]

    @pytest.mark.parametrize(
        ("bump", "key", "before", "after"),
        [
            ("bump=patch", "patch-v0.0", ["0.0.1", "0.0.2"], ["0.0.3", "0.0.4"]),
            ("bump=minor", "minor-v0", ["0.1.0", "0.2.0"], ["0.3.0", "0.4.0"]),
            ("bump=major", "major", ["1.0.0", "2.0.0"], ["3.0.0", "4.0.0"]),
            ("prerelease=rc", "rc-v0.0.1", ["0.0.1-rc.1", "0.0.1-rc.2"], ["0.0.1-rc.3"]),
            ("line=0.0", "patch-v0.0", ["0.0.3", "0.0.4"], ["0.0.5", "0.0.6"]),
        ],
    )
    def test_a_series_deleted_and_restarted_never_brings_a_version_back(
        self,
        client: Client,
        new_name: str,
        bump: str,
        key: str,
        before: list[str],
        after: list[str],
    ) -> None:
        if bump == "line=0.0":  # a line must be there
            assert ask(client, new_name, "x", "y") == ["0.0.1", "0.0.2"]
        old = [f"old-{n}?{bump}" for n, _ in enumerate(before)]
        assert ask(client, new_name, *old) == before
        delete_series(client, f"{new_name}-{key}", "?restart=true")
        assert ask(client, new_name, *(f"new-{n}?{bump}" for n, _ in enumerate(after))) == after
        assert ask(client, new_name, *old) == before

    def test_versions_in_the_records_are_passed_over_above_adopted_ones_too(
        self, client: Client, name: str
    ) -> None:
        assert ask(client, name, "a", "b") == ["1.2.58", "1.2.59"]
        delete_series(client, f"{name}-patch-v1.2", "?restart=true")
        raise_series(client, f"{name}-patch-v1.2", 57)
        assert ask(client, name, "c", "a", "b") == ["1.2.60", "1.2.58", "1.2.59"]


class TestForms:
    """JSON, text and dotenv answers."""

    def entry_routes(self, name: str) -> list[tuple[str, str, str | None]]:
        """Every route that answers one version; all of them 1.3.0 of the token a."""
        return [
            ("PUT", f"/v1/versions/{name}/a?bump=minor", None),
            ("GET", f"/v1/versions/{name}/a?", None),
            ("GET", f"/v1/versions/{name}?", None),
            ("GET", f"/v1/releases/{name}/1.3.0?", None),
            ("PUT", f"/v1/versions/{name}?", '{"version": "1.3.0"}'),
        ]

    def test_text_is_the_version_and_a_newline_on_every_route(
        self, client: Client, name: str
    ) -> None:
        give(client, name, "a?bump=minor")
        for method, path, body in self.entry_routes(name):
            asked = client.request(method, f"{path}&format=text".replace("?&", "?"), body)
            liked = client.request(method, path.rstrip("?"), body, {"Accept": "text/plain"})
            for response in (asked, liked):
                assert response.status == 200, (method, path)
                assert response.body == b"1.3.0\n", (method, path)
                assert response.headers["Content-Type"].split(";")[0] == "text/plain"

    @pytest.mark.parametrize(
        ("request_", "text"),
        [
            ("T", "1.2.58\n"),
            ("T?metadata=sha.1", "1.2.58+sha.1\n"),
            ("T?bump=minor&prerelease=rc", "1.3.0-rc.1\n"),
            ("T?bump=minor&prerelease=rc&metadata=sha.1", "1.3.0-rc.1+sha.1\n"),
        ],
    )
    def test_text_is_the_whole_version(
        self, client: Client, name: str, request_: str, text: str
    ) -> None:
        assert put(client, name, request_, headers={"Accept": "text/plain"}).text == text

    @pytest.mark.parametrize(
        ("wish", "accept", "start"),
        [
            ("text", "application/json", "1.2.58\n"),
            ("json", "text/plain", '{"creator_id": 1, '),
            ("dotenv", "application/json", "MONOTRON_VERSION=1.2.58\n"),
        ],
    )
    def test_the_query_wins_over_accept(
        self, client: Client, name: str, wish: str, accept: str, start: str
    ) -> None:
        response = put(client, name, f"T?format={wish}", headers={"Accept": accept})
        assert response.text.startswith(start)

    def test_dotenv_has_a_line_each_for_all_that_a_pipeline_needs(
        self, client: Client, name: str
    ) -> None:
        for reused in ("false", "true"):
            response = put(client, name, "7d4c379588?bump=minor&format=dotenv")
            assert response.text == (
                "MONOTRON_VERSION=1.3.0\n"
                "MONOTRON_TAG=v1.3.0\n"
                "MONOTRON_MAJOR=1\n"
                "MONOTRON_MINOR=3\n"
                "MONOTRON_PATCH=0\n"
                "MONOTRON_PRERELEASE_ID=\n"
                "MONOTRON_METADATA=\n"
                "MONOTRON_RELEASE_TYPE=minor\n"
                "MONOTRON_PREVIOUS_VERSION=1.2.57\n"
                "MONOTRON_IS_LATEST=true\n"
                f"MONOTRON_REUSED={reused}\n"
                "MONOTRON_DOCKER_TAG=1.3.0\n"
            )
            assert response.headers["Content-Type"].split(";")[0] == "text/plain"
            assert response.headers["Monotron-Reused"] == reused

    def test_dotenv_of_a_prerelease_with_metadata(self, client: Client, name: str) -> None:
        request = "T?bump=major&prerelease=rc&metadata=sha.7d4c379&format=dotenv&dotenv_prefix=CI_"
        assert put(client, name, request).text == (
            "CI_VERSION=2.0.0-rc.1+sha.7d4c379\n"
            "CI_TAG=v2.0.0-rc.1+sha.7d4c379\n"
            "CI_MAJOR=2\n"
            "CI_MINOR=0\n"
            "CI_PATCH=0\n"
            "CI_PRERELEASE_ID=rc.1\n"
            "CI_METADATA=sha.7d4c379\n"
            "CI_RELEASE_TYPE=major\n"
            "CI_PREVIOUS_VERSION=1.2.57\n"
            "CI_IS_LATEST=false\n"
            "CI_REUSED=false\n"
            "CI_DOCKER_TAG=2.0.0-rc.1_sha.7d4c379\n"
        )

    def test_dotenv_of_an_adopted_version_leaves_empty_what_nobody_knows(
        self, client: Client, new_name: str
    ) -> None:
        for reused in ("false", "true"):
            assert adopt(client, new_name, "v1.4.2", "?format=dotenv").text == (
                "MONOTRON_VERSION=1.4.2\n"
                "MONOTRON_TAG=v1.4.2\n"
                "MONOTRON_MAJOR=1\n"
                "MONOTRON_MINOR=4\n"
                "MONOTRON_PATCH=2\n"
                "MONOTRON_PRERELEASE_ID=\n"
                "MONOTRON_METADATA=\n"
                "MONOTRON_RELEASE_TYPE=\n"
                "MONOTRON_PREVIOUS_VERSION=\n"
                "MONOTRON_IS_LATEST=true\n"
                f"MONOTRON_REUSED={reused}\n"
                "MONOTRON_DOCKER_TAG=1.4.2\n"
            )

    def test_dotenv_of_a_get_is_reused(self, client: Client, name: str) -> None:
        give(client, name, "a?bump=minor")
        repeated = put(client, name, "a?bump=minor&format=dotenv").text
        assert "MONOTRON_REUSED=true\n" in repeated
        for method, path, _ in self.entry_routes(name):
            if method == "GET":
                response = client.request("GET", f"{path}format=dotenv")
                assert response.text == repeated, path

    @pytest.mark.parametrize(
        ("before", "request_", "lines"),
        [
            (["x?bump=minor"], "T?line=1.2", ["RELEASE_TYPE=patch", "IS_LATEST=false"]),
            (
                ["x?bump=minor&prerelease=rc"],
                "T?bump=final",
                ["RELEASE_TYPE=final", "IS_LATEST=true", "PREVIOUS_VERSION=1.2.57"],
            ),
            (["T", "x"], "T", ["IS_LATEST=false", "REUSED=true"]),
        ],
    )
    def test_dotenv_tells_a_hotfix_a_promotion_and_a_repeat(
        self, client: Client, name: str, before: list[str], request_: str, lines: list[str]
    ) -> None:
        ask(client, name, *before)
        request = f"{request_}{'&' if '?' in request_ else '?'}format=dotenv"
        found = put(client, name, request).text.splitlines()
        assert {f"MONOTRON_{line}" for line in lines} <= set(found)

    @pytest.mark.parametrize("prefix", ["CI_", "_", "x", "A" * 64])
    def test_a_prefix_changes_the_names_of_dotenv(
        self, client: Client, name: str, prefix: str
    ) -> None:
        give(client, name, "a?bump=minor")
        for method, path, body in self.entry_routes(name):
            query = f"{path}&format=dotenv&dotenv_prefix={prefix}".replace("?&", "?")
            found = client.request(method, query, body).text.splitlines()
            assert len(found) == 12
            assert found[0] == f"{prefix}VERSION=1.3.0", path
            assert all(line.startswith(prefix) for line in found), path

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        token=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
        text=st.text(max_size=60),
        prefix=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True),
        label=st.none() | st.from_regex(r"[0-9A-Za-z]{0,9}[A-Za-z]", fullmatch=True),
        metadata=st.none()
        | st.from_regex(r"[0-9A-Za-z-]{1,9}(\.[0-9A-Za-z-]{1,9}){0,3}", fullmatch=True),
    )
    def test_dotenv_is_read_as_it_is_by_a_shell(
        self,
        client: Client,
        new_name: str,
        token: str,
        text: str,
        prefix: str,
        label: str | None,
        metadata: str | None,
    ) -> None:
        assume(token not in (".", ".."))
        query = f"bump=auto&on_conflict=reuse&format=dotenv&dotenv_prefix={prefix}"
        query += f"&prerelease={label}" if label else ""
        query += f"&metadata={metadata}" if metadata else ""
        messages = f"feat: {text}".encode()
        dotenv = put(client, f"{new_name}$(x)'", f"{segment(token)}?{query}", messages).text
        lines = dict(line.split("=") for line in dotenv.splitlines())
        assert len(lines) == 12
        for name, value in lines.items():
            assert name.startswith(prefix)
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
            assert re.fullmatch(r"[0-9A-Za-z.+_-]*", value)
        script = "set -a; . /dev/stdin; exec env -0"
        shell = subprocess.run(
            ["sh", "-c", script], input=dotenv, capture_output=True, text=True, env={}, check=True
        )
        read = dict(pair.split("=", 1) for pair in shell.stdout.rstrip("\0").split("\0"))
        assert {name: read[name] for name in lines} == lines
        assert shell.stderr == ""

    @pytest.mark.parametrize("accept", ["text/plain", "application/json", "image/png"])
    @pytest.mark.parametrize("query", ["", "?format=text", "?format=dotenv", "?format=json"])
    def test_errors_are_problem_documents_whatever_was_asked_for(
        self, client: Client, name: str, problem: Problem, accept: str, query: str
    ) -> None:
        headers = {"Accept": accept}
        response = client.request("GET", f"/v1/versions/{name}/T{query}", headers=headers)
        problem(response, 404, "version_not_found")
        query = f"{query}{'&' if query else '?'}line=9"
        response = put(client, name, f"T{query}", headers=headers)
        problem(response, 404, "line_not_found", applied="no")


class TestErrors:
    """What an error says: the thing that is wrong, and what to do."""

    # a has 1.3.0, b has 1.2.58-rc.1 on line 1.2, c has 1.2.58, d has 1.4.0-rc.1.
    BEFORE = (
        "a?bump=minor",
        "b?line=1.2&prerelease=rc",
        "c?line=1.2",
        "d?bump=minor&prerelease=rc",
    )

    @pytest.mark.parametrize(
        ("request_", "status", "code", "words"),
        [
            ("T?bump=huge", 422, "invalid_bump", ["huge", "minor"]),
            ("T?bump=final&prerelease=rc", 422, "invalid_bump", ["final", "prerelease"]),
            ("T?bump=final&line=1.3", 422, "invalid_bump", ["1.3", "pre-?release"]),
            ("T?bump=auto", 422, "invalid_bump", ["message|text|body"]),
            ("b?bump=final", 409, "already_released", ["1.2.58"]),
            ("T?bump=final&line=1.2", 409, "already_released", ["1.2.58"]),
            ("T?line=9", 404, "line_not_found", ["9", "line"]),
            ("T?line=1.9", 404, "line_not_found", ["1.9", "line"]),
            ("T?line=1.2&bump=minor", 422, "out_of_line", ["1.2", "minor", "patch"]),
            ("T?line=1&bump=major", 422, "out_of_line", ["1", "major", "minor|patch"]),
            ("a?bump=patch", 422, "token_taken", ["1.3.0", "minor", "on_conflict|another token"]),
            ("a?bump=minor&line=1", 422, "token_taken", ["1.3.0", "line"]),
            ("T?prerelease=7", 400, "invalid_request", ["prerelease", "letter"]),
            ("T?metadata=_", 400, "invalid_request", ["metadata"]),
            ("T?line=v1", 400, "invalid_request", ["line"]),
            ("T?initial=1.4.2-rc.1", 400, "invalid_version", ["1.4.2-rc.1"]),
            ("T?dry_run=1", 400, "invalid_request", ["dry_run", "true", "false"]),
            ("T?on_conflict=x", 400, "invalid_request", ["on_conflict", "fail", "reuse"]),
            ("T?x=1", 400, "invalid_request", ["x", "bump", "line"]),
            ("T?initial_development=1", 400, "invalid_request", ["initial_development", "true"]),
        ],
    )
    def test_an_error_names_what_is_wrong_and_nothing_is_changed(
        self,
        client: Client,
        name: str,
        problem: Problem,
        request_: str,
        status: int,
        code: str,
        words: list[str],
    ) -> None:
        assert ask(client, name, *self.BEFORE) == ["1.3.0", "1.2.58-rc.1", "1.2.58", "1.4.0-rc.1"]
        before = state(client, name)
        document = problem(put(client, name, request_), status, code, applied="no")
        for word in words:
            assert re.search(word, document["detail"]), (word, document["detail"])
        extra = document.keys() - {"type", "title", "status", "detail", "code", "applied"}
        assert extra == ({"version", "bump"} if code == "token_taken" else set())
        assert state(client, name) == before

    def test_a_token_taken_within_a_label_names_the_prerelease(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        give(client, name, "T?bump=minor&prerelease=rc")
        response = put(client, name, "T?bump=major&prerelease=rc")
        document = problem(response, 422, "token_taken", applied="no")
        assert (document["version"], document["bump"]) == ("1.3.0-rc.1", "minor")

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("versions/<name>-none", ["<name>-none"]),
            ("versions/<name>/some-token", ["<name>", "some-token"]),
            ("versions/<name>/a?prerelease=rc", ["<name>", "a", "rc"]),
            ("releases/<name>/7.7.7", ["<name>", "7.7.7"]),
            ("releases/<name>-none", ["<name>-none"]),
        ],
    )
    def test_what_is_not_found_is_named(
        self, client: Client, name: str, problem: Problem, path: str, words: list[str]
    ) -> None:
        give(client, name, "a")
        response = client.request("GET", f"/v1/{path.replace('<name>', name)}")
        detail = problem(response, 404, "version_not_found")["detail"]
        for word in words:
            assert word.replace("<name>", name) in detail


class TestNames:
    """Names are keys of at most 200 characters; tokens as everywhere."""

    ENDS = (
        "org/repo",
        "...",
        "a.b.c",
        "$inc",
        "$$NOW",
        "%",
        "%2F",
        "100%",
        " ",
        "a+b",
        "a?b#c",
        '{"$gt": ""}',
        "'; DROP TABLE series; --",
        '"quoted"',
        "back\\slash",
        "_",
        "*",
        "-major",
        "-patch-v0.0",
        "\u00e9",
        "e\u0301",
        "\u202eevil",
        "日本語",
        "👩‍👩‍👧",
        "\U0010ffff",
    )

    @pytest.mark.parametrize("end", ENDS, ids=lambda end: ascii(end)[:24])
    def test_a_name_comes_back_as_it_went_in(self, client: Client, new_name: str, end: str) -> None:
        name = f"{new_name}{end}"
        given = give(client, name, "T?bump=minor")
        assert (given["name"], given["version"]) == (name, "0.1.0")
        assert latest(client, name) == given | {"reused": True}
        assert get(client, f"/v1/versions/{segment(name)}/T")["name"] == name
        assert get(client, f"/v1/releases/{segment(name)}/0.1.0")["name"] == name
        assert releases(client, name) == ["0.1.0"]
        assert adopt(client, name, "3.0.0").json()["name"] == name
        assert get(client, f"/v1/series/{segment(f'{name}-minor-v0')}")["token"] == "T"

    @pytest.mark.parametrize("end", ENDS, ids=lambda end: ascii(end)[:24])
    def test_a_token_comes_back_as_it_went_in(self, client: Client, name: str, end: str) -> None:
        for request in (segment(end), f"{segment(end)}?bump=minor&prerelease=rc"):
            given = give(client, name, request)
            assert given["token"] == end
            assert give(client, name, request) == given | {"reused": True}
        assert get(client, f"/v1/versions/{name}/{segment(end)}")["version"] == "1.2.58"
        assert latest(client, name)["token"] == end

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("a", "A"),
            ("\u00e9", "e\u0301"),
            ("\u212b", "\u00c5"),
            ("a", "a "),
            ("a", "a\u200b"),
            ("a/b", "a%2Fb"),
            ("a_", "ab"),
            ("a%", "ab"),
            ("a.", "ab"),
        ],
        ids=ascii,
    )
    def test_names_are_compared_exactly(
        self, client: Client, new_name: str, one: str, other: str
    ) -> None:
        assert ask(client, new_name + one, "T?bump=major", "U") == ["1.0.0", "1.0.1"]
        assert ask(client, new_name + other, "U") == ["0.0.1"]
        assert releases(client, new_name + one) == ["1.0.1", "1.0.0"]
        assert releases(client, new_name + other) == ["0.0.1"]

    @pytest.mark.parametrize("character", ["x", "é", "🦊"])
    def test_a_name_has_up_to_200_characters(
        self, client: Client, new_name: str, problem: Problem, character: str
    ) -> None:
        name = new_name.ljust(200, character)
        label = "y" * 20
        requests = ["a", "b?bump=minor", "c?bump=major", f"d?prerelease={label}", "e?line=0.1"]
        versions = ["0.0.1", "0.1.0", "1.0.0", f"1.0.1-{label}.1", "0.1.1"]
        assert ask(client, name, *requests) == versions
        assert latest(client, name)["version"] == "1.0.0"
        longer = segment(f"{name}{character}")
        self.refused(client, problem, longer, "invalid_name")

    def refused(self, client: Client, problem: Problem, name: str, code: str) -> None:
        for method, path, body in (
            ("PUT", f"/v1/versions/{name}/T", None),
            ("PUT", f"/v1/versions/{name}", '{"version": "1.0.0"}'),
            ("GET", f"/v1/versions/{name}", None),
            ("GET", f"/v1/versions/{name}/T", None),
            ("GET", f"/v1/releases/{name}", None),
            ("GET", f"/v1/releases/{name}/1.0.0", None),
        ):
            response = client.request(method, path, body)
            problem(response, 400, code, applied="no" if method == "PUT" else None)

    @before_the_store
    @pytest.mark.parametrize(
        "name",
        [
            *words("""
                . .. %2e %2E%2e %00 a%00 a%0A %7f %c2%85 %ff %ed%a0%80 %zz a%2 %
            """),
            "",
            "x" * 201,
            "%61" * 201,
            "%F0%9F%98%80" * 201,
            "x" * 257,
            "x" * 10_000,
        ],
        ids=lambda name: name[:24],
    )
    def test_a_name_that_is_none_is_refused(
        self, client: Client, problem: Problem, name: str
    ) -> None:
        self.refused(client, problem, name, "invalid_name")

    @before_the_store
    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "%2e%2e", "%00", "a%0A", "%c2%85", "%ff", "%zz", "x" * 257, "%c3%a9" * 257],
        ids=lambda token: token[:24],
    )
    def test_a_token_that_is_none_is_refused(
        self, client: Client, name: str, problem: Problem, token: str
    ) -> None:
        before = state(client, name)
        problem(put(client, name, token), 400, "invalid_token", applied="no")
        response = client.request("GET", f"/v1/versions/{name}/{token}")
        problem(response, 400, "invalid_token")
        assert state(client, name) == before

    def test_a_token_has_up_to_256_characters(self, client: Client, name: str) -> None:
        for number, character in enumerate("xé🦊"):
            given = give(client, name, segment(character * 256))
            assert given["version"] == f"1.2.{58 + number}"
            assert given["token"] == character * 256


# A value that each parameter might have, and which request takes which of them.
GOOD = {
    "bump": "patch",
    "prerelease": "rc",
    "line": "1.2",
    "metadata": "sha.1",
    "initial": "1.0.0",
    "initial_development": "false",
    "on_conflict": "reuse",
    "dry_run": "true",
    "format": "text",
    "limit": "5",
    "before": "9.9.9",
    "reuse": "any",
    "restart": "true",
    "after": "a",
    "value": "1",
    "version": "1.4.2",
    "token": "hunter2",
    "api_key": "hunter2",
    "Bump": "minor",
    "x": "1",
}
TAKES = {
    "PUT versions/<name>/<new>": {
        "bump",
        "prerelease",
        "line",
        "metadata",
        "initial",
        "initial_development",
        "on_conflict",
        "dry_run",
        "format",
    },
    "PUT versions/<name>": {"format"},
    "GET versions/<name>": {"format"},
    "GET versions/<name>/a": {"prerelease", "format"},
    "GET releases/<name>/1.2.58": {"format"},
    "GET releases/<name>": {"limit", "before"},
}


class TestParameters:
    """Which request takes which parameter."""

    def request(self, client: Client, name: str, route: str, query: str, new: str) -> Response:
        method, _, path = route.partition(" ")
        path = path.replace("<name>", name).replace("<new>", new)
        body = '{"version": "1.2.58"}' if route == "PUT versions/<name>" else None
        return client.request(method, f"/v1/{path}?{query}", body)

    @pytest.fixture
    def begun(self, client: Client, name: str) -> str:
        """A name at 1.2.58, which the token a has, as it has 1.3.0-rc.1."""
        assert ask(client, name, "a", "a?bump=minor&prerelease=rc") == ["1.2.58", "1.3.0-rc.1"]
        return name

    @pytest.mark.parametrize("route", TAKES)
    def test_it_takes_its_parameters_once_and_with_a_value(
        self, client: Client, begun: str, problem: Problem, route: str
    ) -> None:
        applied = "no" if route.startswith("PUT") else None
        for parameter in sorted(TAKES[route]):
            query = f"{parameter}={GOOD[parameter]}"
            response = self.request(client, begun, route, query, f"new-{parameter}")
            assert response.status == 200, (query, response)
            for twice in (f"{query}&{query}", f"{query}&{parameter}=x", parameter):
                response = self.request(client, begun, route, twice, "never")
                detail = problem(response, 400, "invalid_request", applied=applied)["detail"]
                assert parameter in detail

    @before_the_store
    @pytest.mark.parametrize("route", TAKES)
    def test_it_takes_no_others(
        self, client: Client, begun: str, problem: Problem, route: str
    ) -> None:
        before = state(client, begun)
        applied = "no" if route.startswith("PUT") else None
        for parameter in sorted(GOOD.keys() - TAKES[route]):
            query = f"{parameter}={GOOD[parameter]}"
            response = self.request(client, begun, route, query, "never")
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"]
            assert "hunter2" not in response.text
        assert state(client, begun) == before

    @before_the_store
    @pytest.mark.parametrize(
        ("query", "parameter", "routes"),
        [
            *(
                (f"{parameter}={value}", parameter, ["PUT versions/<name>/<new>"])
                for parameter in ("dry_run", "initial_development")
                for value in ("", "1", "0", "yes", "True", "TRUE", "true%20", "null")
            ),
            *(
                (f"on_conflict={value}", "on_conflict", ["PUT versions/<name>/<new>"])
                for value in ("", "Fail", "ignore", "true", "any")
            ),
            *(
                (f"format={value}", "format", list(TAKES)[:5])
                for value in ("", "xml", "JSON", "text/plain")
            ),
            *(
                (query, "prefix", list(TAKES)[:5])
                for query in (
                    "prefix=A_",
                    "format=text&prefix=A_",
                    "format=dotenv&prefix=",
                    "format=dotenv&prefix=1A",
                    "format=dotenv&prefix=A-B",
                    "format=dotenv&prefix=A%0AB",
                    f"format=dotenv&prefix={'A' * 65}",
                    "format=dotenv&prefix=A_&prefix=A_",
                )
            ),
            ("prefix=A_", "prefix", ["GET releases/<name>"]),
            *(
                (f"limit={value}", "limit", ["GET releases/<name>"])
                for value in ("", "0", "-1", "1001", "x", "1.0", "1e2", "%2B5", "9" * 5000)
            ),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    def test_a_value_that_is_none_is_refused(
        self,
        client: Client,
        begun: str,
        problem: Problem,
        query: str,
        parameter: str,
        routes: list[str],
    ) -> None:
        before = state(client, begun)
        for route in routes:
            response = self.request(client, begun, route, query, "never")
            applied = "no" if route.startswith("PUT") else None
            document = problem(response, 400, "invalid_request", applied=applied)
            assert parameter in document["detail"], route
        assert state(client, begun) == before


class TestMethods:
    """HEAD, the methods that a path has not, and paths that are none."""

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("versions/<name>", 200),
            ("versions/<name>?format=text", 200),
            ("versions/<name>?format=dotenv", 200),
            ("versions/<name>/a", 200),
            ("versions/<name>/none", 404),
            ("versions/<name>-none", 404),
            ("versions/<name>?x=1", 400),
            ("releases/<name>", 200),
            ("releases/<name>-none", 404),
            ("releases/<name>/1.2.58", 200),
            ("releases/<name>/9.9.9", 404),
            ("releases/<name>/x", 400),
        ],
    )
    def test_head_answers_the_headers_of_get_without_a_body(
        self,
        client: Client,
        name: str,
        send_until_closed: Callable[[bytes], list[Response]],
        path: str,
        status: int,
    ) -> None:
        give(client, name, "a")
        got, head = (
            send_until_closed(
                f"{verb} /v1/{path.replace('<name>', name)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "X-Request-Id: same\r\nConnection: close\r\n\r\n".encode()
            )[0]
            for verb in ("GET", "HEAD")
        )
        assert got.body
        assert head.body == b""
        assert head.status == got.status == status
        assert lines(head) == lines(got)

    @before_the_store
    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("versions/<name>", {"GET", "HEAD", "PUT"}),
            ("versions/<name>/a", {"GET", "HEAD", "PUT"}),
            ("releases/<name>", {"GET", "HEAD"}),
            ("releases/<name>/1.2.58", {"GET", "HEAD"}),
        ],
    )
    def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(
        self, client: Client, name: str, problem: Problem, path: str, allowed: set[str]
    ) -> None:
        give(client, name, "a")
        before = state(client, name)
        applied = {"PUT": "no", "DELETE": "no", "POST": "no", "OPTIONS": None, "TRACE": None}
        for method in ({*applied, "PATCH", "FOO", "put"}) - allowed:
            response = client.request(method, f"/v1/{path.replace('<name>', name)}")
            # Whether a method that nobody knows is a write is left open.
            either = response.json().get("applied")
            problem(response, 405, "method_not_allowed", applied=applied.get(method, either))
            names = {each.strip() for each in response.headers["Allow"].split(",")}
            assert names == allowed, method
        assert state(client, name) == before

    @before_the_store
    @pytest.mark.parametrize(
        "path",
        words("""
            versions releases versions/<name>/a/b versions/<name>/a/ releases/<name>/1.2.58/a
            version/<name> Versions/<name> versions/org/<name>/a versions%2F<name>
        """),
    )
    def test_a_path_that_is_none_is_not_found(
        self, client: Client, name: str, problem: Problem, path: str
    ) -> None:
        for method in ("GET", "PUT", "POST", "DELETE"):
            response = client.request(method, f"/v1/{path.replace('<name>', name)}")
            problem(response, 404, "not_found", applied="no" if method != "GET" else None)


def lines(response: Response) -> list[tuple[str, str]]:
    """The headers, but for what may differ between two requests a moment apart."""
    return sorted(line for line in response.headers.items() if line[0] != "Date")
