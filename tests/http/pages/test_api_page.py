"""`/api`: the reference of the API."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest

from monotron.web.pages import api, templates
from support.html import Element
from support.openapi import GENERATED, OPERATIONS
from support.pages import HTML, check_page
from support.server import Client
from support.server_thread import ServerThread

DOCUMENTED = {
    operation["operationId"]: name
    for name, operation in OPERATIONS.items()
    if "x-account-form-of" not in operation
}


@pytest.fixture(scope="module")
def reference(guarded: Any) -> Element:
    with guarded.client() as stranger:
        return check_page(stranger.request("GET", "/api", headers=HTML))


def section_of(reference: Element, operation: str) -> Element:
    return reference.one("section", **{"aria-labelledby": operation})


SHIELDS = "https://shields.io/badges/endpoint-badge"
"""The only page of another site that the document refers to."""


class TestContent:
    def test_every_operation_has_a_section_and_a_link_to_it(self, reference: Element) -> None:
        sections = reference.all("section", class_="operation")
        assert [each.one("h3").text for each in sections] == list(DOCUMENTED.values())
        contents = reference.one("nav", **{"aria-label": "Operations"})
        linked = [link.attributes["href"][1:] for link in contents.all("a")]
        ids = {each.attributes["id"] for each in reference if "id" in each.attributes}
        assert set(DOCUMENTED) <= set(linked) <= ids

    def test_an_operation_shows_what_it_requires_and_its_path_with_an_account(
        self, reference: Element
    ) -> None:
        text = section_of(reference, "deleteSeries").text
        assert "Requires delete:series." in text
        assert "With an account: /v1/accounts/{account}/series/{key}" in text
        assert "Requires the root key." in section_of(reference, "createAccount").text
        assert "Requires nothing, or read:system." in section_of(reference, "getInfo").text

    def test_an_operation_shows_its_parameters_with_values_and_default(
        self, reference: Element
    ) -> None:
        parameters, _ = section_of(reference, "getLedger").all("table")
        assert parameters.rows() == [
            ["key in the path", KEY_VALUES, "", "the key of the series"],
            ["limit", "1 to 1000", "100", "maximum number of items on a page"],
            ["before", "a 64-bit integer", "", "list only values below this one"],
            ["assigned_by", "true, false", "false", ASSIGNED_BY],
        ]

    def test_an_operation_shows_its_body_and_its_errors(self, reference: Element) -> None:
        body, problems = section_of(reference, "advanceSeries").all("table")[1:]
        assert body.rows() == [["value", "integer", "the value to advance to"]]
        rows = problems.rows()
        assert ["value_would_fall", "409", "the series is, or was, at a higher value"] in rows
        assert "unauthenticated" not in [code for code, *_ in rows]  # in the common table

    def test_every_code_links_to_its_page(self, reference: Element, stranger: Client) -> None:
        codes = {
            code["const"]
            for operation in GENERATED["x-common-errors"].values()
            for code in ({"const": each} for each in operation["codes"])
        }
        links = {link.attributes["href"] for link in reference.all("a", class_="mono")}
        assert {f"/errors/{code}" for code in codes} <= links
        for path in links:
            check_page(stranger.request("GET", path, headers=HTML))

    def test_links_lead_to_the_documentation_or_into_the_page(self, reference: Element) -> None:
        ids = {f"#{each.attributes['id']}" for each in reference if "id" in each.attributes}
        for link in reference.one("div", class_="reference").all("a"):
            target = link.attributes["href"]
            is_page = target.startswith(("/errors", "/openapi.json", DOCUMENTATION))
            assert target in ids or is_page or target == SHIELDS, target

    def test_no_markdown_is_left(self, reference: Element) -> None:
        texts = [
            text
            for each in reference
            for text in each.children
            if isinstance(text, str) and each.tag != "code"
        ]
        assert [text for text in texts if re.search(r"`|\]\(|\*\*", text)] == []


KEY_VALUES = "1 to 256 characters without control characters, not . or .."
ASSIGNED_BY = "include the credential that assigned each value"
DOCUMENTATION = "https://github.com/monotron/monotron/tree/"


def test_the_page_is_rendered_once_and_not_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renderers = []

    def render(template: str, /, **values: object) -> bytes:
        renderers.append(threading.current_thread())
        return templates.render(template, **values)

    monkeypatch.setattr(api, "render", render)
    monkeypatch.setattr(api, "render_reference", cache(api.render_reference.__wrapped__))
    with ServerThread("sqlite://") as server, ThreadPoolExecutor(4) as callers:

        def read(_: int) -> Element:
            with server.client() as client:
                return check_page(client.request("GET", "/api", headers=HTML))

        pages = list(callers.map(read, range(4)))
    assert [page.one("h1").text for page in pages] == ["API"] * 4
    (renderer,) = renderers
    assert renderer not in (server.thread, threading.main_thread())
