"""The YAML and shell blocks of a page, for the tests that execute them."""

from __future__ import annotations

import re
import textwrap

from docs.test_drift import page

SERVER = "https://monotron.example.com"
"""The server in the examples. A test replaces it by the address of its own."""


def blocks(name: str, language: str, containing: str = "") -> list[str]:
    """The blocks of a page in a language, those that contain a text."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"
    found = re.findall(pattern, page(name), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found if containing in block]


def only_block(name: str, language: str, containing: str, url: str) -> str:
    """The only such block of a page, for a server with this URL."""
    (block,) = blocks(name, language, containing)
    assert SERVER in block
    return block.replace(SERVER, url)
