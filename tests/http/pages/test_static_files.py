"""Style sheet, icon and robots.txt."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from support.server import Client

FILES = {
    "/static/monotron.css": "text/css; charset=utf-8",
    "/favicon.ico": "image/svg+xml",
    "/robots.txt": "text/plain; charset=utf-8",
}


@pytest.mark.parametrize(("path", "content_type"), FILES.items())
class TestFiles:
    def test_a_file_requires_no_credentials(
        self, path: str, content_type: str, stranger: Client
    ) -> None:
        response = stranger.request("GET", path)
        assert response.status == 200
        assert response.headers["Content-Type"] == content_type

    def test_a_browser_checks_that_a_file_is_current(
        self, path: str, content_type: str, stranger: Client
    ) -> None:
        response = stranger.request("GET", path)
        assert response.headers["Cache-Control"] == "no-cache"
        headers = {"If-None-Match": response.headers["Etag"]}
        current = stranger.request("GET", path, headers=headers)
        assert (current.status, current.body) == (304, b"")
        assert stranger.request("GET", path, headers={"If-None-Match": '"other"'}).status == 200


def test_search_engines_should_not_read_anything(stranger: Client) -> None:
    assert stranger.request("GET", "/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_the_icon_is_an_svg_document_without_scripts(stranger: Client) -> None:
    root = ElementTree.fromstring(stranger.request("GET", "/favicon.ico").body)
    tags = {element.tag.partition("}")[2] for element in root.iter()}
    assert tags == {"svg", "rect", "path"}


def test_the_style_sheet_loads_nothing(stranger: Client) -> None:
    assert not re.findall(r"url\(|@import", stranger.request("GET", "/static/monotron.css").text)
