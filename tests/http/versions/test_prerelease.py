"""Pre-releases and their promotion.

A request is written as the end of its URL: `a?bump=minor` is
`PUT /v1/versions/{name}/a?bump=minor`. A name is at 1.2.57, by adoption, unless stated otherwise.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.server import Client, Server
from support.versions import (
    Problem,
    advance_series,
    assign,
    check_script,
    latest,
    outcome,
    outcomes,
    put,
    releases,
    series_of,
    start_at,
    state,
    words,
)


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
    def test_a_prerelease_targets_the_version_of_the_bump(
        self, client: Client, new_name: str, start: str | None, query: str, version: str
    ) -> None:
        if start:
            start_at(client, new_name, start)
        assert outcomes(client, new_name, f"T?{query}") == [version]

    def test_prereleases_are_counted_per_target_and_label(self, client: Client, name: str) -> None:
        check_script(
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
        outcomes(client, name, f"a?bump={bump}&prerelease=rc", f"b?bump={bump}&prerelease=rc")
        after = {key: entry for key, entry in series_of(client, name).items() if "rc" not in key}
        assert after == steady
        assert latest(client, name)["version"] == "1.2.57"
        target = {"patch": "1.2.58", "minor": "1.3.0", "major": "2.0.0"}[bump]
        assert outcomes(client, name, f"c?bump={bump}") == [target]

    def test_a_prerelease_is_never_the_latest(self, client: Client, new_name: str) -> None:
        for _ in range(2):
            assert assign(client, new_name, "T?bump=major&prerelease=rc")["latest"] is False

    def test_the_same_token_may_get_the_final_version_later(
        self, client: Client, name: str
    ) -> None:
        requests = ["T?bump=minor&prerelease=rc", "T?bump=minor", "T?bump=minor&prerelease=rc"]
        assert outcomes(client, name, *requests) == ["1.3.0-rc.1", "1.3.0", "1.3.0-rc.1"]
        assert assign(client, name, "T?bump=minor")["latest"] is True

    def test_a_prerelease_after_the_release_has_the_next_target(
        self, client: Client, name: str
    ) -> None:
        check_script(
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

    def test_other_versions_can_be_released_during_a_prerelease(
        self, client: Client, name: str
    ) -> None:
        requests = ["a?bump=minor&prerelease=rc", "b", "c", "d?bump=minor&prerelease=rc"]
        assert outcomes(client, name, *requests) == ["1.3.0-rc.1", "1.2.58", "1.2.59", "1.3.0-rc.2"]

    def test_an_adopted_version_counts_as_released(self, client: Client, name: str) -> None:
        assign(client, name, "a?bump=minor&prerelease=rc")
        start_at(client, name, "1.3.0")
        assert outcomes(client, name, "b?bump=minor&prerelease=rc") == ["1.4.0-rc.1"]

    @pytest.mark.parametrize(
        "label",
        ["a", "Z", "rc", "RC", "rc1", "1rc", "1a2", "0x", "alpha", "x" * 20, "9" * 19 + "z"],
    )
    def test_a_label_has_letters_and_digits_with_one_letter(
        self, client: Client, name: str, label: str
    ) -> None:
        given = assign(client, name, f"T?prerelease={label}")
        assert given["version"] == f"1.2.58-{label}.1"
        assert given["prerelease"] == f"{label}.1"
        assert series_of(client, name)[f"{label}-v1.2.58"] == ("T", 1)

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
    def test_an_invalid_label_is_rejected(
        self, client: Client, name: str, problem: Problem, label: str
    ) -> None:
        before = state(client, name)
        response = put(client, name, f"T?prerelease={label}")
        assert "prerelease" in problem(response, 400, "invalid_request", applied="no")["detail"]
        response = client.request("GET", f"/v1/versions/{name}/T?prerelease={label}")
        problem(response, 400, "invalid_request")
        assert state(client, name) == before

    def test_a_label_can_be_the_name_of_a_component(self, client: Client, name: str) -> None:
        check_script(
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

    def test_concurrent_prereleases_get_consecutive_numbers(
        self, server: Server, client: Client, name: str
    ) -> None:
        def call(caller: int) -> list[str]:
            requests = (f"{caller}-{n}?bump=minor&prerelease=rc" for n in range(5))
            with Client(server.url) as client:
                return outcomes(client, name, *requests)

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
        assert outcomes(client, name, f"a?bump={bump}&prerelease=rc") == [prerelease]
        given = assign(client, name, f"{token}?bump=final")
        assert given["version"] == version
        assert given["token"] == token
        assert given["bump"] == "final"
        assert given["prerelease"] is None
        assert given["previous"] == "1.2.57"
        assert given["latest"] is True
        assert given["reused"] is False
        assert latest(client, name)["token"] == token

    def test_a_promoted_target_is_not_promoted_again(self, client: Client, name: str) -> None:
        requests = ["a?bump=minor&prerelease=rc", "a?bump=final", "b?bump=minor", "c"]
        assert outcomes(client, name, *requests) == ["1.3.0-rc.1", "1.3.0", "1.4.0", "1.4.1"]
        assert series_of(client, name)["minor-v1"] == ("b", 4)

    def test_a_token_promotes_its_own_prerelease_rather_than_the_newest(
        self, client: Client, name: str
    ) -> None:
        requests = ["a?bump=minor&prerelease=rc", "b?bump=major&prerelease=rc"]
        requests += ["a?bump=final", "b?bump=final"]
        assert outcomes(client, name, *requests) == ["1.3.0-rc.1", "2.0.0-rc.1", "1.3.0", "2.0.0"]

    def test_another_token_promotes_the_highest_prerelease(self, client: Client, name: str) -> None:
        requests = ["a?bump=major&prerelease=rc", "b?bump=minor&prerelease=rc", "c?bump=final"]
        assert outcomes(client, name, *requests) == ["2.0.0-rc.1", "1.3.0-rc.1", "2.0.0"]

    def test_a_token_with_several_labels_promotes_its_highest(
        self, client: Client, name: str
    ) -> None:
        requests = ["a?bump=major&prerelease=alpha", "a?bump=minor&prerelease=rc", "a?bump=final"]
        assert outcomes(client, name, *requests) == ["2.0.0-alpha.1", "1.3.0-rc.1", "2.0.0"]

    def test_a_repeated_promotion_returns_the_same_version(self, client: Client, name: str) -> None:
        requests = ["a?bump=minor&prerelease=rc", "b?bump=final", "c?bump=major", "b?bump=final"]
        assert outcomes(client, name, *requests) == ["1.3.0-rc.1", "1.3.0", "2.0.0", "1.3.0"]

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
    def test_a_promotion_on_a_line_uses_that_line_only(
        self, client: Client, name: str, query: str, version: str
    ) -> None:
        requests = ["x?bump=minor", "a?line=1.2&prerelease=rc", "b?bump=minor&prerelease=rc"]
        assert outcomes(client, name, *requests) == ["1.3.0", "1.2.58-rc.1", "1.4.0-rc.1"]
        assert outcomes(client, name, query) == [version]

    def test_a_promotion_on_an_old_line_is_not_the_latest(self, client: Client, name: str) -> None:
        outcomes(client, name, "x?bump=minor", "a?line=1.2&prerelease=rc")
        given = assign(client, name, "b?bump=final&line=1.2")
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
    def test_a_promotion_without_a_prerelease_is_rejected(
        self,
        client: Client,
        name: str,
        problem: Problem,
        before: list[str],
        request_: str,
        answer: str,
    ) -> None:
        outcomes(client, name, *before)
        held = state(client, name)
        status, code = answer.split()
        problem(put(client, name, request_), int(status), code, applied="no")
        assert state(client, name) == held

    def test_a_promotion_below_its_series_is_rejected(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assign(client, name, "a?bump=minor&prerelease=rc")
        advance_series(client, f"{name}-minor-v1", 5)
        problem(put(client, name, "a?bump=final"), 409, "already_released", applied="no")
        assert outcomes(client, name, "a?bump=minor") == ["1.6.0"]

    def test_concurrent_tokens_promote_a_prerelease_once(
        self, server: Server, client: Client, name: str
    ) -> None:
        assign(client, name, "a?bump=minor&prerelease=rc")

        def call(caller: int) -> str:
            with Client(server.url) as client:
                return outcome(put(client, name, f"{caller}?bump=final"))

        with ThreadPoolExecutor(8) as callers:
            answers = sorted(callers.map(call, range(8)))
        assert answers == ["1.3.0"] + ["409 already_released"] * 7
        assert releases(client, name) == ["1.3.0", "1.3.0-rc.1"]
