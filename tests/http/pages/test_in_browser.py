"""The pages in Chromium: accessibility, layout, keyboard, content security policy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.badges import new_badge
from support.browser import DESKTOP, PHONE, TABLET, Visit, chromium, window
from support.page_data import HOSTILE
from support.server import ROOT_ENV, Server
from support.versions import segment

EMPTY_PAGES = ("/", "/series", "/status", "/errors/forbidden", "/names/missing")
FULL_PAGES = (
    "/",
    "/?prefix=missing",
    "/names/shop",
    "/names/shop/1.2.0",
    "/names/shop/1.1.1",
    *(f"/names/{segment(HOSTILE[number])}" for number in (1, 4)),
    "/series",
    "/series/shop-minor-v1",
)
GUARDED_PAGES = ("/", "/access", "/status")
ROOT_CREDENTIALS = {
    "username": ROOT_ENV["MONOTRON_ROOT_API_KEY"],
    "password": ROOT_ENV["MONOTRON_ROOT_API_SECRET"],
}


FOCUSED = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const width = outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
    return [document.activeElement.outerHTML, width];
}"""
"""The element with the focus, and the width of its outline."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(
    scope="module",
    params=[
        *(("empty", path) for path in EMPTY_PAGES),
        *(("full", path) for path in FULL_PAGES),
        *(("trusting", path) for path in GUARDED_PAGES),
    ],
    ids=lambda param: f"{param[0]}-{param[1][:30]}",
)
def visit(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Visit]:
    """A page, which stays open for all tests of `TestEveryPage`."""
    kind, path = request.param
    server: Server = request.getfixturevalue(kind)
    credentials = ROOT_CREDENTIALS if kind == "trusting" else None
    with window(browser, color_scheme="light", http_credentials=credentials) as page:
        visit = Visit(page, server.url)
        visit.open(path)
        yield visit
        if folder := os.environ.get("MONOTRON_TEST_SCREENSHOTS"):
            name = re.sub(r"[^a-z0-9]+", "-", f"{kind}{path}")
            visit.save_screenshots(Path(folder), name.strip("-")[:60])


class TestEveryPage:
    def test_it_is_accessible_in_both_color_schemes_and_layouts(self, visit: Visit) -> None:
        assert visit.findings() == []
        visit.page.emulate_media(color_scheme="dark")
        visit.page.set_viewport_size({"width": PHONE, "height": 800})
        assert visit.findings() == []

    def test_it_fits_into_every_window(self, visit: Visit) -> None:
        for width in PHONE, TABLET, 900, DESKTOP:
            visit.page.set_viewport_size({"width": width, "height": 800})
            assert visit.overflow() == 0, width
            clipped = visit.page.eval_on_selector_all(
                ".table", "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
            )
            assert clipped == 0, width

    def test_it_causes_no_errors_and_no_requests_to_other_servers(self, visit: Visit) -> None:
        assert visit.errors == []
        assert visit.foreign_requests == []


@pytest.fixture
def shop(browser: Browser, full: Server) -> Iterator[Visit]:
    """The page of the name `shop` in a window of its own."""
    with window(browser) as page:
        visit = Visit(page, full.url)
        visit.open("/names/shop")
        yield visit


class TestKeyboard:
    def test_the_first_link_skips_the_navigation(self, shop: Visit) -> None:
        shop.page.keyboard.press("Tab")
        link = shop.page.locator(".skip")
        assert link.evaluate("each => each === document.activeElement")
        box = link.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        shop.page.keyboard.press("Enter")
        assert shop.page.evaluate("document.activeElement.id") == "main"

    @pytest.mark.parametrize("path", ["/?prefix=shop", "/names/shop"])
    def test_the_focus_is_visible_on_every_element(self, path: str, shop: Visit) -> None:
        shop.page.goto(shop.url + path)
        count = shop.page.locator("a, input, button, summary").count()
        for _ in range(min(count, 20)):
            shop.page.keyboard.press("Tab")
            tag, width = shop.page.evaluate(FOCUSED)
            assert width >= 2, tag

    def test_a_search_is_sent_with_enter(self, shop: Visit) -> None:
        shop.page.goto(f"{shop.url}/")
        shop.page.get_by_label("Names that start with").fill("team/service-01")
        shop.page.keyboard.press("Enter")
        shop.page.wait_for_url("**/?prefix=team%2Fservice-01")
        assert shop.page.locator("tbody tr").count() == 10


class TestBadge:
    def test_the_image_of_a_badge_is_shown(self, shop: Visit) -> None:
        image = shop.page.get_by_role("img", name="version: 1.2.0")
        assert image.evaluate("each => each.complete && each.naturalHeight") == 20
        assert image.evaluate("each => each.naturalWidth") > 60

    def test_a_page_of_another_site_can_show_it(self, browser: Browser, full: Server) -> None:
        with full.client() as client, window(browser) as page:
            source = f"{full.url}{new_badge(client, 'shop')['svg']}"
            page.set_content(f'<img src="{source}" alt="">')
            assert page.locator("img").evaluate("each => each.decode().then(() => true)")


class TestNavigation:
    def test_links_lead_from_a_name_to_its_version_and_back(self, shop: Visit) -> None:
        page = shop.page
        page.goto(f"{shop.url}/?prefix=shop")
        page.get_by_role("link", name="shop", exact=True).click()
        page.get_by_role("table").get_by_role("link", name="1.2.0-rc.2").click()
        assert page.get_by_role("heading", level=1).inner_text() == "1.2.0-rc.2 pre-release"
        page.get_by_role("link", name="shop", exact=True).first.click()
        assert page.url == f"{shop.url}/names/shop"
        page.get_by_role("link", name="Series").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Series"

    def test_pages_work_without_javascript(self, browser: Browser, empty: Server) -> None:
        with window(browser, java_script_enabled=False) as page:
            page.goto(f"{empty.url}/")
            code = page.get_by_text("uses: monotron/monotron@v0")
            assert not code.is_visible()
            page.get_by_text("GitHub Actions").click()
            assert code.is_visible()


class TestColorSchemes:
    def test_the_colors_are_those_of_the_system(self, shop: Visit) -> None:
        lightness = {}
        for scheme in "light", "dark":
            shop.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            color = shop.page.evaluate("getComputedStyle(document.body).backgroundColor")
            lightness[scheme] = sum(map(int, color[4:-1].split(",")))
        assert lightness["light"] > 3 * 200
        assert lightness["dark"] < 3 * 60


class TestContentSecurityPolicy:
    def test_an_inline_script_is_not_executed(self, shop: Visit) -> None:
        executed = shop.page.evaluate(
            "() => { const script = document.createElement('script');"
            " script.textContent = 'window.executed = true';"
            " document.body.append(script); return window.executed === true; }"
        )
        assert not executed
        assert "Content Security Policy" in shop.errors[-1]

    def test_an_image_of_another_host_is_not_requested(self, shop: Visit) -> None:
        with shop.page.expect_console_message(lambda message: "img-src" in message.text):
            shop.page.evaluate("new Image().src = 'http://other.localhost:1/x.png'")
        assert shop.foreign_requests == []

    def test_the_style_sheet_is_applied(self, shop: Visit) -> None:
        assert shop.page.evaluate("document.styleSheets.length") == 1
        assert shop.page.evaluate("getComputedStyle(document.body).margin") == "0px"


class TestCredentials:
    def test_a_browser_signs_in_with_user_name_and_password(
        self, browser: Browser, guarded: Server
    ) -> None:
        with window(browser, http_credentials=ROOT_CREDENTIALS) as page:
            page.goto(f"{guarded.url}/")
            assert page.get_by_text("Signed in as root").is_visible()
            assert page.get_by_role("heading", level=1).inner_text() == "Versions"
