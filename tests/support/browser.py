"""Chromium, and what a page does in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, TABLET, DESKTOP = 360, 820, 1440
"""Widths of windows, in pixels."""

WIDTHS = (320, PHONE, TABLET, 861, DESKTOP)
"""Those that pages must fit into: also the narrowest (WCAG 2.2, 1.4.10), and the narrowest in which
tables are not cards."""

MAX_CHECKED_ROWS = 12
"""The rows of each table that axe checks. It takes 30 ms for one, and further ones are alike."""

REMOVE_ROWS = """most => {
    for (const body of document.querySelectorAll("tbody"))
        [...body.rows].slice(most).forEach(row => row.remove());
}"""

OVERFLOW = """() => {
    const found = [...document.querySelectorAll(".table, .pairs, .cards > div, .bar, .tabs")]
        .filter(each => each.scrollWidth > each.clientWidth);
    const page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) found.push(page);
    return found.map(each => `${each.localName}.${each.className} ${each.scrollWidth}`);
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser of the system, and end it."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing. Install it with `make setup-runners`."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, width: int = DESKTOP, **options: Any) -> Iterator[Page]:
    """Open a page in a context of its own."""
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 800}, **options
    )
    try:
        yield context.new_page()
    finally:
        context.close()


@dataclass
class Visit:
    """A page that was opened, and everything that it did."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    """Errors and warnings on the console, and exceptions, of the page that is open."""
    foreign_requests: list[str] = field(default_factory=list)
    """The URLs of requests to other servers, which were not sent, of the page that is open."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.context.route(lambda url: not url.startswith(f"{self.url}/"), self._abort)

    def open(self, path: str) -> None:
        """Open a page of the server, in a light window of the usual size."""
        self.page.set_viewport_size({"width": DESKTOP, "height": 800})
        self.page.emulate_media(color_scheme="light", media="screen")
        self.errors.clear()
        self.foreign_requests.clear()
        response = self.page.goto(self.url + path)
        assert response is not None
        if response.status >= 400:  # the browser reports the status of an error page
            self.errors.remove(next(each for each in self.errors if str(response.status) in each))

    def findings(self) -> list[str]:
        """What axe considers inaccessible. Removes further rows of tables."""
        self.page.evaluate(REMOVE_ROWS, MAX_CHECKED_ROWS)
        axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        self.page.evaluate(axe)  # the content security policy would block a script element
        results = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{each['id']}: {each['help']}: {node['html']}"
            for each in results["violations"]
            for node in each["nodes"]
        ]

    def overflow(self) -> list[str]:
        """What is wider than the window, or than the table that contains it."""
        found: list[str] = self.page.evaluate(OVERFLOW)
        return found

    def set_width(self, width: int) -> None:
        """Resize the window."""
        self.page.set_viewport_size({"width": width, "height": 800})

    def save_screenshots(self, folder: Path, name: str) -> None:
        """Save the page as PNG files, in each color scheme and for each kind of window."""
        schemes: list[Literal["light", "dark"]] = ["light", "dark"]
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme)
            for width in PHONE, TABLET, DESKTOP:
                self.set_width(width)
                path = folder / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True)

    def _abort(self, route: Route) -> None:
        self.foreign_requests.append(route.request.url)
        route.abort()
