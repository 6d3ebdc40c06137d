"""The documentation site in Chromium: search, menu of versions, layout, requests."""

from __future__ import annotations

import mimetypes
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from docs.test_site import PUBLISH
from support.browser import DESKTOP, PHONE, Visit, chromium, window
from support.stand_in import ReceivedRequest, Reply, StandIn


@pytest.fixture(scope="module")
def visit(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """The published sites of two versions, on a web server that has only their files."""
    pages = tmp_path_factory.mktemp("published")
    for version in ("0.1.0", "0.2.0"):
        subprocess.run([sys.executable, PUBLISH, site, pages, version], check=True)

    def reply(request: ReceivedRequest) -> Reply:
        path = pages / urlsplit(request.path).path.lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return Reply(404, b"")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Reply(200, path.read_bytes(), {"Content-Type": kind})

    with StandIn(reply) as server, chromium() as browser, window(browser) as page:
        yield Visit(page, server.url)


def test_a_page_is_found_without_requests_to_other_hosts(visit: Visit) -> None:
    visit.open("/latest/")
    field = visit.page.get_by_role("combobox", name="Search", include_hidden=True)
    expect(field).to_be_attached(
        timeout=30_000
    )  # the script of the page has added it, and handles clicks
    visit.page.locator(".md-search__button").click()
    field.fill("squash when we merge")
    result = visit.page.get_by_role("option").filter(has_text="We squash when we merge").first
    expect(result).to_be_visible(timeout=30_000)
    result.click()
    visit.page.wait_for_url("**/latest/faq/**")
    assert visit.foreign_requests == []
    assert visit.errors == []


def test_the_menu_lists_all_published_versions(visit: Visit) -> None:
    visit.open("/")
    visit.page.wait_for_url("**/latest/")
    links = visit.page.locator(".md-version__link")
    expect(links).to_have_count(2, timeout=30_000)
    assert [link.inner_text() for link in links.all()] == ["0.2.0", "0.1.0"]


@pytest.mark.parametrize("path", ["ci/github/", "configuration/"])
def test_a_page_fits_into_every_window(path: str, visit: Visit) -> None:
    visit.open(f"/latest/{path}")
    for width in (PHONE, DESKTOP):
        visit.set_width(width)
        assert visit.overflow() == []
    assert visit.errors == []
