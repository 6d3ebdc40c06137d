"""The example of `monotron apply` in docs/security.md prints what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from docs.test_drift import section
from monotron.auth.key_format import PATTERN
from support.server import ROOT_ENV, Server
from support.terminal import Terminal

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
SECRET = re.compile(rf"(?m)^  secret: {PATTERN}$")


def test_the_example_of_a_file_prints_what_the_page_shows(tmp_path: Path) -> None:
    text = section(PAGE, "### Accounts in a file")
    file, session = re.findall(r"^```(?:yaml|text)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "monotron.yaml").write_text(file)
    env = {**ROOT_ENV, "MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}
    shown = re.split(r"(?m)^\$ (.*)\n", session)[1:]
    commands = list(zip(shown[::2], shown[1::2], strict=True))
    assert len(commands) == 3
    assert len(SECRET.findall(session)) == 1
    with Server("sqlite://", env=env) as server:
        operator = Terminal(tmp_path, server.url, MONOTRON_API_KEY=":".join(ROOT_ENV.values()))
        for command, output in commands:
            program, *arguments = shlex.split(command)
            assert program == "monotron"
            printed = operator.prints(*arguments)
            assert SECRET.sub("  secret", printed) == SECRET.sub("  secret", output)
