"""Requests for pages, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable

from support.html import Element, parse
from support.http import Client, Response

Read = Callable[..., Element]
"""Reads a page by its path, and checks its status [default: 200]."""

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
"""What browsers send."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def check_page(response: Response, status: int = 200) -> Element:
    """Check the headers and the parts that all pages have in common. Returns the document."""
    assert response.status == status, response
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    document = parse(response.text)
    assert document.one("html").attributes["lang"] == "en"
    assert len(document.all("h1")) == 1
    assert document.one("main").attributes["id"] == "main"
    assert document.one("title").children, "a page has a title"
    assert not document.all("script")
    assert not [each for each in document if "style" in each.attributes]
    ids = [each.attributes["id"] for each in document if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    return document


def reader(client: Client) -> Read:
    """Returns a function that reads the pages of a server."""

    def read(path: str, status: int = 200) -> Element:
        return check_page(client.request("GET", path, headers=HTML), status)

    return read


def pairs(document: Element) -> dict[str, str]:
    """The values of the lists of a page, by label."""
    return {
        each.one("dt").text: each.one("dd").text
        for part in document.all("dl")
        for each in part.all("div")
    }
