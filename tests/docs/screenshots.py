"""Take the screenshots of the documentation: `make screenshots`.

The data is that of a fictitious company, on a real server with a root key.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import yaml

from support.browser import chromium, window
from support.credentials import new_key
from support.demo_data import fill
from support.page_data import add_policy
from support.server import ROOT, ROOT_ENV, Server

FOLDER = Path(__file__).parents[2] / "docs" / "images"

WIDTH, HEIGHT = 1120, 740
"""The size of a screenshot, in pixels."""


class Screenshot(NamedTuple):
    """A picture of the upper part of a page."""

    name: str
    path: str
    color_scheme: Literal["light", "dark"]


SCREENSHOTS = (
    Screenshot("versions", "/", "light"),
    Screenshot("name", "/names/shop", "light"),
    Screenshot("version", "/names/shop/1.2.57", "dark"),
    Screenshot("access", "/access", "dark"),
)


def take(folder: Path) -> None:
    """Save all screenshots in this folder."""
    with tempfile.TemporaryDirectory() as name:
        store = f"sqlite:///{name}/monotron.db"
        fill(store)
        config = Path(name) / "monotron.yml"
        settings = {
            "audience": "https://monotron.example.com",
            "issuers": ["github", "gitlab.com"],
            "commit_url": "https://github.com/{repository}/commit/{token}",
        }
        config.write_text(yaml.safe_dump(settings))
        with Server(store, args=["--config", str(config)], env=ROOT_ENV) as server:
            create_access(server)
            save(server, folder)


def create_access(server: Server) -> None:
    """Create API keys and trust policies of the company."""
    with server.client(authorization=ROOT) as root:
        new_key(root, 1, "read:series", description="Dashboard")
        new_key(root, 1, "read,write:series", names=["nightly-build"], description="Nightly builds")
        new_key(root, 1, "*:acl", "*:series", "read:system", description="Platform team")
        for number, repository in enumerate(("shop", "payments", "docs")):
            claims = {"repository_id": f"{704_118_233 + 91 * number}", "ref": "refs/heads/main"}
            add_policy(root, 1, claims=claims, names=[repository], description=repository)


def save(server: Server, folder: Path) -> None:
    """Save the screenshots of the pages of this server."""
    key, secret = ROOT_ENV["MONOTRON_ROOT_API_KEY"], ROOT_ENV["MONOTRON_ROOT_API_SECRET"]
    credentials = {"username": key, "password": secret}
    with chromium() as browser, window(browser, http_credentials=credentials) as page:
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        for name, path, color_scheme in SCREENSHOTS:
            page.emulate_media(color_scheme=color_scheme)
            page.goto(server.url + path)
            page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    take(FOLDER)
