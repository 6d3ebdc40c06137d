"""Badges that anyone can read: content, headers, and what they do not reveal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from support.badges import new_badge
from support.credentials import new_account
from support.server import Client, Server
from support.versions import adopt, assign, start_at, withdraw

Problem = Callable[..., dict[str, Any]]

SVG_TEXT = "{http://www.w3.org/2000/svg}text"

SHIELDS = {
    "type": "object",
    "required": ["schemaVersion", "label", "message"],
    "properties": {
        "schemaVersion": {"const": 1},
        "label": {"type": "string"},
        "message": {"type": "string", "minLength": 1},
        "color": {"enum": ["blue", "orange", "lightgrey"]},
    },
    "additionalProperties": False,
}
"""The part of the schema of https://shields.io/badges/endpoint-badge that a badge uses. Shields
rejects unknown members."""


@pytest.fixture
def id(client: Client, fresh_key: str) -> str:
    """The id of a badge of a name without versions."""
    id: str = new_badge(client, fresh_key)["id"]
    return id


def shown(client: Client, id: str, query: str = "") -> list[str]:
    """The texts of the image, which are those of the JSON document."""
    image = client.request("GET", f"/badge/{id}.svg{query}")
    data = client.request("GET", f"/badge/{id}.json{query}")
    assert (image.status, data.status) == (200, 200), (image, data)
    texts = [each.text for each in ElementTree.fromstring(image.body).iter(SVG_TEXT)]
    document = data.json()
    assert texts == [text for text in (document["label"], document["message"]) if text]
    return texts


class TestContent:
    def test_a_badge_shows_the_newest_version(
        self, client: Client, fresh_key: str, id: str
    ) -> None:
        assert shown(client, id) == ["version", "no version"]
        for request, version in (
            ("a?bump=minor&prerelease=rc", "no version"),
            ("a?bump=minor", "0.1.0"),
            ("b?bump=major&metadata=sha.7d4c379", "1.0.0"),
            ("c?line=0", "1.0.0"),
            ("d?bump=minor&prerelease=rc", "1.0.0"),
        ):
            assign(client, fresh_key, request)
            assert shown(client, id) == ["version", version]

    def test_a_withdrawn_version_is_not_the_newest(
        self, client: Client, fresh_key: str, id: str
    ) -> None:
        for token in "a", "b":
            assign(client, fresh_key, token)
        for version, newest in ("0.0.2", "0.0.1"), ("0.0.1", "no version"):
            assert withdraw(client, fresh_key, version).status == 200
            assert shown(client, id) == ["version", newest]

    def test_line_selects_a_maintenance_line(self, client: Client, fresh_key: str, id: str) -> None:
        start_at(client, fresh_key, "1.2.57")
        for request in ("a?bump=minor", "b?bump=major", "c?line=1.2"):
            assign(client, fresh_key, request)
        for line, newest in (("1", "1.3.0"), ("1.2", "1.2.58"), ("2", "2.0.0")):
            assert shown(client, id, f"?line={line}") == ["version", newest]
        assert shown(client, id, "?line=3") == ["version", "no version"]

    @pytest.mark.parametrize(
        ("label", "text"),
        [
            ("release & more", "release & more"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("\u202eb\u2066a", "ba"),
            (64 * "\U0001f600", 64 * "\U0001f600"),
        ],
        ids=range(4),
    )
    def test_label_replaces_the_text_on_the_left(
        self, label: str, text: str, client: Client, id: str
    ) -> None:
        assert shown(client, id, f"?label={quote(label)}") == [text, "no version"]

    def test_an_empty_label_omits_the_left_side(self, client: Client, id: str) -> None:
        assert shown(client, id, "?label=") == ["no version"]

    @pytest.mark.parametrize(
        "query",
        [
            *("line=", "line=x", "line=1.2.3", "line=-1", "label", "label=%00", "label=%0a"),
            *("label=%ff", "label=a&label=b", "style=flat", f"label={65 * 'x'}"),
            f"label={quote(256 * chr(0x1F600))}",
        ],
        ids=range(12),
    )
    def test_an_invalid_query_is_refused(
        self, query: str, client: Client, id: str, problem: Problem
    ) -> None:
        for format in "svg", "json":
            response = client.request("GET", f"/badge/{id}.{format}?{query}")
            problem(response, 400, "invalid_request")

    def test_the_json_follows_the_schema_of_shields(
        self, client: Client, fresh_key: str, id: str
    ) -> None:
        colors = []
        for version in (None, "0.9.0", "1.0.0", "10.0.0"):
            if version is not None:
                assert adopt(client, fresh_key, version).status == 200
            document = client.request("GET", f"/badge/{id}.json").json()
            assert document.keys() <= SHIELDS["properties"].keys()
            assert document.keys() >= set(SHIELDS["required"])
            assert document["schemaVersion"] == 1
            assert document["message"] == (version or "no version")
            colors.append(document["color"])
        assert colors == ["lightgrey", "orange", "blue", "blue"]


class TestHeaders:
    def test_an_image_can_be_shown_and_cached_by_others_and_executes_nothing(
        self, client: Client, id: str
    ) -> None:
        headers = client.request("GET", f"/badge/{id}.svg").headers
        assert headers["Content-Type"] == "image/svg+xml; charset=utf-8"
        policy = headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'", "sandbox"} <= set(policy)
        assert headers["X-Content-Type-Options"] == "nosniff"
        for format in "svg", "json":
            headers = client.request("GET", f"/badge/{id}.{format}").headers
            assert headers["Cache-Control"] == "public, max-age=60"
            assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("format", ["svg", "json"])
    def test_a_badge_that_did_not_change_is_not_sent_again(
        self, format: str, client: Client, fresh_key: str, id: str
    ) -> None:
        path = f"/badge/{id}.{format}"
        tag = client.request("GET", path).headers["Etag"]
        known = {"If-None-Match": tag}
        response = client.request("GET", path, headers=known)
        assert (response.status, response.body) == (304, b"")
        assert response.headers["Etag"] == tag
        assert response.headers["Cache-Control"] == "public, max-age=60"
        head = client.request("HEAD", path)
        assert (head.status, head.body, head.headers["Etag"]) == (200, b"", tag)
        assign(client, fresh_key, "a")
        assert client.request("GET", path, headers=known).status == 200

    def test_an_image_in_a_page_of_another_site_is_answered(self, client: Client, id: str) -> None:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert client.request("GET", f"/badge/{id}.svg", headers=headers).status == 200

    def test_other_paths_are_not_badges(self, client: Client, id: str, problem: Problem) -> None:
        for path in (f"{id}", f"{id}.png", f"{id}xsvg", f"{id}.svg.json/x", f"{id}.SVG"):
            problem(client.request("GET", f"/badge/{path}"), 404, "not_found")


class TestSecrecy:
    def test_an_answer_reveals_neither_the_name_nor_the_account_nor_the_commit(
        self, root: Client, stranger: Client
    ) -> None:
        account = new_account(root)
        badge = new_badge(root, "secret-name", account)
        path = f"/v1/accounts/{account}/versions/secret-name"
        request = f"{path}/secret-commit?bump=minor&metadata=secret"
        assert root.request("PUT", request).status == 200
        for format in "svg", "json":
            response = stranger.request("GET", badge[format])
            assert (response.status, "0.1.0" in response.text) == (200, True)
            assert "secret" not in response.text + str(response.headers)
            assert badge["id"] not in response.text + str(response.headers)

    def test_unknown_badges_and_those_of_disabled_accounts_get_the_same_answer(
        self, root: Client, stranger: Client, problem: Problem
    ) -> None:
        account = new_account(root)
        badge = new_badge(root, "shop", account)
        assert stranger.request("GET", badge["svg"]).status == 200
        path = f"/v1/accounts/{account}"
        body = json.dumps({"disabled": True})
        assert root.request("PATCH", path, body).status == 200
        paths = [badge["svg"], f"/badge/{32 * '0'}.svg", "/badge/no-id.svg", "/badge/.svg"]
        responses = [stranger.request("GET", each) for each in paths]
        documents = [problem(each, 404, "badge_not_found") for each in responses]
        assert all(document == documents[0] for document in documents)
        assert badge["id"] not in str(documents)
        assert root.request("PATCH", path, json.dumps({"disabled": False})).status == 200
        assert stranger.request("GET", badge["svg"]).status == 200

    def test_the_log_contains_only_the_start_of_an_id(
        self, guarded: Server, root: Client, stranger: Client
    ) -> None:
        badge = new_badge(root, "logged")
        encoded = "".join(f"%{byte:02x}" for byte in badge["id"].encode())
        for path in badge["svg"], badge["json"], f"/badge/{encoded}.svg":
            stranger.request("GET", path)
        assert root.request("DELETE", f"/v1/badges/{badge['id']}").status == 200
        root.request("GET", "/livez")  # now the lines of the earlier requests are written
        log = guarded.log()
        assert f"/badge/{badge['id'][:8]}***.svg" in log
        assert f"/v1/badges/{badge['id'][:8]}***" in log
        assert badge["id"][8:] not in log
        assert encoded not in log
