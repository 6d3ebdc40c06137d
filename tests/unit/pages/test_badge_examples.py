"""Examples of badges to be copied, for names that could break them."""

from __future__ import annotations

import json
import shlex
from urllib.parse import parse_qs, urlsplit

import pytest

from monotron.web.pages.badge_examples import badge_examples, new_badge_command
from support.page_data import HOSTILE

URL = "https://monotron.example.com"
ID = "0123456789abcdef" * 2


def test_the_examples_contain_the_url_of_the_badge() -> None:
    examples = badge_examples(URL, ID)
    assert examples.path == f"/badge/{ID}.svg"
    assert examples.markdown == f"![version]({URL}/badge/{ID}.svg)"
    assert examples.html == f'<img src="{URL}/badge/{ID}.svg" alt="version">'
    shields = urlsplit(examples.shields.removeprefix("![version](").removesuffix(")"))
    assert (shields.netloc, shields.path) == ("img.shields.io", "/endpoint")
    assert parse_qs(shields.query) == {"url": [f"{URL}/badge/{ID}.json"]}


@pytest.mark.parametrize(
    "name",
    [*HOSTILE, "a'b\"c`d$(id)\\", "-x", "\u2028\ufeff"],
    ids=range(len(HOSTILE) + 3),
)
def test_the_command_contains_the_name_as_json_in_visible_characters(name: str) -> None:
    command = new_badge_command(URL, name, is_open=True)
    assert command.isascii()
    assert "\n" not in command
    curl, option, body, url = shlex.split(command)
    assert (curl, option, url) == ("curl", "--json", f"{URL}/v1/badges")
    assert json.loads(body) == {"name": name}


def test_a_secret_is_not_an_argument_of_the_command() -> None:
    before, pipe, curl = new_badge_command(URL, "shop", is_open=False).partition(" | curl ")
    assert before == 'echo "Authorization: Bearer $MONOTRON_API_KEY"'
    assert pipe
    assert "MONOTRON_API_KEY" not in curl
