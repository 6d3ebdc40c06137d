"""The screenshots of the documentation."""

from __future__ import annotations

import re
import struct

from docs.screenshots import FOLDER, HEIGHT, SCREENSHOTS, WIDTH
from docs.test_drift import ROOT, page

MAX_BYTES = 150_000


def test_each_screenshot_is_shown_with_its_color_scheme() -> None:
    shown = re.findall(r"!\[(.+?)\]\(images/(\w+)\.png\)", page("docs/web-pages.md"))
    assert sorted(name for _, name in shown) == sorted(each.name for each in SCREENSHOTS)
    schemes = {each.name: each.color_scheme for each in SCREENSHOTS}
    for text, name in shown:
        assert ("dark" in text) is (schemes[name] == "dark")


def test_the_files_are_small_screenshots() -> None:
    files = sorted(FOLDER.iterdir())
    assert [file.stem for file in files] == sorted(each.name for each in SCREENSHOTS)
    for file in files:
        content = file.read_bytes()
        assert len(content) < MAX_BYTES
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", content[16:24]) == (WIDTH, HEIGHT)


def test_the_readme_shows_one_of_them() -> None:
    (path,) = re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", page("README.md"))
    assert (ROOT / path).parent == FOLDER
