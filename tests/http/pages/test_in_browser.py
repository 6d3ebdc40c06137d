"""The pages in Chromium: accessibility, layout, keyboard, content security policy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.badges import new_badge
from support.browser import DESKTOP, PHONE, WIDTHS, Visit, chromium, window
from support.page_data import COMMIT, HOSTILE, HOSTILE_KEYS
from support.server import ROOT_ENV, Server
from support.versions import segment

EMPTY_PAGES = ("/", "/series", "/status", "/names/missing", "/errors", "/errors/token_taken")
FULL_PAGES = (
    "/",
    "/?prefix=missing",
    "/names/shop",
    "/names/shop?find=9.9.9",
    "/names/shop?find=7d4c379",
    "/names/shop/1.2.0",
    "/names/shop/1.1.1",
    "/names/only-rc",
    "/names/long-version",
    "/series",
    "/series/shop-minor-v1",
)
GUARDED_PAGES = ("/", "/access", "/status")

WIDE = (1, 4, 7, 9, 10)
"""The hostile texts whose layout differs: directions, emoji, invisible and wide characters."""

ROOT_CREDENTIALS = {
    "username": ROOT_ENV["MONOTRON_ROOT_API_KEY"],
    "password": ROOT_ENV["MONOTRON_ROOT_API_SECRET"],
}


FOCUSED = """() => {
    const focused = document.activeElement;
    const shown = focused.type === "radio" ? focused.labels[0] : focused;
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    const width = outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
    return [focused.outerHTML, width];
}"""
"""The element with the focus, and the width of its outline. A label stands for a radio button."""

Open = Callable[..., Visit]
"""Opens a page of one of the servers by the name of its fixture. Windows are shared."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens pages in one window for each server, because a new one takes half a second."""
    with ExitStack() as windows:
        visits: dict[str, Visit] = {}

        def open_page(kind: str, path: str) -> Visit:
            if kind not in visits:
                server: Server = request.getfixturevalue(kind)
                credentials = ROOT_CREDENTIALS if kind == "trusting" else None
                page = windows.enter_context(window(browser, http_credentials=credentials))
                visits[kind] = Visit(page, server.url)
            visits[kind].open(path)
            return visits[kind]

        yield open_page


@pytest.fixture(
    scope="module",
    params=[
        *(("empty", path) for path in EMPTY_PAGES),
        *(("full", path) for path in FULL_PAGES),
        *(("trusting", path) for path in GUARDED_PAGES),
    ],
    ids=lambda param: f"{param[0]}-{param[1][:30]}",
)
def visit(request: pytest.FixtureRequest, open_page: Open) -> Iterator[Visit]:
    """A page, which stays open for all tests of `TestEveryPage`."""
    kind, path = request.param
    yield open_page(kind, path)
    if folder := os.environ.get("MONOTRON_TEST_SCREENSHOTS"):
        name = re.sub(r"[^a-z0-9]+", "-", f"{kind}{path}")
        open_page(kind, path).save_screenshots(Path(folder), name.strip("-")[:60])


class TestEveryPage:
    def test_it_fits_into_every_window(self, visit: Visit) -> None:
        for width in WIDTHS:
            visit.set_width(width)
            assert visit.overflow() == [], width

    def test_it_is_accessible_in_both_color_schemes_and_layouts(self, visit: Visit) -> None:
        visit.set_width(DESKTOP)
        assert visit.findings() == []
        visit.page.emulate_media(color_scheme="dark")
        visit.set_width(PHONE)
        assert visit.findings() == []

    def test_it_causes_no_errors_and_no_requests_to_other_servers(self, visit: Visit) -> None:
        assert visit.errors == []
        assert visit.foreign_requests == []


class TestHostileTexts:
    """Names, keys and tokens on pages of their own. Those of lists are among the pages above."""

    @pytest.mark.parametrize("number", WIDE)
    def test_they_are_shown_as_texts_in_every_window(self, number: int, open_page: Open) -> None:
        name, key = HOSTILE[number], HOSTILE_KEYS[number]
        path = f"/names/{segment(name)}"
        for opened, text in (
            (path, name),
            (f"{path}/0.1.0", key),
            (f"/series/{segment(key)}", key),
            (f"{path}?find={segment(key[:-1])}", key[:-1]),
        ):
            visit = open_page("full", opened)
            shown = visit.page.locator("main bdi").evaluate_all(
                "all => all.map(e => e.textContent)"
            )
            assert text in shown
            for width in WIDTHS:
                visit.set_width(width)
                assert visit.overflow() == [], (opened, width)
            assert visit.errors == []
            assert visit.foreign_requests == []

    def test_their_marks_are_accessible(self, open_page: Open) -> None:
        visit = open_page("full", f"/names/{segment(HOSTILE[7])}")
        mark = visit.page.locator("h1 .invisible").first
        content = mark.evaluate("each => getComputedStyle(each, '::after').content")
        assert content == '"U+" attr(data-code)' or "200B" in content
        assert mark.bounding_box()["width"] > 20  # type: ignore[index]
        assert visit.findings() == []
        visit.page.emulate_media(color_scheme="dark")
        assert visit.findings() == []

    def test_an_override_does_not_reverse_the_text_after_it(self, open_page: Open) -> None:
        page = open_page("full", f"/names/{segment(HOSTILE[1])}").page
        positions = page.locator("h1 bdi").evaluate(
            """each => [...each.lastChild.data].map((_, index) => {
                const range = document.createRange();
                range.setStart(each.lastChild, index);
                range.setEnd(each.lastChild, index + 1);
                return range.getBoundingClientRect().x;
            })"""
        )
        assert positions == sorted(positions)
        assert len(set(positions)) == len(HOSTILE[1]) - 1


WITHOUT_OTHERS = """kept => {
    const all = document.querySelectorAll(".operation, #objects ~ *");
    const isKept = each => kept.some(id => each.matches(id) || each.querySelector(id));
    const keep = each => isKept(each) || each.previousElementSibling?.matches(kept.join());
    [...all].filter(each => !keep(each)).forEach(each => each.remove());
}"""
"""Removes all operations and objects from `/api`, except these."""


@pytest.fixture(scope="module")
def api_page(browser: Browser, empty: Server) -> Iterator[Visit]:
    """`/api`, which stays open for all tests of `TestApiPage`."""
    with window(browser, color_scheme="light") as page:
        visit = Visit(page, empty.url)
        visit.open("/api")
        yield visit


class TestApiPage:
    """The page is so large that axe would need a minute, and its operations look alike."""

    def test_it_fits_into_every_window_without_errors(self, api_page: Visit) -> None:
        for width in *WIDTHS, 900:
            api_page.set_width(width)
            assert api_page.overflow() == [], width
        assert api_page.errors == api_page.foreign_requests == []

    def test_it_is_accessible_in_both_color_schemes(self, api_page: Visit) -> None:
        kept = [f"#{each}" for each in ("createTrustPolicy", "assignVersion", "Event")]
        api_page.page.evaluate(WITHOUT_OTHERS, kept)
        assert api_page.page.locator(".reference table").count() == 7
        assert api_page.findings() == []
        api_page.page.emulate_media(color_scheme="dark")
        api_page.page.set_viewport_size({"width": PHONE, "height": 800})
        assert api_page.findings() == []


@pytest.fixture
def shop(open_page: Open) -> Visit:
    """The page of the name `shop`."""
    return open_page("full", "/names/shop")


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

    @pytest.mark.parametrize(
        ("server", "path"), [("full", "/?prefix=shop"), ("full", "/names/shop"), ("empty", "/")]
    )
    def test_the_focus_is_visible_on_every_element(
        self, server: str, path: str, open_page: Open
    ) -> None:
        page = open_page(server, path).page
        focused = []
        for _ in range(20):
            page.keyboard.press("Tab")
            tag, width = page.evaluate(FOCUSED)
            if tag.startswith("<body"):  # after the last one
                break
            assert width >= 2, tag
            focused.append(tag)
        assert len(focused) >= 8

    def test_a_search_is_sent_with_enter(self, open_page: Open) -> None:
        page = open_page("full", "/").page
        page.get_by_label("Names that start with").fill("team/service-01")
        page.keyboard.press("Enter")
        page.wait_for_url("**/?prefix=team%2Fservice-01")
        assert page.locator("tbody tr").count() == 10

    def test_a_tab_is_selected_with_the_arrow_keys(self, open_page: Open) -> None:
        page = open_page("empty", "/").page
        page.get_by_role("radio", name="GitHub Actions").focus()
        page.keyboard.press("ArrowRight")
        assert page.get_by_role("radio", name="GitLab CI").is_checked()
        assert page.get_by_text("MONOTRON_BUMP: auto").is_visible()
        assert not page.get_by_text("uses: monotron/monotron@v0").is_visible()


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
    def test_links_lead_from_a_name_to_its_version_and_back(self, open_page: Open) -> None:
        visit = open_page("full", "/?prefix=shop")
        page = visit.page
        page.get_by_role("link", name="shop", exact=True).click()
        page.get_by_role("table").get_by_role("link", name="1.2.0-rc.2").click()
        assert page.get_by_role("heading", level=1).inner_text() == "1.2.0-rc.2 pre-release"
        page.get_by_role("link", name="shop", exact=True).first.click()
        assert page.url == f"{visit.url}/names/shop"
        page.get_by_role("link", name="Series").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Series"

    @pytest.mark.parametrize("width", [PHONE, DESKTOP])
    def test_visible_links_answer_the_questions_of_a_newcomer(
        self, width: int, open_page: Open
    ) -> None:
        """Which commit has a version, who assigned it and why, what is next, what to paste."""
        page = open_page("full", "/").page
        page.set_viewport_size({"width": width, "height": 800})
        page.get_by_role("link", name="shop", exact=True).first.click()
        for text in "Next patch", "1.2.1", "Next minor", "1.3.0", "Next major", "2.0.0":
            assert page.get_by_text(text, exact=True).is_visible()
        page.get_by_role("link", name="Use in a pipeline").click()
        example = page.get_by_text("uses: monotron/monotron@v0")
        box = example.bounding_box()
        assert box is not None
        assert 0 < box["y"] < 800
        page.get_by_role("table").get_by_role("link", name="1.2.0+sha.7d4c379").click()
        page.wait_for_url("**/names/shop/1.2.0")  # with its stylesheet, which breaks lines
        facts = page.locator("dl").first.inner_text().split("\n")
        for term, answer in (
            ("Commit or token", f"{COMMIT[:-1]}9"),
            ("Reason", "feat: a <b>cart</b>"),
            ("Assigned by", "anyone"),
        ):
            assert facts[facts.index(term) + 1] == answer

    @pytest.mark.parametrize("text", ["v1.2.0", f"{COMMIT[:-1]}9"])
    def test_the_field_of_a_name_leads_to_a_version(self, text: str, shop: Visit) -> None:
        shop.page.get_by_label("Version or commit").fill(text)
        shop.page.get_by_role("button", name="Find").click()
        shop.page.wait_for_url("**/names/shop/1.2.0")

    def test_pages_work_without_javascript(self, browser: Browser, empty: Server) -> None:
        with window(browser, java_script_enabled=False) as page:
            page.goto(f"{empty.url}/")
            code = page.get_by_text("MONOTRON_BUMP: auto")
            assert not code.is_visible()
            page.get_by_text("GitLab CI", exact=True).first.click()
            assert code.is_visible()


class TestPrint:
    def test_all_examples_are_printed_without_navigation(self, shop: Visit) -> None:
        shop.page.emulate_media(media="print")
        for text in "uses: monotron/monotron@v0", "MONOTRON_BUMP: auto", "monotron version --bump":
            assert shop.page.get_by_text(text).is_visible()
        for selector in "nav", "form", ".tabs label":
            assert not shop.page.locator(selector).first.is_visible()
        commit = shop.page.locator("td.mono .short").first
        assert commit.evaluate("each => each.scrollWidth <= each.parentElement.clientWidth")


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
    def test_a_browser_signs_in_with_user_name_and_password(self, open_page: Open) -> None:
        page = open_page("trusting", "/").page
        assert page.get_by_text("Signed in as root").is_visible()
        assert page.get_by_role("heading", level=1).inner_text() == "Versions"
