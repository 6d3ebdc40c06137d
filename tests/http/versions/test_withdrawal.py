"""Withdrawing versions, reversing this, and requests with tokens of withdrawn versions.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from support.server import Client
from support.versions import (
    JSON,
    LOOKED_UP,
    MEMBERS,
    NOT_LATEST,
    Problem,
    advance_series,
    assign,
    get,
    latest,
    outcome,
    outcomes,
    put,
    releases,
    reverse,
    state,
    withdraw,
)


class TestWithdrawal:
    """PUT /v1/releases/{name}/{version}/withdrawal"""

    def test_a_withdrawn_version_is_listed_with_time_caller_and_reason(
        self, client: Client, name: str
    ) -> None:
        document = assign(client, name, "a?bump=major")
        response = withdraw(client, name, "2.0.0", reason="  built from the wrong branch ")
        assert response.status == 200
        assert response.headers["Monotron-Reused"] == "false"
        withdrawn = response.json()
        assert list(withdrawn) == MEMBERS
        assert list(withdrawn["withdrawn"]) == ["at", "by", "reason"]
        at = withdrawn["withdrawn"]["at"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
        assert datetime.fromisoformat(at) >= datetime.fromisoformat(document["created_at"])
        assert withdrawn["withdrawn"] == {
            "at": at,
            "by": "anyone",
            "reason": "built from the wrong branch",
        }
        assert withdrawn == document | NOT_LATEST | {"withdrawn": withdrawn["withdrawn"]}
        looked_up = withdrawn | LOOKED_UP
        assert get(client, f"/v1/releases/{name}/2.0.0") == looked_up
        assert get(client, f"/v1/versions/{name}/a") == looked_up
        assert get(client, f"/v1/releases/{name}")["releases"][0] == looked_up
        assert latest(client, name)["version"] == "1.2.57"
        assert latest(client, name)["latest"] is True

    def test_a_second_withdrawal_changes_nothing(self, client: Client, name: str) -> None:
        assign(client, name, "a?bump=major")
        first = withdraw(client, name, "2.0.0", reason="one").json()
        before = state(client, name)
        again = withdraw(client, name, "v2.0.0+x", reason="another", commits="ignore")
        assert again.status == 200
        assert again.headers["Monotron-Reused"] == "true"
        assert again.json() == first | {"reused": True}
        assert state(client, name) == before

    @pytest.mark.parametrize("commits", ["count", "ignore"])
    def test_the_commits_of_a_withdrawn_version_count_or_are_ignored(
        self, client: Client, name: str, commits: str
    ) -> None:
        assign(client, name, "a?bump=major")
        response = withdraw(client, name, "2.0.0", commits=commits)
        assert response.status == 200
        assert response.json()["withdrawn"]["reason"] == "a wrong version"
        assert outcomes(client, name, "b") == ["1.2.58"]

    @pytest.mark.parametrize(
        "reason", ["x", "x" * 500, " " * 600 + "x", "é🦊 \u202e\"'\\</script>"], ids=range(4)
    )
    def test_a_reason_has_1_to_500_characters(self, client: Client, name: str, reason: str) -> None:
        assign(client, name, "a")
        shown = withdraw(client, name, "1.2.58", reason=reason).json()["withdrawn"]["reason"]
        assert shown == reason.strip()
        assert get(client, f"/v1/releases/{name}/1.2.58")["withdrawn"]["reason"] == shown
        assert put(client, name, "a").json()["code"] == "version_withdrawn"

    def test_a_withdrawn_pre_release_leaves_its_channel(self, client: Client, name: str) -> None:
        outcomes(client, name, "a?bump=minor&prerelease=rc")
        withdrawn = withdraw(client, name, "1.3.0-rc.1").json()
        assert withdrawn["prerelease"] == "rc.1"
        assert withdrawn["withdrawn"]["by"] == "anyone"
        assert outcomes(client, name, "b?prerelease=rc") == ["1.2.58-rc.1"]
        assert outcomes(client, name, "c?bump=minor&prerelease=rc") == ["1.3.0-rc.2"]
        assert outcomes(client, name, "a?bump=minor&prerelease=rc", "a?bump=minor") == [
            "409 version_withdrawn",
            "1.3.0",
        ]

    def test_a_version_that_only_the_series_show_is_withdrawn(
        self, client: Client, name: str
    ) -> None:
        client.request("PUT", f"/v1/series/{name}-patch-v1.2/counted")
        document = withdraw(client, name, "1.2.58").json()
        assert (document["token"], document["withdrawn"]["by"]) == ("counted", "anyone")
        assert latest(client, name)["version"] == "1.2.57"
        assert outcomes(client, name, "a") == ["1.2.59"]
        advance_series(client, f"{name}-patch-v1.2", 70)
        document = withdraw(client, name, "1.2.70").json()
        assert (document["token"], document["withdrawn"]["by"]) == (None, "anyone")
        assert latest(client, name)["version"] == "1.2.59"
        assert outcomes(client, name, "b") == ["1.2.60"]

    def test_an_adopted_version_is_withdrawn(self, client: Client, name: str) -> None:
        assert (
            client.request("PUT", f"/v1/versions/{name}", '{"version": "2019.10.5"}', JSON).status
            == 200
        )
        assert withdraw(client, name, "2019.10.5").status == 200
        assert outcomes(client, name, "b") == ["1.2.58"]

    def test_text_and_dotenv_show_the_withdrawn_version(self, client: Client, name: str) -> None:
        assign(client, name, "a")
        path = f"/v1/releases/{name}/1.2.58/withdrawal"
        body = '{"reason": "x"}'
        assert client.request("PUT", f"{path}?format=text", body).text == "1.2.58\n"
        lines = client.request("PUT", f"{path}?format=dotenv", body).text.splitlines()
        expected = {"VERSION=1.2.58", "IS_LATEST=false", "LATEST_IN_MINOR=false", "REUSED=true"}
        assert {f"MONOTRON_{line}" for line in expected} <= set(lines)


class TestReversal:
    """DELETE /v1/releases/{name}/{version}/withdrawal"""

    def test_a_reversed_withdrawal_restores_the_version(self, client: Client, name: str) -> None:
        document = assign(client, name, "a?bump=major")
        withdraw(client, name, "2.0.0")
        response = reverse(client, name, "2.0.0")
        assert response.status == 200
        assert response.headers["Monotron-Reused"] == "false"
        assert response.json() == document
        assert latest(client, name) == document | LOOKED_UP | {"auto_after": document["token"]}
        assert outcomes(client, name, "a?bump=major", "b") == ["2.0.0", "2.0.1"]

    def test_a_second_reversal_changes_nothing(self, client: Client, name: str) -> None:
        document = assign(client, name, "a?bump=major")
        withdraw(client, name, "2.0.0")
        reverse(client, name, "2.0.0")
        before = state(client, name)
        response = reverse(client, name, "2.0.0")
        assert response.json() == document | {"reused": True}
        assert response.headers["Monotron-Reused"] == "true"
        assert state(client, name) == before

    def test_a_version_can_be_withdrawn_again(self, client: Client, name: str) -> None:
        assign(client, name, "a?bump=major")
        for reason in ("one", "two"):
            shown = withdraw(client, name, "2.0.0", reason=reason).json()
            assert (shown["withdrawn"]["reason"], shown["reused"]) == (reason, False)
            assert outcome(reverse(client, name, "2.0.0")) == "2.0.0"

    def test_a_replaced_version_stays_withdrawn(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assign(client, name, "a?bump=major")
        withdraw(client, name, "2.0.0")
        assert outcomes(client, name, "a?on_withdrawn=new") == ["1.2.58"]
        before = state(client, name)
        document = problem(reverse(client, name, "2.0.0"), 409, "token_taken", applied="no")
        assert (document["version"], document["bump"]) == ("2.0.0", "major")
        assert "'a'" in document["detail"]
        assert state(client, name) == before


class TestTokenOfWithdrawnVersion:
    """PUT /v1/versions/{name}/{token}?on_withdrawn=new"""

    @pytest.mark.parametrize(
        "query",
        [
            "bump=major",
            "bump=minor",
            "line=9",
            "version=2.0.0",
            "version=0.1.0",
            "bump=final",
            "bump=calendar",
            "on_conflict=reuse",
            "on_withdrawn=fail",
            "dry_run=true",
        ],
    )
    def test_the_withdrawal_takes_precedence_over_other_conflicts(
        self, client: Client, name: str, problem: Problem, query: str
    ) -> None:
        assign(client, name, "a?bump=major")
        withdraw(client, name, "2.0.0", reason="the wrong branch")
        before = state(client, name)
        response = put(client, name, f"a?{query}")
        detail = problem(response, 409, "version_withdrawn", applied="no")["detail"]
        for word in ("2.0.0", "the wrong branch", "on_withdrawn=new"):
            assert word in detail
        assert state(client, name) == before

    @pytest.mark.parametrize(
        ("query", "version"),
        [
            ("bump=patch", "1.2.58"),
            ("bump=minor", "1.3.0"),
            ("bump=major", "3.0.0"),
            ("version=2.5.0", "2.5.0"),
            ("bump=minor&dry_run=false", "1.3.0"),
        ],
    )
    def test_the_token_gets_a_new_version(
        self, client: Client, name: str, query: str, version: str
    ) -> None:
        assign(client, name, "a?bump=major")
        withdraw(client, name, "2.0.0")
        request = f"a?{query}&on_withdrawn=new"
        dry = assign(client, name, f"{request}{'' if 'dry' in query else '&dry_run=true'}")
        document = assign(client, name, request)
        assert document["version"] == dry["version"] == version
        assert document["reused"] is ("dry" in query)
        assert document["changed"] is True
        assert get(client, f"/v1/versions/{name}/a") == document | LOOKED_UP
        assert assign(client, name, request) == document | {"reused": True}
        assert assign(client, name, f"a?{query}") == document | {"reused": True}
        assert sorted(releases(client, name)) == sorted([version, "2.0.0"])

    def test_a_withdrawn_exact_version_is_not_assigned_to_another_token(
        self, client: Client, name: str, problem: Problem
    ) -> None:
        assign(client, name, "a?version=2.5.0")
        withdraw(client, name, "2.5.0", reason="the wrong branch")
        for end in ("", "&on_withdrawn=new"):
            response = put(client, name, f"b?version=2.5.0{end}")
            detail = problem(response, 409, "version_withdrawn", applied="no")["detail"]
            assert "2.5.0" in detail
        assert outcomes(client, name, "b?version=2.5.1") == ["2.5.1"]

    def test_only_the_withdrawn_label_of_a_token_is_affected(
        self, client: Client, name: str
    ) -> None:
        outcomes(client, name, "a?bump=minor&prerelease=rc", "a?bump=minor&prerelease=beta", "a")
        withdraw(client, name, "1.3.0-rc.1")
        assert outcomes(client, name, "a", "a?bump=minor&prerelease=beta") == [
            "1.2.58",
            "1.3.0-beta.1",
        ]
        assert outcomes(
            client,
            name,
            "a?bump=minor&prerelease=rc",
            "a?bump=minor&prerelease=rc&on_withdrawn=new",
        ) == ["409 version_withdrawn", "1.3.0-rc.2"]
