"""The shell blocks of the pages that a newcomer follows are run, word for word.

Port 3030 is replaced by that of a server started from the installed package, which stands in for
`make run`; lines that call make are only shown by it. What a page prints below a block is what
the block must print.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.server import Server

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/quickstart.md", "docs/api.md", "docs/versions.md"]

SHELL_BLOCK = re.compile(
    r"^```sh\n(?P<script>.*?)^```\n(?:```(?:json|text)\n(?P<output>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)


def blocks(page: str) -> list[tuple[str, str | None]]:
    """The shell blocks of a page, in order, each with the output that stands right below it."""
    text = (ROOT / page).read_text()
    found = [(match["script"], match["output"]) for match in SHELL_BLOCK.finditer(text)]
    assert len(found) == text.count("```sh\n"), f"{page}: a shell block is not understood"
    return found


def run(script: str, cwd: Path) -> str:
    # Within `make test`: its flags are not for the make that is called here. No proxy to 127.0.0.1.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cwd,
        env={**inherited, "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_shell_blocks_of_a_page_print_what_it_says(page: str, tmp_path: Path) -> None:
    with Server("sqlite:///monotron.db", cwd=tmp_path) as server:
        for script, output in blocks(page):
            if script.startswith("make "):
                dry_run = f"make -C {shlex.quote(str(ROOT))} --dry-run {script[5:]}"
                assert run(dry_run, tmp_path)
                continue
            printed = run(script.replace("127.0.0.1:3030", f"127.0.0.1:{server.port}"), tmp_path)
            assert printed == (output or ""), script


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_shell_blocks_and_shows_what_most_of_them_print(page: str) -> None:
    outputs = [output for _, output in blocks(page)]
    assert sum(output is not None for output in outputs) >= 3


def test_make_run_ends_in_the_server_on_the_port_that_the_pages_name() -> None:
    shown = run(f"make -C {shlex.quote(str(ROOT))} --dry-run --always-make run", ROOT)
    command = [line for line in shown.splitlines() if not line.startswith("make")][-1]
    assert command == "exec .venv/bin/monotron serve"
    assert run(f"{shlex.quote(sys.executable)} -m monotron serve --help", ROOT).count(
        "127.0.0.1:3030"
    )


def test_the_last_command_of_make_test_is_pytest() -> None:
    shown = run(f"make -C {shlex.quote(str(ROOT))} --dry-run --always-make test", ROOT)
    commands = [line for line in shown.splitlines() if not line.startswith("make")]
    assert commands[-1].split()[0] == ".venv/bin/pytest"
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert f".venv/bin/{tool}" in commands
