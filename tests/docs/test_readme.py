"""The shell blocks of README and tutorials are run unchanged, and print what the page shows.

Port 3030 is replaced by the port of a server that the test starts instead of `make run`. Blocks
that call make are run with --dry-run. The expected output is the block below the shell block.
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
TOURS = [["README.md", "docs/quickstart.md", "docs/versions.md"], ["docs/api.md"]]
"""Pages that a reader follows on one server, in this order."""
PAGES = [page for tour in TOURS for page in tour]

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

SHELL_BLOCK = re.compile(
    r"^```sh\n(?P<script>.*?)^```\n(?:```(?:json|text)\n(?P<output>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)


def blocks(page: str) -> list[tuple[str, str | None]]:
    """The shell blocks of a page, in order, each with the output block directly below it."""
    text = (ROOT / page).read_text()
    matches = [(match["script"], match["output"]) for match in SHELL_BLOCK.finditer(text)]
    assert len(matches) == text.count("```sh\n"), f"{page}: a shell block cannot be parsed"
    return matches


def run(script: str, cwd: Path) -> str:
    # `make test` passes its flags to this process, but they must not affect the make called here.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cwd,
        env={**inherited, "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, f"{script}\n{process.stdout}{process.stderr}"
    return process.stdout


@pytest.mark.parametrize("tour", TOURS, ids=" ".join)
def test_the_shell_blocks_of_a_page_print_its_output_blocks(
    tour: list[str], tmp_path: Path
) -> None:
    with Server("sqlite:///monotron.db", cwd=tmp_path) as server:
        for script, output in (block for page in tour for block in blocks(page)):
            if script.startswith("make "):
                dry_run = f"make -C {shlex.quote(str(ROOT))} --dry-run {script[5:]}"
                assert run(dry_run, tmp_path)
                continue
            printed = run(script.replace("127.0.0.1:3030", f"127.0.0.1:{server.port}"), tmp_path)
            assert TIMESTAMP.sub("T", printed) == TIMESTAMP.sub("T", output or ""), script


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_at_least_two_shell_blocks_with_their_output(page: str) -> None:
    outputs = [output for _, output in blocks(page)]
    assert sum(output is not None for output in outputs) >= 2


def test_make_run_starts_the_server_on_the_documented_port() -> None:
    dry_run = run(f"make -C {shlex.quote(str(ROOT))} --dry-run --always-make run", ROOT)
    command = [line for line in dry_run.splitlines() if not line.startswith("make")][-1]
    assert command == "exec .venv/bin/monotron serve"
    assert run(f"{shlex.quote(sys.executable)} -m monotron serve --help", ROOT).count(
        "127.0.0.1:3030"
    )


def test_the_last_command_of_make_test_is_pytest() -> None:
    dry_run = run(f"make -C {shlex.quote(str(ROOT))} --dry-run --always-make test", ROOT)
    commands = [line for line in dry_run.splitlines() if not line.startswith("make")]
    assert commands[-1].split()[0] == ".venv/bin/pytest"
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert f".venv/bin/{tool}" in commands
    assert "PYTHONPATH=tests .venv/bin/python -m docs.phrases" in commands
