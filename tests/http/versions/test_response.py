"""Members and output formats of a version.

The end of its URL denotes a request: `a?bump=minor` is `PUT /v1/versions/{name}/a?bump=minor`.
Unless stated otherwise, 1.2.57 was adopted for the name.
"""

from __future__ import annotations

import re
import subprocess
from datetime import datetime
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.server import Client
from support.versions import (
    INT64_MAX,
    MEMBERS,
    Problem,
    adopt,
    assign,
    outcomes,
    put,
    segment,
    start_at,
)


class TestResponse:
    """The document of a version."""

    def test_a_version_has_exactly_the_documented_members(self, client: Client) -> None:
        start_at(client, "some-great-service", "1.2.57")
        token = "7d4c379588" * 4
        response = put(client, "some-great-service", f"{token}?bump=minor")
        created_at = response.json()["created_at"]
        assert response.text.removesuffix("\n") == (
            f'{{"creator_id": 1, "name": "some-great-service", "token": "{token}", '
            '"version": "1.3.0", "tag": "v1.3.0", "major": 1, "minor": 3, "patch": 0, '
            '"prerelease": null, "metadata": null, "bump": "minor", "previous": "1.2.57", '
            '"latest": true, "reused": false, "reason": null, '
            f'"created_at": "{created_at}", "changed": true, "notes": [], "withdrawn": null, '
            '"previous_token": null, "previous_tag": "v1.2.57", "latest_in_major": true, '
            '"latest_in_minor": true, "spellings": {"pep440": "1.3.0", "deb": "1.3.0", '
            '"rpm": "1.3.0", "maven": "1.3.0", "docker": "1.3.0"}}'
        )
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created_at)
        assert datetime.fromisoformat(created_at)
        assert response.headers["Content-Type"].split(";")[0] == "application/json"
        assert response.headers["Monotron-Reused"] == "false"
        assert response.headers["Cache-Control"] == "no-store"

    def test_a_prerelease_shows_its_target_and_its_label(self, client: Client, name: str) -> None:
        document = assign(client, name, "T?bump=minor&prerelease=rc&metadata=sha.7d4c379")
        assert list(document) == MEMBERS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document.pop("created_at"))
        assert document == {
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
            "changed": True,
            "notes": [],
            "withdrawn": None,
            "previous_token": None,
            "previous_tag": "v1.2.57",
            "latest_in_major": False,
            "latest_in_minor": False,
            "spellings": {
                "pep440": "1.3.0rc1+sha.7d4c379",
                "deb": "1.3.0~rc.1+sha.7d4c379",
                "rpm": "1.3.0~rc.1+sha.7d4c379",
                "maven": "1.3.0-rc.1",
                "docker": "1.3.0-rc.1_sha.7d4c379",
            },
        }

    @pytest.mark.parametrize(
        ("request_", "bump"),
        [("T", "patch"), ("T?bump=major&prerelease=rc", "major"), ("x?bump=final", "final")],
    )
    def test_the_bump_is_the_one_that_was_decided(
        self, client: Client, name: str, request_: str, bump: str
    ) -> None:
        assign(client, name, "x?bump=minor&prerelease=rc")
        assert assign(client, name, request_)["bump"] == bump

    def test_large_numbers_are_exact(self, client: Client, new_name: str) -> None:
        start_at(client, new_name, f"{2**53 + 1}.{INT64_MAX - 1}.5")
        body = put(client, new_name, "T?bump=minor").body
        assert f'"major": {2**53 + 1}, "minor": {INT64_MAX}, "patch": 0,'.encode() in body

    def test_the_first_version_has_no_previous_one(self, client: Client, new_name: str) -> None:
        assert assign(client, new_name, "a")["previous"] is None
        assert assign(client, new_name, "b")["previous"] == "0.0.1"


class TestFormats:
    """JSON, text and dotenv."""

    def entry_routes(self, name: str) -> list[tuple[str, str, str | None]]:
        """The routes that return one version. All of them return 1.3.0 of the token a."""
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
        assign(client, name, "a?bump=minor")
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
        ("format_", "accept", "start"),
        [
            ("text", "application/json", "1.2.58\n"),
            ("json", "text/plain", '{"creator_id": 1, '),
            ("dotenv", "application/json", "MONOTRON_VERSION=1.2.58\n"),
        ],
    )
    def test_the_format_parameter_takes_precedence_over_accept(
        self, client: Client, name: str, format_: str, accept: str, start: str
    ) -> None:
        response = put(client, name, f"T?format={format_}", headers={"Accept": accept})
        assert response.text.startswith(start)

    def test_dotenv_has_one_line_per_documented_variable(self, client: Client, name: str) -> None:
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
                "MONOTRON_CHANGED=true\n"
                "MONOTRON_PREVIOUS_TAG=v1.2.57\n"
                "MONOTRON_PREVIOUS_COMMIT=\n"
                "MONOTRON_LATEST_IN_MAJOR=true\n"
                "MONOTRON_LATEST_IN_MINOR=true\n"
                "MONOTRON_DOCKER_TAG=1.3.0\n"
                "MONOTRON_PEP440=1.3.0\n"
                "MONOTRON_DEB=1.3.0\n"
                "MONOTRON_RPM=1.3.0\n"
                "MONOTRON_MAVEN=1.3.0\n"
                "MONOTRON_CREATOR_ID=1\n"
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
            "CI_CHANGED=true\n"
            "CI_PREVIOUS_TAG=v1.2.57\n"
            "CI_PREVIOUS_COMMIT=\n"
            "CI_LATEST_IN_MAJOR=false\n"
            "CI_LATEST_IN_MINOR=false\n"
            "CI_DOCKER_TAG=2.0.0-rc.1_sha.7d4c379\n"
            "CI_PEP440=2.0.0rc1+sha.7d4c379\n"
            "CI_DEB=2.0.0~rc.1+sha.7d4c379\n"
            "CI_RPM=2.0.0~rc.1+sha.7d4c379\n"
            "CI_MAVEN=2.0.0-rc.1\n"
            "CI_CREATOR_ID=1\n"
        )

    def test_dotenv_of_an_adopted_version_leaves_unknown_values_empty(
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
                "MONOTRON_CHANGED=true\n"
                "MONOTRON_PREVIOUS_TAG=\n"
                "MONOTRON_PREVIOUS_COMMIT=\n"
                "MONOTRON_LATEST_IN_MAJOR=true\n"
                "MONOTRON_LATEST_IN_MINOR=true\n"
                "MONOTRON_DOCKER_TAG=1.4.2\n"
                "MONOTRON_PEP440=1.4.2\n"
                "MONOTRON_DEB=1.4.2\n"
                "MONOTRON_RPM=1.4.2\n"
                "MONOTRON_MAVEN=1.4.2\n"
                "MONOTRON_CREATOR_ID=1\n"
            )

    def test_dotenv_of_a_get_is_reused_and_not_changed(self, client: Client, name: str) -> None:
        assign(client, name, "a?bump=minor")
        repeated = put(client, name, "a?bump=minor&format=dotenv").text
        assert "MONOTRON_REUSED=true\n" in repeated
        for method, path, _ in self.entry_routes(name):
            if method == "GET":
                response = client.request("GET", f"{path}format=dotenv")
                unchanged = repeated.replace("CHANGED=true", "CHANGED=false")
                if path == f"/v1/versions/{name}?":
                    unchanged += "MONOTRON_AUTO_AFTER=\n"  # the token is not a commit
                assert response.text == unchanged, path

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
    def test_dotenv_shows_hotfix_promotion_and_reuse(
        self, client: Client, name: str, before: list[str], request_: str, lines: list[str]
    ) -> None:
        outcomes(client, name, *before)
        request = f"{request_}{'&' if '?' in request_ else '?'}format=dotenv"
        found = put(client, name, request).text.splitlines()
        assert {f"MONOTRON_{line}" for line in lines} <= set(found)

    @pytest.mark.parametrize(
        ("token", "is_commit"),
        [
            ("0" * 39 + "a", True),
            ("0" * 63 + "f", True),
            ("0" * 41, False),
            ("0" * 39 + "A", False),
            ("$(id)", False),
        ],
    )
    def test_dotenv_contains_tokens_only_if_they_are_commits(
        self, client: Client, name: str, token: str, is_commit: bool
    ) -> None:
        assign(client, name, segment(token))
        newest = client.request("GET", f"/v1/versions/{name}?format=dotenv").text
        assert newest.endswith(f"\nMONOTRON_AUTO_AFTER={token if is_commit else ''}\n")
        following = put(client, name, "b?format=dotenv").text
        assert f"\nMONOTRON_PREVIOUS_COMMIT={token if is_commit else ''}\n" in following

    @pytest.mark.parametrize("prefix", ["CI_", "_", "x", "A" * 64])
    def test_a_dotenv_prefix_changes_the_names_of_the_variables(
        self, client: Client, name: str, prefix: str
    ) -> None:
        assign(client, name, "a?bump=minor")
        for method, path, body in self.entry_routes(name):
            query = f"{path}&format=dotenv&dotenv_prefix={prefix}".replace("?&", "?")
            found = client.request(method, query, body).text.splitlines()
            assert len(found) == (23 if (method, path) == ("GET", f"/v1/versions/{name}?") else 22)
            assert found[0] == f"{prefix}VERSION=1.3.0", path
            assert all(line.startswith(prefix) for line in found), path

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        token=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
        text=st.text(max_size=60),
        prefix=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True),
        label=st.none() | st.from_regex(r"[0-9A-Za-z]{0,9}[A-Za-z]", fullmatch=True),
        metadata=st.none()
        | st.from_regex(r"[0-9A-Za-z-]{1,9}(\.[0-9A-Za-z-]{1,9}){0,3}", fullmatch=True),
    )
    def test_a_shell_reads_dotenv_unchanged(
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
        assert len(lines) == 22
        for name, value in lines.items():
            assert name.startswith(prefix)
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
            assert re.fullmatch(r"[0-9A-Za-z.+_~-]*", value)
        script = "set -a; . /dev/stdin; exec env -0"
        shell = subprocess.run(
            ["sh", "-c", script], input=dotenv, capture_output=True, text=True, env={}, check=True
        )
        read = dict(pair.split("=", 1) for pair in shell.stdout.rstrip("\0").split("\0"))
        assert {name: read[name] for name in lines} == lines
        assert shell.stderr == ""

    @pytest.mark.parametrize("format_", ["text", "dotenv"])
    def test_headers_contain_the_free_texts_of_other_formats(
        self, client: Client, name: str, format_: str
    ) -> None:
        messages = 'feat: 100% \u00fc \U0001f389 "q"'
        query = f"bump=auto&format={format_}"
        for request in (f"c0ffee?{query}&dry_run=true", f"c0ffee?{query}", f"c0ffee?{query}"):
            headers = put(client, name, request, messages).headers
            assert headers["Monotron-Reason"] == 'feat: 100%25 %C3%BC %F0%9F%8E%89 "q"'
            assert "c0ffee" in headers["Monotron-Notes"]
        headers = client.request("GET", f"/v1/versions/{name}/c0ffee?format={format_}").headers
        assert unquote(headers["Monotron-Reason"]) == messages
        assert "Monotron-Notes" not in headers

    def test_a_long_reason_is_cut_in_the_header(self, client: Client, name: str) -> None:
        """Otherwise a proxy could reject the response, after the version was assigned."""
        request = "T?bump=auto&format=dotenv"
        response = put(client, name, request, "feat: " + "\u65b0" * 190)
        header = response.headers["Monotron-Reason"]
        assert 1100 < len(header) <= 1200
        assert set(unquote(header).removeprefix("feat: ")) == {"\u65b0"}

    @pytest.mark.parametrize("accept", ["text/plain", "image/png"])
    @pytest.mark.parametrize("query", ["", "?format=text", "?format=dotenv"])
    def test_errors_are_problem_documents_in_every_format(
        self, client: Client, name: str, problem: Problem, accept: str, query: str
    ) -> None:
        headers = {"Accept": accept}
        response = client.request("GET", f"/v1/versions/{name}/T{query}", headers=headers)
        problem(response, 404, "version_not_found")
        query = f"{query}{'&' if query else '?'}line=9"
        response = put(client, name, f"T{query}", headers=headers)
        problem(response, 404, "line_not_found", applied="no")
