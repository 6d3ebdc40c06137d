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
PHONE, TABLET, DESKTOP = 360, 768, 1280
"""Widths of windows, in pixels."""


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
    """Errors and warnings on the console, and exceptions."""
    foreign_requests: list[str] = field(default_factory=list)
    """The URLs of requests to other servers, which were not sent."""

    def open(self, path: str) -> None:
        """Open a page of the server, with all sections expanded."""
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.context.route(lambda url: not url.startswith(f"{self.url}/"), self._abort)
        response = self.page.goto(self.url + path)
        assert response is not None
        if response.status >= 400:  # the browser reports the status of an error page
            self.errors.remove(next(each for each in self.errors if str(response.status) in each))
        self.page.eval_on_selector_all("details", "all => all.forEach(each => each.open = true)")

    def findings(self) -> list[str]:
        """What axe considers inaccessible."""
        axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        self.page.evaluate(axe)  # the content security policy would block a script element
        results = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{each['id']}: {each['help']}: {node['html']}"
            for each in results["violations"]
            for node in each["nodes"]
        ]

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        width: int = self.page.evaluate(script)
        return width

    def save_screenshots(self, folder: Path, name: str) -> None:
        """Save the page as PNG files, in each color scheme and for each kind of window."""
        schemes: list[Literal["light", "dark"]] = ["light", "dark"]
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme)
            for width in PHONE, TABLET, DESKTOP:
                self.page.set_viewport_size({"width": width, "height": 800})
                path = folder / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True)

    def _abort(self, route: Route) -> None:
        self.foreign_requests.append(route.request.url)
        route.abort()
