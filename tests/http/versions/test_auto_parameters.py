"""Parameters of `bump=auto`, and what its answers contain in each format.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name. docs/versions.md contains the rules.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.server import Client
from support.versions import LOOKED_UP, Problem, assign, get, latest, put, state


def variables(client: Client, name: str, request: str, text: str | None = None) -> dict[str, str]:
    """The dotenv variables of an answer, without their prefix."""
    response = put(client, name, f"{request}&format=dotenv", text)
    assert response.status == 200, response
    return dict(line.removeprefix("MONOTRON_").split("=", 1) for line in response.text.splitlines())


class TestBase:
    """PUT /v1/versions/{name}/{token}?bump=auto&base=1.2.57"""

    @pytest.mark.parametrize("base", ["1.2.57", "v1.2.57", "1.2.57%2Bbuild.5", "%31.2.57"])
    def test_a_token_gets_a_version_if_the_base_is_the_newest(
        self, client: Client, name: str, base: str
    ) -> None:
        request = f"a?bump=auto&base={base}"
        document = assign(client, name, request, "fix: a")
        assert (document["version"], document["changed"]) == ("1.2.58", True)
        # A token that has a version gets it, although its base is no longer the newest.
        assert assign(client, name, request, "fix: a") == document | {"reused": True}

    @pytest.mark.parametrize("format_", ["json", "text", "dotenv"])
    @pytest.mark.parametrize(
        ("before", "base", "newest"),
        [
            (["a"], "1.2.57", {"version": "1.2.58", "token": "a"}),
            ([], "1.2.58", {"version": "1.2.57", "token": None}),
            (["a?bump=major"], "2.0.0&line=1", {"version": "1.2.57", "token": None}),
        ],
    )
    def test_an_outdated_base_is_rejected_with_the_newest_version(
        self,
        client: Client,
        name: str,
        problem: Problem,
        before: list[str],
        base: str,
        newest: dict[str, Any],
        format_: str,
    ) -> None:
        for request in before:
            assign(client, name, request)
        held = state(client, name)
        for end in ("", "&dry_run=true"):
            response = put(client, name, f"T?bump=auto&base={base}&format={format_}{end}", "fix: a")
            document = problem(response, 409, "base_outdated", applied="no")
            assert {member: document[member] for member in newest} == newest
        assert state(client, name) == held

    def test_a_name_without_versions_has_the_base_none(
        self, client: Client, new_name: str, problem: Problem
    ) -> None:
        response = put(client, new_name, "a?bump=auto&base=1.2.57", "fix: a")
        document = problem(response, 409, "base_outdated", applied="no")
        assert (document["version"], document["token"]) == (None, None)
        assert assign(client, new_name, "a?bump=auto&base=none", "fix: a")["version"] == "0.0.1"

    def test_only_the_newest_version_shows_after_which_token_commits_are_read(
        self, client: Client, name: str
    ) -> None:
        assign(client, name, "a?bump=auto&base=1.2.57", "fix: a")
        assert latest(client, name)["auto_after"] == "a"
        assert "auto_after" not in get(client, f"/v1/versions/{name}/a")
        path = f"/v1/versions/{name}?format="
        assert client.request("GET", f"{path}text").text == "1.2.58\n"
        assert "AUTO_AFTER=\n" in client.request("GET", f"{path}dotenv").text
        path = f"/v1/versions/{name}/a?format=dotenv"
        assert "AUTO_AFTER" not in client.request("GET", path).text


class TestRulesOfCommits:
    """PUT /v1/versions/{name}/{token}?bump=auto&skip_types=docs&minor_types=feat&commits=strict"""

    @pytest.mark.parametrize(
        ("query", "text", "version", "changed"),
        [
            ("skip_types=docs", "docs: a", "1.2.57", False),
            ("skip_types=docs,ci", "ci: a", "1.2.57", False),
            ("skip_types=docs%2Cci", "ci: a", "1.2.57", False),
            ("skip_types=Docs", "docs: a", "1.2.57", False),
            ("skip_types=docs", "ci: a", "1.2.58", True),
            ("minor_types=perf", "perf: a", "1.3.0", True),
            ("minor_types=feat,perf", "perf: a", "1.3.0", True),
            ("minor_types=perf", "feat: a", "1.2.58", True),
            ("skip_types=docs&minor_types=perf", "docs: a\0perf: b", "1.3.0", True),
            ("commits=strict", "ABC-123: feat: a", "1.2.58", True),
            ("commits=lenient", "ABC-123: feat: a", "1.3.0", True),
        ],
    )
    def test_a_parameter_changes_what_commits_request(
        self, client: Client, name: str, query: str, text: str, version: str, changed: bool
    ) -> None:
        before = state(client, name)
        request = f"T?bump=auto&{query}"
        dry = assign(client, name, f"{request}&dry_run=true", text)
        assert state(client, name) == before
        document = assign(client, name, request, text)
        assert document | {"created_at": ""} == dry | {"created_at": ""}
        assert (document["version"], document["changed"]) == (version, changed)
        assert (state(client, name) == before) is not changed
        assert document["reason"]


class TestAnswers:
    """`changed`, `reason` and `notes` in each format"""

    def test_notes_and_the_reason_are_in_json_only(self, client: Client, name: str) -> None:
        text = 'feat: é "x"\n\nbreaking change: lost\x1b[31m'
        document = assign(client, name, "HEAD?bump=auto", text)
        assert document["reason"] == 'feat: é "x"'
        of_commits, of_token = document["notes"]
        assert "breaking change: lost" in of_commits
        assert "\x1b" not in of_commits
        assert "HEAD" in of_token
        assert put(client, name, "HEAD?format=text&on_conflict=reuse").text == "1.3.0\n"
        dotenv = variables(client, name, "HEAD?bump=auto", text)
        assert dotenv["CHANGED"] == "true"
        assert not {"NOTES", "REASON"} & dotenv.keys()
        assert "HEAD" not in dotenv.values()

    def test_a_repeat_has_the_notes_on_its_token_and_the_stored_reason(
        self, client: Client, name: str
    ) -> None:
        document = assign(client, name, "HEAD?bump=auto", "feat: a")
        again = assign(client, name, "HEAD?bump=auto")
        assert len(document["notes"]) == 1
        assert again == document | {"reused": True}
        assert get(client, f"/v1/versions/{name}/HEAD") == document | LOOKED_UP | {"notes": []}

    def test_no_release_has_the_notes_of_the_commits(self, client: Client, name: str) -> None:
        text = "docs: a\n\nbreaking change: lost"
        request = "T?bump=auto&skip_types=docs"
        document = assign(client, name, request, text)
        assert (document["version"], document["changed"]) == ("1.2.57", False)
        assert "docs" in document["reason"]
        assert "breaking change: lost" in document["notes"][0]
        response = put(client, name, f"{request}&format=text&spelling=deb", text)
        assert (response.status, response.text) == (200, "\n")
        assert variables(client, name, request, text)["CHANGED"] == "false"

    def test_a_dry_run_without_a_release_is_answered_like_the_request(
        self, client: Client, name: str
    ) -> None:
        for format_ in ("json", "text", "dotenv"):
            request = f"T?bump=auto&skip_types=docs&format={format_}"
            dry, real = (
                put(client, name, request + end, "docs: a") for end in ("&dry_run=true", "")
            )
            assert (dry.status, dry.text) == (real.status, real.text)

    @pytest.mark.parametrize("query", ["bump=calendar", "bump=calendar&calendar=YYYY.M"])
    def test_a_calendar_version_in_text_and_dotenv(
        self, client: Client, name: str, query: str
    ) -> None:
        version = put(client, name, f"a?{query}&format=text").text.removesuffix("\n")
        assert version == assign(client, name, f"a?{query}")["version"]
        dotenv = variables(client, name, f"a?{query}")
        assert (dotenv["VERSION"], dotenv["RELEASE_TYPE"]) == (version, "calendar")
        assert (dotenv["CHANGED"], dotenv["REUSED"]) == ("true", "true")
        assert dotenv["PREVIOUS_VERSION"] == "1.2.57"

    def test_an_exact_version_in_text_and_dotenv(self, client: Client, name: str) -> None:
        assert put(client, name, "a?version=v2.5.0&format=text").text == "2.5.0\n"
        dotenv = variables(client, name, "a?version=2.5.0")
        assert (dotenv["VERSION"], dotenv["RELEASE_TYPE"]) == ("2.5.0", "exact")

    def test_the_new_version_of_a_withdrawn_token_in_text_and_dotenv(
        self, client: Client, name: str
    ) -> None:
        assign(client, name, "a")
        path = f"/v1/releases/{name}/1.2.58/withdrawal"
        assert client.request("PUT", path, '{"reason": "x"}').status == 200
        request = "a?on_withdrawn=new"
        response = put(client, name, f"{request}&format=text")
        assert (response.text, response.headers["Monotron-Reused"]) == ("1.2.59\n", "false")
        dotenv = variables(client, name, request)
        assert (dotenv["VERSION"], dotenv["REUSED"]) == ("1.2.59", "true")
        assert (dotenv["PREVIOUS_VERSION"], dotenv["CHANGED"]) == ("1.2.57", "true")
